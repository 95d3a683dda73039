// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The key by which a flow is found: zone, protocol and the two ends of a
// conversation in an order that does not depend on who speaks.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

namespace sluice {

// Relative to the originator, the side that sent the flow's first packet.
enum class Direction : uint8_t { Original = 0, Reply = 1 };

constexpr Direction opposite(Direction d) {
  return d == Direction::Original ? Direction::Reply : Direction::Original;
}

// IPv4 stands in the first four bytes, the other twelve are zero; `family`
// tells the two apart, so that 1.2.3.4 and 102:304:: never meet.
using FlowAddress = std::array<uint8_t, 16>;

enum : uint8_t { kFamilyIpv4 = 4, kFamilyIpv6 = 6 };

// Normalised: end 0 is the one with the smaller (address, port) in memory
// order. Compared and hashed as 40 plain bytes; it has no padding.
struct FlowKey {
  FlowAddress addr[2];  // network byte order
  uint16_t port[2];     // network byte order; ICMP echo: the identifier twice; else 0
  uint16_t zone;        // host byte order
  uint8_t proto;        // IPPROTO_*
  uint8_t family;       // kFamilyIpv4 or kFamilyIpv6

  friend bool operator==(const FlowKey& a, const FlowKey& b) {
    return std::memcmp(&a, &b, sizeof(FlowKey)) == 0;
  }
};
static_assert(sizeof(FlowKey) == 40);

// Puts the ends in order. Returns true if they were swapped, that is, if the
// packet's source became end 1.
bool normalise(FlowKey& key) noexcept;

}  // namespace sluice
