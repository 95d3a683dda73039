// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A flow's entry: two lines that belong to the lane's first worker and hold all
// that a packet of a decided flow needs, and elsewhere opaque bytes (the tail)
// whose meaning and size the chain gives.
#pragma once

#include <cstddef>
#include <cstdint>

#include "flowtable/flow_key.h"

namespace sluice {

// How a connection stands. Non-TCP flows use New (one side seen), Replied and,
// for ICMP and others, nothing else.
enum class FlowState : uint8_t {
  New,          // non-TCP: only the originator spoke
  Replied,      // non-TCP: both spoke
  SynSent,      // TCP: SYN
  SynReceived,  // TCP: SYN and SYN+ACK
  Established,  // TCP: handshake done, or picked up mid-stream and both sides seen
  PickedUp,     // TCP: first seen mid-stream, only one side so far
  FinWait,      // TCP: one FIN acknowledged or not
  Closing,      // TCP: FINs both ways, last ACK missing
  TimeWait,     // TCP: closed by both
  Reset,        // TCP: a RST inside the window
};
inline constexpr size_t kFlowStates = 10;

// Which flow goes first when room is needed, least valuable first.
enum class FlowClass : uint8_t { Provisional, HalfOpen, Established };
inline constexpr size_t kFlowClasses = 3;

enum class EndReason : uint8_t { None, Timeout, Evicted, Replaced, Shutdown };

// RFC 9293 section 3.3.1 in the form that a middlebox can keep: per sender the
// highest sequence number sent, the highest that its peer allowed, and the
// largest window that it announced itself (G. van Rooij, "Real Stateful TCP
// Packet Filtering in IP Filter").
struct TcpSide {
  uint32_t end;         // highest sequence number + length sent
  uint32_t max_end;     // highest sequence number that the peer's window admits
  uint32_t max_window;  // largest window announced, scaled, bytes
};

// Written and read by the lane's first worker only, unless a field says else.
// Two cache lines; the entry starts on a 64-byte boundary.
struct Flow {
  // line 0
  FlowKey key;
  uint64_t last_seen_ns;   // Unix epoch
  uint32_t packets[2];     // by Direction, wraps
  uint32_t tail_distance;  // from here to the tail, in units of 8 bytes; constant
  FlowState state : 4;
  FlowClass value : 4;     // eviction class
  uint8_t originator_end;  // 0 or 1: which end of the key sent the first packet
  uint8_t flags;           // kFlow*
  uint8_t chain;           // the table's user's; position in the policy's chains
  // line 1
  TcpSide tcp[2];                 // by Direction
  uint64_t bytes[2];              // IP length, by Direction
  uint64_t first_seen_ns;         // Unix epoch; read by every stage, constant once set
  uint32_t epoch;                 // binding epoch as of the last judgement
  uint32_t bucket_original : 12;  // binding buckets of originator and responder
  uint32_t bucket_reply : 12;
  EndReason end_reason : 8;  // set when the flow leaves the index
  uint8_t window_scale[2];
  uint8_t tcp_flags[2];  // union of the TCP flags seen, by Direction
  // The table's user's. `decided`: generation of the policy under which every
  // stage has let the flow pass; 0: it has to be asked. The table takes it back
  // when the flow ends.
  uint16_t decided;
  uint8_t ingress[2];  // port by which each Direction entered; kNoIngress: not yet

  // The opaque tail, 8-byte aligned; zeroed when the flow is created.
  std::byte* tail() noexcept {
    return reinterpret_cast<std::byte*>(this) + size_t{tail_distance} * 8;
  }
  const std::byte* tail() const noexcept {
    return reinterpret_cast<const std::byte*>(this) + size_t{tail_distance} * 8;
  }

  const FlowAddress& address(Direction of) const noexcept {
    return key.addr[originator_end ^ static_cast<uint8_t>(of)];
  }
  uint16_t port_be(Direction of) const noexcept {
    return key.port[originator_end ^ static_cast<uint8_t>(of)];
  }

  static constexpr size_t kHeadSize = 128;
  static constexpr uint8_t kNoIngress = 0xff;
};
static_assert(sizeof(Flow) == Flow::kHeadSize);

enum : uint8_t {
  kFlowPickedUp = 1 << 0,         // no handshake seen
  kFlowWindowScaling = 1 << 1,    // both SYNs carried the option, or assumed (picked up)
  kFlowEnded = 1 << 2,            // out of the index, its end-of-flow event under way
  kFlowLiberalOriginal = 1 << 3,  // window of that side not yet known: its checks are lenient
  kFlowLiberalReply = 1 << 4,
  kFlowFinAckedOriginal = 1 << 5,  // that side's FIN has been acknowledged
  kFlowFinAckedReply = 1 << 6,
};

// Counts a packet of `ip_len` bytes; the flow's silence starts anew. A clock
// that runs backwards (captures) shortens no time-out. First worker only.
inline void account(Flow& flow, Direction direction, uint32_t ip_len, uint64_t now_ns) noexcept {
  const auto side = static_cast<size_t>(direction);
  if (now_ns > flow.last_seen_ns) flow.last_seen_ns = now_ns;
  ++flow.packets[side];
  flow.bytes[side] += ip_len;
}

}  // namespace sluice
