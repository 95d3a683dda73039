// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The bytes of one direction of a TCP connection that are still of use, at
// their place by sequence number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "stages/dpi/arena.h"

namespace sluice {

// RFC 1982: sequence numbers lie on a circle; `a` lies behind `b` if it is less
// than half of it ahead.
constexpr bool seq_after(uint32_t a, uint32_t b) noexcept {
  return static_cast<int32_t>(a - b) > 0;
}
constexpr uint32_t seq_min(uint32_t a, uint32_t b) noexcept {
  return seq_after(a, b) ? b : a;
}
constexpr uint32_t seq_max(uint32_t a, uint32_t b) noexcept {
  return seq_after(a, b) ? a : b;
}

// Theory of operation. One block of the arena holds the sequence numbers from
// `base` on: the prefix [base, next) without a hole, and behind it islands, each
// at its own place. A segment that fills the hole makes `next` jump, and no byte
// moves. The front is given up by moving `base`; the block's content slides to
// its start only when room is needed at its end and at least an eighth of it is
// won, so that a byte is moved a bounded number of times however small the
// segments are. Blocks are powers of two, from kFirstBlock to the bound; a
// block is replaced by a larger one when what has to be kept exceeds three
// quarters of it.
//
// One thread at a time; the arena must outlive the buffer's use of it. What
// views point to is good until the next insert, lose or release.
class StreamBuffer {
 public:
  static constexpr size_t kFirstBlock = 2048;
  static constexpr size_t kBlockOverhead = 16;  // of a block, the arena's
  // As many holes as segments of 1,100 bytes and more can leave in 64 KiB. In
  // a block of the arena of its own, of 256 bytes, while there are any.
  static constexpr unsigned kMaxIslands = 30;

  // What an insert may give up to make room, and how far it may go.
  struct Limits {
    uint32_t bound;   // largest block: a power of two, kFirstBlock..Arena::kMaxBlock
    uint32_t window;  // bytes in front of `next` that rules look back on
    uint32_t acked;   // everything before it has been acknowledged
  };

  enum class Insert : uint8_t {
    Done,         // the bytes are there, also where they were before
    OutOfWindow,  // reaches further ahead than the bound admits; nothing has changed
    NoRoom,       // unread bytes fill the bound; nothing has changed
    TooManyHoles,
    ArenaEmpty,
  };

  StreamBuffer() = default;
  ~StreamBuffer() { release(); }
  StreamBuffer(const StreamBuffer&) = delete;
  StreamBuffer& operator=(const StreamBuffer&) = delete;

  // The stream, or what is seen of it, begins at `seq`, which is position 0.
  void start(uint32_t seq) noexcept;

  // Whether `bytes`, where the same sequence numbers are kept, are the same.
  bool agrees(uint32_t seq, std::span<const uint8_t> bytes) const noexcept;

  // Keeps `bytes`, which agree and do not begin before base(). O(bytes + islands)
  // on average over any sequence of segments. `forgotten` grows by what had to
  // be given up though it was not acknowledged.
  Insert insert(Arena& arena, const Limits& limits, uint32_t seq, std::span<const uint8_t> bytes,
                uint64_t& forgotten) noexcept;

  // [next, seq) will never come: the prefix begins anew at `seq`, which is not
  // behind the first island, and takes in that island if it begins there.
  void lose(uint32_t seq) noexcept;

  // Gives all memory back; positions stay.
  void release() noexcept;

  uint32_t base() const noexcept { return base_; }
  uint32_t next() const noexcept { return next_; }
  // Behind the last byte that is kept, islands included.
  uint32_t end() const noexcept { return islands_ == 0 ? next_ : island_[islands_ - 1].end; }
  uint64_t offset_of(uint32_t seq) const noexcept {  // base()..end(): position in the stream
    return base_offset_ + (seq - base_);
  }
  // Where base() lies; null as long as nothing is kept.
  const uint8_t* data() const noexcept { return block_ == nullptr ? nullptr : block_ + begin_; }

  unsigned islands() const noexcept { return islands_; }
  uint32_t first_island() const noexcept { return island_[0].begin; }  // if there is one
  uint32_t held() const noexcept;                                      // bytes in islands
  size_t memory() const noexcept;  // bytes of the arena, in whole blocks

  // Marks of the reader, base()..next(): bytes before `shown` it has seen, of
  // bytes before `consumed` it wants no more. Bytes that are not both are kept.
  uint32_t shown() const noexcept { return shown_; }
  uint32_t consumed() const noexcept { return consumed_; }
  void show() noexcept { shown_ = next_; }
  void consume(size_t bytes) noexcept;  // at most up to shown()

 private:
  struct Island {
    uint32_t begin;
    uint32_t end;
  };

  size_t capacity() const noexcept {
    return block_ == nullptr ? 0 : (size_t{1} << order_) - kBlockOverhead;
  }
  uint8_t* at(uint32_t seq) noexcept { return block_ + begin_ + (seq - base_); }
  const uint8_t* at(uint32_t seq) const noexcept { return block_ + begin_ + (seq - base_); }
  // Where what is kept may begin.
  struct Marks {
    uint32_t wanted;   // with the window and what is not acknowledged
    uint32_t unacked;  // without the window
    uint32_t needed;   // what the reader is not done with
  };
  uint32_t give_way(const Marks& marks, uint32_t end, size_t room, bool in_place) const noexcept;
  bool is_worth_sliding(uint32_t keep) const noexcept;
  bool is_too_sparse(const Arena& arena, uint32_t seq) const noexcept;
  Insert make_room(Arena& arena, const Limits& limits, uint32_t seq, uint32_t end,
                   uint64_t& forgotten) noexcept;
  bool grow(Arena& arena, uint32_t keep, uint32_t end, uint32_t bound) noexcept;
  void slide(uint32_t keep) noexcept;
  void move_base(uint32_t keep) noexcept;
  Insert prepare_island(Arena& arena, uint32_t begin, uint32_t end) noexcept;
  void add_island(uint32_t begin, uint32_t end) noexcept;
  void join() noexcept;
  void drop_islands(unsigned from, unsigned count) noexcept;

  uint8_t* block_ = nullptr;
  Island* island_ = nullptr;  // in order, apart from each other by a byte at least
  uint64_t base_offset_ = 0;
  uint32_t base_ = 0;
  uint32_t next_ = 0;
  uint32_t shown_ = 0;
  uint32_t consumed_ = 0;
  uint32_t begin_ = 0;  // where in the block base_ lies
  uint8_t order_ = 0;   // of the block: log2 of its size
  uint8_t islands_ = 0;
};
static_assert(sizeof(StreamBuffer) == 48);

}  // namespace sluice
