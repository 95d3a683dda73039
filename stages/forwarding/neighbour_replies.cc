// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/forwarding/neighbour_replies.h"

#include <netinet/in.h>
#include <rte_arp.h>
#include <rte_icmp.h>

#include <algorithm>
#include <cstring>

#include "chain/fragments.h"
#include "stages/forwarding/packet_rewrite.h"

namespace sluice {

namespace {

constexpr uint8_t kEchoReply4 = 0, kEchoRequest4 = 8;  // RFC 792
constexpr uint8_t kEchoRequest6 = 128, kEchoReply6 = 129;
constexpr uint8_t kNeighbourSolicitation = 135, kNeighbourAdvertisement = 136;
constexpr uint8_t kSourceLinkLayer = 1, kTargetLinkLayer = 2;
constexpr uint8_t kFragmentHeader = 44;
constexpr size_t kTargetOffset = 8, kOptionsOffset = 24;

bool is_own(const ForwardingPort& port, uint8_t family, const uint8_t* address) noexcept {
  for (const IpAddress& own : port.addresses) {
    if (own.family == family && std::memcmp(own.bytes.data(), address, family == 4 ? 4 : 16) == 0) {
      return true;
    }
  }
  return false;
}

bool is_unspecified(const uint8_t* ipv6) noexcept {
  return std::all_of(ipv6, ipv6 + 16, [](uint8_t b) { return b == 0; });
}

// ff02::1:ff00:0/104
bool is_solicited_node(const uint8_t* ipv6) noexcept {
  static constexpr uint8_t kLead[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  return std::memcmp(ipv6, kLead, sizeof(kLead)) == 0;
}

// Cuts or lengthens the frame. False where the mbuf has no room.
bool resize(rte_mbuf* m, uint16_t size) noexcept {
  meta(m).flags |= kMetaResized;
  if (m->data_len > size) {
    rte_pktmbuf_trim(m, static_cast<uint16_t>(m->data_len - size));
    return true;
  }
  return rte_pktmbuf_append(m, static_cast<uint16_t>(size - m->data_len)) != nullptr;
}

// The options of a solicitation: whether they are well formed; `source_mac`
// points at the link-layer address that they tell, or is null.
bool read_options(const uint8_t* option, const uint8_t* end, const uint8_t*& source_mac) noexcept {
  source_mac = nullptr;
  while (option < end) {
    if (end - option < 8) return false;
    const ptrdiff_t length = option[1] * 8;
    if (length == 0 || length > end - option) return false;
    if (option[0] == kSourceLinkLayer) source_mac = option + 2;
    option += length;
  }
  return true;
}

// Type and checksum of a frame that begins an ICMP message; null behind it.
uint8_t* icmp_of(rte_mbuf* m, bool ipv6) noexcept {
  uint8_t* l4 = l4_header<uint8_t>(m);
  if (!ipv6) {
    const auto* ip = l3_header<rte_ipv4_hdr>(m);
    const uint16_t fragment = rte_be_to_cpu_16(ip->fragment_offset);
    return (fragment & RTE_IPV4_HDR_OFFSET_MASK) == 0 ? l4 : nullptr;
  }
  if (l3_header<rte_ipv6_hdr>(m)->proto != kFragmentHeader) return l4;
  // A fragment's l3_len ends before its fragment header, an atomic one's behind it.
  const uint8_t* header = l3_header<uint8_t>(m) + sizeof(rte_ipv6_hdr);
  if ((header[2] << 8 | header[3]) & 0xfff8) return nullptr;
  return m->l3_len == sizeof(rte_ipv6_hdr) ? l4 + 8 : l4;
}

void turn_echo_round(rte_mbuf* m, bool ipv6, const ForwardingPort& port) noexcept {
  turn_round(m, port.mac);
  if (uint8_t* icmp = icmp_of(m, ipv6)) {
    uint16_t before, after, sum;
    std::memcpy(&before, icmp, 2);
    icmp[0] = ipv6 ? kEchoReply6 : kEchoReply4;
    std::memcpy(&after, icmp, 2);
    std::memcpy(&sum, icmp + 2, 2);
    sum = updated_checksum(sum, before, after);
    std::memcpy(icmp + 2, &sum, 2);
  }
  if (ipv6) {
    auto* ip = l3_header<rte_ipv6_hdr>(m);
    uint8_t* addresses = reinterpret_cast<uint8_t*>(ip) + offsetof(rte_ipv6_hdr, src_addr);
    std::swap_ranges(addresses, addresses + 16, addresses + 16);
    ip->hop_limits = kOwnTtl;
  } else {
    auto* ip = l3_header<rte_ipv4_hdr>(m);
    const rte_be32_t source = ip->src_addr;
    ip->src_addr = ip->dst_addr;
    ip->dst_addr = source;
    ip->time_to_live = kOwnTtl;
    ip->hdr_checksum = 0;
    ip->hdr_checksum = rte_ipv4_cksum(ip);
  }
}

}  // namespace

bool is_own_ipv4(const ForwardingPort& port, const uint8_t* address) noexcept {
  return is_own(port, 4, address);
}
bool is_own_ipv6(const ForwardingPort& port, const uint8_t* address) noexcept {
  return is_own(port, 6, address);
}

Answer answer_arp(rte_mbuf* m, const ForwardingPort& port) noexcept {
  if (m->data_len < m->l2_len + sizeof(rte_arp_hdr)) return Answer::Malformed;
  auto* arp = l3_header<rte_arp_hdr>(m);
  rte_arp_ipv4& data = arp->arp_data;
  if (arp->arp_hardware != RTE_BE16(RTE_ARP_HRD_ETHER) ||
      arp->arp_protocol != RTE_BE16(RTE_ETHER_TYPE_IPV4) || arp->arp_hlen != RTE_ETHER_ADDR_LEN ||
      arp->arp_plen != sizeof(rte_be32_t) || !rte_is_unicast_ether_addr(&data.arp_sha) ||
      !rte_is_unicast_ether_addr(&ethernet(m).src_addr)) {
    return Answer::Malformed;
  }
  rte_be32_t sender = data.arp_sip;
  rte_be32_t target = data.arp_tip;
  if (arp->arp_opcode != RTE_BE16(RTE_ARP_OP_REQUEST) ||
      !is_own_ipv4(port, reinterpret_cast<const uint8_t*>(&target)) ||
      is_own_ipv4(port, reinterpret_cast<const uint8_t*>(&sender))) {
    return Answer::NotForUs;
  }
  turn_round(m, port.mac);
  arp->arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
  data.arp_tha = data.arp_sha;
  data.arp_tip = sender;
  std::memcpy(data.arp_sha.addr_bytes, port.mac.bytes.data(), RTE_ETHER_ADDR_LEN);
  data.arp_sip = target;
  return Answer::Made;
}

Answer answer_solicitation(rte_mbuf* m, const ForwardingPort& port) noexcept {
  auto* ip = l3_header<rte_ipv6_hdr>(m);
  uint8_t* icmp = l4_header<uint8_t>(m);
  const uint32_t packet_len = ip_length(m, true);
  if (packet_len < m->l3_len) return Answer::Malformed;
  const uint32_t length = packet_len - m->l3_len;
  if (length == 0 || icmp[0] != kNeighbourSolicitation) return Answer::NotForUs;
  if (length < kOptionsOffset || icmp[1] != 0 || icmp[kTargetOffset] == 0xff ||
      icmpv6_checksum(m, length) != 0 || !rte_is_unicast_ether_addr(&ethernet(m).src_addr)) {
    return Answer::Malformed;
  }
  const uint8_t* source_mac;
  if (!read_options(icmp + kOptionsOffset, icmp + length, source_mac)) return Answer::Malformed;
  uint8_t source[16], target[16];
  std::memcpy(source, &ip->src_addr, sizeof(source));
  std::memcpy(target, icmp + kTargetOffset, sizeof(target));
  // Duplicate address detection asks without a source.
  const bool probe = is_unspecified(source);
  const auto* destination = reinterpret_cast<const uint8_t*>(&ip->dst_addr);
  if (probe && (source_mac != nullptr || !is_solicited_node(destination))) return Answer::Malformed;
  if (source[0] == 0xff) return Answer::Malformed;
  if (!is_own_ipv6(port, target)) return Answer::NotForUs;

  rte_ether_addr asker = ethernet(m).src_addr;
  if (source_mac != nullptr) std::memcpy(asker.addr_bytes, source_mac, RTE_ETHER_ADDR_LEN);
  if (probe) asker = {{0x33, 0x33, 0, 0, 0, 1}};
  constexpr uint16_t kAdvertisementSize = kOptionsOffset + 8;
  const auto frame_size =
      static_cast<uint16_t>(m->l2_len + sizeof(rte_ipv6_hdr) + kAdvertisementSize);
  if (!resize(m, frame_size)) return Answer::NoRoom;

  m->l3_len = sizeof(rte_ipv6_hdr);
  m->l4_len = 8;
  ethernet(m).dst_addr = asker;
  std::memcpy(ethernet(m).src_addr.addr_bytes, port.mac.bytes.data(), RTE_ETHER_ADDR_LEN);
  static constexpr uint8_t kAllNodes[16] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  ip->vtc_flow = RTE_BE32(6U << 28);
  ip->payload_len = RTE_BE16(kAdvertisementSize);
  ip->proto = IPPROTO_ICMPV6;
  ip->hop_limits = 255;
  std::memcpy(&ip->src_addr, target, 16);
  std::memcpy(&ip->dst_addr, probe ? kAllNodes : source, 16);
  icmp = l4_header<uint8_t>(m);
  std::memset(icmp, 0, kAdvertisementSize);
  icmp[0] = kNeighbourAdvertisement;
  icmp[4] = probe ? 0xa0 : 0xe0;  // router, solicited (not for a probe), override
  std::memcpy(icmp + kTargetOffset, target, 16);
  icmp[kOptionsOffset] = kTargetLinkLayer;
  icmp[kOptionsOffset + 1] = 1;
  std::memcpy(icmp + kOptionsOffset + 2, port.mac.bytes.data(), RTE_ETHER_ADDR_LEN);
  const uint16_t sum = icmpv6_checksum(m, kAdvertisementSize);
  std::memcpy(icmp + 2, &sum, 2);
  return Answer::Made;
}

Answer answer_echo(rte_mbuf* m, const ForwardingPort& port) noexcept {
  const bool ipv6 = meta(m).flags & kMetaIpv6;
  const uint8_t request = ipv6 ? kEchoRequest6 : kEchoRequest4;
  // IP options and extension headers (source routes among them) would have to
  // be turned round, too.
  const size_t plain = ipv6 ? sizeof(rte_ipv6_hdr) : sizeof(rte_ipv4_hdr);
  if (!(meta(m).flags & kMetaIcmpEcho) || m->l3_len != plain || *l4_header<uint8_t>(m) != request) {
    return Answer::NotForUs;
  }
  for_each_frame(m, [&](rte_mbuf* frame) { turn_echo_round(frame, ipv6, port); });
  return Answer::Made;
}

}  // namespace sluice
