// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The classes of `classtype`: what they are called in events, how severe they are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "config/errors.h"

namespace sluice::rules {

inline constexpr uint8_t kDefaultPriority =
    3;  // of a rule that says neither classtype nor priority

struct Classification {
  std::string_view name;         // "web-application-attack"
  std::string_view description;  // "Web Application Attack"
  uint8_t priority;              // 1 (highest) to 255
};

// Of the customary classes; null if it is none.
const Classification* find_classification(std::string_view name) noexcept;

// The customary classes with what a file in the form of Suricata's
// classification.config adds and replaces.
class Classifications {
 public:
  // Lines "config classification: NAME,DESCRIPTION,PRIORITY", blank lines and # comments.
  // What is none of these is added to `errors` and skipped.
  void add(const std::string& file, std::string_view content, ConfigErrors& errors);
  // Nothing: unknown. Its texts are good as long as this object and until the next add().
  std::optional<Classification> find(std::string_view name) const;

 private:
  struct Added {
    std::string description;
    uint8_t priority;
  };
  std::map<std::string, Added, std::less<>> added_;
};

}  // namespace sluice::rules
