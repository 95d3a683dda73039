// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// show stage NAME [WHAT]: the stages' own tables of counters and commands.

#include <algorithm>
#include <string>

#include "app/commands.h"
#include "app/runtime.h"
#include "app/text_table.h"

namespace sluice {

namespace {

using Words = std::vector<std::string>;

CommandResult show_stage(Runtime& runtime, unsigned index) {
  const StageType& type = *runtime.appliance->line()[index];
  const StageStatistics s = runtime.counters->total().stage[index];
  std::string out = "stage " + std::string(type.name) + ": " + std::string(type.help) + '\n';
  TextTable table({"counter", ">value", "meaning"});
  table.row({"packets", format_count(s.packets), "packets that visited the stage"});
  table.row({"skipped", format_count(s.skipped), "of flows that the stage is done with"});
  table.row({"dropped", format_count(s.dropped), "by its verdict, cached or fresh"});
  const std::vector<uint64_t> values = runtime.counters->stage(index);
  for (size_t i = 0; i < values.size(); ++i) {
    table.row({std::string(type.counters[i].name), format_count(values[i]),
               std::string(type.counters[i].help)});
  }
  out += table.to_string();
  for (const StageCommand& command : type.commands) {
    out += "  more: show stage " + std::string(type.name) + ' ' + std::string(command.what) +
           "  (" + std::string(command.help) + ")\n";
  }
  return CommandResult::done(out);
}

CommandResult run_stage_command(Runtime& runtime, unsigned index, const StageCommand& command,
                                Words arguments) {
  const Appliance& appliance = *runtime.appliance;
  const Policy& policy = *appliance.policy();
  std::vector<const LanePart*> parts;
  std::vector<const Stage*> stages;
  for (unsigned lane = 0; lane < appliance.lanes(); ++lane) {
    parts.push_back(policy.parts[lane][index].get());
    stages.push_back(&appliance.stage(lane, index));
  }
  const CommandContext context{.policy = *policy.stages[index],
                               .parts = std::move(parts),
                               .stages = std::move(stages),
                               .directory = runtime.directory,
                               .arguments = std::move(arguments)};
  return CommandResult::done(command.run(context));
}

}  // namespace

void add_stage_commands(Runtime& runtime, std::vector<Command>& commands) {
  const auto& line = runtime.appliance->line();
  for (unsigned index = 0; index < line.size(); ++index) {
    const std::string base = "show stage " + std::string(line[index]->name);
    commands.push_back(
        {base,
         "counters of " + std::string(line[index]->name),
         [&runtime, index](const Words&) -> CommandOutcome { return show_stage(runtime, index); },
         {}});
    for (const StageCommand& command : line[index]->commands) {
      const auto run = [&runtime, index, &command](const Words& words) -> CommandOutcome {
        return run_stage_command(runtime, index, command, {words.begin() + 4, words.end()});
      };
      const std::string syntax = base + ' ' + std::string(command.what);
      commands.push_back({syntax, std::string(command.help), run, {}});
      commands.push_back({syntax + " [arguments]", std::string(command.help), run, {}});
    }
  }
}

}  // namespace sluice
