// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Addresses as people write them in a configuration.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// Network byte order; IPv4 in the first four bytes, the rest zero (the form of
// FlowAddress in flowtable/flow_key.h).
struct IpAddress {
  std::array<uint8_t, 16> bytes{};
  uint8_t family = 0;  // 4 or 6

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

struct IpPrefix {
  IpAddress address;   // host bits zero
  uint8_t length = 0;  // 0..32 or 0..128

  bool contains(const IpAddress& a) const noexcept;
  friend bool operator==(const IpPrefix&, const IpPrefix&) = default;
};

// An address with the length of its network: "192.0.2.1/24".
struct InterfaceAddress {
  IpAddress address;
  uint8_t length = 0;

  IpPrefix network() const noexcept;
};

struct MacAddress {
  std::array<uint8_t, 6> bytes{};
  friend bool operator==(const MacAddress&, const MacAddress&) = default;
};

std::optional<IpAddress> parse_ip_address(std::string_view text);
// A bare address is a host prefix. Bits set behind the length are refused
// (nullopt), as most routers do: they are nearly always a slip.
std::optional<IpPrefix> parse_ip_prefix(std::string_view text);
std::optional<InterfaceAddress> parse_interface_address(std::string_view text);
std::optional<MacAddress> parse_mac_address(std::string_view text);

std::string to_string(const IpAddress&);  // RFC 5952
std::string to_string(const IpPrefix&);
std::string to_string(const MacAddress&);

}  // namespace sluice
