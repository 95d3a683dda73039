// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a TCP receiver will read, known before it can read it: both directions
// of a connection put together segment by segment, by a box that all of them
// pass. Out-of-order segments go on (a receiver cannot read past a gap) and a
// copy stays; when the gap closes, the joined bytes are readable here before the
// segment that closed it leaves.
//
// Where two copies of a byte could differ, the first wins: what differs from it
// is to be dropped, so that receivers of every make read what was read here
// (Ptacek and Newsham, "Insertion, Evasion, and Denial of Service", 1998).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "flowtable/flow_key.h"
#include "stages/dpi/arena.h"
#include "stages/dpi/buffer.h"
#include "stages/dpi/stream/stream_buffer.h"

namespace sluice {

// Of a policy; the same for every stream of a lane.
struct StreamOptions {
  // Most that is kept a direction: a power of two, 4 KiB..1 MiB. The arena's
  // header is taken from it.
  uint32_t bound = 64 * 1024;
  // Bytes in front of the newest that stay readable, 0..bound / 2.
  uint32_t window = 8 * 1024;
  // Position behind which a direction is not read any more; 0: there is none.
  uint64_t depth = 1024 * 1024;
  // A direction whose beginning was not seen is read from its first data on.
  bool midstream = false;
  // Packets of a connection may go by unseen (a capture, a mirror port, routes
  // that differ by direction). Otherwise an acknowledgement of bytes that never
  // passed says nothing, as it says nothing to their sender (RFC 9293, 3.10.7.4).
  bool lossy = false;
};

// What a lane's streams count. One writing worker.
struct StreamCounters {
  uint64_t segments = 0;       // with payload
  uint64_t bytes = 0;          // that became readable
  uint64_t out_of_order = 0;   // segments copied behind a gap
  uint64_t held_bytes = 0;     // their bytes
  uint64_t duplicates = 0;     // segments with nothing new, the same as before
  uint64_t old = 0;            // segments of which all had been acknowledged
  uint64_t different = 0;      // segments that contradict what was kept
  uint64_t out_of_window = 0;  // segments further ahead than the bound
  uint64_t beyond_fin = 0;     // segments with data behind their sender's FIN
  uint64_t no_stream = 0;      // segments of no stream: beginning not seen, SYN on a live one, ...
  uint64_t overload = 0;       // segments not taken for want of memory
  uint64_t unverified = 0;     // retransmissions whose first copy had been given up
  uint64_t forgotten_bytes = 0;  // given up for newer ones before they were acknowledged
  uint64_t lost_gaps = 0;        // acknowledged, never seen
  uint64_t lost_bytes = 0;
  uint64_t ack_of_unseen = 0;  // segments that acknowledge what never passed
  uint64_t depth_reached = 0;  // directions
  uint64_t urgent = 0;         // segments with URG; their bytes count as any other
};

// What is handed to every call. The arena must outlive the streams.
struct StreamContext {
  Arena& arena;
  const StreamOptions& options;
  StreamCounters& counters;
};

// One segment as it came, host byte order. `payload` is only read.
struct StreamSegment {
  Direction direction;
  uint8_t flags;  // kTcp* of flowtable/tcp_state.h
  uint32_t seq;
  uint32_t ack;
  std::span<const uint8_t> payload;
  // False where it cannot be its sender's: it came in from the other side. Nothing
  // that it acknowledges is believed then.
  bool may_acknowledge = true;
};

// What became of a segment. The order is from harmless to not.
enum class StreamResult : uint8_t {
  // Its bytes are part of the stream, or it has none.
  Taken,
  // Behind a gap: copied, and readable when the gap has closed.
  Held,
  // Nothing new: its bytes are kept, and are the same.
  Duplicate,
  // Every byte was acknowledged before: no receiver reads it. Keep-alive probes
  // look like this. To be passed, as the answer may have been lost.
  Old,
  // The direction is read no more: depth, or finish().
  Finished,
  // No stream: its beginning was not seen, a SYN on a live connection, data
  // without ACK. A receiver takes no data from the latter two.
  NoStream,
  // Too far ahead. To be dropped if inline, and harmless to drop: it will be sent
  // again when the gap has closed. Passed, its bytes go unread.
  OutOfWindow,
  // One hole more than are kept: the sender's own doing. To be dropped.
  TooManyHoles,
  // Not taken for want of memory: the arena is empty, or the reader leaves too
  // much unconsumed. on_overload decides; dropped, it is sent again.
  Overload,
  // A retransmission of bytes that no one has acknowledged and that are not
  // kept any more (or were sent before a stream was picked up), so nobody can
  // tell whether it is the same. What lies behind them has been taken; of the rest
  // on_overload decides.
  Unverified,
  // To be dropped: data behind the FIN of its sender.
  BeyondFin,
  // To be dropped: differs from the first copy of the same bytes, sets FIN
  // elsewhere, or is a second SYN+ACK with another number.
  Different,
};

struct StreamOutcome {
  StreamResult result = StreamResult::Taken;
  // RST at a sequence number that its receiver may take for exact (RFC 5961,
  // 3.2). A hint only: whether it arrives is not known, and what follows is read.
  bool reset = false;
  // Acknowledges bytes that never passed; such an acknowledgement counts for
  // nothing unless streams are lossy.
  bool ack_of_unseen = false;
  // By Direction: read() has something. Of the other direction when this
  // segment acknowledges beyond a gap.
  std::array<bool, 2> readable{};
  // Bytes of this segment's direction that became readable by it.
  uint32_t fresh = 0;
};

enum class StreamEnd : uint8_t {
  No,
  Fin,    // every byte before the FIN has been readable
  Depth,  // options.depth was reached
};

// The readable bytes of one direction that are kept, without a gap. Good until
// the stream's next feed(), finish() or release().
struct StreamView {
  const uint8_t* data = nullptr;  // never null in what read() gives
  uint32_t size = 0;
  uint64_t offset = 0;      // of data[0], from the first byte behind the SYN
  uint32_t fresh = 0;       // index of the first byte not shown before; size: none
  uint32_t unconsumed = 0;  // index of the first byte not consumed
  // Bytes lost just before data[0], told once. What was there before is gone, and
  // so is what was not consumed of it.
  uint64_t gap = 0;
  StreamEnd end = StreamEnd::No;

