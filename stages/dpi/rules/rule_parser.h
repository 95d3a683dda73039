// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// One rule's text → one Rule.
#pragma once

#include <optional>
#include <string>

#include "stages/dpi/rules/rule.h"
#include "stages/dpi/rules/rule_list.h"
#include "stages/dpi/rules/rule_loader.h"
#include "stages/dpi/rules/rule_text.h"

namespace sluice::rules {

// What stands against the rule, or nothing: `rule` is complete then, but for
// what its classtype stands for (category, severity). `file` is only what the report calls it.
std::optional<RuleRefusal> parse_rule(const RuleText& text, const std::string& file,
                                      RuleLists& lists, Rule& rule);

}  // namespace sluice::rules
