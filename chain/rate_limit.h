// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <algorithm>
#include <cstdint>

namespace sluice {

// A token bucket that holds one second's worth. One worker's.
class RateLimit {
 public:
  explicit RateLimit(uint32_t per_second) noexcept
      : per_second_(per_second), tokens_ns_(per_second * kSecond) {}

  // Whether one more may go at `now_ns`; time that steps back adds nothing.
  bool take(uint64_t now_ns) noexcept {
    if (now_ns > last_ns_) {
      const uint64_t passed = std::min(now_ns - last_ns_, kSecond);
      tokens_ns_ = std::min(tokens_ns_ + passed * per_second_, per_second_ * kSecond);
      last_ns_ = now_ns;
    }
    if (tokens_ns_ < kSecond) return false;
    tokens_ns_ -= kSecond;
    return true;
  }

 private:
  static constexpr uint64_t kSecond = 1'000'000'000;
  uint64_t per_second_;
  uint64_t tokens_ns_;  // tokens times 10^9
  uint64_t last_ns_ = 0;
};

}  // namespace sluice
