// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// [[stage.firewall.rule]] to Rule: names to numbers, every error at its place.
#pragma once

#include "chain/stage.h"
#include "config/section.h"
#include "stages/firewall/rule.h"

namespace sluice::firewall {

// Reads and finish()es one rule; errors go to the section. Compiler thread.
Rule read_rule(ConfigSection section, const CompileContext& context);

}  // namespace sluice::firewall
