// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Items of a rule, written as the rule would: content("abc").within(5).
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <gtest/gtest.h>
#include <pcre2.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stages/dpi/rules/buffer_matcher.h"

namespace sluice::rules {

// A variable of byte_extract or byte_math in the place of a number.
struct Var {
  int8_t index;
};
struct Num : RuleNumber {
  Num(int64_t v) { value = v; }       // NOLINT: reads like the rule
  Num(Var v) { variable = v.index; }  // NOLINT
};

class Content {
 public:
  explicit Content(std::string_view bytes, bool negated) {
    content_.bytes = bytes;
    content_.negated = negated;
  }
  Content& nocase() { return content_.nocase = true, *this; }
  Content& endswith() { return content_.endswith = true, *this; }
  Content& startswith() { return depth(static_cast<int64_t>(content_.bytes.size())); }
  Content& offset(Num n) { return content_.offset = n, *this; }
  Content& depth(Num n) { return content_.depth = n, *this; }
  Content& distance(Num n) { return content_.distance = n, *this; }
  Content& within(Num n) { return content_.within = n, *this; }
  operator RuleItem() const { return content_; }  // NOLINT
  const RuleContent& get() const { return content_; }

 private:
  RuleContent content_;
};

inline Content content(std::string_view bytes) {
  return Content(bytes, false);
}
inline Content no_content(std::string_view bytes) {
  return Content(bytes, true);
}

inline RulePcre pcre(std::string_view expression, uint32_t options = 0, bool relative = false) {
  return {std::string(expression), options, false, relative};
}
inline RulePcre pcre_r(std::string_view expression, uint32_t options = 0) {
  return pcre(expression, options, true);
}
inline RulePcre no_pcre(std::string_view expression, bool relative = false) {
  return {std::string(expression), 0, true, relative};
}

inline RuleBytes bytes(Num count, Num offset, bool relative = false) {
  RuleBytes b;
  b.count = count;
  b.offset = offset;
  b.relative = relative;
  return b;
}
inline RuleBytes relative(Num count, Num offset) {
  return bytes(count, offset, true);
}
inline RuleBytes text(RuleBytes b, uint8_t base) {
  return b.text_base = base, b;
}
inline RuleBytes little(RuleBytes b) {
  return b.little_endian = true, b;
}
inline RuleBytes mask(RuleBytes b, uint32_t bits) {
  return b.bitmask = bits, b;
}

inline RuleByteTest byte_test(RuleBytes read, RuleCompare compare, Num value,
                              bool negated = false) {
  return {read, compare, negated, value};
}
inline RuleByteJump byte_jump(RuleBytes read, int32_t post_offset = 0) {
  RuleByteJump jump;
  jump.read = read;
  jump.post_offset = post_offset;
  return jump;
}
inline RuleByteExtract byte_extract(RuleBytes read, Var to, uint16_t multiplier = 1,
                                    uint8_t align = 0) {
  return {read, static_cast<uint8_t>(to.index), multiplier, align};
}
inline RuleByteMath byte_math(RuleBytes read, char operation, Num operand, Var to) {
  return {read, operation, operand, static_cast<uint8_t>(to.index)};
}
inline RuleIsDataAt isdataat(Num position, bool relative = false) {
  return {position, relative, false};
}
inline RuleIsDataAt no_dataat(Num position, bool relative = false) {
  return {position, relative, true};
}
inline RuleBsize bsize(int64_t low, int64_t high) {
  return {{low, high, false}};
}

inline BufferView whole(std::string_view bytes) {
  static constexpr uint8_t kNothing = 0;
  BufferView view;
  view.data = bytes.empty() ? &kNothing : reinterpret_cast<const uint8_t*>(bytes.data());
  view.size = static_cast<uint32_t>(bytes.size());
  view.complete = true;
  return view;
}

using Items = std::vector<RuleItem>;

inline BufferMatcher compiled(Items items, std::vector<RuleTransform> transforms = {}) {
  RuleBufferMatch match;
  match.items = std::move(items);
  match.transforms = std::move(transforms);
  PcreCache cache;
  std::string why;
  auto matcher = BufferMatcher::compile(match, cache, why);
  if (!matcher) throw std::runtime_error(why);
  return std::move(*matcher);
}

// The whole of `bytes`, copied to where a byte too far is seen by a sanitizer.
inline bool holds(const BufferMatcher& matcher, std::string_view bytes, MatchScratch& scratch) {
  const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
  scratch.begin_rule();
  return matcher.matches(whole({reinterpret_cast<const char*>(exact.data()), exact.size()}),
                         scratch);
}
inline bool holds(Items items, std::string_view bytes) {
  MatchScratch scratch;
  return holds(compiled(std::move(items)), bytes, scratch);
}

}  // namespace sluice::rules
