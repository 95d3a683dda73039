// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// parse() for what nearly every frame is, to be inlined into the receiving
// loop: untagged, IPv4 without options and fragments or IPv6 without extension
// headers, UDP or TCP behind the handshake, nothing wrong with it.
#pragma once

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include <cstring>

#include "chain/packet_meta.h"
#include "chain/parse.h"

namespace sluice {

namespace plain {

inline uint16_t be16(const uint8_t* p) noexcept {
  uint16_t v;
  std::memcpy(&v, p, sizeof(v));
  return __builtin_bswap16(v);
}
inline uint32_t raw32(const uint8_t* p) noexcept {
  uint32_t v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

// `room`: bytes of the IP payload. Lengths of the transport header and what is
// behind it; false if it is neither UDP nor TCP or not quite right.
inline bool transport(const uint8_t* l4, uint8_t proto, unsigned room, ParsedPacket& out,
                      unsigned& l4_len, unsigned& payload_len, unsigned& flags) noexcept {
  if (proto == IPPROTO_UDP) {
    const unsigned length = be16(l4 + 4);
    l4_len = 8;
    payload_len = length - 8;
    flags |= kMetaUdp;
    return length >= 8 && length <= room;
  }
  if (proto != IPPROTO_TCP || room < 20 || (l4[13] & kTcpSyn) != 0) return false;
  l4_len = (l4[12] >> 4) * 4u;
  if (l4_len < 20 || l4_len > room) return false;
  payload_len = room - l4_len;
  flags |= kMetaTcp;
  out.tcp = {.seq = __builtin_bswap32(raw32(l4 + 4)),
             .ack = __builtin_bswap32(raw32(l4 + 8)),
             .window = be16(l4 + 14),
             .payload_len = static_cast<uint16_t>(payload_len),
             .flags = l4[13],
             .window_scale = kNoWindowScale};
  return true;
}

}  // namespace plain

// What an ingress asks of a frame, so that no packet has to ask again.
struct PlainOptions {
  explicit PlainOptions(const ParseOptions& options) noexcept
      : least_len(options.verify_ip_checksum ? UINT16_MAX : RTE_ETHER_HDR_LEN + 28),
        zone(options.zone.base),
        bad_flags(options.verify_by_flags ? RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD
                                          : 0) {}

  uint16_t least_len;  // no frame is that long where each checksum has to be worked out
  uint16_t zone;
  uint64_t bad_flags;
};

// As parse() does it; false, and nothing said about the packet, for every frame
// that parse() has to look at.
[[gnu::always_inline]] inline bool parse_plain(rte_mbuf* m, const PlainOptions& options,
                                               ParsedPacket& out) noexcept {
  constexpr unsigned kIpv4Len = 20, kIpv6Len = 40, kUdpLen = 8;
  const auto* data = rte_pktmbuf_mtod(m, const uint8_t*);
  const unsigned room = m->data_len - unsigned{RTE_ETHER_HDR_LEN};
  if (m->data_len < options.least_len || m->nb_segs != 1 ||
      (m->ol_flags & options.bad_flags) != 0) {
    return false;
  }
  const uint8_t* ip = data + RTE_ETHER_HDR_LEN;
  uint16_t type;
  std::memcpy(&type, data + 12, sizeof(type));
  unsigned l4_len, payload_len;
  PacketMeta& p = meta(m);
  if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
    const unsigned total_len = plain::be16(ip + 2);
    unsigned flags = p.flags & kMetaReassembled;
    // 0x45: version and header length; flags and offset, but for "don't fragment", are 0.
    if (ip[0] != 0x45 || (ip[6] & 0x3f) != 0 || ip[7] != 0 || total_len > room ||
        total_len < kIpv4Len + kUdpLen ||
        !plain::transport(ip + kIpv4Len, ip[9], total_len - kIpv4Len, out, l4_len, payload_len,
                          flags)) {
      return false;
    }
    m->tx_offload = uint64_t{RTE_ETHER_HDR_LEN} | uint64_t{kIpv4Len} << RTE_MBUF_L3_LEN_OFS |
                    uint64_t{l4_len} << RTE_MBUF_L4_LEN_OFS;
    out.ip_len = static_cast<uint16_t>(total_len);
    out.sender_end = make_key_ipv4(out.key, plain::raw32(ip + 12), plain::raw32(ip + 16),
                                   plain::raw32(ip + kIpv4Len), options.zone, ip[9]);
    p.flags = static_cast<uint16_t>(flags);
  } else if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
    const unsigned ip_payload = plain::be16(ip + 4);
    unsigned flags = (p.flags & kMetaReassembled) | kMetaIpv6;
    if (room < kIpv6Len + kUdpLen || (ip[0] >> 4) != 6 || ip_payload + kIpv6Len > room ||
        ip_payload < kUdpLen ||
        !plain::transport(ip + kIpv6Len, ip[6], ip_payload, out, l4_len, payload_len, flags)) {
      return false;
    }
    m->tx_offload = uint64_t{RTE_ETHER_HDR_LEN} | uint64_t{kIpv6Len} << RTE_MBUF_L3_LEN_OFS |
                    uint64_t{l4_len} << RTE_MBUF_L4_LEN_OFS;
    out.ip_len = static_cast<uint16_t>(ip_payload + kIpv6Len);
    const auto* ends = reinterpret_cast<const __m128i*>(ip + 8);
    out.sender_end = make_key(out.key, _mm_loadu_si128(ends), _mm_loadu_si128(ends + 1),
                              plain::raw32(ip + kIpv6Len), options.zone, ip[6], kFamilyIpv6);
    p.flags = static_cast<uint16_t>(flags);
  } else {
    return false;
  }
  p.payload_len = static_cast<uint16_t>(payload_len);
  out.kind = PacketKind::Flow;
  return true;
}

}  // namespace sluice
