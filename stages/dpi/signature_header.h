// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a rule says in front of its parenthesis: protocol, ends, direction.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "stages/dpi/signature_ranges.h"

namespace sluice {

__extension__ using Ipv6Number = unsigned __int128;
using PortSet = RangeSet<uint16_t>;

struct AddressSet {
  RangeSet<uint32_t> ipv4;
  RangeSet<Ipv6Number> ipv6;

  static AddressSet all() { return {RangeSet<uint32_t>::all(), RangeSet<Ipv6Number>::all()}; }
  void unite(const AddressSet& other) {
    ipv4.unite(other.ipv4);
    ipv6.unite(other.ipv6);
  }
  void complement() {
    ipv4.complement();
    ipv6.complement();
  }
  bool empty() const noexcept { return ipv4.empty() && ipv6.empty(); }
  bool is_all() const noexcept { return ipv4.is_all() && ipv6.is_all(); }
  auto operator<=>(const AddressSet&) const = default;
};

enum class SignatureProtocol : uint8_t { Ip, Tcp, Udp, Icmp };

// Every IP packet belongs to exactly one; rules for `ip` are in all of them.
enum class PacketClass : uint8_t { Tcp, Udp, Icmp, Other };
inline constexpr size_t kPacketClasses = 4;

PacketClass packet_class(uint8_t ip_protocol) noexcept;

// The two ends of a packet in the form in which rules are asked.
struct PacketEnds {
  Ipv6Number address[2];  // source, destination; IPv4: the low 32 bits
  uint16_t port[2];       // host byte order; 0 where the packet has none
  PacketClass packet_class;
  bool ipv6;
  bool has_ports;

  void swap() noexcept {
    std::swap(address[0], address[1]);
    std::swap(port[0], port[1]);
  }
};

struct SignatureHeader {
  SignatureProtocol protocol = SignatureProtocol::Ip;
  bool both_ways = false;  // "<>"
  AddressSet source;
  AddressSet destination;
  PortSet source_ports;
  PortSet destination_ports;

  bool covers(PacketClass packets) const noexcept;
  // A port that is not `any` wants a packet with a TCP or UDP header.
  bool fits(const PacketEnds& ends) const noexcept;
  // Every packet of the classes that it covers fits.
  bool fits_all() const noexcept;
  auto operator<=>(const SignatureHeader&) const = default;
};

// From network byte order.
uint32_t ipv4_number(const uint8_t* bytes) noexcept;
Ipv6Number ipv6_number(const uint8_t* bytes) noexcept;

}  // namespace sluice
