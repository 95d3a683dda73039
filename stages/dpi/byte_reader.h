// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice {

// Walks over bytes from the wire. A read behind the end gives 0 and sets
// failed(), after which nothing is left.
class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> bytes) noexcept : rest_(bytes) {}

  uint8_t u8() noexcept { return static_cast<uint8_t>(number(1)); }
  uint16_t u16() noexcept { return static_cast<uint16_t>(number(2)); }
  uint32_t u24() noexcept { return number(3); }
  uint32_t u32() noexcept { return number(4); }

  void skip(size_t n) noexcept { take(n); }

  std::span<const uint8_t> take(size_t n) noexcept {
    if (n > rest_.size()) {
      fail();
      return {};
    }
    const auto taken = rest_.first(n);
    rest_ = rest_.subspan(n);
    return taken;
  }

  // The next `n` bytes as a reader of their own; fewer if there are fewer.
  ByteReader part(size_t n) noexcept {
    const size_t there = std::min(n, rest_.size());
    ByteReader reader(rest_.first(there));
    if (there < n) {
      fail();
    } else {
      rest_ = rest_.subspan(n);
    }
    return reader;
  }

  std::string_view text(size_t n) noexcept {
    const auto bytes = take(n);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  size_t left() const noexcept { return rest_.size(); }
  bool failed() const noexcept { return failed_; }

 private:
  void fail() noexcept {
    failed_ = true;
    rest_ = {};
  }
  uint32_t number(size_t n) noexcept {
    uint32_t value = 0;
    for (const uint8_t byte : take(n)) value = value << 8 | byte;
    return value;
  }

  std::span<const uint8_t> rest_;
  bool failed_ = false;
};

}  // namespace sluice
