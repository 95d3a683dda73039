// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Which of the rules that were read are used, and which of them drop.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::rules {

// Some rules by number.
class RuleNumbers {
 public:
  // "2019401", "1:2019401" or "2000000-2000099" (both ends included); without a
  // generator, 1. False, with what is allowed in `why`, if it is none of these.
  bool add(std::string_view text, std::string& why);
  bool contains(uint32_t gid, uint32_t sid) const noexcept;
  bool empty() const noexcept { return ranges_.empty(); }

 private:
  struct Range {
    uint32_t gid, first, last;
  };
  std::vector<Range> ranges_;
};

struct RuleSelection {
  RuleNumbers enable;   // in spite of `disable`
  RuleNumbers disable;  // read and checked, but left out
  RuleNumbers drop;     // alert becomes drop
};

}  // namespace sluice::rules
