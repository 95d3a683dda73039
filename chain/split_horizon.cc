// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/split_horizon.h"

#include <rte_hash_crc.h>

namespace sluice {

SplitHorizon::SplitHorizon(uint64_t seed)
    : seed_(seed * 0x9e3779b97f4a7c15ull | 1),
      buckets_(std::make_unique<Bucket[]>(kBuckets)),
      marks_(std::make_unique<MarkSet[]>(kMarks / kWays)) {}

SplitHorizon::Passage SplitHorizon::admit(const rte_mbuf* m, uint64_t key, unsigned side,
                                          uint64_t now_ns) noexcept {
  static_assert(kBuckets == 512, "nine bits of the hash");
  const uint64_t now = now_ns >> kTickShift;
  const uint64_t here = key | (side != 0 ? kSide : 0);
  Bucket& bucket = buckets_[(key * seed_) >> 55];
  Entry* oldest = &bucket.ways[0];
  for (Entry& entry : bucket.ways) {
    if (entry.key == here) return heard_again(entry, m, side, now);
    if ((entry.key & ~kSide) == key) return heard_elsewhere(entry, m, side, now);
    if (oldest->key != 0 && (entry.key == 0 || silence(entry, now) > silence(*oldest, now))) {
      oldest = &entry;
    }
  }
  oldest->key = here;
  oldest->heard = now & kTickMask;
  oldest->credit = 1;
  settle(*oldest, now);
  return Passage::Passes;
}

SplitHorizon::Passage SplitHorizon::heard_again(Entry& entry, const rte_mbuf* m, unsigned side,
                                                uint64_t now) noexcept {
  if (is_disputed(entry, now)) [[unlikely]] {
    // The other's frames come back, too.
    if (is_marked(print(m, 1 - side), now)) return Passage::Refused;
    mark(print(m, side), now);
    entry.heard = now & kTickMask;
    return Passage::Passes;
  }
  entry.heard = now & kTickMask;
  settle(entry, now);
  if (entry.credit == kMaxCredit) return Passage::AllPass;
  ++entry.credit;
  return Passage::Passes;
}

SplitHorizon::Passage SplitHorizon::heard_elsewhere(Entry& entry, const rte_mbuf* m, unsigned side,
                                                    uint64_t now) noexcept {
  const bool silent = silence(entry, now) >= kHold;
  const bool copy = is_marked(print(m, 1 - side), now);
  if (copy || (!silent && entry.credit != 0)) {
    if (!copy) --entry.credit;
    dispute(entry, now);
    return Passage::Refused;
  }
  const bool disputed = is_disputed(entry, now);
  entry.key ^= kSide;
  entry.heard = now & kTickMask;
  if (silent && !disputed) {  // it has moved
    entry.credit = 1;
    settle(entry, now);
    return Passage::Passes;
  }
  entry.credit = 0;
  mark(print(m, side), now);
  if (silent) return Passage::Passes;
  // More than ever can come back: somebody else has that address.
  dispute(entry, now);
  disputed_key_.store(entry.key, std::memory_order_relaxed);
  disputes_.store(disputes_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return Passage::Passes;
}

// Never 0, which is a free mark.
uint32_t SplitHorizon::print(const rte_mbuf* m, unsigned side) const noexcept {
  const uint32_t length = std::min<uint32_t>(m->data_len, kCompared);
  const uint32_t seed = static_cast<uint32_t>(seed_ >> 32) ^ (m->pkt_len << 1 | side);
  return rte_hash_crc(rte_pktmbuf_mtod(m, const void*), length, seed) | 1;
}

void SplitHorizon::mark(uint32_t print, uint64_t now) noexcept {
  MarkSet& set = set_of(print);
  Mark* oldest = &set.ways[0];
  const auto tick = static_cast<uint32_t>(now);
  for (Mark& mark : set.ways) {
    if (tick - mark.tick > tick - oldest->tick) oldest = &mark;
  }
  *oldest = {print, tick};
}

bool SplitHorizon::is_marked(uint32_t print, uint64_t now) const noexcept {
  const auto tick = static_cast<uint32_t>(now);
  const MarkSet& set = set_of(print);
  return std::any_of(std::begin(set.ways), std::end(set.ways), [&](const Mark& mark) {
    return mark.print == print && tick - mark.tick < kHold;
  });
}

}  // namespace sluice
