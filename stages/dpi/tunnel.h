// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Packets that no flow tells of: within others (IP in IP, GRE with PPP and ERSPAN,
// VXLAN), behind NSH, or to a link's own control.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "flowtable/flow_key.h"
#include "stages/dpi/detection/packet_facts.h"

namespace sluice {

// How deep tunnels in tunnels are looked into.
inline constexpr unsigned kMaxTunnels = 3;

// Whether a flow's packets may carry others. Cheap.
bool may_carry_packets(const FlowKey& flow) noexcept;

// The packet that `outer` carries, with views into the same bytes; nothing where it
// carries none, or one whose lengths are wrong. A fragment has no transport header.
// Direction and time are the outer one's. Worker.
std::optional<rules::PacketFacts> tunnelled_packet(const rules::PacketFacts& outer) noexcept;

// The packet in a frame that belongs to no flow, from its Ethernet type (host order)
// and what stands behind it: IPv4, IPv6, or either behind NSH (RFC 8300).
std::optional<rules::PacketFacts> packet_in_frame(uint16_t ether_type,
                                                  std::span<const uint8_t> bytes) noexcept;

}  // namespace sluice
