// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The lists of addresses and ports in a rule's header.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "stages/dpi/rules/rule_header.h"
#include "stages/dpi/rules/rule_variables.h"

namespace sluice::rules {

// Why a list is refused.
struct RuleListError {
  size_t offset = 0;  // in the text given
  std::string found;
  std::string allowed;
};

// Reads lists and remembers them: the rules of a set share a few hundred.
// Keeps a reference to `variables`.
class RuleLists {
 public:
  explicit RuleLists(const RuleVariables& variables) : variables_(variables) {}

  // `any`, one item, "!item" or "[a, !b, [c, d]]"; an item may be a $VARIABLE. A
  // list holds what its plain items name (everything, if it has none) without
  // what its negated items name. Null, with `error` filled, where the text is no such list or
  // leaves nothing. Good as long as this object.
  const AddressSet* addresses(std::string_view text, RuleListError& error);
  const PortSet* ports(std::string_view text, RuleListError& error);

 private:
  const RuleVariables& variables_;
  std::map<std::string, AddressSet, std::less<>> addresses_;
  std::map<std::string, PortSet, std::less<>> ports_;
};

}  // namespace sluice::rules
