// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Rule files as text: logical lines with the place of every byte, and the
// reports that refer to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/errors.h"

namespace sluice {

inline constexpr size_t kMaxRuleBytes = 8192;
inline constexpr size_t kMaxRuleFileBytes = size_t{64} << 20;
// Of one load, all files together; what comes behind is told by one last error.
inline constexpr size_t kMaxSignatureErrors = 100'000;

// One rule; lines that end in a backslash are joined.
struct SignatureText {
  struct Piece {
    size_t offset;  // in `text`
    uint32_t line;  // from 1
  };
  std::string text;
  std::vector<Piece> pieces;  // at least one; each begins at column 1 of its line
};

// Rules only: blank lines and comments (# first on the line) are left out.
std::vector<SignatureText> split_rules(std::string_view content);

// At most kMaxRuleFileBytes; the reason in `why` when there is no text.
std::optional<std::string> read_rule_file(const std::string& path, std::string& why);

// Collects errors of one load into the configuration's.
class SignatureReport {
 public:
  explicit SignatureReport(ConfigErrors& errors) : errors_(errors) {}

  // About byte `offset` of a rule.
  void add(const std::string& file, const SignatureText& rule, size_t offset, std::string key,
           std::string found, std::string allowed);
  // About what has a line, or none at all (0).
  void add(const std::string& file, uint32_t line, uint32_t column, std::string key,
           std::string found, std::string allowed);
  // Errors so far, with those that were beyond the limit.
  size_t count() const noexcept { return count_; }

 private:
  void add(ConfigError error);

  ConfigErrors& errors_;
  size_t count_ = 0;
};

struct SignaturePosition {
  uint32_t line;    // from 1
  uint32_t column;  // from 1, in bytes
};
SignaturePosition position(const SignatureText& rule, size_t offset) noexcept;

}  // namespace sluice
