// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Unix time in nanoseconds from the TSC: one multiplication, no system call.
#pragma once

#include <rte_cycles.h>

#include <cstdint>
#include <ctime>

namespace sluice {

// Set once at start; drifts from the wall clock as the TSC does, and never
// goes back.
class TscClock {
 public:
  TscClock() noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    base_tsc_ = rte_rdtsc();
    base_ns_ =
        static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
    scale_ = (1'000'000'000ull << 32) / (rte_get_tsc_hz() ? rte_get_tsc_hz() : 1);
  }
  uint64_t now_ns(uint64_t tsc) const noexcept { return base_ns_ + to_ns(tsc - base_tsc_); }
  uint64_t to_ns(uint64_t cycles) const noexcept {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(cycles) * scale_) >> 32);
  }

 private:
  uint64_t base_tsc_;
  uint64_t base_ns_;
  uint64_t scale_;  // ns a cycle, 32 fractional bits
};

}  // namespace sluice
