// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/identity/identity_stage.h"

#include <rte_byteorder.h>
#include <rte_ether.h>

#include <tuple>

namespace sluice {

namespace {

constexpr uint16_t kUntagged = 1;  // as Place::vlan

// The outermost tag's VLAN id + 1. An id of 0 only carries a priority.
uint16_t vlan_of(rte_mbuf* m) noexcept {
  if (m->l2_len < sizeof(rte_ether_hdr) + sizeof(rte_vlan_hdr)) return kUntagged;
  const auto* tag = rte_pktmbuf_mtod_offset(m, const rte_vlan_hdr*, sizeof(rte_ether_hdr));
  return static_cast<uint16_t>((rte_be_to_cpu_16(tag->vlan_tci) & 0xfff) + 1);
}

// Of the side that came in first; by it the chain is chosen where no binding
// names one.
uint8_t ingress_chain(const Flow& flow, const IdentityPolicy& policy) noexcept {
  const uint8_t port = flow.ingress[flow.ingress[0] != Flow::kNoIngress ? 0 : 1];
  return port < policy.port_chain.size() ? policy.port_chain[port] : 0;
}

uint16_t port_of(uint8_t ingress) noexcept {
  return ingress == Flow::kNoIngress ? 0 : static_cast<uint16_t>(ingress + 1);
}

auto findings(const FlowContext& c) noexcept {
  return std::make_tuple(c.source_identity, c.destination_identity, c.source_groups,
                         c.destination_groups);
}

}  // namespace

void IdentityStage::process(Burst& burst, const StagePolicy& policy, LanePart*) noexcept {
  const auto& identity = static_cast<const IdentityPolicy&>(policy);
  for (rte_mbuf* m : burst) {
    PacketMeta& p = meta(m);
    if (p.flow == nullptr) continue;
    Flow& flow = *p.flow;
    const StageState& state = this->state(flow);
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
        state.generation == burst.generation && resources_.directory->epochs.current(flow);
    if (!judged || (state.waits && place_is_new)) {
      judge(flow, slot, identity, burst.generation);
    }
    if (state.verdict != Verdict::Pass) give_verdict(m, state.verdict, state.reason);
  }
}

void IdentityStage::judge(Flow& flow, IdentitySlot& slot, const IdentityPolicy& policy,
                          uint16_t generation) noexcept {
  FlowContext& c = context(flow);
  ++counters_.judged;
  const bool first = !slot.judged;
  const auto before = findings(c);
  const uint8_t chain_before = slot.chain;
  slot.judged = true;
  resources_.directory->epochs.stamp(flow);

  Place source{slot.vlan[0], port_of(flow.ingress[0])};
  Place destination{slot.vlan[1], port_of(flow.ingress[1])};
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
  const int bound = s.chain >= 0 ? s.chain : d.chain;
  flow.chain = bound >= 0 ? static_cast<uint8_t>(bound) : ingress_chain(flow, policy);
  slot.chain = flow.chain;
  ++(s.identity != 0 ? counters_.known_source : counters_.unknown_source);
  ++(d.identity != 0 ? counters_.known_destination : counters_.unknown_destination);
  if (bound >= 0) ++counters_.chain_bound;
  if (findings(c) != before || (!first && flow.chain != chain_before)) {
    raise_revision(flow);
    if (!first) ++counters_.rebound;
  }

  if (policy.drop_unknown_source && s.identity == 0) {
    settle(flow, generation, 0, Verdict::Drop,
           own_reason(static_cast<unsigned>(IdentityReason::UnknownSource)));
  } else if (from.depends_on_place || to.depends_on_place) {
    wait(flow, generation, 0);
    ++counters_.waiting;
  } else {
    settle(flow, generation, 0);
  }
}

}  // namespace sluice
