// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The key by which a flow is found: zone, protocol and the two ends of a
// conversation in an order that does not depend on who speaks.
#pragma once

#include <immintrin.h>

#include <array>
#include <bit>
#include <cstddef>
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

// Makes a normalised key of a packet's addresses and ports (network byte order,
// the source's in the lower half). Returns true if the ends were swapped, that
// is, if the packet's source became end 1. Without a branch, since which end
// speaks is as good as random to a predictor; and in whole vectors, since what
// is stored in pieces cannot be loaded at once without waiting for the stores.
inline bool make_key(FlowKey& key, __m128i source, __m128i destination, uint32_t ports,
                     uint16_t zone, uint8_t proto, uint8_t family) noexcept {
  const auto high = [](__m128i x) {
    return __builtin_bswap64(static_cast<uint64_t>(_mm_cvtsi128_si64(x)));
  };
  const auto low = [](__m128i x) {
    return __builtin_bswap64(static_cast<uint64_t>(_mm_extract_epi64(x, 1)));
  };
  const uint64_t a = high(source), b = high(destination);
  const uint64_t c = low(source), d = low(destination);
  const uint16_t p = __builtin_bswap16(static_cast<uint16_t>(ports));
  const uint16_t q = __builtin_bswap16(static_cast<uint16_t>(ports >> 16));
  const bool swap = (a > b) | ((a == b) & ((c > d) | ((c == d) & (p > q))));
  const __m128i mask = _mm_set1_epi8(static_cast<char>(-static_cast<int>(swap)));
  auto* out = reinterpret_cast<__m128i*>(key.addr);
  _mm_storeu_si128(out, _mm_blendv_epi8(source, destination, mask));
  _mm_storeu_si128(out + 1, _mm_blendv_epi8(destination, source, mask));
  const uint64_t rest = std::rotl(ports, swap ? 16 : 0) | uint64_t{zone} << 32 |
                        uint64_t{proto} << 48 | uint64_t{family} << 56;
  std::memcpy(key.port, &rest, sizeof(rest));
  return swap;
}
// The same for IPv4, cheaper.
inline bool make_key_ipv4(FlowKey& key, uint32_t source, uint32_t destination, uint32_t ports,
                          uint16_t zone, uint8_t proto) noexcept {
  const auto rank = [](uint32_t address, uint32_t port) {
    return uint64_t{__builtin_bswap32(address)} << 16 |
           __builtin_bswap16(static_cast<uint16_t>(port));
  };
  const bool swap = rank(source, ports) > rank(destination, ports >> 16);
  auto* out = reinterpret_cast<__m128i*>(key.addr);
  _mm_storeu_si128(out, _mm_cvtsi32_si128(static_cast<int>(swap ? destination : source)));
  _mm_storeu_si128(out + 1, _mm_cvtsi32_si128(static_cast<int>(swap ? source : destination)));
  const uint64_t rest = std::rotl(ports, swap ? 16 : 0) | uint64_t{zone} << 32 |
                        uint64_t{proto} << 48 | uint64_t{kFamilyIpv4} << 56;
  std::memcpy(key.port, &rest, sizeof(rest));
  return swap;
}
static_assert(std::endian::native == std::endian::little && offsetof(FlowKey, zone) == 36 &&
              offsetof(FlowKey, proto) == 38 && offsetof(FlowKey, family) == 39);

// Puts the ends in order. Returns true if they were swapped.
inline bool normalise(FlowKey& key) noexcept {
  uint32_t ports;
  std::memcpy(&ports, key.port, sizeof(ports));
  const auto* ends = reinterpret_cast<const __m128i*>(key.addr);
  return make_key(key, _mm_loadu_si128(ends), _mm_loadu_si128(ends + 1), ports, key.zone, key.proto,
                  key.family);
}

}  // namespace sluice
