// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/split_horizon.h"

namespace sluice {

SplitHorizon::SplitHorizon(uint64_t seed)
    : seed_(seed * 0x9e3779b97f4a7c15ull | 1), buckets_(std::make_unique<Bucket[]>(kBuckets)) {}

bool SplitHorizon::admit(uint64_t key, unsigned side, uint64_t now_ns) noexcept {
  static_assert(kBuckets == 512, "nine bits of the hash");
  const uint64_t here = key | (side != 0 ? kSide : 0);
  Bucket& bucket = buckets_[(key * seed_) >> 55];
  Entry* oldest = &bucket.ways[0];
  for (Entry& entry : bucket.ways) {
    if ((entry.key & ~kSide) == key) {
      // Silent for long enough, or heard where it was: from now on it is here.
      if (entry.key != here && now_ns - entry.heard_ns < kHold_ns) return false;
      entry = {here, now_ns};
      return true;
    }
    if (entry.heard_ns < oldest->heard_ns) oldest = &entry;
  }
  *oldest = {here, now_ns};
  return true;
}

}  // namespace sluice
