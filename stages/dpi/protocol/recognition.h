// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <cstdint>

namespace sluice {

// Whether the beginning of a direction's stream is a parser's protocol.
enum class Recognition : uint8_t { No, NeedMore, Yes };

}  // namespace sluice
