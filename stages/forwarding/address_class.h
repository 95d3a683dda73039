// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What kind of address stands in a packet: RFC 1812 section 5.3.7, RFC 6890,
// RFC 4291. Network byte order.
#pragma once

#include <cstdint>
#include <cstring>

namespace sluice {

enum class AddressClass : uint8_t { Unicast, Multicast, Broadcast, LinkLocal, Martian };

inline AddressClass ipv4_class(const uint8_t* a) noexcept {
  if (a[0] == 0 || a[0] == 127) return AddressClass::Martian;
  if (a[0] < 224) return AddressClass::Unicast;
  if (a[0] < 240) return AddressClass::Multicast;
  return (a[0] & a[1] & a[2] & a[3]) == 255 ? AddressClass::Broadcast : AddressClass::Martian;
}

inline AddressClass ipv6_class(const uint8_t* a) noexcept {
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static constexpr uint8_t kZeroes[15] = {};
  if (a[0] == 0xff) return AddressClass::Multicast;
  if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) return AddressClass::LinkLocal;
  if (std::memcmp(a, kZeroes, 15) == 0 && a[15] <= 1) return AddressClass::Martian;
  if (std::memcmp(a, kMapped, 12) == 0) return AddressClass::Martian;
  return AddressClass::Unicast;
}

}  // namespace sluice
