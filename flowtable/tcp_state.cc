// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "flowtable/tcp_state.h"

#include <algorithm>

namespace sluice {
namespace {

// Assumed of a connection whose handshake was not seen: the most that RFC 7323
// allows, so that no window is taken for smaller than it is.
constexpr uint8_t kMaxWindowScale = 14;
constexpr uint32_t kMaxWindow = 0xffffU << kMaxWindowScale;

// How far behind the peer's data an acknowledgement may lie beyond the peer's
// largest window; van Rooij's constant, a 16-bit window and a segment.
constexpr uint32_t kAckSlack = 66000;

// A picked-up flow may exceed its window by one offloaded segment.
constexpr uint32_t kPickedUpSlack = 65536;

constexpr uint8_t kAllFlags = kTcpFin | kTcpSyn | kTcpRst | kTcpPsh | kTcpAck | kTcpUrg;

// Sequence space is a circle: `a` lies behind `b`.
bool after(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b) > 0;
}

uint32_t later(uint32_t a, uint32_t b) {
  return after(a, b) ? a : b;
}

// One connection seen from the sender of the segment at hand.
struct View {
  Flow& flow;
  const TcpSegment& segment;
  size_t from;
  size_t to;
  TcpSide& sender;
  TcpSide& receiver;

  View(Flow& f, Direction direction, const TcpSegment& s)
      : flow(f),
        segment(s),
        from(static_cast<size_t>(direction)),
        to(1 - from),
        sender(f.tcp[from]),
        receiver(f.tcp[to]) {}

  bool has(uint8_t flag) const { return (segment.flags & flag) != 0; }
  bool saw(size_t side, uint8_t flag) const { return (flow.tcp_flags[side] & flag) != 0; }

