// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/reject.h"

#include <netinet/in.h>
#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include <algorithm>
#include <cstring>

#include "chain/flow_context.h"
#include "chain/packet_meta.h"
#include "flowtable/tcp_state.h"

namespace sluice {

namespace {

constexpr uint8_t kTtl = 64;
constexpr size_t kIcmpHeader = 8;
// RFC 1812 section 4.3.2.3 and RFC 4443 section 2.4 (c): the longest datagram
// that an error may be.
constexpr size_t kIpv4ErrorSize = 576;
constexpr size_t kIpv6ErrorSize = 1280;

constexpr uint8_t kIcmpUnreachable = 3, kIcmpProhibited = 13;     // RFC 1812 section 5.2.7.1
constexpr uint8_t kIcmpv6Unreachable = 1, kIcmpv6Prohibited = 1;  // RFC 4443 section 3.1

// What an answer needs of the packet, copied out: its headers may lie anywhere.
struct Offender {
  rte_mbuf* m;
  const uint8_t* l2;
  const uint8_t* l3;
  const uint8_t* l4;
  size_t l3_size;  // bytes of the datagram that the frame holds
  bool ipv6;
  uint8_t source[16], destination[16];
};

bool read_addresses(Offender& o) noexcept {
  const size_t minimum = o.ipv6 ? sizeof(rte_ipv6_hdr) : sizeof(rte_ipv4_hdr);
  const PacketMeta& p = meta(o.m);
  const size_t headers = size_t{o.m->l2_len} + o.m->l3_len + o.m->l4_len;
  if (o.m->l2_len < RTE_ETHER_HDR_LEN || o.m->l3_len < minimum || headers > o.m->data_len) {
    return false;
  }
  // Without the padding of a short frame.
  o.l3_size = std::min<size_t>(o.m->data_len - o.m->l2_len,
                               size_t{o.m->l3_len} + o.m->l4_len + p.payload_len);
  const size_t at = o.ipv6 ? offsetof(rte_ipv6_hdr, src_addr) : offsetof(rte_ipv4_hdr, src_addr);
  const size_t length = o.ipv6 ? 16 : 4;
  std::memcpy(o.source, o.l3 + at, length);
  std::memcpy(o.destination, o.l3 + at + length, length);
  return true;
}

bool is_ipv4_host(const uint8_t* a) noexcept {
  return a[0] != 0 && a[0] != 127 && a[0] < 224;
}

bool is_ipv6_host(const uint8_t* a) noexcept {
  constexpr uint8_t kZeroes[15] = {};
  const bool unspecified_or_loopback = std::memcmp(a, kZeroes, 15) == 0 && a[15] <= 1;
  return a[0] != 0xff && !unspecified_or_loopback;
}

bool is_icmp(const Offender& o) noexcept {
  const PacketMeta& p = meta(o.m);
  if (p.flags & kMetaIcmpEcho) return true;
  if (!o.ipv6) return o.l3[offsetof(rte_ipv4_hdr, next_proto_id)] == IPPROTO_ICMP;
  return p.flow != nullptr && p.flow->key.proto == IPPROTO_ICMPV6;
}

// RFC 1122 section 3.2.2 and RFC 4443 section 2.4 (e).
bool is_icmp_query(const Offender& o) noexcept {
  if (o.m->l4_len == 0) return false;
  const uint8_t type = o.l4[0];
  if (o.ipv6) return type >= 128 && type != 137;  // 137: redirect
  switch (type) {
    case 3:
    case 4:
    case 5:
    case 11:
    case 12:
      return false;
    default:
      return true;
  }
}

bool may_answer(const Offender& o) noexcept {
  const PacketMeta& p = meta(o.m);
  if (p.flags & (kMetaGenerated | kMetaIcmpError | kMetaControl)) return false;
  const auto group = [](const uint8_t* mac) { return (mac[0] & 1) != 0; };
  if (group(o.l2) || group(o.l2 + RTE_ETHER_ADDR_LEN)) return false;
  if (o.ipv6) {
    if (!is_ipv6_host(o.source) || o.destination[0] == 0xff) return false;
  } else {
    if (!is_ipv4_host(o.source) || o.destination[0] >= 224) return false;
    uint16_t fragment;
    std::memcpy(&fragment, o.l3 + offsetof(rte_ipv4_hdr, fragment_offset), sizeof(fragment));
    if (fragment & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK)) return false;
  }
  return !is_icmp(o) || is_icmp_query(o);
}

// A frame with link and network header; `l4_size` bytes behind them are the
// caller's to fill. Null where the pool or its buffers have no room.
rte_mbuf* make_frame(const Offender& o, rte_mempool* pool, bool to_sender, uint8_t proto,
                     size_t l4_size) noexcept {
  rte_mbuf* f = rte_pktmbuf_alloc(pool);
  if (f == nullptr) return nullptr;
  const size_t l2_size = o.m->l2_len;
  const size_t l3_size = o.ipv6 ? sizeof(rte_ipv6_hdr) : sizeof(rte_ipv4_hdr);
  char* data = rte_pktmbuf_append(f, static_cast<uint16_t>(l2_size + l3_size + l4_size));
  if (data == nullptr) {
    rte_pktmbuf_free(f);
    return nullptr;
  }
  std::memcpy(data, o.l2, l2_size);
  if (to_sender) {
    std::memcpy(data, o.l2 + RTE_ETHER_ADDR_LEN, RTE_ETHER_ADDR_LEN);
    std::memcpy(data + RTE_ETHER_ADDR_LEN, o.l2, RTE_ETHER_ADDR_LEN);
  }
  f->l2_len = o.m->l2_len;
  f->l3_len = l3_size;
  f->port = o.m->port;

  const uint8_t* source = to_sender ? o.destination : o.source;
  const uint8_t* destination = to_sender ? o.source : o.destination;
  if (o.ipv6) {
    auto* ip = l3_header<rte_ipv6_hdr>(f);
    std::memset(ip, 0, sizeof(*ip));
    ip->vtc_flow = RTE_BE32(6U << 28);
    ip->payload_len = rte_cpu_to_be_16(static_cast<uint16_t>(l4_size));
    ip->proto = proto;
    ip->hop_limits = kTtl;
    std::memcpy(reinterpret_cast<uint8_t*>(ip) + offsetof(rte_ipv6_hdr, src_addr), source, 16);
    std::memcpy(reinterpret_cast<uint8_t*>(ip) + offsetof(rte_ipv6_hdr, dst_addr), destination, 16);
  } else {
    auto* ip = l3_header<rte_ipv4_hdr>(f);
    std::memset(ip, 0, sizeof(*ip));
    ip->version_ihl = RTE_IPV4_VHL_DEF;
    ip->total_length = rte_cpu_to_be_16(static_cast<uint16_t>(l3_size + l4_size));
    ip->fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG);  // RFC 6864: then the id may be 0
    ip->time_to_live = kTtl;
    ip->next_proto_id = proto;
    std::memcpy(&ip->src_addr, source, 4);
    std::memcpy(&ip->dst_addr, destination, 4);
    ip->hdr_checksum = rte_ipv4_cksum(ip);
  }

