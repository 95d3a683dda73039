// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/tunnel.h"

#include <netinet/in.h>

#include <algorithm>

#include "stages/dpi/byte_reader.h"

namespace sluice {

namespace {

using Bytes = std::span<const uint8_t>;

constexpr uint16_t kVxlanPort = 4789;   // RFC 7348
constexpr uint8_t kVxlanHasVni = 0x08;  // the only flag that must be set

constexpr uint16_t kEtherIpv4 = 0x0800;
constexpr uint16_t kEtherIpv6 = 0x86dd;
constexpr uint16_t kEtherVlan = 0x8100;
constexpr uint16_t kEtherQinQ = 0x88a8;
constexpr uint16_t kEtherBridged = 0x6558;  // Ethernet in GRE, RFC 7637
constexpr uint16_t kEtherPpp = 0x880b;
constexpr uint16_t kEtherErspan = 0x88be;
constexpr uint16_t kEtherNsh = 0x894f;

constexpr uint16_t kGreChecksum = 0x8000, kGreRouting = 0x4000, kGreKey = 0x2000,
                   kGreSequence = 0x1000, kGreAcknowledged = 0x0080, kGreVersion = 0x0007;
constexpr uint16_t kPppIpv4 = 0x0021, kPppIpv6 = 0x0057;
constexpr size_t kErspanHeader = 8;  // type II; type I has none

constexpr unsigned kMaxVlanTags = 2;
constexpr unsigned kMaxExtensions = 8;
constexpr size_t kTcpHeader = 20, kUdpHeader = 8;

uint16_t u16(Bytes bytes, size_t at) noexcept {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

// The transport header of what an IP header has said to be `facts.protocol`.
bool read_transport(rules::PacketFacts& facts, Bytes rest, bool fragment) noexcept {
  facts.ends.packet_class = rules::packet_class(facts.protocol);
  size_t header = 0;
  if (fragment) {
    // Its ports are elsewhere.
  } else if (facts.protocol == IPPROTO_TCP) {
    if (rest.size() < kTcpHeader) return false;
    header = static_cast<size_t>(rest[12] >> 4) * 4;
    if (header < kTcpHeader || header > rest.size()) return false;
  } else if (facts.protocol == IPPROTO_UDP) {
    if (rest.size() < kUdpHeader) return false;
    const size_t length = u16(rest, 4);
    if (length < kUdpHeader || length > rest.size()) return false;
    header = kUdpHeader;
    rest = rest.first(length);
  } else if (facts.protocol == IPPROTO_ICMP || facts.protocol == IPPROTO_ICMPV6) {
    header = rules::icmp_header_size(rest, facts.ipv6);
  }
  facts.l4 = rest.first(header);
  facts.payload = rest.subspan(header);
  const bool ports = header >= kUdpHeader && (facts.protocol == IPPROTO_TCP ||
                                              facts.protocol == IPPROTO_UDP);
  facts.ends.has_ports = ports;
  if (ports) {
    facts.ends.port[0] = u16(facts.l4, 0);
    facts.ends.port[1] = u16(facts.l4, 2);
  }
  return true;
}

bool read_ipv4(rules::PacketFacts& facts, Bytes bytes) noexcept {
  if (bytes.size() < 20 || bytes[0] >> 4 != 4) return false;
  const size_t header = static_cast<size_t>(bytes[0] & 15) * 4, length = u16(bytes, 2);
  if (header < 20 || length < header || length > bytes.size()) return false;
  facts.ip = bytes.first(header);
  facts.protocol = bytes[9];
  facts.ends.address[0] = rules::ipv4_number(&bytes[12]);
  facts.ends.address[1] = rules::ipv4_number(&bytes[16]);
  const bool fragment = (u16(bytes, 6) & 0x3fff) != 0;
  return read_transport(facts, bytes.subspan(header, length - header), fragment);
}

bool read_ipv6(rules::PacketFacts& facts, Bytes bytes) noexcept {
  if (bytes.size() < 40 || bytes[0] >> 4 != 6) return false;
  const size_t length = size_t{40} + u16(bytes, 4);
  if (length > bytes.size()) return false;
  bytes = bytes.first(length);
  facts.ipv6 = facts.ends.ipv6 = true;
  facts.ends.address[0] = rules::ipv6_number(&bytes[8]);
  facts.ends.address[1] = rules::ipv6_number(&bytes[24]);
  uint8_t next = bytes[6];
  size_t at = 40;
  bool fragment = false;
  for (unsigned i = 0; i < kMaxExtensions && !fragment; ++i) {
    size_t extension;
    if (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) {
      if (bytes.size() - at < 8) return false;
      extension = (size_t{bytes[at + 1]} + 1) * 8;
    } else if (next == IPPROTO_AH) {
      if (bytes.size() - at < 8) return false;
      extension = (size_t{bytes[at + 1]} + 2) * 4;
    } else if (next == IPPROTO_FRAGMENT) {
      if (bytes.size() - at < 8) return false;
      extension = 8;
      fragment = (u16(bytes, at + 2) & 0xfff9) != 0;
    } else {
      break;
    }
    if (extension > bytes.size() - at) return false;
    next = bytes[at];
    at += extension;
  }
  facts.ip = bytes.first(at);
  facts.protocol = next;
  return read_transport(facts, bytes.subspan(at), fragment);
}

class InnerReader {
 public:
  explicit InnerReader(const rules::PacketFacts& outer) noexcept {
    facts_.direction = outer.direction;
    facts_.time_ns = outer.time_ns;
  }

  std::optional<rules::PacketFacts> ipv4(Bytes bytes) noexcept {
    return taken(read_ipv4(facts_, bytes));
  }
  std::optional<rules::PacketFacts> ipv6(Bytes bytes) noexcept {
    return taken(read_ipv6(facts_, bytes));
  }
  std::optional<rules::PacketFacts> ethernet(Bytes bytes) noexcept {
    if (bytes.size() < 14) return {};
    size_t at = 12;
    for (unsigned tag = 0; tag < kMaxVlanTags && bytes.size() - at >= 6; ++tag) {
      if (u16(bytes, at) != kEtherVlan && u16(bytes, at) != kEtherQinQ) break;
      at += 4;
    }
    return ether_type(u16(bytes, at), bytes.subspan(at + 2));
  }
  std::optional<rules::PacketFacts> gre(Bytes bytes) noexcept;
  std::optional<rules::PacketFacts> vxlan(Bytes bytes) noexcept {
    if (bytes.size() < 8 || (bytes[0] & kVxlanHasVni) == 0) return {};
    return ethernet(bytes.subspan(8));
  }

  std::optional<rules::PacketFacts> ether_type(uint16_t type, Bytes bytes) noexcept {
    if (type == kEtherIpv4) return ipv4(bytes);
    if (type == kEtherIpv6) return ipv6(bytes);
    if (type == kEtherNsh) return nsh(bytes);
    return {};
  }

 private:
  std::optional<rules::PacketFacts> taken(bool whole) const noexcept {
    if (!whole) return {};
    return facts_;
  }
  std::optional<rules::PacketFacts> nsh(Bytes bytes) noexcept;
  std::optional<rules::PacketFacts> ppp(Bytes bytes) noexcept;

  rules::PacketFacts facts_;
};

// RFC 2784, 2890; version 1 is PPTP's, RFC 2637.
std::optional<rules::PacketFacts> InnerReader::gre(Bytes bytes) noexcept {
  ByteReader reader(bytes);
  const uint16_t flags = reader.u16(), type = reader.u16();
  if ((flags & kGreRouting) != 0 || (flags & kGreVersion) > 1) return {};
  if ((flags & kGreChecksum) != 0) reader.skip(4);
  if ((flags & kGreKey) != 0) reader.skip(4);
  if ((flags & kGreSequence) != 0) reader.skip(4);
  if ((flags & kGreVersion) == 1 && (flags & kGreAcknowledged) != 0) reader.skip(4);
  if (type == kEtherErspan && (flags & kGreSequence) != 0) reader.skip(kErspanHeader);
  if (reader.failed()) return {};
  const Bytes rest = reader.take(reader.left());
  if (type == kEtherBridged || type == kEtherErspan) return ethernet(rest);
  if (type == kEtherPpp) return ppp(rest);
  return ether_type(type, rest);
}

// RFC 1661, 1662: address and control, and the protocol's first byte, may be left out.
std::optional<rules::PacketFacts> InnerReader::ppp(Bytes bytes) noexcept {
  if (bytes.size() >= 2 && bytes[0] == 0xff && bytes[1] == 0x03) bytes = bytes.subspan(2);
  if (bytes.size() < 2) return {};
  const bool short_form = (bytes[0] & 1) != 0;
  const uint16_t protocol = short_form ? bytes[0] : u16(bytes, 0);
  bytes = bytes.subspan(short_form ? 1 : 2);
  if (protocol == kPppIpv4) return ipv4(bytes);
  if (protocol == kPppIpv6) return ipv6(bytes);
  return {};
}

// RFC 8300, 2.2. Metadata is passed over.
std::optional<rules::PacketFacts> InnerReader::nsh(Bytes bytes) noexcept {
  constexpr uint8_t kIpv4 = 1, kIpv6 = 2, kEthernet = 3;
  if (bytes.size() < 8 || bytes[0] >> 6 != 0) return {};
  const size_t header = static_cast<size_t>(bytes[1] & 63) * 4;
  if (header < 8 || header > bytes.size()) return {};
  const Bytes rest = bytes.subspan(header);
  switch (bytes[3]) {
    case kIpv4:
      return ipv4(rest);
    case kIpv6:
      return ipv6(rest);
    case kEthernet:
      return ethernet(rest);
    default:
      return {};
  }
}

}  // namespace

bool may_carry_packets(const FlowKey& flow) noexcept {
  switch (flow.proto) {
    case IPPROTO_IPIP:
    case IPPROTO_IPV6:
    case IPPROTO_GRE:
      return true;
    case IPPROTO_UDP:
      return flow.port[0] == htons(kVxlanPort) || flow.port[1] == htons(kVxlanPort);
    default:
      return false;
  }
}

std::optional<rules::PacketFacts> tunnelled_packet(const rules::PacketFacts& outer) noexcept {
  InnerReader reader(outer);
  switch (outer.protocol) {
    case IPPROTO_IPIP:
      return reader.ipv4(outer.payload);
    case IPPROTO_IPV6:
      return reader.ipv6(outer.payload);
    case IPPROTO_GRE:
      return reader.gre(outer.payload);
    case IPPROTO_UDP:
      if (outer.ends.has_ports && outer.ends.port[1] == kVxlanPort) {
        return reader.vxlan(outer.payload);
      }
      return {};
    default:
      return {};
  }
}

std::optional<rules::PacketFacts> packet_in_frame(uint16_t ether_type, Bytes bytes) noexcept {
  return InnerReader({}).ether_type(ether_type, bytes);
}

}  // namespace sluice
