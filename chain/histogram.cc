// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/histogram.h"

#include <algorithm>
#include <cmath>

namespace sluice {

uint64_t Histogram::count() const noexcept {
  uint64_t sum = 0;
  for (const uint64_t n : buckets_) sum += n;
  return sum;
}

uint64_t Histogram::upper_bound(unsigned bucket) noexcept {
  if (bucket < kSteps) return bucket;
  const unsigned octave = bucket / kSteps - 1;
  const uint64_t step = kSteps + bucket % kSteps;
  return ((step + 1) << octave) - 1;
}

uint64_t Histogram::percentile(double p) const noexcept {
  const uint64_t total = count();
  if (total == 0) return 0;
  const auto wanted = static_cast<uint64_t>(std::ceil(static_cast<double>(total) * p / 100.0));
  uint64_t seen = 0;
  for (unsigned i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= std::max<uint64_t>(wanted, 1)) return std::min(upper_bound(i), max_);
  }
  return max_;
}

void Histogram::add(const Histogram& other) noexcept {
  for (unsigned i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  max_ = std::max(max_, other.max_);
}

void Histogram::subtract(const Histogram& earlier) noexcept {
  for (unsigned i = 0; i < kBuckets; ++i) buckets_[i] -= std::min(buckets_[i], earlier.buckets_[i]);
}

}  // namespace sluice
