// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Names that are one whatever case people write them in.
#pragma once

#include <strings.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// ASCII letters only. Any thread.
inline bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// The position of the first that is the same; lists are shorter than 65,536.
inline std::optional<uint16_t> find_word(const std::vector<std::string>& words,
                                       std::string_view word) noexcept {
  for (size_t i = 0; i < words.size(); ++i) {
    if (equal_ignoring_case(words[i], word)) return static_cast<uint16_t>(i);
  }
  return {};
}

}  // namespace sluice
