// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a reload replaces, as one object.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "chain/stage.h"

namespace sluice {

// A chain as the workers use it: which stages of the line it has.
struct ChainEntry {
  NameId name;
  uint8_t stages;  // bit i: the line's i-th stage
};

// Immutable while it is in force, but for the lane parts, each of which belongs
// to one worker of its lane.
struct Policy {
  uint16_t generation = 0;          // 1..65535, never 0
  std::vector<ChainEntry> chains;   // by position in Config::chains
  std::vector<uint8_t> port_chain;  // chain of an ingress, by position in Config::ports
  std::vector<std::unique_ptr<const StagePolicy>> stages;     // by position in the line
  std::vector<std::vector<std::unique_ptr<LanePart>>> parts;  // [lane][stage]; may be null
};

// Chain of what comes in at each port, by position in Config::ports.
std::vector<uint8_t> chains_of_ports(const Config& config);

// Compiles every stage of the line from the configuration; null if any error
// was reported. Compiler thread.
std::unique_ptr<Policy> compile_policy(const std::vector<const StageType*>& line,
                                       ConfigSection root, CompileContext& context,
                                       uint16_t generation);

// Builds the parts of every lane; `resources[lane][stage]`. Throws
// std::runtime_error. Compiler thread.
void create_lane_parts(Policy& policy, const std::vector<const StageType*>& line,
                       const std::vector<std::vector<StageResources>>& resources);

}  // namespace sluice
