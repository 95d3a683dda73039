// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/forwarding/forwarding.h"

#include <iterator>

#include "stages/forwarding/forwarding_policy.h"
#include "stages/forwarding/forwarding_stage.h"

namespace sluice {

namespace {

constexpr CounterInfo kCounters[] = {
    {"wire", "packets passed to the other end of their wire", offsetof(ForwardingCounters, wire)},
    {"control", "ARP, ND, LACP, LLDP and STP passed to the other end of their wire",
     offsetof(ForwardingCounters, control)},
    {"routed", "packets routed to a next hop", offsetof(ForwardingCounters, routed)},
    {"sent_back", "answers of a reject, sent towards the rejected packet's sender",
     offsetof(ForwardingCounters, sent_back)},
    {"arp_replies", "ARP requests for a port's own address, answered",
     offsetof(ForwardingCounters, arp_replies)},
    {"na_replies", "neighbour solicitations for a port's own address, answered",
     offsetof(ForwardingCounters, na_replies)},
    {"echo_replies", "pings of a port's own address, answered",
     offsetof(ForwardingCounters, echo_replies)},
    {"icmp_errors", "packets that could not be routed, answered with an ICMP error",
     offsetof(ForwardingCounters, icmp_errors)},
    {"lookups", "packets whose route was looked up; the others took their flow's",
     offsetof(ForwardingCounters, lookups)},
};
static_assert(std::size(kCounters) * sizeof(uint64_t) == sizeof(ForwardingCounters));

constexpr DropReason kReasons[] = {
    {"infrastructure", "a control frame whose kind `infrastructure` does not name"},
    {"nd_hop_limit", "neighbour discovery with a hop limit other than 255: it came from elsewhere"},
    {"not_ip",
     "neither IP nor a known control frame; other_ethertypes = \"pass\" lets it through "
     "a wire"},
    {"tagged", "a VLAN tag on a routed port, which takes untagged frames"},
    {"other_host", "a frame for another station's MAC address on a routed port"},
    {"no_route", "no route to the destination, and no ICMP error could be sent"},
    {"no_neighbour", "the destination is in a connected network but has no neighbour entry"},
    {"ttl_expired", "TTL or hop limit used up, and no ICMP error could be sent: a loop, if many"},
    {"too_big", "longer than the next link's MTU, and no ICMP error could be sent"},
    {"martian", "source or destination that no packet on the wire may have, or our own source"},
    {"link_local", "a link-local IPv6 address, which is not routed"},
    {"multicast", "multicast on a routed port, which is not routed"},
    {"broadcast", "broadcast on a routed port, which is not routed"},
    {"to_self", "for an address of the appliance, which answers only ARP, NS and ping"},
    {"bad_control", "malformed ARP or neighbour solicitation on a routed port"},
    {"consumed", "ARP, ND, LACP, LLDP or STP on a routed port that needs no answer: normal"},
    {"no_room", "an mbuf too small for the answer to be written into it"},
};
static_assert(std::size(kReasons) == static_cast<size_t>(ForwardingReason::Count));

constexpr StageCommand kCommands[] = {
    {"routes", "connected networks, static routes and neighbours, by zone", show_routes},
};

std::unique_ptr<Stage> create(const StageResources& resources) {
  return std::make_unique<ForwardingStage>(resources);
}

}  // namespace

const StageType kForwardingStage = {
    .name = "forwarding",
    .help = "takes packets to the port where they leave: virtual wire or IPv4/IPv6 routing",
    .every_packet = true,
    .flow_slot_size = sizeof(ForwardingSlot),
    .counters = kCounters,
    .drop_reasons = kReasons,
    .commands = kCommands,
    .compile = compile_forwarding,
    .create_lane_part = nullptr,
    .create = create,
};

}  // namespace sluice
