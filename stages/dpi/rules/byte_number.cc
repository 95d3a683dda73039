// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/byte_number.h"

namespace sluice::rules {

namespace {

unsigned digit(uint8_t c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const uint8_t letter = c | 0x20;
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : 16;
}

bool is_space(uint8_t c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

ByteNumber binary_number(std::span<const uint8_t> bytes, bool little_endian) noexcept {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value = value << 8 | bytes[little_endian ? bytes.size() - 1 - i : i];
  }
  return {value, static_cast<uint32_t>(bytes.size())};
}

std::optional<ByteNumber> text_number(std::span<const uint8_t> text, unsigned base) noexcept {
  size_t at = 0;
  while (at < text.size() && is_space(text[at])) ++at;
  bool minus = false;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) minus = text[at++] == '-';
  if (base == 16 && at + 2 < text.size() && text[at] == '0' && (text[at + 1] | 0x20) == 'x' &&
      digit(text[at + 2]) < 16) {
    at += 2;
  }
  const size_t digits = at;
  uint64_t value = 0;
  for (; at < text.size() && digit(text[at]) < base; ++at) {
    if (__builtin_mul_overflow(value, uint64_t{base}, &value) ||
        __builtin_add_overflow(value, uint64_t{digit(text[at])}, &value)) {
      return std::nullopt;
    }
  }
  if (at == digits) return std::nullopt;
  return ByteNumber{minus ? 0 - value : value, static_cast<uint32_t>(at)};
}

}  // namespace sluice::rules
