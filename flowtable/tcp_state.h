// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// TCP connection tracking with sequence numbers, for a box in the middle.
#pragma once

#include <cstdint>

#include "flowtable/flow.h"

namespace sluice {

enum : uint8_t {
  kTcpFin = 0x01,
  kTcpSyn = 0x02,
  kTcpRst = 0x04,
  kTcpPsh = 0x08,
  kTcpAck = 0x10,
  kTcpUrg = 0x20,
};

// What tracking needs of one segment; everything in host byte order.
struct TcpSegment {
  uint32_t seq;
  uint32_t ack;
  uint16_t window;       // as on the wire, unscaled
  uint16_t payload_len;  // bytes
  uint8_t flags;
  // RFC 7323 window scale option, 0..14; 0xff where the segment carries none.
  // Read by the caller only from SYN segments, options bounds-checked.
  uint8_t window_scale;
};
inline constexpr uint8_t kNoWindowScale = 0xff;

enum class TcpTrack : uint8_t {
  Ok,
  OutOfWindow,  // moved no state: neither sequence nor acknowledgement fits
  BadFlags,     // SYN+FIN, SYN+RST, no flags at all, ...; moved no state
  Reopened,     // a SYN on a closed connection (TimeWait, Reset, or both FINs): start a new flow
};

// First segment of a flow: sets the state to SynSent or PickedUp. Returns
// false if it is no segment that may open a flow (RST, SYN+ACK or data while
// `may_pick_up` is false); nothing is then written.
bool tcp_open(Flow& flow, const TcpSegment& segment, bool may_pick_up) noexcept;

// Every later segment. RST and FIN count only inside the window; a SYN on a
// live connection changes no state (RFC 5961 section 4: Ok is returned for it,
// the endpoints answer it with a challenge ACK). Worker only.
TcpTrack tcp_track(Flow& flow, Direction direction, const TcpSegment& segment) noexcept;

}  // namespace sluice
