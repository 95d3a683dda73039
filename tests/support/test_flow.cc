// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tests/support/test_flow.h"

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include <algorithm>
#include <cstring>

namespace sluice::test {

namespace {

constexpr uint16_t kLldp = 0x88cc, kSlowProtocols = 0x8809;
constexpr uint8_t kBridgeGroup[5] = {0x01, 0x80, 0xc2, 0x00, 0x00};

const uint8_t* at(const rte_mbuf* m, size_t offset) {
  return rte_pktmbuf_mtod(m, const uint8_t*) + offset;
}
unsigned read16(const rte_mbuf* m, size_t offset) {
  return static_cast<unsigned>(at(m, offset)[0] << 8 | at(m, offset)[1]);
}

uint8_t protocol_of(const rte_mbuf* m) {
  if (!(meta(m).flags & kMetaIpv6)) return at(m, m->l2_len)[9];
  uint8_t next = at(m, m->l2_len)[6];
  size_t offset = m->l2_len + 40u;
  const size_t end = static_cast<size_t>(m->l2_len) + m->l3_len;
  while (offset + 2 <= end) {
    const uint8_t* header = at(m, offset);
    offset += next == 44 ? 8 : (header[1] + 1u) * 8;
    next = header[0];
  }
  return next;
}

bool is_extension(uint8_t type) {
  return type == IPPROTO_HOPOPTS || type == IPPROTO_ROUTING || type == IPPROTO_DSTOPTS ||
         type == 44;
}

bool ip_headers(rte_mbuf* m, unsigned type, size_t& end) {
  const size_t l2 = m->l2_len;
  if (type == RTE_ETHER_TYPE_IPV4) {
    if (m->data_len < l2 + 20) return false;
    m->l3_len = static_cast<uint16_t>((*at(m, l2) & 15) * 4);
    end = l2 + read16(m, l2 + 2);
    return end <= m->data_len && l2 + m->l3_len <= end;
  }
  if (m->data_len < l2 + 40) return false;
  meta(m).flags |= kMetaIpv6;
  end = l2 + 40 + read16(m, l2 + 4);
  size_t offset = l2 + 40;
  uint8_t next = at(m, l2)[6];
  while (is_extension(next)) {
    if (offset + 8 > end || end > m->data_len) return false;
    const uint8_t* header = at(m, offset);
    offset += next == 44 ? 8 : (header[1] + 1u) * 8;
    next = header[0];
  }
  m->l3_len = static_cast<uint16_t>(offset - l2);
  return end <= m->data_len && offset <= end;
}

}  // namespace

bool headers_of(rte_mbuf* m, uint64_t time_ns) {
  PacketMeta& p = meta(m);
  p = PacketMeta{};
  p.time_ns = time_ns;
  m->l2_len = m->l3_len = m->l4_len = 0;
  size_t offset = 12;
  unsigned type = 0;
  do {
    if (m->data_len < offset + 2) return false;
    type = read16(m, offset);
    offset += type == RTE_ETHER_TYPE_VLAN || type == RTE_ETHER_TYPE_QINQ ? 4 : 2;
  } while (type == RTE_ETHER_TYPE_VLAN || type == RTE_ETHER_TYPE_QINQ);
  m->l2_len = offset & 0x7f;
  if (type == RTE_ETHER_TYPE_ARP || type == kLldp || type == kSlowProtocols ||
      std::memcmp(at(m, 0), kBridgeGroup, 5) == 0) {
    p.flags |= kMetaControl;
    return true;
  }
  if (type != RTE_ETHER_TYPE_IPV4 && type != RTE_ETHER_TYPE_IPV6) return true;
  size_t end = 0;
  if (!ip_headers(m, type, end)) return false;

  const size_t l4 = static_cast<size_t>(m->l2_len) + m->l3_len;
  size_t l4_len = 0;
  switch (protocol_of(m)) {
    case IPPROTO_TCP:
      if (l4 + 20 > end) return false;
      l4_len = static_cast<size_t>(at(m, l4)[12] >> 4) * 4;
      p.flags |= kMetaTcp;
      break;
    case IPPROTO_UDP:
      l4_len = 8;
      p.flags |= kMetaUdp;
      break;
    case IPPROTO_SCTP:
      l4_len = 12;
      break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: {
      l4_len = 8;
      if (l4 + 8 > end) return false;
      const uint8_t icmp_type = at(m, l4)[0];
      const bool v6 = p.flags & kMetaIpv6;
      if (v6 ? icmp_type == 128 || icmp_type == 129 : icmp_type == 8 || icmp_type == 0) {
        p.flags |= kMetaIcmpEcho;
      } else if (v6 ? icmp_type < 128
                    : icmp_type == 3 || icmp_type == 11 || icmp_type == 12 || icmp_type == 4) {
        p.flags |= kMetaIcmpError;
      } else if (v6 && icmp_type >= 133 && icmp_type <= 137) {
        p.flags |= kMetaControl;
      }
      break;
    }
    default:
      break;
  }
  if (l4 + l4_len > end) return false;
  m->l4_len = static_cast<uint8_t>(l4_len);
  p.payload_len = static_cast<uint16_t>(end - l4 - l4_len);
  return true;
}

FlowKey key_of(rte_mbuf* m, uint16_t zone) {
  FlowKey key{};
  const uint8_t* l3 = at(m, m->l2_len);
  const bool v6 = meta(m).flags & kMetaIpv6;
  const size_t size = v6 ? 16 : 4;
  std::copy_n(l3 + (v6 ? 8 : 12), size, key.addr[0].begin());
  std::copy_n(l3 + (v6 ? 24 : 16), size, key.addr[1].begin());
  key.family = v6 ? kFamilyIpv6 : kFamilyIpv4;
  key.proto = protocol_of(m);
  key.zone = zone;
  const uint8_t* l4 = at(m, static_cast<size_t>(m->l2_len) + m->l3_len);
  if (key.proto == IPPROTO_TCP || key.proto == IPPROTO_UDP || key.proto == IPPROTO_SCTP) {
    std::memcpy(&key.port[0], l4, 2);
    std::memcpy(&key.port[1], l4 + 2, 2);
  } else if (meta(m).flags & kMetaIcmpEcho) {
    std::memcpy(&key.port[0], l4 + 4, 2);
    key.port[1] = key.port[0];
  }
  return key;
}

TestFlow::TestFlow(rte_mbuf* first, uint16_t zone) {
  Flow& f = *flow();
  f.key = key_of(first, zone);
  f.originator_end = normalise(f.key) ? 1 : 0;
  f.first_seen_ns = f.last_seen_ns = meta(first).time_ns;
  context().ingress[0] = context().ingress[1] = 0xff;
  adopt(first);
}

void TestFlow::adopt(rte_mbuf* m) noexcept {
  FlowKey key = key_of(m, flow()->key.zone);
  const uint8_t end = normalise(key) ? 1 : 0;
  const bool reply = end != flow()->originator_end;
  meta(m).flow = flow();
  if (reply) meta(m).flags |= kMetaReply;
  context().ingress[reply ? 1 : 0] = static_cast<uint8_t>(m->port);
}

}  // namespace sluice::test
