// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// One signature in Suricata's syntax, read but not yet compiled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "stages/dpi/signature_header.h"
#include "stages/dpi/signature_text.h"

namespace sluice {

inline constexpr size_t kMaxRulePatterns = 64;  // content and pcre together
inline constexpr size_t kMaxContentBytes = 2048;
inline constexpr size_t kMaxMsgBytes = 512;

// One `content` or `pcre`.
struct SignaturePattern {
  enum class Kind : uint8_t { Content, Pcre };
  Kind kind = Kind::Content;
  bool negated = false;
  bool caseless = false;    // nocase, /i
  bool dot_all = false;     // /s
  bool multi_line = false;  // /m
  bool extended = false;    // /x
  std::string bytes;  // content: the bytes themselves; pcre: the expression between the slashes
  SignaturePosition where{};
};

struct SignatureRule {
  bool drop = false;  // else alert
  SignatureHeader header;
  std::string msg;  // UTF-8 without control characters; empty if the rule has none
  uint32_t sid = 0;
  uint32_t rev = 0;
  std::vector<SignaturePattern> patterns;
  SignaturePosition sid_where{};
};

// False, with everything that is wrong with the rule reported, if it is not
// within the subset.
bool parse_signature_rule(const SignatureText& text, const std::string& file,
                          SignatureReport& report, SignatureRule& rule);

}  // namespace sluice
