// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Longest-prefix match over many prefixes in little memory.
//
// Theory of operation: nested prefixes cut the address space into disjoint
// ranges, each of which belongs to the longest prefix that covers it. The
// starts of the ranges lie sorted in one array, the answers in another; a
// small index over the leading bits narrows the binary search. n prefixes make
// at most 2n + 1 ranges. Nothing changes after build(), so that any number of
// workers may read. rte_lpm and rte_fib answer faster, but want 64 MiB a table,
// and a flow asks here only once a policy.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice {

using Ipv6Number = unsigned __int128;

// `Address`: uint32_t or Ipv6Number, host byte order.
template <typename Address>
class PrefixRanges {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};
  static constexpr unsigned kWidth = sizeof(Address) * 8;

  struct Prefix {
    Address first;
    uint8_t length;
    uint32_t answer;
  };

  // Prefixes are distinct, host bits zero. `set_parent(answer, parent)` is
  // called once for each, with the next shorter prefix's answer or kNone.
  template <typename F>
  void build(std::vector<Prefix> prefixes, F&& set_parent) {
    std::sort(prefixes.begin(), prefixes.end(), [](const Prefix& a, const Prefix& b) {
      return a.first != b.first ? a.first < b.first : a.length < b.length;
    });
    starts_.clear();
    answers_.clear();
    std::vector<Prefix> open;
    const auto close = [&] {
      const Address end = last(open.back());
      open.pop_back();
      if (end != static_cast<Address>(~Address{0})) {
        begin_range(end + 1, open.empty() ? kNone : open.back().answer);
      }
    };
    begin_range(0, kNone);
    for (const Prefix& p : prefixes) {
      while (!open.empty() && last(open.back()) < p.first) close();
      set_parent(p.answer, open.empty() ? kNone : open.back().answer);
      open.push_back(p);
      begin_range(p.first, p.answer);
    }
    while (!open.empty()) close();
    build_index();
  }

  // The answer of the longest prefix with `address`; kNone if there is none.
  uint32_t find(Address address) const noexcept {
    if (starts_.size() <= 1) return answers_.empty() ? kNone : answers_[0];
    const auto bucket = static_cast<size_t>(address >> shift_);
    const Address* low = starts_.data() + index_[bucket];
    size_t count = index_[bucket + 1] - index_[bucket] + 1;
    // The last start that is not behind `address`; *low never is.
    while (count > 1) {
      const size_t half = count / 2;
      low = low[half] <= address ? low + half : low;
      count -= half;
    }
    return answers_[static_cast<size_t>(low - starts_.data())];
  }

  size_t ranges() const noexcept { return starts_.size(); }

 private:
  static Address last(const Prefix& p) {
    if (p.length == 0) return static_cast<Address>(~Address{0});
    return p.first | static_cast<Address>((Address{1} << (kWidth - p.length)) - 1);
  }

  void begin_range(Address start, uint32_t answer) {
    if (!starts_.empty() && starts_.back() == start) {
      answers_.back() = answer;
      return;
    }
    starts_.push_back(start);
    answers_.push_back(answer);
  }

  // index_[b]: the range of the first address of bucket b.
  void build_index() {
    const unsigned bits =
        std::clamp(static_cast<unsigned>(std::bit_width(starts_.size())), 1u, 16u);
    shift_ = kWidth - bits;
    index_.assign((size_t{1} << bits) + 1, 0);
    uint32_t range = 0;
    for (size_t b = 0; b < index_.size() - 1; ++b) {
      const Address first = static_cast<Address>(b) << shift_;
      while (range + 1 < starts_.size() && starts_[range + 1] <= first) ++range;
      index_[b] = range;
    }
    index_.back() = static_cast<uint32_t>(starts_.size() - 1);
  }

  std::vector<Address> starts_;
  std::vector<uint32_t> answers_;
  std::vector<uint32_t> index_;
  unsigned shift_ = kWidth - 1;
};

}  // namespace sluice
