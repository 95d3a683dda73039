// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "flowtable/flow_ageing.h"

#include <immintrin.h>

#include <algorithm>
#include <cassert>

namespace sluice {
namespace {

constexpr uint64_t kHorizonNs = uint64_t{FlowAgeing::kHorizonTicks} << FlowAgeing::kTickShift;

bool sooner(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b) < 0;
}

}  // namespace

uint32_t FlowAgeing::deadline(uint64_t from_ns, uint64_t delay_ns) const noexcept {
  return tick(from_ns + std::min(delay_ns, kHorizonNs)) + 1;
}

uint32_t FlowAgeing::take_seat(uint32_t entry, uint64_t now_ns, uint64_t delay_ns) noexcept {
  uint32_t seat = free_;
  if (seat != kNone) {
    free_ = owners_[seat] & ~kFree;
  } else {
    assert(used_ < capacity_);
    seat = used_++;
  }
  owners_[seat] = entry;
  set(seat, now_ns, delay_ns);
  return seat;
}

void FlowAgeing::give_back(uint32_t seat) noexcept {
  owners_[seat] = kFree | free_;
  free_ = seat;
}

void FlowAgeing::lower(uint32_t seat, uint64_t from_ns, uint64_t delay_ns) noexcept {
  const uint32_t at = deadline(from_ns, delay_ns);
  if (sooner(at, deadlines_[seat])) deadlines_[seat] = at;
}

// One bit for each of `n` <= 8 seats from `first`.
uint32_t FlowAgeing::due_mask(uint32_t first, unsigned n, uint32_t now) const noexcept {
  if (n == 8) {
    const __m256i at = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(deadlines_ + first));
    const __m256i left = _mm256_sub_epi32(_mm256_set1_epi32(static_cast<int32_t>(now)), at);
    return ~static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(left))) & 0xffU;
  }
  uint32_t mask = 0;
  for (unsigned i = 0; i < n; ++i) {
    if (!sooner(now, deadlines_[first + i])) mask |= 1U << i;
  }
  return mask;
}

unsigned FlowAgeing::scan(uint64_t now_ns, unsigned& seats,
                          std::span<uint32_t, kScanMax> due) noexcept {
  // After a silence of weeks ticks may have wrapped past deadlines unseen.
  if (static_cast<int64_t>(now_ns - last_scan_ns_) > static_cast<int64_t>(kHorizonNs)) {
    examine_all_ = used_;
  }
  last_scan_ns_ = now_ns;
  if (cursor_ >= used_) cursor_ = 0;
  seats = std::min({seats, kScanMax, used_ - cursor_});
  const uint32_t now = tick(now_ns);
  unsigned found = 0;
  for (unsigned done = 0; done < seats; done += 8) {
    const unsigned n = std::min(8U, seats - done);
    uint32_t mask = due_mask(cursor_ + done, n, now);
    if (examine_all_ > 0) [[unlikely]] {
      mask = (1U << n) - 1;
      examine_all_ -= std::min(examine_all_, n);
    }
    for (; mask != 0; mask &= mask - 1) {
      const uint32_t seat = cursor_ + done + static_cast<unsigned>(__builtin_ctz(mask));
      if ((owners_[seat] & kFree) == 0) {
        due[found++] = owners_[seat];
      } else {
        deadlines_[seat] = now + kHorizonTicks;  // not looked at again for a while
      }
    }
  }
  cursor_ += seats;
  return found;
}

}  // namespace sluice
