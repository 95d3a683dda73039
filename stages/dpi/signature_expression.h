// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Patterns in Hyperscan's terms.
#pragma once

#include <hs/hs_compile.h>

#include <string>

#include "stages/dpi/signature_rule.h"

namespace sluice {

struct HyperscanExpression {
  std::string text;
  unsigned flags;  // HS_FLAG_*
};

HyperscanExpression hyperscan_expression(const SignaturePattern& pattern);

// This machine's instruction set, no CPU model's tuning.
hs_platform_info_t hyperscan_platform();

}  // namespace sluice
