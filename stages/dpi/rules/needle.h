// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A literal that is looked for in many buffers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace sluice::rules {

// Positions are tested 32 at a time by the two bytes of the needle that are
// rarest in traffic. A haystack made of near misses turns a long needle over
// to Knuth, Morris and Pratt, so that the time is linear in the haystack.
// Immutable; any thread may search.
class Needle {
 public:
  static constexpr size_t kNotFound = SIZE_MAX;

  // `bytes`: 1 to 65535. Without case, A to Z equal a to z, nothing else.
  Needle(std::string_view bytes, bool nocase);

  // Where the first occurrence in `size` bytes at `hay` begins, or kNotFound.
  size_t find(const uint8_t* hay, size_t size) const noexcept;
  // Whether size() bytes at `at` are the needle.
  bool equals(const uint8_t* at) const noexcept;

  size_t size() const noexcept { return size_; }
  bool nocase() const noexcept { return nocase_; }
  size_t heap_bytes() const noexcept;

 private:
  static constexpr size_t kInline = 32;
  // Longer needles can make verifying dear, and have a table against it.
  static constexpr size_t kTableAbove = 64;

  struct Probe {
    uint16_t at;
    uint8_t byte;
    uint8_t fold;  // 0x20 where both cases count, else 0
  };

  const uint8_t* bytes() const noexcept { return heap_ ? heap_.get() : inline_.data(); }
  template <bool kNocase>
  bool equals_as(const uint8_t* at) const noexcept;
  template <bool kNocase>
  size_t find_as(const uint8_t* hay, size_t size) const noexcept;
  size_t find_by_table(const uint8_t* hay, size_t size) const noexcept;

  std::array<uint8_t, kInline> inline_{};  // lower case if nocase_
  std::unique_ptr<uint8_t[]> heap_;
  std::unique_ptr<uint16_t[]> table_;  // KMP: length of the longest border, by prefix
  uint16_t size_;
  bool nocase_;
  Probe first_{}, second_{};
};

}  // namespace sluice::rules
