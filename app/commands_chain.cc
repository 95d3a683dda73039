// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// show chain, show lane, show drops, show latency.

#include <rte_cycles.h>

#include <string>

#include "app/commands.h"
#include "app/runtime.h"
#include "app/text_table.h"
#include "chain/worker.h"

namespace sluice {

namespace {

using Words = std::vector<std::string>;

std::string join(const std::vector<std::string>& words, const char* separator) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : separator) + word;
  return out;
}

std::string percent(uint64_t part, uint64_t whole) {
  if (whole == 0) return "-";
  return format_fixed(100.0 * static_cast<double>(part) / static_cast<double>(whole), 1) + " %";
}

CommandOutcome show_chain(Runtime& runtime) {
  const Config& config = runtime.settings->config;
  std::string out = "line: " + join(config.line, " -> ") + '\n';
  for (const ChainConfig& chain : config.chains) {
    out += "chain " + chain.name + ": " + join(chain.stages, " -> ") + "; ingress ";
    std::vector<std::string> ports;
    for (const PortConfig& port : config.ports) {
      if (port.chain == chain.name || (port.chain.empty() && &chain == &config.chains.front())) {
        ports.push_back(port.name);
      }
    }
    out += (ports.empty() ? "none (identity rules only)" : join(ports, ", ")) + '\n';
  }
  const WorkerStatistics total = runtime.counters->total();
  TextTable table({"stage", ">packets", ">skipped", ">dropped", ">cycles/packet"});
  for (size_t i = 0; i < config.line.size(); ++i) {
    const StageStatistics& stage = total.stage[i];
    table.row({config.line[i], format_count(stage.packets), format_count(stage.skipped),
               format_count(stage.dropped),
               stage.sampled_packets ? format_fixed(static_cast<double>(stage.sampled_cycles) /
                                                        static_cast<double>(stage.sampled_packets),
                                                    0)
                                     : "-"});
  }
  return CommandResult::done(out + table.to_string());
}

CommandOutcome show_lane(Runtime& runtime) {
  const Appliance& appliance = *runtime.appliance;
  std::string out;
  for (unsigned lane = 0; lane < appliance.lanes(); ++lane) {
    const WorkerStatistics sum = runtime.counters->lane(lane);
    uint64_t dropped = 0;
    for (const uint64_t n : sum.dropped) dropped += n;
    const FlowTable& table = appliance.flow_table(lane);
    out += "lane " + std::to_string(lane) + ": received " + format_count(sum.received) +
           " (of other lanes " + format_count(sum.taken_over) + "), generated " +
           format_count(sum.generated) + ", rejected silently " + format_count(sum.rejects_silent) +
           ", transmitted " + format_count(sum.transmitted) + " (to other lanes " +
           format_count(sum.passed_over) + "), dropped " + format_count(dropped) + ", held " +
           format_count(sum.held) + '\n';
    out += "  flows: " + format_count(table.size()) + " of " + format_count(table.capacity()) +
           ", created " + format_count(table.counters().created) + " since start; " +
           std::to_string(table.memory_bytes() / table.capacity()) + " bytes a flow, " +
           format_bytes(table.memory_bytes()) + " in all, " +
           (table.uses_huge_pages() ? "huge pages" : "no huge pages") + '\n';
  }
  TextTable table({"lane", "lcore", "stages", ">polls", ">busy", ">policy", "now"});
  for (unsigned i = 0; i < appliance.workers().size(); ++i) {
    const Worker& worker = *appliance.workers()[i];
    const WorkerStatistics s = runtime.counters->worker(i);
    const Config& config = runtime.start_settings->config;
    std::string stages;
    for (const WorkerConfig& w : config.lanes[worker.lane()].workers) {
      if (w.lcore == worker.lcore()) stages = join(w.stages, " ");
    }
    const auto elapsed = runtime.counters->seconds() * static_cast<double>(rte_get_tsc_hz());
    table.row({std::to_string(worker.lane()), std::to_string(worker.lcore()), stages,
               format_count(s.polls), percent(s.busy_cycles, static_cast<uint64_t>(elapsed)),
               std::to_string(worker.generation()),
               worker.first() && worker.at_rest() ? "stopped" : "running"});
  }
  return CommandResult::done(out + table.to_string());
}

CommandOutcome show_drops(Runtime& runtime) {
  const WorkerStatistics total = runtime.counters->total();
  const ReasonTable& reasons = runtime.appliance->reasons();
  TextTable table({"reason", ">packets", "meaning"});
  for (Reason r = 1; r < reasons.size(); ++r) {
    if (total.dropped[r] == 0) continue;
    table.row({reasons.name(r), format_count(total.dropped[r]), std::string(reasons.help(r))});
  }
  if (table.empty()) return CommandResult::done("nothing was dropped\n");
  return CommandResult::done(table.to_string());
}

void latency_row(TextTable& table, const std::string& name, const Histogram& h) {
  if (h.count() == 0) {
    table.row({name, "0", "-", "-", "-", "-"});
    return;
  }
  table.row({name, format_count(h.count()), format_duration_ns(h.percentile(50)),
             format_duration_ns(h.percentile(99)), format_duration_ns(h.percentile(99.9)),
             format_duration_ns(h.max())});
}

CommandOutcome show_latency(Runtime& runtime) {
  const WorkerStatistics total = runtime.counters->total();
  const Config& config = runtime.settings->config;
  TextTable chain({"from receive to transmit", ">packets", ">p50", ">p99", ">p99.9", ">max"});
  latency_row(chain, "all lanes", total.chain_latency);
  if (runtime.appliance->lanes() > 1) {
    for (unsigned lane = 0; lane < runtime.appliance->lanes(); ++lane) {
      latency_row(chain, "lane " + std::to_string(lane),
                  runtime.counters->lane(lane).chain_latency);
    }
  }
  TextTable stages({"burst in stage (1 in 16)", ">bursts", ">p50", ">p99", ">p99.9", ">max"});
  for (size_t i = 0; i < config.line.size(); ++i) {
    latency_row(stages, config.line[i], total.stage[i].latency);
  }
  return CommandResult::done(chain.to_string() + '\n' + stages.to_string() +
                             "  (max is since start)\n");
}

}  // namespace

void add_chain_commands(Runtime& runtime, std::vector<Command>& commands) {
  const auto add = [&](const char* syntax, const char* help, CommandOutcome (*run)(Runtime&)) {
    commands.push_back({syntax, help, [&runtime, run](const Words&) { return run(runtime); }, {}});
  };
  add("show chain", "the line, the chains, and what each stage did", show_chain);
  add("show lane", "lanes with their workers, conservation and flows", show_lane);
  add("show drops", "packets dropped, by reason", show_drops);
  add("show latency", "percentiles of the whole chain and of each stage", show_latency);
}

}  // namespace sluice
