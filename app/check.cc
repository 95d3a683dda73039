// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/check.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <stdexcept>

#include "app/doctor/fixes.h"
#include "app/doctor/report.h"
#include "app/eal.h"
#include "app/json_writer.h"
#include "app/preflight.h"
#include "app/settings.h"
#include "app/text_table.h"
#include "chain/packet_meta.h"
#include "chain/stage.h"

namespace sluice {

namespace {

constexpr unsigned kMemoryMb = 512;  // for the tables of one policy

std::string join(const std::vector<std::string>& words, const char* separator) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : separator) + word;
  return out;
}

std::string role_of(const PortConfig& port) {
  if (!port.peer.empty()) return "wire to " + port.peer;
  std::vector<std::string> addresses;
  for (const InterfaceAddress& a : port.addresses) {
    addresses.push_back(to_string(a.address) + '/' + std::to_string(a.length));
  }
  return "routed " + join(addresses, ", ");
}

std::string describe(const Config& config) {
  std::string out;
  TextTable ports({"port", "device", "role", "chain", ">mtu"});
  for (const PortConfig& port : config.ports) {
    const std::string& chain = port.chain.empty() ? config.chains.front().name : port.chain;
    ports.row({port.name, port.device, role_of(port), chain, std::to_string(port.mtu)});
  }
  out += ports.to_string() + '\n';
  TextTable lanes({"lane", "lcore", "stages"});
  for (size_t i = 0; i < config.lanes.size(); ++i) {
    for (const WorkerConfig& worker : config.lanes[i].workers) {
      lanes.row({std::to_string(i), std::to_string(worker.lcore), join(worker.stages, " -> ")});
    }
  }
  out += lanes.to_string() + '\n';
  TextTable chains({"chain", "stages"});
  for (const ChainConfig& chain : config.chains) {
    chains.row({chain.name, join(chain.stages, " -> ")});
  }
  return out + chains.to_string();
}

// What the stages say of their part of the policy: the commands that need no
// running lane.
std::string describe_stages(const Settings& settings, const Policy& policy,
                            const Directory& directory) {
  static constexpr std::array<std::string_view, 3> kTold = {"bindings", "rules", "routes"};
  std::string out;
  for (size_t i = 0; i < settings.line.size(); ++i) {
    for (const StageCommand& command : settings.line[i]->commands) {
      if (std::find(kTold.begin(), kTold.end(), command.what) == kTold.end()) continue;
      const CommandContext context{.policy = *policy.stages[i],
                                   .parts = {},
                                   .stages = {},
                                   .directory = directory,
                                   .arguments = {}};
      out += '\n' + std::string(settings.line[i]->name) + ' ' + std::string(command.what) + '\n' +
             command.run(context);
    }
  }
  return out;
}

std::string json_report(const Config& config, const std::vector<Probe>& probes) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("instance", config.instance).begin_array("ports");
  for (const PortConfig& port : config.ports) {
    json.begin_object()
        .field("name", port.name)
        .field("device", port.device)
        .field("role", role_of(port))
        .end_object();
  }
  json.end_array().begin_array("probes");
  for (const Probe& probe : probes) {
    json.begin_object()
        .field("name", probe.name)
        .field("topic", probe.topic)
        .field("result", to_string(probe.result))
        .field("found", probe.found)
        .field("meaning", probe.meaning)
        .field("mend", probe.mend)
        .field("link", probe.link())
        .begin_array("fix");
    for (const Action& action : probe.fix.actions) json.element(to_shell(action));
    json.end_array().end_object();
  }
  json.end_array().field("ready", none_failed(probes)).end_object();
  return out + '\n';
}

// Prints the commands, and runs none.
class DryRunner final : public ActionRunner {
 public:
  std::string run(const Action&) override { return {}; }
};

// As long as one mend lets the probes see the next: VFs that were created can
// then be set up and bound.
std::vector<Probe> examine(const Config& config, const CheckOptions& options) {
  constexpr unsigned kRounds = 4;
  const auto read_host = [&] {
    HostState host = HostState::read();
    std::error_code error;
    const auto file = std::filesystem::weakly_canonical(options.config_file, error);
    host.config_file = error ? options.config_file : file.string();
    return host;
  };
  HostState host = read_host();
  std::vector<Probe> probes = preflight(config, options.eal, host);
  if (!options.fix) return probes;
  HostActionRunner real;
  DryRunner dry;
  ActionRunner& runner = options.dry_run ? static_cast<ActionRunner&>(dry) : real;
  std::FILE* to = options.json ? stderr : stdout;
  const auto print = [to](const std::string& line) {
    std::fprintf(to, "%s\n", line.c_str());
    std::fflush(to);
  };
  std::set<std::string> tried;
  for (unsigned round = 0; round < kRounds; ++round) {
    if (apply_fixes(probes, host, runner, tried, print).done == 0) break;
    host = read_host();
    probes = preflight(config, options.eal, host);
  }
  if (tried.empty()) print("nothing that --fix may mend");
  return probes;
}

int report_errors(const CheckOptions& options, const ConfigErrors& errors) {
  if (options.json) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().begin_array("errors");
    for (const ConfigError& e : errors.all()) {
      json.begin_object()
          .field("file", e.where.file)
          .field("line", uint64_t{e.where.line})
          .field("column", uint64_t{e.where.column})
          .field("key", e.key)
          .field("found", e.found)
          .field("allowed", e.allowed)
          .end_object();
    }
    json.end_array().field("ready", false).end_object();
    std::printf("%s\n", out.c_str());
  } else {
    std::fprintf(stderr, "%s%s\n", errors.to_string().c_str(), count_errors(errors).c_str());
  }
  return 2;
}

}  // namespace

int check(const CheckOptions& options) {
  try {
    ConfigErrors errors;
    const auto settings = load_settings(options.config_file, options.overrides, errors);
    if (!settings) return report_errors(options, errors);
    start_private_eal(kMemoryMb);
    register_packet_meta();
    Directory directory;
    // The devices' own addresses are not known before they are opened; any will do here.
    const std::vector<MacAddress> macs(settings->config.ports.size());
    const auto policy = compile_settings(*settings, directory, macs, 1, errors);
    if (!errors.empty()) return report_errors(options, errors);

    const std::vector<Probe> probes = examine(settings->config, options);
    std::string out;
    if (options.json) {
      out = json_report(settings->config, probes);
    } else {
      if (options.verbose) {
        out = describe(settings->config) + describe_stages(*settings, *policy, directory) + '\n';
      }
      out += text_report(probes, options.verbose);
    }
    std::fputs(out.c_str(), stdout);
    return none_failed(probes) ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "sluice: %s\n", e.what());
    return 1;
  }
}

}  // namespace sluice
