// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// When to look at which flow again: one coarse deadline a flow, swept in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "flowtable/flow_memory.h"

namespace sluice {

// Each live flow has a seat. Seats are given out and taken back when flows
// start and end, not when their entries are released, so that the order of the
// sweep does not depend on how fast later workers are. A deadline is a hint: it
// is never later than a flow's time-out by more than a tick, unless a state
// change has shortened the time-out and nobody called lower().
class FlowAgeing {
 public:
  static constexpr unsigned kScanMax = 64;
  static constexpr unsigned kTickShift = 20;  // a tick is 2^20 ns
  // No deadline is set further ahead: ticks wrap after 52 days.
  static constexpr uint32_t kHorizonTicks = 1U << 30;

  // Both arrays hold `capacity` elements and stay the owner's.
  FlowAgeing(uint32_t* deadlines, uint32_t* owners, uint32_t capacity) noexcept
      : deadlines_(deadlines), owners_(owners), capacity_(capacity) {}

  // The first timestamp that the table sees; ticks count from there.
  void start(uint64_t now_ns) noexcept { base_ns_ = last_scan_ns_ = now_ns; }

  uint32_t take_seat(uint32_t entry, uint64_t now_ns, uint64_t delay_ns) noexcept;
  void give_back(uint32_t seat) noexcept;

  // Look again `delay_ns` after `from_ns`.
  void set(uint32_t seat, uint64_t from_ns, uint64_t delay_ns) noexcept {
    deadlines_[seat] = deadline(from_ns, delay_ns);
  }
  // The same, but never later than before.
  void lower(uint32_t seat, uint64_t from_ns, uint64_t delay_ns) noexcept;

  // Goes on where the last call stopped, over at most `seats` <= kScanMax, and
  // writes the entries whose deadline has passed. Sets `seats` to how many it
  // looked at.
  unsigned scan(uint64_t now_ns, unsigned& seats, std::span<uint32_t, kScanMax> due) noexcept;

  uint32_t tick(uint64_t ns) const noexcept {
    return static_cast<uint32_t>(static_cast<int64_t>(ns - base_ns_) >> kTickShift);
  }
  uint32_t seats_used() const noexcept { return used_; }

 private:
  static constexpr uint32_t kFree = 1U << 31;  // in owners_: free, the rest is the next free seat
  static constexpr uint32_t kNone = kFree - 1;

  uint32_t deadline(uint64_t from_ns, uint64_t delay_ns) const noexcept;
  uint32_t due_mask(uint32_t first, unsigned n, uint32_t now) const noexcept;

  uint32_t* deadlines_;
  uint32_t* owners_;
  uint32_t capacity_;
  uint32_t used_ = 0;  // seats ever taken; the others were never written
  uint32_t free_ = kNone;
  uint32_t cursor_ = 0;
  uint32_t examine_all_ = 0;  // seats still to be looked at whatever their deadline
  uint64_t base_ns_ = 0;
  uint64_t last_scan_ns_ = 0;
};

}  // namespace sluice
