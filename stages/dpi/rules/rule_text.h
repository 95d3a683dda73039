// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Rule files as text: logical lines with the place of every byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/errors.h"

namespace sluice::rules {

inline constexpr size_t kMaxRuleBytes = 8192;  // of one rule, continued lines joined
inline constexpr size_t kMaxRuleFileBytes = size_t{64} << 20;

struct RulePosition {
  uint32_t line = 0;    // from 1
  uint32_t column = 0;  // from 1, in bytes
};

// One rule; lines that end in a backslash are joined.
struct RuleText {
  struct Piece {
    size_t offset;  // in `text`
    uint32_t line;  // from 1
  };
  std::string text;
  std::vector<Piece> pieces;  // at least one; each begins at column 1 of its line
};

// Rules only: blank lines and comments (# first on the line) are left out.
std::vector<RuleText> split_rules(std::string_view content);

// At most kMaxRuleFileBytes; the reason in `why` when there is no text.
std::optional<std::string> read_rule_file(const std::string& path, std::string& why);

// Of byte `offset` of a rule, which may be its end.
RulePosition position(const RuleText& rule, size_t offset) noexcept;

// A report about byte `offset` of a rule, with the source line.
ConfigError report(const std::string& file, const RuleText& rule, size_t offset, std::string key,
                   std::string found, std::string allowed);

}  // namespace sluice::rules
