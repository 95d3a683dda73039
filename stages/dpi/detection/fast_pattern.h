// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The literal of a rule that its prefilter looks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "stages/dpi/rules/rule.h"

namespace sluice::rules {

struct FastPattern {
  size_t match = 0;   // position among Rule::buffers without those of the flow's context
  std::string bytes;  // lower case where `nocase`
  bool nocase = false;
  unsigned strength = 0;  // how much it says; more is rarer
  bool common = false;    // in most exchanges, or one of a few values
  // Where an occurrence may end, counted from the buffer's start, for the content
  // to lie where the rule wants it. high 0: anywhere.
  uint32_t low = 0, high = 0;
  bool placed() const noexcept { return high != 0; }
};

// Patterns that end behind so many bytes count as being anywhere.
inline constexpr uint32_t kMaxFront = 256;

// Of a rule on transactions, whose buffers count alone: the pattern that the rule
// names, unless it is in most exchanges, else the one that says most. Nothing where
// no content must be found.
std::optional<FastPattern> buffer_pattern(const Rule& rule);
// Of a rule on payload. One with a place is taken where it says nearly as much as
// the best, because only a buffer's beginning has to be searched for it.
std::optional<FastPattern> payload_pattern(const Rule& rule);
// Whether a rule on transactions that asks for payload, too, is better looked for there.
bool is_better_in_payload(const std::optional<FastPattern>& in_payload,
                          const std::optional<FastPattern>& in_buffer);

}  // namespace sluice::rules
