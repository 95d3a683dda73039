// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a rule may have done to a buffer before it looks at it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "stages/dpi/rules/rule.h"

namespace sluice::rules {

constexpr bool is_digest(RuleTransform kind) noexcept {
  return kind >= RuleTransform::ToMd5 && kind <= RuleTransform::ToSha256;
}

// One transform of `in` into `out`, which must not overlap. Bytes that do not
// fit are left away; a digest (16, 20 or 32 bytes) that does not fit is left away whole.
// Takes no memory. Returns how many bytes of `out` were written.
size_t transform(RuleTransform kind, std::span<const uint8_t> in, std::span<uint8_t> out) noexcept;

}  // namespace sluice::rules
