// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/stream/stream_buffer.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sluice {

namespace {

constexpr size_t kIslandBlock = 256;
static_assert(StreamBuffer::kMaxIslands * 8 <= kIslandBlock - StreamBuffer::kBlockOverhead);

// A hole costs memory that nobody has sent bytes for. While the arena has room
// that does not matter; beyond half of it, a segment may lie no further ahead
// than this and what is already held.
constexpr uint32_t kHoleWhenScarce = 4096;

size_t block_capacity(size_t block) {
  return block - StreamBuffer::kBlockOverhead;
}

}  // namespace

void StreamBuffer::start(uint32_t seq) noexcept {
  release();
  base_ = next_ = shown_ = consumed_ = seq;
  base_offset_ = 0;
}

void StreamBuffer::release() noexcept {
  arena_free(block_);
  arena_free(island_);
  block_ = nullptr;
  island_ = nullptr;
  islands_ = 0;
  base_offset_ += next_ - base_;
  base_ = shown_ = consumed_ = next_;
  begin_ = 0;
}

uint32_t StreamBuffer::held() const noexcept {
  uint32_t bytes = 0;
  for (unsigned i = 0; i < islands_; ++i) bytes += island_[i].end - island_[i].begin;
  return bytes;
}

size_t StreamBuffer::memory() const noexcept {
  return (block_ != nullptr ? size_t{1} << order_ : 0) + (island_ != nullptr ? kIslandBlock : 0);
}

void StreamBuffer::consume(size_t bytes) noexcept {
  consumed_ += static_cast<uint32_t>(std::min<size_t>(bytes, shown_ - consumed_));
}

bool StreamBuffer::agrees(uint32_t seq, std::span<const uint8_t> bytes) const noexcept {
  const uint32_t end = seq + static_cast<uint32_t>(bytes.size());
  const auto same = [&](uint32_t kept_begin, uint32_t kept_end) {
    const uint32_t from = seq_max(seq, kept_begin), to = seq_min(end, kept_end);
    return !seq_after(to, from) ||
           std::memcmp(at(from), bytes.data() + (from - seq), to - from) == 0;
  };
  if (!same(base_, next_)) return false;
  for (unsigned i = 0; i < islands_; ++i) {
    if (!same(island_[i].begin, island_[i].end)) return false;
  }
  return true;
}

// What is refused is refused before anything changes but how much of the front
// is kept.
StreamBuffer::Insert StreamBuffer::insert(Arena& arena, const Limits& limits, uint32_t seq,
                                          std::span<const uint8_t> bytes,
                                          uint64_t& forgotten) noexcept {
  const uint32_t end = seq + static_cast<uint32_t>(bytes.size());
  if (!seq_after(end, next_)) return Insert::Done;
  const bool ahead = seq_after(seq, next_);
  if (ahead) {
    const Insert islands = prepare_island(arena, seq, end);
    if (islands != Insert::Done) return islands;
  }
  const Insert room = make_room(arena, limits, seq, end, forgotten);
  if (room != Insert::Done) {
    if (island_ != nullptr && islands_ == 0) drop_islands(0, 0);
    return room;
  }
  if (ahead) {
    std::memcpy(at(seq), bytes.data(), bytes.size());
    add_island(seq, end);
  } else {
    std::memcpy(at(next_), bytes.data() + (next_ - seq), end - next_);
    next_ = end;
    join();
  }
  return Insert::Done;
}

void StreamBuffer::lose(uint32_t seq) noexcept {
  base_offset_ += seq - base_;
  begin_ = islands_ == 0 ? 0 : begin_ + (seq - base_);
  base_ = next_ = shown_ = consumed_ = seq;
  join();
}

// Where what is kept may begin so that it fits into `room` up to `end`: as far
// in front as one would like if a quarter stays free; else the window and what
// was consumed give way, and only when that is not enough what is not acknowledged.
uint32_t StreamBuffer::give_way(const Marks& marks, uint32_t end, size_t room,
                                bool in_place) const noexcept {
  const uint32_t roomy = seq_max(marks.wanted, end - static_cast<uint32_t>(room / 4 * 3));
  if (!seq_after(roomy, marks.unacked)) return roomy;
  if (end - marks.unacked <= room && (!in_place || is_worth_sliding(marks.unacked))) {
    return marks.unacked;
  }
  return seq_min(roomy, marks.needed);
}

bool StreamBuffer::is_worth_sliding(uint32_t keep) const noexcept {
  return (this->end() - keep) / 8 <= begin_ + (keep - base_);
}

