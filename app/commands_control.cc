// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// start, stop, reload, clear stats, show config, show version.

#include <rte_version.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <string>
#include <utility>

#include "app/commands.h"
#include "app/runtime.h"
#include "app/text_table.h"

namespace sluice {

namespace {

using Words = std::vector<std::string>;

uint64_t monotonic_ms() {
  using namespace std::chrono;
  return static_cast<uint64_t>(
      duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}

CommandOutcome start(Runtime& runtime) {
  runtime.appliance->resume();
  ++runtime.starts;
  spdlog::info("started from the console");
  return CommandResult::done("packets are being forwarded\n");
}

CommandOutcome stop(Runtime& runtime) {
  runtime.appliance->pause();
  spdlog::warn("stopped from the console: no packet passes");
  return answer_of_stop([&runtime] { return runtime.appliance->paused(); }, runtime.starts,
                        monotonic_ms);
}

CommandOutcome reload(Runtime& runtime) {
  const unsigned before = runtime.reloader->finished();
  if (!runtime.reloader->request()) {
    return CommandResult::failed("a reload is under way already\n");
  }
  return PendingResult([&runtime, before]() -> std::optional<CommandResult> {
    if (runtime.reloader->finished() == before) return std::nullopt;
    return runtime.reloader->last_result();
  });
}

CommandOutcome show_config(Runtime& runtime) {
  const Settings& settings = *runtime.settings;
  std::string out = "# " + settings.path + ", as it came into force with policy " +
                    std::to_string(runtime.appliance->policy()->generation) + '\n';
  for (const std::string& assignment : settings.overrides) out += "# --set " + assignment + '\n';
  out += settings.text;
  if (!out.ends_with('\n')) out += '\n';
  return CommandResult::done(out);
}

CommandOutcome show_version(Runtime& runtime) {
  const auto up = std::chrono::system_clock::now() - runtime.started_at;
  const auto s = std::chrono::duration_cast<std::chrono::seconds>(up).count();
  return CommandResult::done(
      std::string(version_text()) + "\ninstance " + runtime.start_settings->config.instance +
      ", up " + std::to_string(s / 3600) + " h " + std::to_string(s / 60 % 60) + " min " +
      std::to_string(s % 60) + " s, " + (runtime.huge_pages ? "huge pages" : "no huge pages") +
      ", policy " + std::to_string(runtime.appliance->policy()->generation) + " in force, " +
      std::to_string(runtime.appliance->policies_alive()) + " alive\n");
}

}  // namespace

PendingResult answer_of_stop(std::function<bool()> paused, const unsigned& starts,
                             std::function<uint64_t()> now_ms) {
  const uint64_t deadline_ms = now_ms() + kStopPatienceMs;
  return [paused = std::move(paused), &starts, starts_before = starts, now_ms = std::move(now_ms),
          deadline_ms]() -> std::optional<CommandResult> {
    if (starts != starts_before) {
      return CommandResult::failed("overtaken by `start`: packets are being forwarded\n");
    }
    if (paused()) return CommandResult::done("no packet passes until `start`; flows are kept\n");
    if (now_ms() < deadline_ms) return std::nullopt;
    return CommandResult::failed("asked to stop, but not every worker has come to rest after " +
                                 std::to_string(kStopPatienceMs / 1000) +
                                 " s; the log tells of one that is stalled\n");
  };
}

const char* version_text() {
  static const std::string text = std::string("sluice ") + SLUICE_VERSION + ", " + rte_version();
  return text.c_str();
}

void add_control_commands(Runtime& runtime, std::vector<Command>& commands) {
  const auto add = [&](const char* syntax, const char* help, CommandOutcome (*run)(Runtime&)) {
    commands.push_back({syntax, help, [&runtime, run](const Words&) { return run(runtime); }, {}});
  };
  add("start", "let packets pass again after `stop`", start);
  add("stop", "receive nothing more; flows and policy are kept", stop);
  add("reload", "read the configuration file anew and put it into force, whole or not at all",
      reload);
  add("show config", "the configuration in force", show_config);
  add("show version", "versions, up-time, policy", show_version);
  add("clear stats", "count from zero, for whoever looks from the console",
      [](Runtime& r) -> CommandOutcome {
        r.counters->clear();
        return CommandResult::done("counting from zero\n");
      });
}

std::vector<Command> console_commands(Runtime& runtime) {
  std::vector<Command> commands;
  add_control_commands(runtime, commands);
  add_port_commands(runtime, commands);
  add_chain_commands(runtime, commands);
  add_stage_commands(runtime, commands);
  add_flow_commands(runtime, commands);
  return commands;
}

}  // namespace sluice
