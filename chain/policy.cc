// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/policy.h"

#include <algorithm>

namespace sluice {

namespace {

uint8_t stage_mask(const ChainConfig& chain, const std::vector<const StageType*>& line) {
  uint8_t mask = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    if (std::find(chain.stages.begin(), chain.stages.end(), line[i]->name) != chain.stages.end()) {
      mask = static_cast<uint8_t>(mask | (1u << i));
    }
  }
  return mask;
}

}  // namespace

std::vector<uint8_t> chains_of_ports(const Config& config) {
  std::vector<uint8_t> chains;
  for (const PortConfig& port : config.ports) {
    size_t index = 0;
    while (index < config.chains.size() && config.chains[index].name != port.chain) ++index;
    chains.push_back(static_cast<uint8_t>(index < config.chains.size() ? index : 0));
  }
  return chains;
}

std::unique_ptr<Policy> compile_policy(const std::vector<const StageType*>& line,
                                       ConfigSection root, CompileContext& context,
                                       uint16_t generation) {
  auto policy = std::make_unique<Policy>();
  policy->generation = generation;
  const Config& config = context.config;
  for (const ChainConfig& chain : config.chains) {
    policy->chains.push_back({context.directory.intern(chain.name), stage_mask(chain, line)});
  }
  policy->port_chain = chains_of_ports(config);
  bool complete = true;
  for (const StageType* type : line) {
    policy->stages.push_back(type->compile(stage_section(root, type->name), context));
    complete &= policy->stages.back() != nullptr;
  }
  if (!complete) return nullptr;
  return policy;
}

void create_lane_parts(Policy& policy, const std::vector<const StageType*>& line,
                       const std::vector<std::vector<StageResources>>& resources) {
  policy.parts.clear();
  for (const auto& lane : resources) {
    auto& parts = policy.parts.emplace_back();
    for (size_t i = 0; i < line.size(); ++i) {
      parts.push_back(line[i]->create_lane_part
                          ? line[i]->create_lane_part(*policy.stages[i], lane[i])
                          : nullptr);
    }
  }
}

}  // namespace sluice
