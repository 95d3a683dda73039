// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Sets of numbers as sorted ranges: the addresses and ports that a rule's
// header names, with lists and negation worked out when the rule is read.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::rules {

// T is an unsigned integer of any width. Changed while rules are read, only
// asked on a worker.
template <typename T>
class RangeSet {
 public:
  struct Range {
    T first;
    T last;  // inclusive
    auto operator<=>(const Range&) const = default;
  };
  static constexpr T kMax = static_cast<T>(~T{0});

  static RangeSet all() {
    RangeSet set;
    set.insert(0, kMax);
    return set;
  }

  void insert(T first, T last) {
    ranges_.push_back({first, last});
    merge();
  }

  void unite(const RangeSet& other) {
    ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
    merge();
  }

  void complement() {
    std::vector<Range> gaps;
    T next = 0;
    bool open = true;  // numbers from `next` on are still to be told
    for (const Range& range : ranges_) {
      if (range.first > next) gaps.push_back({next, static_cast<T>(range.first - 1)});
      open = range.last != kMax;
      next = static_cast<T>(range.last + 1);
    }
    if (open) gaps.push_back({next, kMax});
    ranges_ = std::move(gaps);
  }

  // Ascending, apart from each other.
  const std::vector<Range>& ranges() const noexcept { return ranges_; }
  bool empty() const noexcept { return ranges_.empty(); }
  bool is_all() const noexcept {
    return ranges_.size() == 1 && ranges_[0].first == 0 && ranges_[0].last == kMax;
  }

  bool contains(T value) const noexcept {
    size_t low = 0;
    size_t high = ranges_.size();
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (value > ranges_[middle].last) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low < ranges_.size() && ranges_[low].first <= value;
  }

  auto operator<=>(const RangeSet&) const = default;

 private:
  // Restores order; ranges that touch become one, so that equal sets compare equal.
  void merge() {
    std::sort(ranges_.begin(), ranges_.end());
    size_t kept = 0;
    for (size_t i = 1; i < ranges_.size(); ++i) {
      Range& last = ranges_[kept];
      if (last.last == kMax || ranges_[i].first <= static_cast<T>(last.last + 1)) {
        last.last = std::max(last.last, ranges_[i].last);
      } else {
        ranges_[++kept] = ranges_[i];
      }
    }
    if (!ranges_.empty()) ranges_.resize(kept + 1);
  }

  std::vector<Range> ranges_;  // ascending, apart from each other by at least one number
};

}  // namespace sluice::rules
