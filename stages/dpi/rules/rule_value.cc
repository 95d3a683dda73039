// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/rule_value.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "config/errors.h"

namespace sluice::rules {
namespace {

constexpr std::string_view kBlank = " \t\r\v\f";
constexpr size_t kMaxNameBytes = 128;

std::string found_text(const RuleValue& value) {
  return value.empty() ? "nothing" : quoted(value.text);
}

std::string between(int64_t low, int64_t high) {
  return std::to_string(low) + " to " + std::to_string(high);
}

// -1: no hexadecimal digit
int nibble(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

int64_t number_in(const RuleValue& value, int base, std::string_view digits, int64_t low,
                  int64_t high) {
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (base == 0) {
    base = 10;
    if (digits.starts_with("0x") || digits.starts_with("0X")) {
      base = 16;
      digits.remove_prefix(2);
    } else if (digits.size() > 1 && digits.starts_with('0')) {
      base = 8;
    }
  }
  uint64_t magnitude = 0;
  const char* end = digits.data() + digits.size();
  const auto [parsed, code] = std::from_chars(digits.data(), end, magnitude, base);
  const bool good = !digits.empty() && code == std::errc{} && parsed == end &&
                    magnitude <= static_cast<uint64_t>(INT64_MAX);
  const int64_t number =
      negative ? -static_cast<int64_t>(magnitude) : static_cast<int64_t>(magnitude);
  if (!good || number < low || number > high) refuse(value, between(low, high));
  return number;
}

// Reads "|41 42|" at `i`, which it moves to the closing bar. Blanks may stand
// anywhere, as in Suricata.
void take_hex(const RuleValue& value, size_t& i, std::string& out) {
  static constexpr const char* kAllowed = "pairs of hexadecimal digits between two |";
  const std::string_view text = value.text;
  const size_t open = i;
  const size_t before = out.size();
  int high = -1;
  for (++i; i < text.size() && text[i] != '|'; ++i) {
    if (text[i] == ' ') continue;
    const int digit = nibble(text[i]);
    if (digit < 0) refuse(value.part(i, 1), kAllowed);
    if (high < 0) {
      high = digit;
      continue;
    }
    out += static_cast<char>(high << 4 | digit);
    high = -1;
  }
  if (i >= text.size()) refuse(value.part(open), "no closing |", kAllowed);
  if (high >= 0 || out.size() == before) refuse(value.part(open, i + 1 - open), kAllowed);
}

// Length of the UTF-8 sequence at the front; 0: there is none. RFC 3629 section 4.
size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const uint8_t second = byte(1);
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
      (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) {
    return 0;
  }
  return length;
}

}  // namespace

RuleValue RuleValue::part(size_t from, size_t count) const noexcept {
  std::string_view piece = text.substr(std::min(from, text.size()), count);
  size_t at = offset + std::min(from, text.size());
  while (!piece.empty() && kBlank.find(piece.front()) != std::string_view::npos) {
    piece.remove_prefix(1);
    ++at;
  }
  while (!piece.empty() && kBlank.find(piece.back()) != std::string_view::npos) {
    piece.remove_suffix(1);
  }
  return {at, piece};
}

bool RuleValue::take(std::string_view prefix) noexcept {
  if (!text.starts_with(prefix)) return false;
  *this = part(prefix.size());
  return true;
}

void refuse(const RuleValue& value, std::string allowed) {
  refuse(value, found_text(value), std::move(allowed));
}

void refuse(const RuleValue& at, std::string found, std::string allowed) {
  throw RuleRefused{RefusalKind::Invalid, at.offset, {}, std::move(found), std::move(allowed)};
}

void refuse_unsupported(const RuleValue& at, std::string found, std::string allowed) {
  throw RuleRefused{RefusalKind::Unsupported, at.offset, {}, std::move(found), std::move(allowed)};
}

RuleValue RuleFields::next() noexcept {
  const size_t end = rest_.text.find(separator_);
  const RuleValue field = rest_.part(0, end);
  if (end == std::string_view::npos) {
    done_ = true;
    rest_ = {rest_.offset + rest_.text.size(), {}};
  } else {
    rest_.text.remove_prefix(end + 1);
    rest_.offset += end + 1;
  }
  return field;
}

RuleValue RuleFields::expect(const char* name) {
  const bool more = !done_;
  const RuleValue field = next();
  if (!more || field.empty()) refuse(field, name);
  return field;
}

void RuleFields::end() {
  if (!done_) refuse(rest_.part(0), "nothing more");
}

int64_t parse_number(const RuleValue& value, int64_t low, int64_t high) {
  return number_in(value, 10, value.text, low, high);
}

int64_t parse_c_number(const RuleValue& value, int64_t low, int64_t high) {
  return number_in(value, 0, value.text, low, high);
}

bool looks_like_number(const RuleValue& value) noexcept {
  const size_t sign = value.text.starts_with('-') || value.text.starts_with('+') ? 1 : 0;
  return value.text.size() > sign && value.text[sign] >= '0' && value.text[sign] <= '9';
}

RuleRange compare_range(const RuleValue& op, const RuleValue& number, int64_t max) {
  const int64_t n = parse_number(number, 0, max);
  if (op.text == "=" || op.text == "==" || op.empty()) return {n, n, false};
  if (op.text == "!" || op.text == "!=") return {n, n, true};
  if (op.text == "<=") return {0, n, false};
  if (op.text == ">=") return {n, max, false};
  if (op.text == "<") {
    if (n == 0) refuse(number, "< 0, which nothing is", "< 1 or more");
    return {0, n - 1, false};
  }
  if (op.text == ">") {
    if (n == max) refuse(number, "> " + std::to_string(n) + ", which nothing is", "a lower bound");
    return {n + 1, max, false};
  }
  refuse(op, "<, <=, =, !=, > or >=");
}

RuleRange parse_range(RuleValue value, int64_t max) {
  value = maybe_unquoted(value);
  RuleValue bounds = value;
  const bool negated = bounds.take("!");
  size_t separator = bounds.text.find("<>");
  size_t width = 2;
  if (separator == std::string_view::npos) {
    separator = bounds.text.find('-');
    width = 1;
  }
  if (separator != std::string_view::npos) {
    const int64_t low = parse_number(bounds.part(0, separator), 0, max);
    const int64_t high = parse_number(bounds.part(separator + width), 0, max);
    if (low + 1 >= high) {
      refuse(value, "a lower and a higher bound with a number between them");
    }
    return {low + 1, high - 1, negated};
  }
  const size_t digits = std::min(value.text.find_first_not_of("<>=! \t"), value.text.size());
  return compare_range(value.part(0, digits), value.part(digits), max);
}

RuleValue unquoted(const RuleValue& value) {
  if (value.text.size() < 2 || value.text.front() != '"' || value.text.back() != '"') {
    refuse(value, "a text in double quotes");
  }
  return {value.offset + 1, value.text.substr(1, value.text.size() - 2)};
}

RuleValue maybe_unquoted(const RuleValue& value) noexcept {
  if (value.text.size() < 2 || value.text.front() != '"' || value.text.back() != '"') return value;
  return value.part(1, value.text.size() - 2);
}

std::string parse_content_bytes(const RuleValue& value) {
  static constexpr std::string_view kEscaped = ";\"\\:";
  std::string bytes;
  const std::string_view text = value.text;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto here = [&](size_t count) {
      return RuleValue{value.offset + i, text.substr(i, count)};
    };
    if (text[i] == '|') {
      take_hex(value, i, bytes);
      continue;
    }
    if (text[i] == '"') refuse(here(1), "a double quote", R"(\" or |22|)");
    if (text[i] == '\\') {
      if (i + 1 == text.size() || kEscaped.find(text[i + 1]) == std::string_view::npos) {
        refuse(here(2), R"(\; \" \\ or \:, other bytes as they are)");
      }
      ++i;
    }
    bytes += text[i];
  }
  if (bytes.empty() || bytes.size() > kMaxContentBytes) {
    refuse(value, std::to_string(bytes.size()) + " bytes", between(1, kMaxContentBytes));
  }
  return bytes;
}

