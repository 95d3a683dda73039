// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// byte_test, byte_jump, byte_extract, byte_math.
#include <bit>
#include <optional>
#include <utility>

#include "stages/dpi/rules/keyword_table.h"

namespace sluice::rules {
namespace {

constexpr int64_t kMaxBinary = 8;
constexpr int64_t kMaxText = 23;
constexpr int64_t kMaxPosition = 65535;
constexpr int64_t kMaxMultiplier = 65535;

uint8_t base_of(std::string_view text) noexcept {
  if (text == "dec") return 10;
  if (text == "hex") return 16;
  if (text == "oct") return 8;
  return 0;
}

// The options that all of them have, as far as the keyword has them.
class ReadOptions {
 public:
  explicit ReadOptions(RuleBytes& read) : read_(read) {}

  // False: it is none of these.
  bool take(RuleValue option) {
    if (option.text == "relative") {
      read_.relative = true;
    } else if (option.text == "big" || option.text == "little") {
      read_.little_endian = option.text == "little";
    } else if (const uint8_t base = base_of(option.text)) {
      base_ = option;
      read_.text_base = base;
    } else if (take_word(option, "string")) {
      text_ = true;
      if (option.empty()) return true;
      read_.text_base = base_of(option.text);
      if (read_.text_base == 0) refuse(option, "hex, dec or oct");
    } else if (take_word(option, "bitmask")) {
      const int64_t mask = parse_c_number(option, 1, UINT32_MAX);
      read_.bitmask = static_cast<uint32_t>(mask);
    } else if (option.text == "dce") {
      refuse_unsupported(option, "dce", "big or little: DCERPC is not decoded");
    } else {
      return false;
    }
    return true;
  }

  // "multiplier 2": takes the word, leaving its value.
  static bool take_word(RuleValue& option, std::string_view word) {
    RuleValue rest = option;
    if (!rest.take(word) || rest.offset == option.offset + word.size()) {
      if (option.text != word) return false;
    }
    option = rest;
    return true;
  }

  void finish(const RuleValue& count, int64_t least) {
    if (base_ && !text_)
      refuse(*base_, quoted(base_->text) + " without string", "string before it");
    if (text_ && read_.text_base == 0) read_.text_base = 10;
    const int64_t most = text_ ? kMaxText : kMaxBinary;
    if (!read_.count.is_variable() && (read_.count.value < least || read_.count.value > most)) {
      refuse(count, std::to_string(least) + " to " + std::to_string(most) + " bytes");
    }
  }

