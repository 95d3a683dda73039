// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <cstdint>
#include <optional>

#include "chain/rate_limit.h"
#include "chain/stage.h"
#include "chain/statistics.h"
#include "stages/forwarding/forwarding_policy.h"
#include "stages/forwarding/icmp_errors.h"

namespace sluice {

struct ForwardingCounters {
  Count wire;
  Count control;
  Count routed;
  Count sent_back;
  Count arp_replies;
  Count na_replies;
  Count echo_replies;
  Count icmp_errors;
  Count lookups;
};

// In the order of the table of drop reasons.
enum class ForwardingReason : unsigned {
  Infrastructure,
  NdHopLimit,
  NotIp,
  Tagged,
  OtherHost,
  NoRoute,
  NoNeighbour,
  TtlExpired,
  TooBig,
  Martian,
  LinkLocal,
  Multicast,
  Broadcast,
  ToSelf,
  BadControl,
  Consumed,
  NoRoom,
  Count
};

// The next hop that each direction of a flow was given, under the policy that
// the stage's state names.
struct ForwardingSlot {
  uint16_t target[2];  // by Direction; 0: none yet
};
static_assert(sizeof(ForwardingSlot) == 4);

class ForwardingStage : public Stage {
 public:
  explicit ForwardingStage(const StageResources& resources) : Stage(resources) {}

  void process(Burst& burst, const StagePolicy& policy, LanePart* part) noexcept override;
  const void* counters() const noexcept override { return &counters_; }

 private:
  void wire(rte_mbuf* m, const ForwardingPolicy& policy, const ForwardingPort& port) noexcept;
  void routed(rte_mbuf* m, const ForwardingPolicy& policy, const ForwardingPort& port,
              uint16_t generation) noexcept;
  void control(rte_mbuf* m, const ForwardingPort& port) noexcept;
  const RouteTarget* route(rte_mbuf* m, const RouteTable& table, const ForwardingPort& port,
                           uint16_t generation) noexcept;
  std::optional<uint32_t> judge_addresses(rte_mbuf* m, const RouteTable& table,
                                          const ForwardingPort& port) noexcept;
  void to_self(rte_mbuf* m, const ForwardingPort& port) noexcept;
  void send(rte_mbuf* m, const ForwardingPolicy& policy, const ForwardingPort& port,
            const RouteTarget& target) noexcept;
  // Drops `m`, or sends an ICMP error in its place.
  void refuse(rte_mbuf* m, const ForwardingPort& port, ForwardingReason reason, IcmpError error,
              uint16_t mtu = 0) noexcept;
  void drop(rte_mbuf* m, ForwardingReason reason) noexcept {
    sluice::drop(m, own_reason(static_cast<unsigned>(reason)));
  }

  ForwardingCounters counters_{};
  uint64_t now_ns_ = 0;
  uint32_t error_rate_ = 0;
  RateLimit errors_{0};
};

}  // namespace sluice
