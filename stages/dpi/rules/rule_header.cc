// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/rule_header.h"

#include <netinet/in.h>

namespace sluice::rules {
namespace {

bool contains(const AddressSet& set, bool ipv6, Ipv6Number address) noexcept {
  return ipv6 ? set.ipv6.contains(address) : set.ipv4.contains(static_cast<uint32_t>(address));
}

bool fits_one_way(const RuleHeader& h, const PacketEnds& e, size_t from) noexcept {
  const size_t to = 1 - from;
  return h.source_ports.contains(e.port[from]) && h.destination_ports.contains(e.port[to]) &&
         contains(h.source, e.ipv6, e.address[from]) &&
         contains(h.destination, e.ipv6, e.address[to]);
}

// What the protocol says of the packet's IP version: 4, 6, or 0 for either.
uint8_t ip_version(RuleProtocol protocol) noexcept {
  switch (protocol) {
    case RuleProtocol::Ipv4:
    case RuleProtocol::Icmpv4:
      return 4;
    case RuleProtocol::Ipv6:
    case RuleProtocol::Icmpv6:
      return 6;
    default:
      return 0;
  }
}

}  // namespace

PacketClass packet_class(uint8_t ip_protocol) noexcept {
  switch (ip_protocol) {
    case IPPROTO_TCP:
      return PacketClass::Tcp;
    case IPPROTO_UDP:
      return PacketClass::Udp;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return PacketClass::Icmp;
    default:
      return PacketClass::Other;
  }
}

bool RuleHeader::covers(PacketClass packets) const noexcept {
  switch (protocol) {
    case RuleProtocol::Ip:
    case RuleProtocol::Ipv4:
    case RuleProtocol::Ipv6:
      return true;
    case RuleProtocol::Tcp:
    case RuleProtocol::TcpPacket:
    case RuleProtocol::TcpStream:
    case RuleProtocol::Http:
    case RuleProtocol::Tls:
    case RuleProtocol::Ssh:
      return packets == PacketClass::Tcp;
    case RuleProtocol::Udp:
    case RuleProtocol::Quic:
      return packets == PacketClass::Udp;
    case RuleProtocol::Dns:
      return packets == PacketClass::Tcp || packets == PacketClass::Udp;
    case RuleProtocol::Icmp:
    case RuleProtocol::Icmpv4:
    case RuleProtocol::Icmpv6:
      return packets == PacketClass::Icmp;
  }
  return false;
}

bool RuleHeader::fits(const PacketEnds& ends) const noexcept {
  if (!covers(ends.packet_class)) return false;
  if (const uint8_t version = ip_version(protocol); version != 0 && ends.ipv6 != (version == 6)) {
    return false;
  }
  if (!ends.has_ports && !(source_ports.is_all() && destination_ports.is_all())) return false;
  return fits_one_way(*this, ends, 0) || (both_ways && fits_one_way(*this, ends, 1));
}

bool RuleHeader::fits_all() const noexcept {
  return ip_version(protocol) == 0 && source.is_all() && destination.is_all() &&
         source_ports.is_all() && destination_ports.is_all();
}

uint32_t ipv4_number(const uint8_t* bytes) noexcept {
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i) number = number << 8 | bytes[i];
  return number;
}

Ipv6Number ipv6_number(const uint8_t* bytes) noexcept {
  Ipv6Number number = 0;
  for (size_t i = 0; i < 16; ++i) number = number << 8 | bytes[i];
  return number;
}

}  // namespace sluice::rules
