// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <cstdint>

#include "chain/stage.h"
#include "stages/identity/identity_policy.h"

namespace sluice {

struct IdentityCounters {
  uint64_t judged;
  uint64_t known_source;
  uint64_t unknown_source;
  uint64_t known_destination;
  uint64_t unknown_destination;
  uint64_t waiting;
  uint64_t rebound;
  uint64_t chain_bound;
};

enum class IdentityReason : unsigned { UnknownSource };

// What identity keeps of a flow for itself.
struct IdentitySlot {
  uint16_t vlan[2];       // by Direction, as Place::vlan
  bool judged;       // at least once
  uint8_t chain;     // as of the last judgement
  uint16_t spare;
};
static_assert(sizeof(IdentitySlot) == 8);

class IdentityStage : public Stage {
 public:
  explicit IdentityStage(const StageResources& resources) : Stage(resources) {}

  void process(Burst& burst, const StagePolicy& policy, LanePart* part) noexcept override;
  const void* counters() const noexcept override { return &counters_; }

 private:
  void judge(Flow& flow, IdentitySlot& slot, const IdentityPolicy& policy,
             uint16_t generation) noexcept;

  IdentityCounters counters_{};
};

}  // namespace sluice
