// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Bytes of HTTP's first lines and headers, compared as the field does: without
// regard to case, and in doubt as a browser would.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::http {

using Bytes = std::span<const uint8_t>;

inline std::string_view text(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

constexpr uint8_t lower(uint8_t c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<uint8_t>(c + 32) : c;
}
constexpr bool is_blank(uint8_t c) noexcept {
  return c == ' ' || c == '\t';
}
constexpr bool is_space(uint8_t c) noexcept {
  return c == ' ' || (c >= 9 && c <= 13);
}
constexpr bool is_digit(uint8_t c) noexcept {
  return c >= '0' && c <= '9';
}

constexpr bool is_letter(uint8_t c) noexcept {
  return lower(c) >= 'a' && lower(c) <= 'z';
}

// 0 to 15, or -1.
constexpr int hex_digit(uint8_t c) noexcept {
  if (is_digit(c)) return c - '0';
  const uint8_t l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// tchar of RFC 9110 section 5.6.2.
constexpr bool is_token(uint8_t c) noexcept {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return is_digit(c) || is_letter(c) ||
         kOthers.find(static_cast<char>(c)) != std::string_view::npos;
}

// `lowered` is in lower case.
inline bool equals(Bytes a, std::string_view lowered) noexcept {
  return a.size() == lowered.size() &&
         std::equal(a.begin(), a.end(), lowered.begin(),
                    [](uint8_t x, char y) { return lower(x) == static_cast<uint8_t>(y); });
}
inline bool begins_with(Bytes a, std::string_view lowered) noexcept {
  return a.size() >= lowered.size() && equals(a.first(lowered.size()), lowered);
}

// Whether `lowered` occurs; NUL bytes between its letters are passed over, as
// some clients do.
bool contains(Bytes in, std::string_view lowered) noexcept;

inline Bytes trim(Bytes b) noexcept {
  while (!b.empty() && is_space(b.front())) b = b.subspan(1);
  while (!b.empty() && is_space(b.back())) b = b.first(b.size() - 1);
  return b;
}
inline Bytes without_line_end(Bytes b) noexcept {
  while (!b.empty() && (b.back() == '\r' || b.back() == '\n')) b = b.first(b.size() - 1);
  return b;
}
inline bool all_space(Bytes b) noexcept {
  return std::all_of(b.begin(), b.end(), is_space);
}

// The first decimal number in `b`; -1 if there is none or it is beyond 2^62.
int64_t number(Bytes b) noexcept;

}  // namespace sluice::http
