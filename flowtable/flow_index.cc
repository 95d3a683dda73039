// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "flowtable/flow_index.h"

#include <algorithm>

namespace sluice {
namespace {

// Eight of ten slots used at capacity.
uint32_t bucket_count(uint32_t capacity) {
  return std::max((capacity + 7) / 8, 2U);
}

}  // namespace

FlowIndex::FlowIndex(uint32_t capacity, bool huge_pages, int socket_id)
    : memory_(size_t{bucket_count(capacity)} * sizeof(Bucket), huge_pages, socket_id),
      buckets_(reinterpret_cast<Bucket*>(memory_.data())),
      count_(bucket_count(capacity)) {}

bool FlowIndex::put(Bucket& bucket, uint32_t tag, uint32_t entry) noexcept {
  const Matches free = match(bucket, kFree);
  if (free.empty()) return false;
  bucket.tag[free.slot()] = static_cast<uint16_t>(tag);
  bucket.entry[free.slot()] = entry;
  return true;
}

bool FlowIndex::drop(Bucket& bucket, uint32_t tag, uint32_t entry) noexcept {
  for (Matches m = match(bucket, tag); !m.empty(); m.next()) {
    if (bucket.entry[m.slot()] != entry) continue;
    bucket.tag[m.slot()] = kFree;
    return true;
  }
  return false;
}

FlowIndex::Insert FlowIndex::insert(uint64_t hash, uint32_t entry) noexcept {
  const uint32_t tag = tag_of(hash);
  const uint32_t first = home_of(hash);
  const uint32_t second = other(first, tag);
  if (put(buckets_[first], tag, entry)) return Insert::Ok;
  if (put(buckets_[second], tag | kAway, entry)) {
    ++buckets_[first].strays;
    return Insert::Ok;
  }
  if (make_room(first)) {
    put(buckets_[first], tag, entry);
    return Insert::Displaced;
  }
  if (make_room(second)) {
    put(buckets_[second], tag | kAway, entry);
    ++buckets_[first].strays;
    return Insert::Displaced;
  }
  return Insert::Full;
}

// One step is enough: with a fifth of the slots free, the other buckets of ten
// members are practically never all full.
bool FlowIndex::make_room(uint32_t bucket) noexcept {
  Bucket& from = buckets_[bucket];
  for (unsigned slot = 0; slot < kSlots; ++slot) {
    const uint32_t tag = from.tag[slot];
    Bucket& to = buckets_[other(bucket, tag)];
    if (!put(to, tag ^ kAway, from.entry[slot])) continue;
    if ((tag & kAway) != 0) {
      --to.strays;
    } else {
      ++from.strays;
    }
    from.tag[slot] = kFree;
    return true;
  }
  return false;
}

void FlowIndex::remove(uint64_t hash, uint32_t entry) noexcept {
  const uint32_t tag = tag_of(hash);
  Bucket& first = home(hash);
  if (drop(first, tag, entry)) return;
  if (drop(away(hash), tag | kAway, entry)) --first.strays;
}

unsigned FlowIndex::rivals(uint64_t hash, std::array<uint32_t, 2 * kSlots>& out) noexcept {
  unsigned n = 0;
  for (const Bucket* bucket : {&home(hash), &away(hash)}) {
    for (unsigned slot = 0; slot < kSlots; ++slot) {
      if (bucket->tag[slot] != kFree) out[n++] = bucket->entry[slot];
    }
  }
  return n;
}

}  // namespace sluice