  uint32_t end_seq() const {
    return segment.seq + segment.payload_len + (has(kTcpSyn) ? 1 : 0) + (has(kTcpFin) ? 1 : 0);
  }
  // RFC 7323 section 2.2: the window of a SYN is never scaled.
  uint32_t window() const {
    const bool scaled = (flow.flags & kFlowWindowScaling) != 0 && !has(kTcpSyn);
    return scaled ? uint32_t{segment.window} << flow.window_scale[from] : segment.window;
  }
  bool picked_up() const { return (flow.flags & kFlowPickedUp) != 0; }
  // That side has not yet said what its window is.
  bool window_unknown(size_t side) const {
    return (flow.flags & (side == 0 ? kFlowLiberalOriginal : kFlowLiberalReply)) != 0;
  }
  void learn_window(size_t side) {
    flow.flags &= static_cast<uint8_t>(~(side == 0 ? kFlowLiberalOriginal : kFlowLiberalReply));
  }
  uint8_t fin_acked_flag(size_t side) const {
    return side == 0 ? kFlowFinAckedOriginal : kFlowFinAckedReply;
  }
  void remember_flags() { flow.tcp_flags[from] |= segment.flags; }
};

// RFC 9293 section 3.10.7: after the handshake every segment carries ACK or RST.
bool bad_flags(uint8_t flags) {
  const uint8_t f = flags & kAllFlags;
  if ((f & kTcpSyn) != 0) return (f & (kTcpFin | kTcpRst)) != 0;
  if ((f & kTcpRst) != 0) return (f & kTcpFin) != 0;
  return (f & kTcpAck) == 0;
}

bool closed(const View& v) {
  return v.flow.state == FlowState::TimeWait || v.flow.state == FlowState::Reset ||
         v.flow.state == FlowState::Closing;
}

void note_window_scale(View& v) {
  v.flow.window_scale[v.from] = v.segment.window_scale == kNoWindowScale
                                    ? kNoWindowScale
                                    : std::min(v.segment.window_scale, kMaxWindowScale);
}

void agree_on_window_scale(Flow& flow) {
  if (flow.window_scale[0] != kNoWindowScale && flow.window_scale[1] != kNoWindowScale) {
    flow.flags |= kFlowWindowScaling;
  } else {
    flow.window_scale[0] = flow.window_scale[1] = 0;
  }
}

// Until the peer answers it has granted nothing: `max_end` is the first
// sequence number behind the SYN, which the peer's SYN must acknowledge.
void open_with_syn(View& v) {
  v.sender.end = v.end_seq();
  v.sender.max_end = v.segment.seq + 1;
  v.sender.max_window = v.segment.window;
  v.receiver = TcpSide{};
  note_window_scale(v);
  v.flow.state = FlowState::SynSent;
}

void pick_up(View& v) {
  v.flow.flags |= kFlowPickedUp | kFlowWindowScaling;
  v.flow.flags |= v.from == 0 ? kFlowLiberalReply : kFlowLiberalOriginal;
  v.flow.window_scale[0] = v.flow.window_scale[1] = kMaxWindowScale;
  const uint32_t window = uint32_t{v.segment.window} << kMaxWindowScale;
  v.sender.end = v.end_seq();
  v.sender.max_end = v.sender.end;
  v.sender.max_window = window;
  v.receiver.end = v.segment.ack;
  v.receiver.max_end = v.segment.ack + window;
  v.receiver.max_window = 0;
  v.flow.state = v.has(kTcpFin) ? FlowState::FinWait : FlowState::PickedUp;
}

// The first acknowledgement of a side must cover the peer's SYN and nothing
// that the peer has not sent. The peer's `max_end` still says where its SYN
// ended: nothing but the sender's own SYN (none yet: 0) has moved it.
bool acks_syn(const View& v) {
  const uint32_t syn_end = v.receiver.max_end - v.sender.max_window;
  return !after(syn_end, v.segment.ack) && !after(v.segment.ack, v.receiver.end);
}

// The answer to a SYN: SYN+ACK, or in a simultaneous open another SYN.
void answer_syn(View& v) {
  v.sender.end = v.end_seq();
  v.sender.max_window = v.segment.window;
  v.sender.max_end = v.segment.seq + 1 + v.receiver.max_window;
  v.receiver.max_end += v.segment.window;
  note_window_scale(v);
  agree_on_window_scale(v.flow);
  v.flow.state = FlowState::SynReceived;
  v.remember_flags();
}

TcpTrack refuse_syn(View& v) {
  if (v.from == 0) {
    // The originator refuses what an older connection's end has answered (RFC
    // 9293 section 3.5.1, half-open): passes, but says nothing about this one.
    if (v.saw(v.to, kTcpAck) && v.segment.seq == v.receiver.max_end) return TcpTrack::Ok;
    if (v.segment.seq != v.sender.end) return TcpTrack::OutOfWindow;
  } else if (!v.has(kTcpAck) || !acks_syn(v)) {
    return TcpTrack::OutOfWindow;
  }
  v.remember_flags();
  v.flow.state = FlowState::Reset;
  return TcpTrack::Ok;
}

TcpTrack track_syn_sent(View& v) {
  if (v.has(kTcpRst)) return refuse_syn(v);
  if (v.from == 0) {
    if (!v.has(kTcpSyn) || v.has(kTcpAck)) return TcpTrack::OutOfWindow;
    open_with_syn(v);  // nobody has confirmed the older one: the newest counts
    v.remember_flags();
    return TcpTrack::Ok;
  }
  if (v.has(kTcpSyn)) {
    if (v.has(kTcpAck) && !acks_syn(v)) return TcpTrack::OutOfWindow;
    answer_syn(v);
    return TcpTrack::Ok;
  }
  if (v.segment.payload_len != 0 || v.has(kTcpFin)) return TcpTrack::OutOfWindow;
  // An older connection's end asks what the SYN is about; the RST that it gets
  // will carry this number.
  v.sender.max_end = v.segment.ack;
  v.remember_flags();
  return TcpTrack::Ok;
}

bool seq_in_window(const View& v) {
  const uint32_t slack = v.picked_up() ? kPickedUpSlack : 0;
  const uint32_t oldest = v.sender.end - std::max(v.receiver.max_window, 1U) - slack;
  if (after(oldest, v.has(kTcpRst) ? v.segment.seq : v.end_seq())) return false;
  if (v.window_unknown(v.to)) {
    return !after(v.segment.seq, v.has(kTcpRst) ? v.sender.end : v.sender.end + kMaxWindow);
  }
  return !after(v.segment.seq, v.sender.max_end + slack);
}

bool ack_in_window(const View& v) {
  if (v.flow.state == FlowState::SynReceived && !v.saw(v.from, kTcpAck)) return acks_syn(v);
  if (v.window_unknown(v.from)) return !after(v.segment.ack, v.receiver.end + kPickedUpSlack);
  const uint32_t oldest = v.receiver.end - v.sender.max_window - kAckSlack;
  return !after(v.segment.ack, v.receiver.end) && !after(oldest, v.segment.ack);
}

void update_windows(View& v) {
  v.sender.end = later(v.sender.end, v.end_seq());
  v.sender.max_window = std::max(v.sender.max_window, v.window());
  v.receiver.max_end = later(v.receiver.max_end, v.segment.ack + v.window());
  if (v.window_unknown(v.from)) {
    v.receiver.end = later(v.receiver.end, v.segment.ack);
    v.learn_window(v.from);
  }
}

// Both FINs and both acknowledged, or on the way there.
void update_state(View& v) {
  Flow& flow = v.flow;
  if (v.saw(v.to, kTcpFin) && v.segment.ack == v.receiver.end) {
    flow.flags |= v.fin_acked_flag(v.to);
  }
  if (flow.state == FlowState::Reset || flow.state == FlowState::TimeWait) return;
  const bool fin[2] = {v.saw(0, kTcpFin), v.saw(1, kTcpFin)};
  if (fin[0] && fin[1]) {
    const bool acked = (flow.flags & kFlowFinAckedOriginal) && (flow.flags & kFlowFinAckedReply);
    flow.state = acked ? FlowState::TimeWait : FlowState::Closing;
  } else if (fin[0] || fin[1]) {
    flow.state = FlowState::FinWait;
  } else if (flow.state == FlowState::SynReceived) {
    if (v.saw(0, kTcpAck) && v.saw(1, kTcpAck)) flow.state = FlowState::Established;
  } else if (flow.state == FlowState::PickedUp) {
    if (!v.window_unknown(0) && !v.window_unknown(1)) flow.state = FlowState::Established;
  }
}

}  // namespace

