// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/forwarding/forwarding_stage.h"

#include <limits>

#include "chain/fragments.h"
#include "stages/forwarding/address_class.h"
#include "stages/forwarding/control_kind.h"
#include "stages/forwarding/neighbour_replies.h"
#include "stages/forwarding/packet_rewrite.h"

namespace sluice {

namespace {

using R = ForwardingReason;
constexpr uint8_t kNdHopLimit = 255;  // RFC 4861: proof that the packet crossed no router

}  // namespace

void ForwardingStage::process(Burst& burst, const StagePolicy& policy, LanePart*) noexcept {
  const auto& forwarding = static_cast<const ForwardingPolicy&>(policy);
  now_ns_ = burst.now_ns;
  if (error_rate_ != forwarding.icmp_error_rate) {
    error_rate_ = forwarding.icmp_error_rate;
    errors_ = RateLimit(error_rate_);
  }
  const ForwardingPort* const ports = forwarding.ports.data();
  uint64_t passed_on = 0;
  for (rte_mbuf* m : burst) {
    RTE_ASSERT(m->port < forwarding.ports.size());
    const ForwardingPort& port = ports[m->port];
    if (port.peer >= 0) {
      if (meta(m).flags & kMetaDecided) [[likely]] {
        meta(m).egress = static_cast<uint8_t>(port.peer);
        ++passed_on;
        continue;
      }
      wire(m, forwarding, port);
    } else {
      routed(m, forwarding, port, burst.generation);
    }
  }
  counters_.wire += passed_on;
}

void ForwardingStage::wire(rte_mbuf* m, const ForwardingPolicy& policy,
                           const ForwardingPort& port) noexcept {
  PacketMeta& p = meta(m);
  if (p.flags & kMetaToSender) {
    p.egress = static_cast<uint8_t>(m->port);
    ++counters_.sent_back;
    return;
  }
  p.egress = static_cast<uint8_t>(port.peer);
  if (p.flags & kMetaControl) {
    const ControlKind kind = control_kind(m);
    if (kind == ControlKind::None) {
      if (!policy.pass_other_ethertypes) return drop(m, R::NotIp);
    } else if (!policy.passes(kind)) {
      return drop(m, R::Infrastructure);
    } else if (kind == ControlKind::Nd && hop_limit(m) != kNdHopLimit) {
      return drop(m, R::NdHopLimit);
    }
    ++counters_.control;
    return;
  }
  if (p.flow == nullptr && !(p.flags & kMetaGenerated) && !policy.pass_other_ethertypes) {
    return drop(m, R::NotIp);
  }
  ++counters_.wire;
}

void ForwardingStage::routed(rte_mbuf* m, const ForwardingPolicy& policy,
                             const ForwardingPort& port, uint16_t generation) noexcept {
  PacketMeta& p = meta(m);
  if (p.flags & kMetaToSender) {
    p.egress = static_cast<uint8_t>(m->port);
    ++counters_.sent_back;
    return;
  }
  if (m->l2_len > sizeof(rte_ether_hdr)) return drop(m, R::Tagged);
  if (p.flags & kMetaControl) return control(m, port);
  if (p.flow == nullptr && !(p.flags & kMetaGenerated)) return drop(m, R::NotIp);

  const rte_ether_addr& to = ethernet(m).dst_addr;
  const bool group = rte_is_multicast_ether_addr(&to);
  if (!group && std::memcmp(to.addr_bytes, port.mac.bytes.data(), RTE_ETHER_ADDR_LEN) != 0) {
    return drop(m, R::OtherHost);
  }
  // RFC 1812 section 5.3.4: what was broadcast on the link stays there.
  if (group) return drop(m, rte_is_broadcast_ether_addr(&to) ? R::Broadcast : R::Multicast);

  const RouteTarget* target = route(m, *policy.tables[port.table], port, generation);
  if (target == nullptr) return;
  switch (target->kind) {
    case RouteTarget::Kind::NextHop:
      return send(m, policy, port, *target);
    case RouteTarget::Kind::Self:
      return to_self(m, port);
    case RouteTarget::Kind::Broadcast:
      return drop(m, R::Broadcast);
    case RouteTarget::Kind::Connected:
      return refuse(m, port, R::NoNeighbour, IcmpError::NoNeighbour);
    case RouteTarget::Kind::None:
      return refuse(m, port, R::NoRoute, IcmpError::NoRoute);
  }
}

void ForwardingStage::control(rte_mbuf* m, const ForwardingPort& port) noexcept {
  Answer answer = Answer::NotForUs;
  Count* counter = nullptr;
  switch (control_kind(m)) {
    case ControlKind::Arp:
      answer = answer_arp(m, port);
      counter = &counters_.arp_replies;
      break;
    case ControlKind::Nd:
      if (hop_limit(m) != kNdHopLimit) return drop(m, R::NdHopLimit);
      answer = answer_solicitation(m, port);
      counter = &counters_.na_replies;
      break;
    default:
      break;
  }
  switch (answer) {
    case Answer::Made:
      ++*counter;
      meta(m).egress = static_cast<uint8_t>(m->port);
      return;
    case Answer::NotForUs:
      return drop(m, R::Consumed);
    case Answer::Malformed:
      return drop(m, R::BadControl);
    case Answer::NoRoom:
      return drop(m, R::NoRoom);
  }
}

// Null: the packet has got a verdict.
const RouteTarget* ForwardingStage::route(rte_mbuf* m, const RouteTable& table,
                                          const ForwardingPort& port,
                                          uint16_t generation) noexcept {
  const PacketMeta& p = meta(m);
  // Every packet of a flow's direction has the same addresses but for ICMP
  // errors, whose sender may be any router.
  const bool cacheable = p.flow != nullptr && !(p.flags & (kMetaIcmpError | kMetaGenerated));
  ForwardingSlot* cache = cacheable ? &slot<ForwardingSlot>(*p.flow) : nullptr;
  const auto side = static_cast<unsigned>(direction(p));
  if (cache != nullptr) {
    if (state(*p.flow).generation != generation) {
      wait(*p.flow, generation, 0);
      cache->target[0] = cache->target[1] = 0;
    }
    if (cache->target[side] != 0) return &table.target(cache->target[side]);
  }
  const std::optional<uint32_t> index = judge_addresses(m, table, port);
  if (!index) return nullptr;
  const RouteTarget& target = table.target(*index);
  if (cache != nullptr && target.kind == RouteTarget::Kind::NextHop &&
      *index <= std::numeric_limits<uint16_t>::max()) {
    cache->target[side] = static_cast<uint16_t>(*index);
  }
  return &target;
}

// Refuses addresses that must not be routed; looks the destination up. Nothing:
// the packet is dealt with.
std::optional<uint32_t> ForwardingStage::judge_addresses(rte_mbuf* m, const RouteTable& table,
                                                         const ForwardingPort& port) noexcept {
  const bool ipv6 = meta(m).flags & kMetaIpv6;
  const uint8_t* source = l3_header<uint8_t>(m) + (ipv6 ? 8 : 12);
  const uint8_t* destination = l3_header<uint8_t>(m) + (ipv6 ? 24 : 16);
  const AddressClass to = ipv6 ? ipv6_class(destination) : ipv4_class(destination);
  const AddressClass from = ipv6 ? ipv6_class(source) : ipv4_class(source);
  const auto refused = [&](ForwardingReason reason) {
    drop(m, reason);
    return std::nullopt;
  };
  if (to == AddressClass::Multicast) return refused(R::Multicast);
  if (to == AddressClass::Broadcast) return refused(R::Broadcast);
  if (to == AddressClass::Martian) return refused(R::Martian);
  if (from != AddressClass::Unicast && from != AddressClass::LinkLocal) return refused(R::Martian);

  ++counters_.lookups;
  const auto find = [&](const uint8_t* address) {
    return ipv6 ? table.find_ipv6(address) : table.find_ipv4(address);
  };
  // Nobody but us speaks with our address.
  if (!(meta(m).flags & kMetaGenerated)) {
    const RouteTarget::Kind kind = table.target(find(source)).kind;
    if (kind == RouteTarget::Kind::Self || kind == RouteTarget::Kind::Broadcast) {
      return refused(R::Martian);
    }
  }
  // RFC 4291 section 2.5.6: link-local addresses stay on their link.
  if (to == AddressClass::LinkLocal) {
    if (!is_own_ipv6(port, destination)) return refused(R::LinkLocal);
    to_self(m, port);
    return std::nullopt;
  }
  const uint32_t index = find(destination);
  if (from == AddressClass::LinkLocal && table.target(index).kind != RouteTarget::Kind::Self) {
    return refused(R::LinkLocal);
  }
  return index;
}

void ForwardingStage::to_self(rte_mbuf* m, const ForwardingPort& port) noexcept {
  if (answer_echo(m, port) != Answer::Made) return drop(m, R::ToSelf);
  meta(m).egress = static_cast<uint8_t>(m->port);
  ++counters_.echo_replies;
}

void ForwardingStage::send(rte_mbuf* m, const ForwardingPolicy& policy, const ForwardingPort& port,
                           const RouteTarget& target) noexcept {
  const bool ipv6 = meta(m).flags & kMetaIpv6;
  const ForwardingPort& out = policy.ports[target.port];
  bool expired = false, too_big = false;
  for_each_frame(m, [&](rte_mbuf* frame) {
    const uint8_t* ip = l3_header<uint8_t>(frame);
    expired |= ip[ipv6 ? 7 : 8] <= 1;
    too_big |= ip_length(frame, ipv6) > out.mtu;
  });
  if (expired) return refuse(m, port, R::TtlExpired, IcmpError::TimeExceeded);
  if (too_big) return refuse(m, port, R::TooBig, IcmpError::TooBig, out.mtu);
  for_each_frame(m, [&](rte_mbuf* frame) {
    if (ipv6) {
      --l3_header<rte_ipv6_hdr>(frame)->hop_limits;
    } else {
      decrement_ipv4_ttl(*l3_header<rte_ipv4_hdr>(frame));
    }
    set_macs(frame, out.mac, target.mac);
  });
  meta(m).egress = static_cast<uint8_t>(target.port);
  ++counters_.routed;
}

void ForwardingStage::refuse(rte_mbuf* m, const ForwardingPort& port, ForwardingReason reason,
                             IcmpError error, uint16_t mtu) noexcept {
  if (error_rate_ == 0 || !errors_.take(now_ns_) || !turn_into_error(m, port, error, mtu)) {
    return drop(m, reason);
  }
  meta(m).egress = static_cast<uint8_t>(m->port);
  ++counters_.icmp_errors;
}

}  // namespace sluice
