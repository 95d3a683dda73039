// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Small changes to headers that the parser has found. Worker.
#pragma once

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include <cstdint>
#include <cstring>
#include <utility>

#include "chain/packet_meta.h"
#include "config/net_types.h"

namespace sluice {

inline constexpr uint8_t kOwnTtl = 64;  // of packets that the appliance sends itself

// RFC 1624 equation 3. All three as they lie in memory.
inline uint16_t updated_checksum(uint16_t sum, uint16_t before, uint16_t after) noexcept {
  uint32_t s = static_cast<uint16_t>(~sum) + uint32_t{static_cast<uint16_t>(~before)} + after;
  s = (s & 0xffff) + (s >> 16);
  s += s >> 16;
  return static_cast<uint16_t>(~s);
}

inline rte_ether_hdr& ethernet(rte_mbuf* m) noexcept {
  return *rte_pktmbuf_mtod(m, rte_ether_hdr*);
}

inline void set_macs(rte_mbuf* m, const MacAddress& source,
                     const MacAddress& destination) noexcept {
  std::memcpy(ethernet(m).src_addr.addr_bytes, source.bytes.data(), RTE_ETHER_ADDR_LEN);
  std::memcpy(ethernet(m).dst_addr.addr_bytes, destination.bytes.data(), RTE_ETHER_ADDR_LEN);
}

// Back to the station that sent the frame.
inline void turn_round(rte_mbuf* m, const MacAddress& own) noexcept {
  rte_ether_hdr& eth = ethernet(m);
  eth.dst_addr = eth.src_addr;
  std::memcpy(eth.src_addr.addr_bytes, own.bytes.data(), RTE_ETHER_ADDR_LEN);
}

// TTL or hop limit.
inline uint8_t& hop_limit(rte_mbuf* m) noexcept {
  return l3_header<uint8_t>(m)[meta(m).flags & kMetaIpv6 ? 7 : 8];
}

inline void decrement_ipv4_ttl(rte_ipv4_hdr& ip) noexcept {
  auto* word = reinterpret_cast<uint8_t*>(&ip) + offsetof(rte_ipv4_hdr, time_to_live);
  uint16_t before, after;
  std::memcpy(&before, word, 2);
  --ip.time_to_live;
  std::memcpy(&after, word, 2);
  ip.hdr_checksum = updated_checksum(ip.hdr_checksum, before, after);
}

// Bytes of the IP packet, by its own header; the parser has seen that the
// frame holds them.
inline uint32_t ip_length(rte_mbuf* m, bool ipv6) noexcept {
  if (ipv6) return 40u + rte_be_to_cpu_16(l3_header<rte_ipv6_hdr>(m)->payload_len);
  return rte_be_to_cpu_16(l3_header<rte_ipv4_hdr>(m)->total_length);
}

// Of `length` bytes at l4_header(m), which are ICMPv6 with the addresses of the
// IPv6 header. 0 if the checksum that they hold is right.
inline uint16_t icmpv6_checksum(rte_mbuf* m, uint32_t length) noexcept {
  rte_ipv6_hdr pseudo = *l3_header<rte_ipv6_hdr>(m);
  pseudo.proto = IPPROTO_ICMPV6;
  pseudo.payload_len = rte_cpu_to_be_16(static_cast<uint16_t>(length));
  uint32_t sum = rte_ipv6_phdr_cksum(&pseudo, 0);
  sum += rte_raw_cksum(l4_header<void>(m), length);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

}  // namespace sluice