  const PacketMeta& cause = meta(o.m);
  PacketMeta& p = meta(f);
  p = {};
  p.flow = cause.flow;
  p.time_ns = cause.time_ns;
  p.egress = cause.egress;
  p.flags = kMetaGenerated | (o.ipv6 ? kMetaIpv6 : 0) | (to_sender ? kMetaToSender : 0);
  const bool reply = (cause.flags & kMetaReply) != 0;
  if (reply != to_sender) p.flags |= kMetaReply;
  return f;
}

uint16_t transport_checksum(rte_mbuf* f, bool ipv6) noexcept {
  return ipv6 ? rte_ipv6_udptcp_cksum(l3_header<rte_ipv6_hdr>(f), l4_header<void>(f))
              : rte_ipv4_udptcp_cksum(l3_header<rte_ipv4_hdr>(f), l4_header<void>(f));
}

rte_mbuf* build_rst(const Offender& o, const rte_tcp_hdr& cause, rte_mempool* pool,
                    bool to_sender) noexcept {
  rte_mbuf* f = make_frame(o, pool, to_sender, IPPROTO_TCP, sizeof(rte_tcp_hdr));
  if (f == nullptr) return nullptr;
  f->l4_len = sizeof(rte_tcp_hdr);
  meta(f).flags |= kMetaTcp;
  auto* tcp = l4_header<rte_tcp_hdr>(f);
  std::memset(tcp, 0, sizeof(*tcp));
  tcp->data_off = sizeof(*tcp) / 4 << 4;
  const uint32_t seq = rte_be_to_cpu_32(cause.sent_seq);
  const uint32_t syn = (cause.tcp_flags & kTcpSyn) ? 1 : 0;
  const uint32_t fin = (cause.tcp_flags & kTcpFin) ? 1 : 0;
  const bool has_ack = (cause.tcp_flags & kTcpAck) != 0;
  if (to_sender) {
    tcp->src_port = cause.dst_port;
    tcp->dst_port = cause.src_port;
    if (has_ack) {
      tcp->sent_seq = cause.recv_ack;
      tcp->tcp_flags = kTcpRst;
    } else {
      tcp->recv_ack = rte_cpu_to_be_32(seq + syn + meta(o.m).payload_len + fin);
      tcp->tcp_flags = kTcpRst | kTcpAck;
    }
  } else {
    // The receiver takes a RST only where it expects the next byte (RFC 5961
    // section 3.2), which is where this packet would have come.
    tcp->src_port = cause.src_port;
    tcp->dst_port = cause.dst_port;
    tcp->sent_seq = rte_cpu_to_be_32(seq + syn);
    tcp->tcp_flags = kTcpRst;
    if (has_ack) {
      tcp->recv_ack = cause.recv_ack;
      tcp->tcp_flags |= kTcpAck;
    }
  }
  tcp->cksum = transport_checksum(f, o.ipv6);
  return f;
}

