// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a rule may have done to a buffer before it looks at it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "stages/dpi/rules/rule.h"

namespace sluice::rules {

// Fetches the digests from OpenSSL, which allocates: once, off the data path.
// Later calls do nothing. False if OpenSSL has no MD5 (a FIPS provider) or the like.
bool prepare_transforms() noexcept;

// One transform of `in` into `out`, which may not overlap it. Bytes that do not
// fit are left away. Returns how many bytes of `out` were written. A digest
// (to_md5, ...) is over all of `in`.
size_t transform(RuleTransform kind, std::span<const uint8_t> in, std::span<uint8_t> out) noexcept;

}  // namespace sluice::rules