std::string parse_message(const RuleValue& value) {
  static constexpr std::string_view kEscaped = ";\"\\:/";
  std::string message;
  const std::string_view text = value.text;
  if (text.size() > kMaxMsgBytes) {
    refuse(value, std::to_string(text.size()) + " bytes",
           "at most " + std::to_string(kMaxMsgBytes));
  }
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() &&
        kEscaped.find(text[i + 1]) != std::string_view::npos) {
      ++i;
    }
    const size_t length = utf8_length(text.substr(i));
    const auto c = static_cast<unsigned char>(text[i]);
    if (length == 0) {
      message += "\xef\xbf\xbd";
    } else if (c < 0x20 || c == 0x7f) {
      message += ' ';
    } else {
      message += text.substr(i, length);
      i += length - 1;
    }
  }
  return message;
}

std::string parse_name(const RuleValue& value) {
  const bool good = std::all_of(value.text.begin(), value.text.end(),
                                [](char c) { return c > ' ' && c != 0x7f && c != '"'; });
  if (value.empty() || !good || value.text.size() > kMaxNameBytes) {
    refuse(value, "a name without blanks, 1 to " + std::to_string(kMaxNameBytes) + " bytes");
  }
  return std::string(value.text);
}

bool same_word(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

size_t value_end(std::string_view text, size_t from) noexcept {
  for (size_t i = from; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == ';') {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace sluice::rules
