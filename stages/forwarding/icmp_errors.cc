// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/forwarding/icmp_errors.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "stages/forwarding/address_class.h"
#include "stages/forwarding/packet_rewrite.h"

namespace sluice {

namespace {

constexpr size_t kIcmpSize = 8;

struct TypeCode {
  uint8_t type, code;
};
TypeCode ipv4_code(IcmpError error) noexcept {
  switch (error) {
    case IcmpError::TimeExceeded:
      return {11, 0};
    case IcmpError::TooBig:
      return {3, 4};
    case IcmpError::NoRoute:
      return {3, 0};
    case IcmpError::NoNeighbour:
      break;
  }
  return {3, 1};
}
TypeCode ipv6_code(IcmpError error) noexcept {
  switch (error) {
    case IcmpError::TimeExceeded:
      return {3, 0};
    case IcmpError::TooBig:
      return {2, 0};
    case IcmpError::NoRoute:
      return {1, 0};
    case IcmpError::NoNeighbour:
      break;
  }
  return {1, 3};
}

const IpAddress* own_address(const ForwardingPort& port, uint8_t family) noexcept {
  const IpAddress* found = nullptr;
  for (const IpAddress& a : port.addresses) {
    if (a.family != family) continue;
    if (family == 4 || ipv6_class(a.bytes.data()) == AddressClass::Unicast) return &a;
    found = &a;
  }
  return found;
}

// ICMP messages other than queries and replies are answered by no error.
bool is_icmp_query(rte_mbuf* m, bool ipv6) noexcept {
  const uint8_t type = *l4_header<uint8_t>(m);
  if (ipv6) return type >= 128 && type != 137;
  return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

}  // namespace

bool turn_into_error(rte_mbuf* m, const ForwardingPort& port, IcmpError error,
                     uint16_t mtu) noexcept {
  PacketMeta& p = meta(m);
  const bool ipv6 = p.flags & kMetaIpv6;
  if (p.flags & (kMetaIcmpError | kMetaReassembled | kMetaGenerated | kMetaControl)) return false;
  if (!rte_is_unicast_ether_addr(&ethernet(m).src_addr)) return false;
  if (p.flow == nullptr) return false;
  const uint8_t proto = p.flow->key.proto;
  if ((ipv6 ? proto == IPPROTO_ICMPV6 : proto == IPPROTO_ICMP) && !is_icmp_query(m, ipv6)) {
    return false;
  }
  // A host that lets routers fragment does not want to hear of it.
  if (error == IcmpError::TooBig && !ipv6 &&
      !(l3_header<rte_ipv4_hdr>(m)->fragment_offset & RTE_BE16(RTE_IPV4_HDR_DF_FLAG))) {
    return false;
  }
  const IpAddress* own = own_address(port, ipv6 ? 6 : 4);
  if (own == nullptr) return false;
  uint8_t asker[16];
  std::memcpy(asker, l3_header<uint8_t>(m) + (ipv6 ? 8 : 12), ipv6 ? 16 : 4);

  const size_t ip_size = ipv6 ? sizeof(rte_ipv6_hdr) : sizeof(rte_ipv4_hdr);
  const size_t grow = ip_size + kIcmpSize;
  // The minimum that every host takes in one piece.
  const uint32_t quote =
      std::min<uint32_t>(ip_length(m, ipv6), static_cast<uint32_t>((ipv6 ? 1280 : 576) - grow));
  if (rte_pktmbuf_headroom(m) < grow) return false;
  const rte_ether_hdr link = ethernet(m);
  rte_pktmbuf_trim(m, static_cast<uint16_t>(m->data_len - m->l2_len - quote));
  rte_pktmbuf_prepend(m, static_cast<uint16_t>(grow));
  p.flags |= kMetaResized;
  ethernet(m) = link;
  turn_round(m, port.mac);
  m->l3_len = ip_size & 0x1ff;
  m->l4_len = kIcmpSize;

  const TypeCode what = ipv6 ? ipv6_code(error) : ipv4_code(error);
  uint8_t* icmp = l4_header<uint8_t>(m);
  std::memset(icmp, 0, kIcmpSize);
  icmp[0] = what.type;
  icmp[1] = what.code;
  if (error == IcmpError::TooBig) {
    icmp[6] = static_cast<uint8_t>(mtu >> 8);
    icmp[7] = static_cast<uint8_t>(mtu);
  }
  const auto message = static_cast<uint16_t>(kIcmpSize + quote);
  uint16_t sum;
  if (ipv6) {
    auto* ip = l3_header<rte_ipv6_hdr>(m);
    ip->vtc_flow = RTE_BE32(6U << 28);
    ip->payload_len = rte_cpu_to_be_16(message);
    ip->proto = IPPROTO_ICMPV6;
    ip->hop_limits = kOwnTtl;
    std::memcpy(&ip->src_addr, own->bytes.data(), 16);
    std::memcpy(&ip->dst_addr, asker, 16);
    sum = icmpv6_checksum(m, message);
  } else {
    auto* ip = l3_header<rte_ipv4_hdr>(m);
    std::memset(ip, 0, sizeof(*ip));
    ip->version_ihl = RTE_IPV4_VHL_DEF;
    ip->total_length = rte_cpu_to_be_16(static_cast<uint16_t>(ip_size + message));
    ip->fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG);
    ip->time_to_live = kOwnTtl;
    ip->next_proto_id = IPPROTO_ICMP;
    std::memcpy(&ip->src_addr, own->bytes.data(), 4);
    std::memcpy(&ip->dst_addr, asker, 4);
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    sum = static_cast<uint16_t>(~rte_raw_cksum(icmp, message));
  }
  std::memcpy(icmp + 2, &sum, 2);
  return true;
}

}  // namespace sluice
