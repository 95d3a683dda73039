// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/identity/identity_stage.h"

#include <rte_byteorder.h>
#include <rte_ether.h>

#include <tuple>

namespace sluice {

namespace {

constexpr uint8_t kNoIngress = 0xff;
constexpr uint16_t kUntagged = 1;  // as Place::vlan

// The outermost tag's VLAN id + 1. An id of 0 only carries a priority.
uint16_t vlan_of(rte_mbuf* m) noexcept {
  if (m->l2_len < sizeof(rte_ether_hdr) + sizeof(rte_vlan_hdr)) return kUntagged;
  const auto* tag = rte_pktmbuf_mtod_offset(m, const rte_vlan_hdr*, sizeof(rte_ether_hdr));
  return static_cast<uint16_t>((rte_be_to_cpu_16(tag->vlan_tci) & 0xfff) + 1);
}

uint16_t port_of(uint8_t ingress) noexcept {
  return ingress == kNoIngress ? 0 : static_cast<uint16_t>(ingress + 1);
}

auto findings(const FlowContext& c) noexcept {
  return std::make_tuple(c.source_identity, c.destination_identity, c.source_groups,
                         c.destination_groups, c.chain);
}

}  // namespace

void IdentityStage::process(Burst& burst, const StagePolicy& policy, LanePart*) noexcept {
  const auto& identity = static_cast<const IdentityPolicy&>(policy);
  for (rte_mbuf* m : burst) {
    PacketMeta& p = meta(m);
    if (p.flow == nullptr) continue;
    Flow& flow = *p.flow;
    const StageState& state = context(flow).stage[resources_.index];
    auto& slot = this->slot<IdentitySlot>(flow);

    // The sender of an ICMP error is no end of the flow that it quotes.
    const Direction d = direction(p);
    const auto side = static_cast<unsigned>(d);
    bool place_is_new = false;
    if (!(p.flags & kMetaIcmpError) && slot.vlan[side] == 0) {
      slot.vlan[side] = vlan_of(m);
      place_is_new = true;
    }

    const bool judged =
        slot.judged == burst.generation && resources_.directory->epochs.current(flow);
    const bool settled = state.generation == burst.generation;
    if (!judged || !(settled || !place_is_new)) {
      judge(flow, slot, identity, burst.generation);
    }
    if (state.generation == burst.generation && state.verdict != Verdict::Pass) {
      give_verdict(m, state.verdict, state.reason);
    }
  }
}

void IdentityStage::judge(Flow& flow, IdentitySlot& slot, const IdentityPolicy& policy,
                          uint16_t generation) noexcept {
  FlowContext& c = context(flow);
  ++counters_.judged;
  const bool first = slot.judged == 0;
  const auto before = findings(c);
  // Under a new policy the first worker has put the ingress's chain there.
  if (slot.judged != generation) slot.ingress_chain = c.chain;
  slot.judged = generation;
  resources_.directory->epochs.stamp(flow);

  Place source{slot.vlan[0], port_of(c.ingress[0])};
  Place destination{slot.vlan[1], port_of(c.ingress[1])};
  // On a wire the other end is behind the peer, with the same tags, before it
  // has said a word.
  const auto guess = [&](const Place& from, Place& to) {
    if (from.port == 0 || from.port > policy.peers.size()) return;
    const int peer = policy.peers[from.port - 1];
    if (peer < 0) return;
    if (to.port == 0) to.port = static_cast<uint16_t>(peer + 1);
    if (to.vlan == 0) to.vlan = from.vlan;
  };
  guess(source, destination);
  guess(destination, source);

  const uint8_t family = flow.key.family;
  const auto from = policy.table.find(flow.address(Direction::Original), family, source);
  const auto to = policy.table.find(flow.address(Direction::Reply), family, destination);
  static constexpr Binding kUnknown;
  const Binding& s = from.binding != BindingTable::kNone ? policy.bindings[from.binding] : kUnknown;
  const Binding& d = to.binding != BindingTable::kNone ? policy.bindings[to.binding] : kUnknown;

  c.source_identity = s.identity;
  c.source_groups = s.groups;
  c.destination_identity = d.identity;
  c.destination_groups = d.groups;
  c.chain = slot.ingress_chain;
  if (s.chain >= 0) {
    c.chain = static_cast<uint8_t>(s.chain);
  } else if (d.chain >= 0) {
    c.chain = static_cast<uint8_t>(d.chain);
  }
  ++(s.identity != 0 ? counters_.known_source : counters_.unknown_source);
  ++(d.identity != 0 ? counters_.known_destination : counters_.unknown_destination);
  if (c.chain != slot.ingress_chain) ++counters_.chain_bound;
  if (findings(c) != before) {
    raise_revision(flow);
    if (!first) ++counters_.rebound;
  }

  if (policy.drop_unknown_source && s.identity == 0) {
    settle(flow, generation, Verdict::Drop,
           own_reason(static_cast<unsigned>(IdentityReason::UnknownSource)));
  } else if (from.depends_on_place || to.depends_on_place) {
    unsettle(flow);
    ++counters_.waiting;
  } else {
    settle(flow, generation);
  }
}

}  // namespace sluice
