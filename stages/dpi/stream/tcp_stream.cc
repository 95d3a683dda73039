// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/stream/tcp_stream.h"

#include <algorithm>
#include <utility>

#include "flowtable/tcp_state.h"

namespace sluice {

namespace {

// No window reaches so far (RFC 7323, 2.3), so a number that lies this far
// behind is behind everything.
constexpr uint32_t kFar = uint32_t{1} << 30;

// Behind the last byte that is read.
uint32_t depth_limit(uint64_t depth, const StreamBuffer& buffer) {
  const uint64_t offset = buffer.offset_of(buffer.next());
  return buffer.next() +
         static_cast<uint32_t>(std::min<uint64_t>(depth - std::min(depth, offset), kFar));
}

}  // namespace

void TcpStream::Side::start(uint32_t seq, bool by_syn) noexcept {
  buffer.start(seq);
  acked = by_syn ? seq : seq - kFar;
  high = seq;
  based = true;
  syn = by_syn;
  gap = 0;
  answered = has_claim = has_fin = fin_acked = depth = end_shown = false;
}

void TcpStream::Side::finish() noexcept {
  buffer.release();
  done = true;
}

uint32_t TcpStream::Side::first() const noexcept {
  return buffer.base() - static_cast<uint32_t>(buffer.offset_of(buffer.base()));
}

bool TcpStream::Side::lost() const noexcept {
  return seq_after(acked, buffer.next());
}

StreamEnd TcpStream::Side::end() const noexcept {
  if (depth) return StreamEnd::Depth;
  return has_fin && buffer.next() == fin ? StreamEnd::Fin : StreamEnd::No;
}

bool TcpStream::Side::has_news() const noexcept {
  if (!based || done) return false;
  return gap != 0 || buffer.shown() != buffer.next() || lost() ||
         (!end_shown && end() != StreamEnd::No);
}

// The reader has had all that there will be, and no copy can differ any more.
bool TcpStream::Side::drained(bool lossy) const noexcept {
  if (!based || !end_shown || has_news()) return false;
  if (lossy && !answered) return true;
  return depth ? !seq_after(buffer.next(), acked) : fin_acked;
}

void TcpStream::Piece::skip_to(uint32_t to) noexcept {
  if (!seq_after(to, seq)) return;
  bytes = bytes.subspan(std::min<size_t>(to - seq, bytes.size()));
  seq = to;
}

StreamOutcome TcpStream::feed(const StreamContext& context, const StreamSegment& segment) noexcept {
  StreamCounters& counters = context.counters;
  Side& own = side(segment.direction);
  Side& peer = side(opposite(segment.direction));
  for (Side& s : sides_) {
    // Whoever did not read misses what it could have.
    while (s.based && !s.done && s.lost()) lose_gap(context, s);
    if (!s.done && s.drained(context.options.lossy)) s.finish();
  }
  if (!segment.payload.empty()) ++counters.segments;
  if ((segment.flags & kTcpUrg) != 0) ++counters.urgent;

  StreamOutcome outcome;
  if ((segment.flags & kTcpRst) != 0) {
    const uint32_t oldest = own.syn || own.answered ? own.acked : own.buffer.base();
    outcome.reset = !own.based ||
                    (!seq_after(oldest, segment.seq) && !seq_after(segment.seq, own.buffer.next()));
  } else {
    bool counts = true;
    if ((segment.flags & kTcpSyn) != 0) {
      outcome.result = open(own, peer, segment);
      counts = outcome.result == StreamResult::Taken;
    }
    if (counts) {
      const bool syn = (segment.flags & kTcpSyn) != 0, fin = (segment.flags & kTcpFin) != 0;
      Piece piece{segment.seq + (syn ? 1 : 0), segment.payload, fin};
      piece.whole_end = piece.end() + (fin ? 1 : 0);
      const bool may_carry = (segment.flags & (kTcpAck | kTcpSyn)) != 0;
      if (!piece.bytes.empty() || piece.fin) {
        outcome.result = may_carry ? take(context, own, peer, piece) : StreamResult::NoStream;
      }
      outcome.fresh = piece.fresh;
    }
    counts = counts && outcome.result < StreamResult::BeyondFin;
    if (counts && (segment.flags & kTcpAck) != 0 && segment.may_acknowledge) {
      outcome.ack_of_unseen = !acknowledge(context, own, peer, segment);
      if (outcome.ack_of_unseen) ++counters.ack_of_unseen;
    }
  }

  counters.bytes += outcome.fresh;
  switch (outcome.result) {
    case StreamResult::Taken:
    case StreamResult::Held:
    case StreamResult::Finished:
      break;
    case StreamResult::Duplicate:
      ++counters.duplicates;
      break;
    case StreamResult::Old:
      ++counters.old;
      break;
    case StreamResult::NoStream:
      ++counters.no_stream;
      break;
    case StreamResult::OutOfWindow:
    case StreamResult::TooManyHoles:
      ++counters.out_of_window;
      break;
    case StreamResult::Overload:
      ++counters.overload;
      break;
    case StreamResult::Unverified:
      ++counters.unverified;
      break;
    case StreamResult::BeyondFin:
      ++counters.beyond_fin;
      break;
    case StreamResult::Different:
      ++counters.different;
      break;
  }
  for (size_t i = 0; i < sides_.size(); ++i) outcome.readable[i] = sides_[i].has_news();
  return outcome;
}

// A SYN: the first sets the stream's beginning.
StreamResult TcpStream::open(Side& own, const Side& peer, const StreamSegment& segment) noexcept {
  const uint32_t first = segment.seq + 1;
  // It answers another SYN than the one whose data has been read.
  if ((segment.flags & kTcpAck) != 0 && peer.high != peer.first() &&
      answers_another(peer, segment.ack)) {
    return StreamResult::Different;
  }
  if (!own.based) {
    own.start(first, true);
    return StreamResult::Taken;
  }
  if (own.syn && first == own.first()) return StreamResult::Taken;
  if (!own.syn || own.answered) return StreamResult::NoStream;
  // Nobody has said which of the two it took. Of SYNs the newest counts, as for
  // the flow table; a second SYN+ACK would make the originator read another
  // stream than the one seen here, and so would data that has been read.
  if ((segment.flags & kTcpAck) != 0 || own.high != own.first()) return StreamResult::Different;
  own.start(first, true);
  return StreamResult::Taken;
}

// Of two SYNs the answer says which counts.
bool TcpStream::answers_another(const Side& peer, uint32_t ack) noexcept {
  return peer.based && peer.syn && !peer.answered && !peer.done &&
         ack - peer.first() > peer.high - peer.first();
}

bool TcpStream::begin_midstream(const StreamOptions& options, Side& own, const Side& peer,
                                const Piece& piece) noexcept {
  // Of a connection whose first SYN was seen the second will be seen, too: data
  // before it is read by nobody and must not say where the stream begins.
  if (!options.midstream || (peer.syn && !options.lossy)) return false;
  const uint32_t acked = own.acked;
  const bool known = own.has_acked;
  own.start(known ? seq_max(acked, piece.seq) : piece.seq, false);
  if (known) own.acked = acked;
  return true;
}

StreamResult TcpStream::take(const StreamContext& context, Side& own, const Side& peer,
                             Piece& piece) noexcept {
  if (own.done) return StreamResult::Finished;
  if (!own.based) {
    if (own.has_acked && !piece.fin && !seq_after(piece.end(), own.acked)) return StreamResult::Old;
    if (!begin_midstream(context.options, own, peer, piece)) return StreamResult::NoStream;
  }
  // Of a direction whose receiver is never heard nothing can be verified.
  const bool heard = !context.options.lossy || own.answered;
  const uint32_t oldest = heard ? own.acked : seq_max(own.acked, own.buffer.base());
  if (!seq_after(piece.end() + (piece.fin ? 1 : 0), oldest)) return StreamResult::Old;
  if (own.has_claim && !seq_after(own.claimed, piece.seq)) settle_claim(context, own);
  if (context.options.depth != 0) {
    const uint32_t limit = depth_limit(context.options.depth, own.buffer);
    if (seq_after(piece.end(), limit)) {
      if (!seq_after(limit, piece.seq)) {
        own.high = seq_max(own.high, piece.whole_end);
        return StreamResult::Finished;
      }
      piece.fin = false;
      piece.bytes = piece.bytes.first(limit - piece.seq);
      if (!seq_after(limit, oldest)) return StreamResult::Old;
    }
  }
  const StreamResult fin = check_fin(own, piece);
  if (fin != StreamResult::Taken) return fin;
  piece.skip_to(oldest);
  if (!seq_after(own.buffer.base(), piece.seq)) return keep(context, own, piece);
  // What is not kept any more cannot be compared; the rest is read as any other.
  piece.skip_to(own.buffer.base());
  if (piece.bytes.empty() && !piece.fin) return StreamResult::Unverified;
  return std::max(keep(context, own, piece), StreamResult::Unverified);
}

// Data from behind what was acknowledged and not seen.
void TcpStream::settle_claim(const StreamContext& context, Side& own) noexcept {
  own.has_claim = false;
  if (!seq_after(own.claimed, own.buffer.next())) return;
  own.acked = own.claimed;
  // At once, so that the data has its place.
  own.gap += static_cast<uint32_t>(lose_gap(context, own));
}

StreamResult TcpStream::check_fin(const Side& own, const Piece& piece) noexcept {
  const uint32_t end = piece.end();
  if (own.has_fin) {
    if (seq_after(end, own.fin)) return StreamResult::BeyondFin;
    return piece.fin && end != own.fin ? StreamResult::Different : StreamResult::Taken;
  }
  return piece.fin && seq_after(own.buffer.end(), end) ? StreamResult::Different
                                                       : StreamResult::Taken;
}

StreamResult TcpStream::keep(const StreamContext& context, Side& own, Piece& piece) noexcept {
  StreamBuffer& buffer = own.buffer;
  StreamCounters& counters = context.counters;
  const uint32_t next = buffer.next(), end = piece.end();
  const bool ahead = seq_after(piece.seq, next);
  const uint32_t held = ahead ? buffer.held() : 0;
  if (!buffer.agrees(piece.seq, piece.bytes)) return StreamResult::Different;

  auto done = StreamBuffer::Insert::Done;
  if (!piece.bytes.empty()) {
    const StreamBuffer::Limits limits{context.options.bound, context.options.window, own.acked};
    done = buffer.insert(context.arena, limits, piece.seq, piece.bytes, counters.forgotten_bytes);
  } else if (ahead && end - next > context.options.bound) {
    done = StreamBuffer::Insert::OutOfWindow;
  }
  if (done == StreamBuffer::Insert::OutOfWindow) return StreamResult::OutOfWindow;
  if (done == StreamBuffer::Insert::TooManyHoles) return StreamResult::TooManyHoles;
  if (done != StreamBuffer::Insert::Done) return StreamResult::Overload;

  own.high = seq_max(own.high, piece.whole_end);
  const bool new_fin = piece.fin && !own.has_fin;
  if (new_fin) {
    own.has_fin = true;
    own.fin = end;
  }
  note_depth(context, own);
  piece.fresh = buffer.next() - next;
  const uint32_t added = ahead ? buffer.held() - held : 0;
  if (added != 0) {
    ++counters.out_of_order;
    counters.held_bytes += added;
    return StreamResult::Held;
  }
  return piece.fresh != 0 || new_fin ? StreamResult::Taken : StreamResult::Duplicate;
}

void TcpStream::passed(const StreamSegment& segment) noexcept {
  Side& own = side(segment.direction);
  if (!own.based) return;
  const uint32_t end = segment.seq + static_cast<uint32_t>(segment.payload.size()) +
                       ((segment.flags & kTcpSyn) != 0 ? 1 : 0) +
                       ((segment.flags & kTcpFin) != 0 ? 1 : 0);
  if (end - own.buffer.next() < kFar) own.high = seq_max(own.high, end);
}

// False if the acknowledgement covers what never passed.
bool TcpStream::acknowledge(const StreamContext& context, const Side& own, Side& peer,
                            const StreamSegment& segment) noexcept {
  uint32_t ack = segment.ack;
  if (peer.done) return true;
  if (!peer.based) {
    // What a SYN+ACK answers, or where SYN+ACKs go unseen the first
    // acknowledgement, is its peer's number.
    if ((segment.flags & kTcpSyn) != 0 || (context.options.lossy && own.syn)) {
      peer.start(ack, true);
      peer.answered = true;
    } else {
      peer.acked = peer.has_acked ? seq_max(peer.acked, ack) : ack;
      peer.has_acked = true;
    }
    return true;
  }
  if ((segment.flags & kTcpSyn) != 0 && answers_another(peer, ack)) {
    peer.start(ack, true);
    peer.answered = true;
    return true;
  }
  if (peer.has_fin && ack == peer.fin + 1) {
    ack = peer.fin;
    peer.fin_acked = true;
  }
  if (seq_after(ack, peer.high)) {
    if (!context.options.lossy || ack - peer.high > kFar) return false;
    // In a capture it may stand before the data, or be of a FIN: whether there
    // is a gap is known when something comes from behind it.
    peer.claimed = peer.has_claim ? seq_max(peer.claimed, ack) : ack;
    peer.has_claim = true;
    ack = peer.high;
  }
  if (peer.depth) ack = seq_min(ack, peer.buffer.next());
  if (seq_after(peer.acked, ack)) return true;
  peer.acked = ack;
  peer.answered = true;
  return true;
}

// The receiver has what was never seen here, up to the first island or to what
// it acknowledges. Returns how many bytes that is.
uint64_t TcpStream::lose_gap(const StreamContext& context, Side& s) noexcept {
  StreamBuffer& buffer = s.buffer;
  const uint32_t next = buffer.next();
  const uint32_t seq = buffer.islands() == 0 ? s.acked : seq_min(s.acked, buffer.first_island());
  buffer.lose(seq);
  s.high = seq_max(s.high, buffer.next());
  ++context.counters.lost_gaps;
  context.counters.lost_bytes += seq - next;
  context.counters.bytes += buffer.next() - seq;
  note_depth(context, s);
  return seq - next;
}

void TcpStream::note_depth(const StreamContext& context, Side& s) noexcept {
  const uint64_t depth = context.options.depth;
  if (depth == 0 || s.depth || s.buffer.offset_of(s.buffer.next()) < depth) return;
  s.depth = true;
  s.acked = seq_min(s.acked, s.buffer.next());  // what lies behind is no gap
  ++context.counters.depth_reached;
}

bool TcpStream::read(const StreamContext& context, Direction direction, StreamView& view) noexcept {
  static constexpr uint8_t kNothing = 0;
  Side& s = side(direction);
  if (!s.has_news()) return false;
  uint64_t gap = std::exchange(s.gap, 0);
  if (gap == 0 && s.buffer.shown() == s.buffer.next() && s.lost()) gap = lose_gap(context, s);
  view = this->view(direction);
  view.gap = gap;
  if (view.data == nullptr) view.data = &kNothing;
  s.buffer.show();
  s.end_shown = view.end != StreamEnd::No;
  return true;
}

StreamView TcpStream::view(Direction direction) const noexcept {
  const Side& s = side(direction);
  const StreamBuffer& buffer = s.buffer;
  StreamView view;
  view.data = buffer.data();
  view.size = buffer.next() - buffer.base();
  view.offset = buffer.offset_of(buffer.base());
  view.fresh = buffer.shown() - buffer.base();
  view.unconsumed = buffer.consumed() - buffer.base();
  view.end = s.end();
  return view;
}

void TcpStream::consume(Direction direction, size_t bytes) noexcept {
  side(direction).buffer.consume(bytes);
}

void TcpStream::finish(Direction direction) noexcept {
  side(direction).finish();
}

void TcpStream::release() noexcept {
  for (Side& s : sides_) s.finish();
}

bool TcpStream::finished(Direction direction) const noexcept {
  const Side& s = side(direction);
  return s.done || s.drained(false);
}

size_t TcpStream::memory() const noexcept {
  return sides_[0].buffer.memory() + sides_[1].buffer.memory();
}

}  // namespace sluice