bool tcp_open(Flow& flow, const TcpSegment& segment, bool may_pick_up) noexcept {
  if (bad_flags(segment.flags) || (segment.flags & kTcpRst) != 0) return false;
  View v(flow, Direction::Original, segment);
  if ((segment.flags & (kTcpSyn | kTcpAck)) == kTcpSyn) {
    open_with_syn(v);
  } else if (may_pick_up) {
    pick_up(v);
  } else {
    return false;
  }
  v.remember_flags();
  return true;
}

TcpTrack tcp_track(Flow& flow, Direction direction, const TcpSegment& segment) noexcept {
  if (bad_flags(segment.flags)) return TcpTrack::BadFlags;
  View v(flow, direction, segment);
  if (flow.state == FlowState::SynSent) return track_syn_sent(v);

  if (v.has(kTcpSyn)) {
    if (closed(v) && !v.has(kTcpAck)) return TcpTrack::Reopened;
    // The second half of a simultaneous open: its ACK is news, its SYN is not.
    const uint32_t own_syn_end = v.sender.max_end - v.receiver.max_window;
    const bool completes = flow.state == FlowState::SynReceived && v.has(kTcpAck) &&
                           !v.saw(v.from, kTcpAck) && segment.seq + 1 == own_syn_end && acks_syn(v);
    if (completes) {
      v.remember_flags();
      update_state(v);
    }
    return TcpTrack::Ok;
  }
  if (!seq_in_window(v)) return TcpTrack::OutOfWindow;
  if (v.has(kTcpRst)) {
    v.remember_flags();
    if (flow.state != FlowState::TimeWait) flow.state = FlowState::Reset;
    return TcpTrack::Ok;
  }
  // Nothing follows a FIN.
  if (v.saw(v.from, kTcpFin) && after(v.end_seq(), v.sender.end)) return TcpTrack::OutOfWindow;
  if (!ack_in_window(v)) return TcpTrack::OutOfWindow;
  update_windows(v);
  v.remember_flags();
  update_state(v);
  return TcpTrack::Ok;
}

}  // namespace sluice
