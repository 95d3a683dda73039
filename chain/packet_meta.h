// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What the chain knows of a packet, in the mbuf itself.
#pragma once

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <cstddef>
#include <cstdint>

#include "chain/verdict.h"
#include "flowtable/flow.h"

namespace sluice {

enum : uint16_t {
  kMetaReply = 1 << 0,  // sent by the flow's responder
  kMetaIpv6 = 1 << 1,
  kMetaNewFlow = 1 << 2,  // this packet created its flow
  kMetaReassembled =
      1 << 3,               // flat copy of a datagram; its fragments hang on it (chain/fragments.h)
  kMetaGenerated = 1 << 4,  // made by Sluice (a reject's answer)
  kMetaToSender = 1 << 5,   // leaves towards where it seems to come from: on a wire by `m->port`
  kMetaControl = 1 << 6,    // link-local control: ARP, ND, LACP, LLDP, STP; has no flow
  kMetaIcmpError = 1 << 7,  // belongs to the flow that it quotes; its payload is none of the flow's
  kMetaIcmpEcho = 1 << 8,
  kMetaTcp = 1 << 9,  // the packet's own transport header (not that of a quoted flow)
  kMetaUdp = 1 << 10,
  kMetaDecided = 1 << 11,  // every stage has let the flow pass: only those with `every_packet` look
  kMetaResized = 1 << 12,  // whoever has changed the frame's length since it was received says so
};

// Each field has one writer. Header offsets are the mbuf's own l2_len, l3_len
// (with IPv6 extension headers) and l4_len; the ingress is m->port.
struct PacketMeta {
  Flow* flow;            // first worker; null: no flow (control frames, what is no IP)
  uint64_t time_ns;      // first worker; receive time, Unix epoch; the capture's clock in replay
  uint16_t payload_len;  // parse; bytes behind the transport header, without Ethernet padding
  uint8_t egress;        // forwarding; position in Config::ports
  uint8_t chain;         // the lane's first worker, behind identity: the flow's chain
  uint16_t flags;        // kMeta*: parse and first worker
  Verdict verdict;       // the first stage that decides against the packet
  Reason reason;         // with it; the first reason stays
};
static_assert(sizeof(PacketMeta) == 24);

inline constexpr uint8_t kNoEgress = 0xff;

// The dynamic field's place is fixed, so that access is one addition;
// register_packet_meta() makes sure at start that it is ours. It is the mbuf's
// last: drivers that note a timestamp take the first while they are probed.
inline constexpr size_t kPacketMetaOffset = sizeof(rte_mbuf) - sizeof(PacketMeta);
static_assert(kPacketMetaOffset % alignof(PacketMeta) == 0 &&
              kPacketMetaOffset >= offsetof(rte_mbuf, dynfield1));

inline PacketMeta& meta(rte_mbuf* m) noexcept {
  return *RTE_MBUF_DYNFIELD(m, kPacketMetaOffset, PacketMeta*);
}
inline const PacketMeta& meta(const rte_mbuf* m) noexcept {
  return *RTE_MBUF_DYNFIELD(const_cast<rte_mbuf*>(m), kPacketMetaOffset, PacketMeta*);
}

// Once per process, behind rte_eal_init. Throws std::runtime_error if another
// library has taken the place.
void register_packet_meta();

inline Direction direction(const PacketMeta& p) noexcept {
  return (p.flags & kMetaReply) ? Direction::Reply : Direction::Original;
}

// Gives a verdict against the packet; the first one stays.
inline void give_verdict(rte_mbuf* m, Verdict verdict, Reason reason) noexcept {
  PacketMeta& p = meta(m);
  if (p.verdict != Verdict::Pass) return;
  p.verdict = verdict;
  p.reason = reason;
}
inline void drop(rte_mbuf* m, Reason reason) noexcept {
  give_verdict(m, Verdict::Drop, reason);
}

// Typed views of the headers that parse has found.
template <typename T>
T* l3_header(rte_mbuf* m) noexcept {
  return rte_pktmbuf_mtod_offset(m, T*, m->l2_len);
}
template <typename T>
T* l4_header(rte_mbuf* m) noexcept {
  return rte_pktmbuf_mtod_offset(m, T*, m->l2_len + m->l3_len);
}
inline uint8_t* payload(rte_mbuf* m) noexcept {
  return rte_pktmbuf_mtod_offset(m, uint8_t*, m->l2_len + m->l3_len + m->l4_len);
}

}  // namespace sluice