 private:
  RuleBytes& read_;
  bool text_ = false;
  std::optional<RuleValue> base_;
};

size_t slot_for(RuleBuilder& rule, const RuleBytes& read) {
  return read.relative ? rule.relative_slot() : rule.slot();
}

std::optional<RuleCompare> compare_of(std::string_view op) {
  if (op == "=" || op == "==" || op.empty()) return RuleCompare::Equal;
  if (op == "<") return RuleCompare::Less;
  if (op == "<=") return RuleCompare::LessEqual;
  if (op == ">") return RuleCompare::Greater;
  if (op == ">=") return RuleCompare::GreaterEqual;
  if (op == "&") return RuleCompare::And;
  if (op == "^") return RuleCompare::Or;
  return std::nullopt;
}

void read_byte_test(RuleBuilder& rule, const RuleValue& value) {
  RuleByteTest test;
  RuleFields fields(value);
  const RuleValue count = fields.expect("a number of bytes");
  test.read.count = rule.c_number(count, 0, kMaxText);
  RuleValue op = fields.expect("an operator");
  test.negated = op.take("!");
  const std::optional<RuleCompare> compare = compare_of(op.text);
  if (!compare) refuse(op, "<, <=, =, >=, >, & or ^, with ! in front to negate");
  test.compare = *compare;
  test.value = rule.c_number(fields.expect("a value"), 0, INT64_MAX);
  test.read.offset = rule.c_number(fields.expect("an offset"), -kMaxPosition, kMaxPosition);
  ReadOptions options(test.read);
  while (fields.more()) {
    const RuleValue option = fields.next();
    if (!options.take(option)) {
      refuse(option, "relative, big, little, string, hex, dec, oct or bitmask");
    }
  }
  options.finish(count, 1);
  rule.add(test, slot_for(rule, test.read));
}

void read_byte_jump(RuleBuilder& rule, const RuleValue& value) {
  RuleByteJump jump;
  RuleFields fields(value);
  const RuleValue count = fields.expect("a number of bytes");
  jump.read.count = rule.c_number(count, 0, kMaxText);
  jump.read.offset = rule.c_number(fields.expect("an offset"), -kMaxPosition, kMaxPosition);
  ReadOptions options(jump.read);
  while (fields.more()) {
    RuleValue option = fields.next();
    if (options.take(option)) continue;
    if (option.text == "align") {
      jump.align = true;
    } else if (option.text == "from_beginning") {
      jump.from_beginning = true;
    } else if (option.text == "from_end") {
      jump.from_end = true;
    } else if (ReadOptions::take_word(option, "multiplier")) {
      jump.multiplier = static_cast<uint16_t>(parse_c_number(option, 1, kMaxMultiplier));
    } else if (ReadOptions::take_word(option, "post_offset")) {
      jump.post_offset = static_cast<int32_t>(parse_c_number(option, -kMaxPosition, kMaxPosition));
    } else {
      refuse(option,
             "relative, big, little, string, hex, dec, oct, bitmask, align, from_beginning, "
             "from_end, multiplier or post_offset");
    }
  }
  if (jump.from_beginning && jump.from_end) {
    refuse(value, "from_beginning and from_end", "one of them");
  }
  options.finish(count, 0);
  rule.add(jump, slot_for(rule, jump.read));
}

void read_byte_extract(RuleBuilder& rule, const RuleValue& value) {
  RuleByteExtract extract;
  RuleFields fields(value);
  const RuleValue count = fields.expect("a number of bytes");
  extract.read.count = {parse_c_number(count, 1, kMaxText), -1};
  extract.read.offset = rule.c_number(fields.expect("an offset"), -kMaxPosition, kMaxPosition);
  const RuleValue name = fields.expect("a name");
  ReadOptions options(extract.read);
  while (fields.more()) {
    RuleValue option = fields.next();
    if (options.take(option)) continue;
    if (ReadOptions::take_word(option, "multiplier")) {
      extract.multiplier = static_cast<uint16_t>(parse_c_number(option, 1, kMaxMultiplier));
    } else if (ReadOptions::take_word(option, "align")) {
      extract.align = static_cast<uint8_t>(parse_c_number(option, 2, 4));
      if (extract.align == 3) refuse(option, "2 or 4");
    } else {
      refuse(option, "relative, big, little, string, hex, dec, oct, bitmask, align or multiplier");
    }
  }
  options.finish(count, 1);
  const size_t slot = slot_for(rule, extract.read);
  extract.variable = rule.define_variable(name);
  rule.add(extract, slot);
}

char operation_of(const RuleValue& value) {
  if (value.text == "<<") return '<';
  if (value.text == ">>") return '>';
  if (value.text.size() != 1 ||
      std::string_view("+-*/").find(value.text[0]) == std::string_view::npos) {
    refuse(value, "+, -, *, /, << or >>");
  }
  return value.text[0];
}

void read_byte_math(RuleBuilder& rule, const RuleValue& value) {
  RuleByteMath math;
  std::optional<RuleValue> count, offset, operation, operand, result;
  ReadOptions options(math.read);
  for (RuleFields fields(value); fields.more();) {
    RuleValue option = fields.next();
    if (ReadOptions::take_word(option, "bytes")) {
      rule.set_once(count, option);
    } else if (ReadOptions::take_word(option, "offset")) {
      rule.set_once(offset, option);
    } else if (ReadOptions::take_word(option, "oper")) {
      rule.set_once(operation, option);
    } else if (ReadOptions::take_word(option, "rvalue")) {
      rule.set_once(operand, option);
    } else if (ReadOptions::take_word(option, "result")) {
      rule.set_once(result, option);
    } else {
      ReadOptions::take_word(option, "endian");
      if (options.take(option)) continue;
      refuse(option, "bytes, offset, oper, rvalue, result, relative, endian, string or bitmask");
    }
  }
  if (!count || !offset || !operation || !operand || !result) {
    refuse(value, "bytes, offset, oper, rvalue and result");
  }
  math.read.count = rule.c_number(*count, 1, kMaxText);
  math.read.offset = rule.c_number(*offset, -kMaxPosition, kMaxPosition);
  math.operation = operation_of(*operation);
  math.operand = rule.c_number(*operand, 0, UINT32_MAX);
  if (math.operation == '/' && !math.operand.is_variable() && math.operand.value == 0) {
    refuse(*operand, "a division by 0", "1 or more");
  }
  options.finish(*count, 1);
  const size_t slot = slot_for(rule, math.read);
  math.variable = rule.define_variable(*result);
  rule.add(math, slot);
}

constexpr Keyword kKeywords[] = {
    {"byte_test", Keyword::Value::Needed, read_byte_test},
    {"byte_jump", Keyword::Value::Needed, read_byte_jump},
    {"byte_extract", Keyword::Value::Needed, read_byte_extract},
    {"byte_math", Keyword::Value::Needed, read_byte_math},
};

}  // namespace

std::span<const Keyword> bytes_keywords() {
  return kKeywords;
}

}  // namespace sluice::rules
