// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Bytes from the wire as rules and logs see them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include "chain/event.h"
#include "chain/flow_context.h"

namespace sluice {

constexpr bool is_printable(char c) noexcept {
  return c >= 0x20 && c < 0x7f;
}

inline std::string_view as_text(std::span<const uint8_t> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// As printable ASCII, on the stack; cut at what an event can hold.
class Printable {
 public:
  explicit Printable(std::string_view raw) noexcept : length_(std::min(raw.size(), sizeof text_)) {
    std::transform(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(length_), text_,
                   [](char c) { return is_printable(c) ? c : '?'; });
  }
  std::string_view view() const noexcept { return {text_, length_}; }

 private:
  size_t length_;
  char text_[Event::kTextCapacity];
};

// A host name: lower case, no final dot.
class Host {
 public:
  explicit Host(std::string_view raw) noexcept {
    if (!raw.empty() && raw.back() == '.') raw.remove_suffix(1);
    length_ = std::min(raw.size(), sizeof text_);
    std::transform(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(length_), text_,
                   [](char c) {
                     if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
                     return is_printable(c) ? c : '?';
                   });
  }
  std::string_view view() const noexcept { return {text_, length_}; }

 private:
  size_t length_;
  char text_[sizeof(HostName::text)];
};

}  // namespace sluice
