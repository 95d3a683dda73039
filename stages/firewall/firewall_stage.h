// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include "chain/stage.h"
#include "stages/firewall/firewall_policy.h"

namespace sluice {

struct FirewallCounters {
  uint64_t judged = 0;
  uint64_t allowed = 0;
  uint64_t denied = 0;
  uint64_t rejected = 0;
  uint64_t no_rule = 0;
  uint64_t undecided_packets = 0;
  uint64_t undecided_bytes = 0;
  uint64_t undecided_exhausted = 0;
};

// Positions in the stage's drop reasons.
enum class FirewallReason : unsigned { Denied, Rejected, NoRule };

// A flow's private state: what passed before dpi knew enough.
struct FirewallSlot {
  uint16_t bytes;   // of payload let through undecided
  uint8_t packets;  // let through undecided
  uint8_t pending;  // within one process(): place among the flows to judge, from 1
};
static_assert(sizeof(FirewallSlot) == 4);

class FirewallStage : public Stage {
 public:
  using Stage::Stage;

  void process(Burst& burst, const StagePolicy& policy, LanePart* part) noexcept override;
  const void* counters() const noexcept override { return &counters_; }

 private:
  struct Pending;

  bool still_waits(Flow& flow, const rte_mbuf* m, const Burst& burst,
                   const FirewallPolicy& policy) noexcept;
  bool let_through(FirewallSlot& slot, const rte_mbuf* m, const FirewallPolicy& policy) noexcept;
  void decide(Pending& pending, const rte_mbuf* m, uint16_t generation,
              const FirewallPolicy& policy, FirewallPart& part) noexcept;
  void settle_by(Pending& pending, uint32_t rule, uint16_t generation, const FirewallPolicy& policy,
                 FirewallPart& part) noexcept;

  FirewallCounters counters_;
};

}  // namespace sluice
