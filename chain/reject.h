// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The frames that refuse a packet.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

namespace sluice {

inline constexpr unsigned kMaxRejectFrames = 2;

// Builds what refuses `m`, a packet after parse(), into `out`. TCP: a RST to
// the sender (RFC 9293 section 3.10.7.1) and, if a packet of the flow has left
// before (FlowContext::passed), one to the other end in the sender's name. Else:
// ICMP "communication administratively prohibited" to the sender.
//
// Frames are complete with checksums; Ethernet header and VLAN tags are those of
// `m`, addresses swapped towards the sender. Their meta() is filled as by
// parse(), with kMetaGenerated, the flow and the time of `m`, and, towards the
// sender, kMetaToSender; m->port is the ingress of `m`.
//
// Returns how many frames there are. None: `m` must not be answered (a RST, an
// ICMP error, a later fragment, multicast or broadcast in either layer, a
// source that is no host's), or `pool` is empty. `m` stays the caller's. Worker.
unsigned build_reject(rte_mbuf* m, rte_mempool* pool, rte_mbuf* out[kMaxRejectFrames]) noexcept;

}  // namespace sluice
