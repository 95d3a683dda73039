// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <cstdint>

namespace sluice {

// What becomes of a packet. Drop and Reject always come with a reason.
enum class Verdict : uint8_t { Pass = 0, Drop = 1, Reject = 2 };

// Index into the concatenated table of drop reasons (chain/reasons.h): first
// the chain's own, then each stage's in the line's order. 0: none.
using Reason = uint8_t;
inline constexpr Reason kNoReason = 0;

}  // namespace sluice
