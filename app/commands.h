// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What the console of a running appliance can do. Each file of commands_*.cc
// adds its own. Control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "app/command.h"

namespace sluice {

struct Runtime;

// `runtime` outlives the commands.
std::vector<Command> console_commands(Runtime& runtime);

void add_control_commands(Runtime& runtime, std::vector<Command>& commands);
void add_port_commands(Runtime& runtime, std::vector<Command>& commands);
void add_chain_commands(Runtime& runtime, std::vector<Command>& commands);
void add_stage_commands(Runtime& runtime, std::vector<Command>& commands);
void add_flow_commands(Runtime& runtime, std::vector<Command>& commands);

// The answer of `stop`: once every worker rests, at the latest kStopPatienceMs
// from now. `starts` counts the `start`s of all sessions.
inline constexpr uint64_t kStopPatienceMs = 5000;
PendingResult answer_of_stop(std::function<bool()> paused, const unsigned& starts,
                             std::function<uint64_t()> now_ms);

// "sluice 0.1.0, DPDK 22.11.7"
const char* version_text();

}  // namespace sluice
