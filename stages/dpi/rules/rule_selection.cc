// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/rule_selection.h"

#include <algorithm>
#include <charconv>

namespace sluice::rules {
namespace {

bool parse_number(std::string_view text, uint32_t& out) {
  const char* end = text.data() + text.size();
  const auto [parsed, code] = std::from_chars(text.data(), end, out);
  return !text.empty() && code == std::errc{} && parsed == end;
}

}  // namespace

bool RuleNumbers::add(std::string_view text, std::string& why) {
  why = "SID, GID:SID or SID-SID, each 1 to 4294967295, the lower one first";
  Range range{1, 0, 0};
  if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
    if (!parse_number(text.substr(0, colon), range.gid)) return false;
    text.remove_prefix(colon + 1);
  }
  const size_t dash = text.find('-');
  if (!parse_number(text.substr(0, dash), range.first)) return false;
  range.last = range.first;
  if (dash != std::string_view::npos && !parse_number(text.substr(dash + 1), range.last)) {
    return false;
  }
  if (range.first == 0 || range.gid == 0 || range.first > range.last) return false;
  ranges_.push_back(range);
  why.clear();
  return true;
}

bool RuleNumbers::contains(uint32_t gid, uint32_t sid) const noexcept {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& r) {
    return r.gid == gid && sid >= r.first && sid <= r.last;
  });
}

}  // namespace sluice::rules
