// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// `[stage.dpi.rules]`: which rules, for which network, kept where.
#pragma once

#include <memory>

#include "chain/stage.h"
#include "config/config.h"
#include "stages/dpi/rules/rule_loader.h"
#include "stages/dpi/detection/rule_set.h"

namespace sluice {

// Reads the section, its files and those of the command line, and compiles what
// they hold. Null, with what is wrong in the section's errors. Compiler thread.
std::shared_ptr<const rules::RuleSet> compile_rules(ConfigSection section, CompileContext& context,
                                                    rules::RuleCoverage& coverage);

}  // namespace sluice