StreamBuffer::Insert StreamBuffer::make_room(Arena& arena, const Limits& limits, uint32_t seq,
                                             uint32_t end, uint64_t& forgotten) noexcept {
  const size_t room = capacity();
  if (!seq_after(end, this->end()) || begin_ + size_t{end - base_} <= room) return Insert::Done;

  const uint32_t acked = seq_min(next_, seq_max(limits.acked, base_));
  Marks marks{};
  marks.needed = consumed_;
  marks.unacked = seq_min(marks.needed, acked);
  marks.wanted =
      next_ - base_ <= limits.window ? base_ : seq_min(marks.unacked, next_ - limits.window);

  if (end - marks.wanted <= room / 4 * 3) {
    slide(marks.wanted);
    return Insert::Done;
  }
  const bool ahead = seq_after(seq, next_);
  Insert refused = ahead ? Insert::OutOfWindow : Insert::NoRoom;
  const size_t largest = block_capacity(limits.bound);
  uint32_t keep = marks.wanted;
  if (room < largest) {
    keep = give_way(marks, end, largest, false);
    if (end - keep > largest) return refused;
    // It comes again when there is less of a hole: no reason to let it pass unread.
    const bool sparse = ahead && is_too_sparse(arena, seq);
    if (!sparse && grow(arena, keep, end, limits.bound)) {
      if (seq_after(keep, acked)) forgotten += keep - acked;
      return Insert::Done;
    }
    if (!sparse) refused = Insert::ArenaEmpty;
    if (block_ == nullptr) return refused;
  }
  keep = give_way(marks, end, room, true);
  if (end - keep > room || !is_worth_sliding(keep)) return refused;
  if (seq_after(keep, acked)) forgotten += keep - acked;
  slide(keep);
  return Insert::Done;
}

// Whether a segment at `seq` would take memory mostly for a hole, in an arena
// that others need.
bool StreamBuffer::is_too_sparse(const Arena& arena, uint32_t seq) const noexcept {
  if (arena.in_use() <= arena.capacity() / 2) return false;
  const uint32_t bytes = held();
  return seq - next_ > kHoleWhenScarce + 2 * bytes;
}

bool StreamBuffer::grow(Arena& arena, uint32_t keep, uint32_t end, uint32_t bound) noexcept {
  const size_t need = end - keep;
  size_t block = std::max(kFirstBlock, std::bit_ceil(need + kBlockOverhead));
  if (need > block_capacity(block) / 4 * 3) block *= 2;
  block = std::min<size_t>(block, bound);
  auto* fresh = static_cast<uint8_t*>(arena.allocate(block_capacity(block)));
  if (fresh == nullptr) return false;
  if (block_ != nullptr) {
    std::memcpy(fresh, at(keep), this->end() - keep);
    arena_free(block_);
  }
  block_ = fresh;
  order_ = static_cast<uint8_t>(std::countr_zero(block));
  move_base(keep);
  return true;
}

void StreamBuffer::slide(uint32_t keep) noexcept {
  std::memmove(block_, at(keep), this->end() - keep);
  move_base(keep);
}

void StreamBuffer::move_base(uint32_t keep) noexcept {
  base_offset_ += keep - base_;
  base_ = keep;
  begin_ = 0;
}

StreamBuffer::Insert StreamBuffer::prepare_island(Arena& arena, uint32_t begin,
                                                  uint32_t end) noexcept {
  if (island_ == nullptr) {
    island_ = static_cast<Island*>(arena.allocate(kMaxIslands * sizeof(Island)));
    return island_ != nullptr ? Insert::Done : Insert::ArenaEmpty;
  }
  if (islands_ < kMaxIslands) return Insert::Done;
  for (unsigned i = 0; i < islands_; ++i) {
    if (!seq_after(begin, island_[i].end) && !seq_after(island_[i].begin, end)) return Insert::Done;
  }
  return Insert::TooManyHoles;
}

// Islands that overlap or touch the new one become part of it.
void StreamBuffer::add_island(uint32_t begin, uint32_t end) noexcept {
  unsigned first = 0;
  while (first < islands_ && seq_after(begin, island_[first].end)) ++first;
  unsigned last = first;
  while (last < islands_ && !seq_after(island_[last].begin, end)) ++last;
  if (first == last) {
    std::memmove(island_ + first + 1, island_ + first, (islands_ - first) * sizeof(Island));
    island_[first] = {begin, end};
    ++islands_;
    return;
  }
  island_[first] = {seq_min(begin, island_[first].begin), seq_max(end, island_[last - 1].end)};
  drop_islands(first + 1, last - first - 1);
}

void StreamBuffer::join() noexcept {
  unsigned reached = 0;
  while (reached < islands_ && !seq_after(island_[reached].begin, next_)) {
    next_ = seq_max(next_, island_[reached++].end);
  }
  if (reached != 0) drop_islands(0, reached);
}

void StreamBuffer::drop_islands(unsigned from, unsigned count) noexcept {
  std::memmove(island_ + from, island_ + from + count, (islands_ - from - count) * sizeof(Island));
  islands_ = static_cast<uint8_t>(islands_ - count);
  if (islands_ != 0) return;
  arena_free(island_);
  island_ = nullptr;
}

}  // namespace sluice