  std::span<const uint8_t> bytes() const noexcept { return {data, size}; }
  std::span<const uint8_t> fresh_bytes() const noexcept { return bytes().subspan(fresh); }
  std::span<const uint8_t> unconsumed_bytes() const noexcept { return bytes().subspan(unconsumed); }
  BufferView buffer() const noexcept { return {data, size, offset, fresh, end != StreamEnd::No}; }
};

// Both directions of a connection. Memory from the arena is taken with the first
// byte of a direction and given back when it is finished, at the latest by
// the destructor. One worker; noexcept and without heap throughout.
//
// For each segment, in the order of arrival and before it leaves:
//   const StreamOutcome outcome = stream.feed(context, segment);
//   for (Direction d : both) {
//     while (stream.read(context, d, view)) {
//       ... view.unconsumed_bytes() to the parser, view to the rules ...
//       stream.consume(d, n);
//     }
//   }
// A segment that is then dropped because of what was read must block the
// connection: its bytes count as sent, and the next copy would pass as Duplicate.
//
// Urgent data is read in line, as receivers with SO_OOBINLINE do (RFC 6093);
// whoever must be sure that all do clears URG.
class TcpStream {
 public:
  StreamOutcome feed(const StreamContext& context, const StreamSegment& segment) noexcept;

  // To be told when a segment that was not taken (OutOfWindow and what follows in
  // StreamResult) leaves all the same: the receiver may acknowledge it, and its
  // bytes are then a gap. Otherwise no such acknowledgement is believed.
  void passed(const StreamSegment& segment) noexcept;

