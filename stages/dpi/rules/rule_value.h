// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The values of a rule's options: fields, numbers, ranges, quotes, |41 42|.
// What does not parse is thrown as RuleRefused, at the byte that is wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "stages/dpi/rules/rule.h"
#include "stages/dpi/rules/rule_loader.h"

namespace sluice::rules {

// The first thing that stands against a rule; caught where a rule is read.
struct RuleRefused {
  RefusalKind kind;
  size_t offset;    // in the rule
  std::string key;  // empty: the keyword that is being read
  std::string found;
  std::string allowed;
};

// A part of a rule, without the blanks around it.
struct RuleValue {
  size_t offset = 0;  // of `text` in the rule
  std::string_view text;

  bool empty() const noexcept { return text.empty(); }
  // Bytes [from, from + count), trimmed.
  RuleValue part(size_t from, size_t count = std::string_view::npos) const noexcept;
  // Takes `prefix`, and blanks behind it, off the front.
  bool take(std::string_view prefix) noexcept;
};

// `value` as the thing that was found: quoted, or "nothing".
[[noreturn]] void refuse(const RuleValue& value, std::string allowed);
[[noreturn]] void refuse(const RuleValue& at, std::string found, std::string allowed);
// In Suricata's language, but not within what Sluice evaluates.
[[noreturn]] void refuse_unsupported(const RuleValue& at, std::string found, std::string allowed);

// "a, b , c" field by field.
class RuleFields {
 public:
  explicit RuleFields(const RuleValue& value, char separator = ',') noexcept
      : rest_(value), separator_(separator) {}
  bool more() const noexcept { return !done_; }
  // The next one, which may be empty; behind the last one an empty one.
  RuleValue next() noexcept;
  // The next one, which must be there; `name` says what it is.
  RuleValue expect(const char* name);
  void end();  // refuses what is left

 private:
  RuleValue rest_;
  char separator_;
  bool done_ = false;
};

// Decimal, both ends included.
int64_t parse_number(const RuleValue& value, int64_t low, int64_t high);
// As in C: 0x1f, 017, 15.
int64_t parse_c_number(const RuleValue& value, int64_t low, int64_t high);
// Whether it is such a number and no name.
bool looks_like_number(const RuleValue& value) noexcept;
// Suricata's unsigned integers: N, !N, <N, <=N, >N, >=N, A-B and A<>B (both ends
// left out), !A-B. What no number up to `max` satisfies is refused.
RuleRange parse_range(RuleValue value, int64_t max);
// <, <=, =, !=, >, >= with a number of 0 to `max`.
RuleRange compare_range(const RuleValue& op, const RuleValue& number, int64_t max);

// Takes the quotes off; refuses what has none.
RuleValue unquoted(const RuleValue& value);
// Takes them off where they are.
RuleValue maybe_unquoted(const RuleValue& value) noexcept;
// The bytes of a content without its quotes: \; \" \\ \: and |41 42|. 1 to kMaxContentBytes.
std::string parse_content_bytes(const RuleValue& value);
// UTF-8 without control characters (a blank each) or other bytes (U+FFFD each).
std::string parse_message(const RuleValue& value);
// A name of flow bits and their like: printable, no blanks, at most 128 bytes.
std::string parse_name(const RuleValue& value);

// ASCII only.
bool same_word(std::string_view a, std::string_view b) noexcept;
std::string lower_case(std::string_view text);

// Where the ; stands that ends the option beginning at `from`: the first one
// that no backslash escapes; npos if there is none.
size_t value_end(std::string_view text, size_t from) noexcept;

}  // namespace sluice::rules