rte_mbuf* build_unreachable(const Offender& o, rte_mempool* pool) noexcept {
  const size_t room = o.ipv6 ? kIpv6ErrorSize - sizeof(rte_ipv6_hdr) - kIcmpHeader
                             : kIpv4ErrorSize - sizeof(rte_ipv4_hdr) - kIcmpHeader;
  const size_t quoted = std::min(room, o.l3_size);
  const uint8_t proto = o.ipv6 ? uint8_t{IPPROTO_ICMPV6} : uint8_t{IPPROTO_ICMP};
  rte_mbuf* f = make_frame(o, pool, true, proto, kIcmpHeader + quoted);
  if (f == nullptr) return nullptr;
  f->l4_len = kIcmpHeader;
  meta(f).payload_len = static_cast<uint16_t>(quoted);
  meta(f).flags |= kMetaIcmpError;
  auto* icmp = l4_header<uint8_t>(f);
  std::memset(icmp, 0, kIcmpHeader);
  icmp[0] = o.ipv6 ? kIcmpv6Unreachable : kIcmpUnreachable;
  icmp[1] = o.ipv6 ? kIcmpv6Prohibited : kIcmpProhibited;
  std::memcpy(icmp + kIcmpHeader, o.l3, quoted);
  const uint16_t checksum = o.ipv6
                                ? transport_checksum(f, true)
                                : static_cast<uint16_t>(~rte_raw_cksum(icmp, kIcmpHeader + quoted));
  std::memcpy(icmp + 2, &checksum, sizeof(checksum));
  return f;
}

}  // namespace

unsigned build_reject(rte_mbuf* m, rte_mempool* pool, rte_mbuf* out[kMaxRejectFrames]) noexcept {
  const PacketMeta& p = meta(m);
  Offender o{};
  o.m = m;
  o.l2 = rte_pktmbuf_mtod(m, const uint8_t*);
  o.l3 = l3_header<const uint8_t>(m);
  o.l4 = l4_header<const uint8_t>(m);
  o.ipv6 = (p.flags & kMetaIpv6) != 0;
  if (!read_addresses(o) || !may_answer(o)) return 0;

  unsigned n = 0;
  const auto give = [&](rte_mbuf* frame) {
    if (frame != nullptr) out[n++] = frame;
  };
  if (!(p.flags & kMetaTcp)) {
    give(build_unreachable(o, pool));
    return n;
  }
  rte_tcp_hdr tcp;
  if (m->l4_len < sizeof(tcp)) return 0;
  std::memcpy(&tcp, o.l4, sizeof(tcp));
  if (tcp.tcp_flags & kTcpRst) return 0;
  give(build_rst(o, tcp, pool, true));
  if (p.flow != nullptr && context(*p.flow).passed) give(build_rst(o, tcp, pool, false));
  return n;
}

}  // namespace sluice