  // The next piece that was not read yet; false if there is none. Usually there
  // is one; each lost gap begins another.
  bool read(const StreamContext& context, Direction direction, StreamView& view) noexcept;

  // As read() gave it last, and shows nothing new. Data is null if nothing is kept.
  StreamView view(Direction direction) const noexcept;

  // The reader is done with its first `bytes` unconsumed ones that it was shown.
  // They may stay in view for as long as they lie in the window. Whoever does not
  // parse must consume all, or the bound is reached.
  void consume(Direction direction, size_t bytes) noexcept;

  // The reader wants nothing more of this direction: its memory goes.
  void finish(Direction direction) noexcept;
  void release() noexcept;  // both

  // Nothing will be readable and nothing has to be compared any more.
  bool finished(Direction direction) const noexcept;
  // No byte that comes now is read: options.depth is behind it.
  bool at_depth(Direction direction) const noexcept { return side(direction).depth; }
  // Bytes of the arena that are taken, in whole blocks.
  size_t memory() const noexcept;

 private:
  struct Side {
    StreamBuffer buffer;
    uint32_t acked = 0;          // by the receiver; unknown: far behind
    uint32_t high = 0;           // behind the last byte that has passed, kept or not
    uint32_t fin = 0;            // number of the FIN
    uint32_t claimed = 0;        // lossy: acknowledged, but not seen so far
    uint32_t gap = 0;            // lost in front of what is kept, and not told yet
    bool based : 1 = false;      // where the stream, or what is seen of it, begins is known
    bool syn : 1 = false;        // by its SYN, or the answer to it
    bool has_acked : 1 = false;  // not based, but `acked` is known
    bool answered : 1 = false;   // the receiver has acknowledged something
    bool has_claim : 1 = false;
    bool has_fin : 1 = false;
    bool fin_acked : 1 = false;
    bool depth : 1 = false;  // reached
    bool end_shown : 1 = false;
    bool done : 1 = false;

    void start(uint32_t seq, bool by_syn) noexcept;
    void finish() noexcept;
    uint32_t first() const noexcept;  // number of the stream's first byte
    bool lost() const noexcept;       // acknowledged beyond what is there
    StreamEnd end() const noexcept;
    bool has_news() const noexcept;
    bool drained(bool lossy) const noexcept;
  };

  // What is left of a segment's payload, from what was known before on.
  struct Piece {
    uint32_t seq;
    std::span<const uint8_t> bytes;
    bool fin;                // behind the last byte
    uint32_t whole_end = 0;  // of the segment as it came, FIN included
    uint32_t fresh = 0;      // out: bytes that became readable

    uint32_t end() const noexcept { return seq + static_cast<uint32_t>(bytes.size()); }
    void skip_to(uint32_t to) noexcept;
  };

  static StreamResult open(Side& own, const Side& peer, const StreamSegment& segment) noexcept;
  static bool answers_another(const Side& peer, uint32_t ack) noexcept;
  static bool begin_midstream(const StreamOptions& options, Side& own, const Side& peer,
                              const Piece& piece) noexcept;
  static StreamResult take(const StreamContext& context, Side& own, const Side& peer,
                           Piece& piece) noexcept;
  static void settle_claim(const StreamContext& context, Side& own) noexcept;
  static StreamResult check_fin(const Side& own, const Piece& piece) noexcept;
  static StreamResult keep(const StreamContext& context, Side& own, Piece& piece) noexcept;
  static bool acknowledge(const StreamContext& context, const Side& own, Side& peer,
                          const StreamSegment& segment) noexcept;
  static uint64_t lose_gap(const StreamContext& context, Side& s) noexcept;
  static void note_depth(const StreamContext& context, Side& s) noexcept;

  Side& side(Direction d) noexcept { return sides_[static_cast<size_t>(d)]; }
  const Side& side(Direction d) const noexcept { return sides_[static_cast<size_t>(d)]; }

  std::array<Side, 2> sides_;
};
static_assert(sizeof(TcpStream) <= 144);

}  // namespace sluice
