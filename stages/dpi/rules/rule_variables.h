// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// $HOME_NET, $HTTP_PORTS and their like.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "config/errors.h"

namespace sluice::rules {

// Names with the text of an address or port list, which may refer to others.
// Begins with Suricata's customary names and values: HOME_NET the RFC 1918
// networks, EXTERNAL_NET all but those, HTTP_PORTS 80, ...
class RuleVariables {
 public:
  RuleVariables();

  // Replaces one that is there. `where` is for check().
  void set(std::string name, std::string text, ConfigPosition where = {});
  // Without the $. Null: there is none of that name.
  const std::string* find(std::string_view name) const;

  // Whether each that was set is a list of addresses or of ports; what is not is
  // added to `errors`, with the key `section` + "." + name.
  bool check(const std::string& section, ConfigErrors& errors) const;

 private:
  struct Variable {
    std::string text;
    std::optional<ConfigPosition> where;  // none: a customary one
  };
  std::map<std::string, Variable, std::less<>> variables_;
};

}  // namespace sluice::rules
