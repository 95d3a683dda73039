// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a rule says in front of its parenthesis: protocol, ends, direction.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "stages/dpi/rules/rule_ranges.h"

namespace sluice::rules {

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

enum class RuleProtocol : uint8_t {
  Ip,
  Ipv4,  // ip4, ipv4
  Ipv6,  // ip6, ipv6
  Tcp,
  TcpPacket,  // tcp-pkt: segments one by one, never the stream
  TcpStream,  // tcp-stream: the stream, never a segment by itself
  Udp,
  Icmp,
  Icmpv4,
  Icmpv6,
  Http,  // and those below: the protocol that was found in the flow
  Tls,
  Dns,
  Ssh,
  Quic,
};

// Every IP packet belongs to exactly one.
enum class PacketClass : uint8_t { Tcp, Udp, Icmp, Other };
inline constexpr size_t kPacketClasses = 4;

// `ip_protocol` is IANA's number.
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

struct RuleHeader {
  RuleProtocol protocol = RuleProtocol::Ip;
  bool both_ways = false;  // "<>"
  AddressSet source;
  AddressSet destination;
  PortSet source_ports;
  PortSet destination_ports;

  // Packets that may carry the protocol: http is TCP, dns TCP or UDP, ...
  bool covers(PacketClass packets) const noexcept;
  // The ends and what carries the protocol; whether the flow is HTTP, TLS, ...
  // is not asked here. A port that is not `any` wants a packet with ports.
  bool fits(const PacketEnds& ends) const noexcept;
  // Every packet of the classes that it covers fits.
  bool fits_all() const noexcept;
  auto operator<=>(const RuleHeader&) const = default;
};

// From network byte order.
uint32_t ipv4_number(const uint8_t* bytes) noexcept;
Ipv6Number ipv6_number(const uint8_t* bytes) noexcept;

}  // namespace sluice::rules
