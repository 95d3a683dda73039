// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/signature_expression.h"

#include <cstdint>

namespace sluice {
namespace {

bool plain(unsigned char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// Contents that differ only in case and ask for none become the same pattern.
char folded(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string literal(const SignaturePattern& content) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const char byte : content.bytes) {
    const char c = content.caseless ? folded(byte) : byte;
    const auto value = static_cast<uint8_t>(c);
    if (plain(value)) {
      text += c;
    } else {
      text += {'\\', 'x', kHex[value >> 4], kHex[value & 15]};
    }
  }
  return text;
}

}  // namespace

HyperscanExpression hyperscan_expression(const SignaturePattern& pattern) {
  // One match tells all: whether the payload has the pattern.
  HyperscanExpression expression{{}, HS_FLAG_SINGLEMATCH};
  if (pattern.caseless) expression.flags |= HS_FLAG_CASELESS;
  if (pattern.kind == SignaturePattern::Kind::Content) {
    expression.text = literal(pattern);
    return expression;
  }
  // PCRE lets an expression match nothing at all.
  expression.flags |= HS_FLAG_ALLOWEMPTY;
  if (pattern.dot_all) expression.flags |= HS_FLAG_DOTALL;
  if (pattern.multi_line) expression.flags |= HS_FLAG_MULTILINE;
  expression.text = pattern.extended ? "(?x)" + pattern.bytes : pattern.bytes;
  return expression;
}

hs_platform_info_t hyperscan_platform() {
  hs_platform_info_t platform{};
  hs_populate_platform(&platform);
  platform.tune = HS_TUNE_FAMILY_GENERIC;
  return platform;
}

}  // namespace sluice
