// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "chain/packet_meta.h"
#include "stages/forwarding/forwarding_policy.h"

namespace sluice {

// Of a frame that the parser has marked as control.
inline ControlKind control_kind(rte_mbuf* m) noexcept {
  constexpr uint16_t kLldp = 0x88cc, kSlowProtocols = 0x8809, kLargestLength = 1500;
  const uint8_t* frame = rte_pktmbuf_mtod(m, const uint8_t*);
  const auto type = static_cast<uint16_t>(frame[m->l2_len - 2] << 8 | frame[m->l2_len - 1]);
  switch (type) {
    case RTE_ETHER_TYPE_ARP:
      return ControlKind::Arp;
    case RTE_ETHER_TYPE_IPV6:
      return ControlKind::Nd;
    case kSlowProtocols:
      return ControlKind::Lacp;
    case kLldp:
      return ControlKind::Lldp;
    default:
      break;
  }
  // Spanning tree has a length where others have a type (IEEE 802.3 with LLC).
  return type <= kLargestLength ? ControlKind::Stp : ControlKind::None;
}

}  // namespace sluice
