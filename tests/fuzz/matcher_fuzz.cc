// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Any items over any view: the answer is the same twice, and neither depends on
// bytes outside the view nor takes more than the bounded number of steps.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "stages/dpi/rules/buffer_matcher.h"

using namespace sluice;
using namespace sluice::rules;

namespace {

// Choices out of the input's front; zeroes when it is used up.
class Choices {
 public:
  Choices(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  bool one_in(unsigned n) { return byte() % n == 0; }
  std::string text(size_t n) {
    std::string out;
    for (size_t i = 0; i < n && size_ > 0; ++i) out += static_cast<char>(byte());
    return out;
  }
  // Small numbers mostly, and now and then any.
  RuleNumber number() {
    RuleNumber number;
    const uint8_t kind = byte();
    if (kind < 24) {
      number.variable = static_cast<int8_t>(kind % kMaxRuleVariables);
    } else if (kind < 32) {
      for (int i = 0; i < 8; ++i) {
        number.value = static_cast<int64_t>(static_cast<uint64_t>(number.value) << 8 | byte());
      }
    } else {
      number.value = static_cast<int8_t>(byte());
    }
    return number;
  }
  std::optional<RuleNumber> maybe() {
    return one_in(3) ? std::optional<RuleNumber>(number()) : std::nullopt;
  }
  const uint8_t* rest() const { return data_; }
  size_t left() const { return size_; }

 private:
  const uint8_t* data_;
  size_t size_;
};

RuleBytes bytes(Choices& in) {
  static constexpr uint8_t kBases[] = {0, 0, 0, 8, 10, 16};
  RuleBytes out;
  out.count = in.number();
  if (!out.count.is_variable()) out.count.value = static_cast<int64_t>(in.byte() % 9);
  out.offset = in.number();
  out.relative = in.one_in(2);
  out.little_endian = in.one_in(2);
  out.text_base = kBases[in.byte() % 6];
  out.bitmask = in.one_in(4) ? in.byte() * 0x01010101u : 0;
  return out;
}

RuleItem item(Choices& in) {
  static constexpr const char* kExpressions[] = {
      "a", "^a+b", "(?:a|b)*c", "x*", "(\\w)\\1", "a\\Kb", "(?<=a)b", "(*NO_JIT)(a|b)+$", "\\Ga"};
  switch (in.byte() % 12) {
    case 0: {
      RulePcre pcre;
      pcre.expression = kExpressions[in.byte() % 9];
      pcre.pcre2_options = in.one_in(2) ? PCRE2_DOTALL | PCRE2_CASELESS : 0;
      pcre.negated = in.one_in(4);
      pcre.relative = in.one_in(2);
      return pcre;
    }
    case 1:
      return RuleByteTest{bytes(in), static_cast<RuleCompare>(in.byte() % 8), in.one_in(4),
                          in.number()};
    case 2: {
      RuleByteJump jump;
      jump.read = bytes(in);
      jump.multiplier = static_cast<uint16_t>(in.byte() << 8 | 1);
      jump.post_offset = static_cast<int8_t>(in.byte());
      jump.align = in.one_in(3);
      jump.from_beginning = in.one_in(4);
      jump.from_end = in.one_in(4);
      return jump;
    }
    case 3:
      return RuleByteExtract{bytes(in), static_cast<uint8_t>(in.byte() % kMaxRuleVariables),
                             in.byte(), static_cast<uint8_t>(in.byte() % 3 * 2)};
    case 4:
      return RuleByteMath{bytes(in), "+-*/<>"[in.byte() % 6], in.number(),
                          static_cast<uint8_t>(in.byte() % kMaxRuleVariables)};
    case 5:
      return RuleIsDataAt{in.number(), in.one_in(2), in.one_in(3)};
    case 6:
      return RuleBsize{{in.number().value, in.number().value, in.one_in(3)}};
    default: {
      RuleContent content;
      content.bytes = in.text(1 + in.byte() % (in.one_in(8) ? 200 : 6));
      content.negated = in.one_in(5);
      content.nocase = in.one_in(2);
      content.endswith = in.one_in(8);
      content.offset = in.maybe();
      content.depth = in.maybe();
      content.distance = in.maybe();
      content.within = in.maybe();
      return content;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto& scratch = *new MatchScratch;
  static auto& cache = *new PcreCache;
  Choices in(data, size);
  RuleBufferMatch match;
  for (unsigned transforms = in.byte() % 8; transforms > 5; --transforms) {
    match.transforms.push_back(static_cast<RuleTransform>(in.byte() % 11));
  }
  for (unsigned items = 1 + in.byte() % 6; items > 0; --items) match.items.push_back(item(in));
  BufferView view;
  view.complete = in.one_in(2);
  view.offset = in.one_in(3) ? in.byte() : 0;
  // A copy of its own, so that a byte too far is seen.
  view.size = static_cast<uint32_t>(in.left());
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[view.size]);
  std::copy_n(in.rest(), view.size, exact.get());
  view.data = exact.get();

  std::string why;
  const auto matcher = BufferMatcher::compile(match, cache, why);
  if (!matcher) {
    if (why.empty()) std::abort();
    return 0;
  }
  scratch.begin_rule();
  const uint64_t pcre_before = scratch.limits().pcre;
  const bool first = matcher->matches(view, scratch);
  // What slow expressions are given up for is time, which differs.
  const bool timed = scratch.limits().pcre != pcre_before;
  scratch.begin_rule();
  if (matcher->matches(view, scratch) != first && !timed) std::abort();
  // Fewer bytes than the contents need cannot hold them.
  if (first && match.transforms.empty() && !matcher->only_negated() && view.size == 0) {
    for (const RuleItem& i : match.items) {
      const auto* content = std::get_if<RuleContent>(&i);
      if (content != nullptr && !content->negated) std::abort();
    }
  }
  return 0;
}
