// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A parsed packet as dpi's parts see it: plain bytes and numbers, no mbuf.
#pragma once

#include <rte_mbuf.h>

#include "chain/event.h"
#include "flowtable/flow.h"
#include "stages/dpi/detection/packet_facts.h"
#include "stages/dpi/stream/tcp_stream.h"

namespace sluice {

// Views into the packet, which has an IP header.
rules::PacketFacts packet_facts(rte_mbuf* m) noexcept;

// A segment of TCP.
StreamSegment stream_segment(const rules::PacketFacts& packet) noexcept;

// Fills what an event says of a packet that has no flow: its ends, and nothing else.
void describe_packet(Event& event, const rules::PacketFacts& packet) noexcept;

// The flow's own ends, originator first.
rules::PacketEnds flow_ends(const Flow& flow) noexcept;

}  // namespace sluice
