// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Numbers in traffic, as byte_test, byte_jump, byte_extract and byte_math read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace sluice::rules {

inline constexpr size_t kMaxBinaryNumber = 8;  // bytes
inline constexpr size_t kMaxTextNumber = 23;   // digits of 2^64-1 in octal, and a zero in front

struct ByteNumber {
  uint64_t value;
  uint32_t consumed;  // bytes that belonged to it
};

// All of `bytes`, 0 to kMaxBinaryNumber; none are 0.
ByteNumber binary_number(std::span<const uint8_t> bytes, bool little_endian) noexcept;

// The number that `text` begins with, by strtoull's rules: white space, a sign,
// 0x in base 16, digits; base 8, 10 or 16. A minus negates modulo 2^64. Nothing where
// there is no digit or 64 bits do not hold it.
std::optional<ByteNumber> text_number(std::span<const uint8_t> text, unsigned base) noexcept;

}  // namespace sluice::rules
