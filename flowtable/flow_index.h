// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// From hash to entry number: buckets of one cache line, ten slots each, two
// candidate buckets a key. Knows no keys: it returns candidates by tag.
#pragma once

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "flowtable/flow_memory.h"

namespace sluice {

// Single worker. Sized so that `capacity` members load it to at most 80 %.
class FlowIndex {
 public:
  static constexpr unsigned kSlots = 10;

  struct alignas(64) Bucket {
    uint16_t tag[kSlots];  // 0: free; kAway set: the member's home is its other bucket
    uint32_t entry[kSlots];
    uint32_t strays;  // members whose home is here but who stay in their other bucket
  };
  static_assert(sizeof(Bucket) == 64);

  // Members of a bucket whose tag fits; at most kSlots, in slot order.
  class Matches {
   public:
    explicit Matches(uint32_t mask) : mask_(mask) {}
    bool empty() const noexcept { return mask_ == 0; }
    unsigned slot() const noexcept { return static_cast<unsigned>(__builtin_ctz(mask_)) / 2; }
    void next() noexcept { mask_ &= ~(3U << (slot() * 2)); }

   private:
    uint32_t mask_;  // two bits a slot
  };

  enum class Insert : uint8_t { Ok, Displaced, Full };

  FlowIndex(uint32_t capacity, bool huge_pages, int socket_id);

  Bucket& home(uint64_t hash) noexcept { return buckets_[home_of(hash)]; }
  Bucket& away(uint64_t hash) noexcept { return buckets_[other(home_of(hash), tag_of(hash))]; }

  // Candidates in the key's home bucket, in its other bucket.
  static Matches match_home(const Bucket& bucket, uint64_t hash) noexcept {
    return match(bucket, tag_of(hash));
  }
  static Matches match_away(const Bucket& bucket, uint64_t hash) noexcept {
    return match(bucket, tag_of(hash) | kAway);
  }

  // Full: both buckets are, and no member of theirs could move; nothing changed.
  Insert insert(uint64_t hash, uint32_t entry) noexcept;

  // `entry` must have been inserted with `hash`.
  void remove(uint64_t hash, uint32_t entry) noexcept;

  // The entries in both buckets of `hash`, returns how many.
  unsigned rivals(uint64_t hash, std::array<uint32_t, 2 * kSlots>& out) noexcept;

  size_t memory_bytes() const noexcept { return memory_.size(); }
  bool huge() const noexcept { return memory_.huge(); }
  size_t slots() const noexcept { return size_t{count_} * kSlots; }

 private:
  static constexpr uint32_t kAway = 0x8000;
  static constexpr uint32_t kFree = 0;

  // 1 .. 0x7fff, from other bits than the bucket's number.
  static uint32_t tag_of(uint64_t hash) noexcept {
    const auto tag = static_cast<uint32_t>(hash >> 49);
    return tag != 0 ? tag : 1;
  }

  // Any number of buckets, not only powers of two: memory as the capacity asks.
  uint32_t home_of(uint64_t hash) const noexcept {
    return static_cast<uint32_t>(((hash & 0xffffffff) * count_) >> 32);
  }

  // Its own inverse. May be the same bucket, then that key has one choice only.
  uint32_t other(uint32_t bucket, uint32_t tag) const noexcept {
    const auto sum = static_cast<uint32_t>(
        (((tag & ~kAway) * uint64_t{0x9e3779b1} & 0xffffffff) * count_) >> 32);
    return sum >= bucket ? sum - bucket : sum - bucket + count_;
  }

  static Matches match(const Bucket& bucket, uint32_t tag) noexcept {
    // The load runs past the tags into the entries; the mask cuts them off.
    const __m256i tags = _mm256_load_si256(reinterpret_cast<const __m256i*>(&bucket));
    const __m256i same = _mm256_cmpeq_epi16(tags, _mm256_set1_epi16(static_cast<int16_t>(tag)));
    return Matches(static_cast<uint32_t>(_mm256_movemask_epi8(same)) & ((1U << (2 * kSlots)) - 1));
  }

  static bool put(Bucket& bucket, uint32_t tag, uint32_t entry) noexcept;
  static bool drop(Bucket& bucket, uint32_t tag, uint32_t entry) noexcept;
  bool make_room(uint32_t bucket) noexcept;

  FlowMemory memory_;
  Bucket* buckets_;
  uint32_t count_;
};

}  // namespace sluice
