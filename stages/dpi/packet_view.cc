// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/packet_view.h"

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_ip.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "chain/packet_meta.h"

namespace sluice {

namespace {

constexpr size_t kTcpHeader = 20;

// The packet's own protocol: the flow's is that of the quoted flow where an
// ICMP error has one.
uint8_t protocol_of(const PacketMeta& p) noexcept {
  if (p.flags & kMetaTcp) return IPPROTO_TCP;
  if (p.flags & kMetaUdp) return IPPROTO_UDP;
  if (p.flags & (kMetaIcmpError | kMetaIcmpEcho)) {
    return p.flags & kMetaIpv6 ? uint8_t{IPPROTO_ICMPV6} : uint8_t{IPPROTO_ICMP};
  }
  return p.flow != nullptr ? p.flow->key.proto : uint8_t{IPPROTO_NONE};
}

uint32_t number(std::span<const uint8_t> bytes, size_t at) noexcept {
  return static_cast<uint32_t>(bytes[at]) << 24 | static_cast<uint32_t>(bytes[at + 1]) << 16 |
         static_cast<uint32_t>(bytes[at + 2]) << 8 | bytes[at + 3];
}

}  // namespace

rules::PacketFacts packet_facts(rte_mbuf* m) noexcept {
  const PacketMeta& p = meta(m);
  rules::PacketFacts facts;
  facts.direction = direction(p);
  facts.time_ns = p.time_ns;
  facts.ipv6 = (p.flags & kMetaIpv6) != 0;
  facts.protocol = protocol_of(p);
  const auto* ip = rte_pktmbuf_mtod_offset(m, const uint8_t*, m->l2_len);
  facts.ip = {ip, m->l3_len};
  // What has no header that parse knows shows its first bytes as such.
  const size_t behind = rte_pktmbuf_data_len(m) - m->l2_len - m->l3_len;
  const bool icmp = facts.protocol == IPPROTO_ICMP || facts.protocol == IPPROTO_ICMPV6;
  const size_t header =
      icmp ? rules::icmp_header_size({ip + m->l3_len, behind}, facts.ipv6) : m->l4_len;
  facts.l4 = {ip + m->l3_len, std::min(header, behind)};
  facts.payload = {payload(m), p.payload_len};

  rules::PacketEnds& ends = facts.ends;
  ends.packet_class = rules::packet_class(facts.protocol);
  ends.ipv6 = facts.ipv6;
  if (facts.ipv6) {
    ends.address[0] = rules::ipv6_number(ip + offsetof(rte_ipv6_hdr, src_addr));
    ends.address[1] = rules::ipv6_number(ip + offsetof(rte_ipv6_hdr, dst_addr));
  } else {
    ends.address[0] = rules::ipv4_number(ip + offsetof(rte_ipv4_hdr, src_addr));
    ends.address[1] = rules::ipv4_number(ip + offsetof(rte_ipv4_hdr, dst_addr));
  }
  ends.has_ports = facts.l4.size() >= 4 && (ends.packet_class == rules::PacketClass::Tcp ||
                                            ends.packet_class == rules::PacketClass::Udp);
  if (ends.has_ports) {
    ends.port[0] = static_cast<uint16_t>(facts.l4[0] << 8 | facts.l4[1]);
    ends.port[1] = static_cast<uint16_t>(facts.l4[2] << 8 | facts.l4[3]);
  }
  return facts;
}

StreamSegment stream_segment(const rules::PacketFacts& packet) noexcept {
  StreamSegment segment{packet.direction, 0, 0, 0, packet.payload};
  if (packet.l4.size() < kTcpHeader) return segment;
  segment.seq = number(packet.l4, 4);
  segment.ack = number(packet.l4, 8);
  segment.flags = packet.l4[13];
  return segment;
}

void describe_packet(Event& event, const rules::PacketFacts& packet) noexcept {
  alignas(16) FlowAddress address[2]{};
  const size_t size = packet.ipv6 ? sizeof(rte_ipv6_hdr::src_addr) : sizeof(rte_be32_t);
  const size_t at =
      packet.ipv6 ? offsetof(rte_ipv6_hdr, src_addr) : offsetof(rte_ipv4_hdr, src_addr);
  std::copy_n(packet.ip.data() + at, size, address[0].data());
  std::copy_n(packet.ip.data() + at + size, size, address[1].data());
  uint32_t ports = 0;
  if (packet.ends.has_ports) std::memcpy(&ports, packet.l4.data(), sizeof ports);
  const auto vector = [&](size_t i) {
    return _mm_load_si128(reinterpret_cast<const __m128i*>(address[i].data()));
  };
  event.originator_end = make_key(event.key, vector(0), vector(1), ports, 0, packet.protocol,
                                  packet.ipv6 ? kFamilyIpv6 : kFamilyIpv4);
  event.first_seen_ns = event.last_seen_ns = packet.time_ns;
}

rules::PacketEnds flow_ends(const Flow& flow) noexcept {
  rules::PacketEnds ends{};
  ends.packet_class = rules::packet_class(flow.key.proto);
  ends.ipv6 = flow.key.family == kFamilyIpv6;
  ends.has_ports = ends.packet_class == rules::PacketClass::Tcp ||
                   ends.packet_class == rules::PacketClass::Udp;
  for (const Direction of : {Direction::Original, Direction::Reply}) {
    const auto i = static_cast<size_t>(of);
    const uint8_t* bytes = flow.address(of).data();
    ends.address[i] = ends.ipv6 ? rules::ipv6_number(bytes) : rules::ipv4_number(bytes);
    if (ends.has_ports) ends.port[i] = rte_be_to_cpu_16(flow.port_be(of));
  }
  return ends;
}

}  // namespace sluice
