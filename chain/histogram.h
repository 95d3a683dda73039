// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A log-linear histogram: 16 steps an octave, so that a value is off by at most
// 1/16. Fixed size, one writer, any reader.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace sluice {

class Histogram {
 public:
  static constexpr unsigned kSteps = 16;
  static constexpr unsigned kBuckets = kSteps * 45;  // up to 2^48

  // Worker. `weight`: packets that share the value.
  void record(uint64_t value, uint64_t weight = 1) noexcept {
    buckets_[bucket_of(value)] += weight;
    if (value > max_) max_ = value;
  }

  // Any thread.
  uint64_t count() const noexcept;
  uint64_t percentile(
      double p) const noexcept;  // 0 < p <= 100: upper end of the bucket; 0 if empty
  uint64_t max() const noexcept { return max_; }
  const std::array<uint64_t, kBuckets>& buckets() const noexcept { return buckets_; }
  static uint64_t upper_bound(unsigned bucket) noexcept;  // largest value of the bucket

  void add(const Histogram& other) noexcept;
  void subtract(const Histogram& earlier) noexcept;  // for "since clear"; max stays

  static unsigned bucket_of(uint64_t value) noexcept {
    if (value < kSteps) return static_cast<unsigned>(value);
    const unsigned octave =
        static_cast<unsigned>(std::bit_width(value)) - 5;  // value >> octave in 16..31
    const unsigned bucket = (octave + 1) * kSteps + static_cast<unsigned>((value >> octave) & 15);
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }

 private:
  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t max_ = 0;
};

}  // namespace sluice
