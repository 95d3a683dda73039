// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Files of rules → rules, with an account of those that were refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/errors.h"
#include "stages/dpi/rules/rule.h"
#include "stages/dpi/rules/rule_classification.h"
#include "stages/dpi/rules/rule_selection.h"
#include "stages/dpi/rules/rule_variables.h"

namespace sluice::rules {

// Refusals that are kept one by one; the coverage counts all of them.
inline constexpr size_t kMaxRuleRefusals = 100'000;

enum class RefusalKind : uint8_t {
  Unsupported,  // Suricata's language, but not within what Sluice evaluates
  Invalid,      // not the language, or a combination that can never match
};

// A rule that is not loaded: the first thing in it that stands against it.
struct RuleRefusal {
  RefusalKind kind = RefusalKind::Invalid;
  uint32_t sid = 0;   // 0: none was to be read
  ConfigError error;  // file, line, column and text; the keyword as key
};

struct RuleCoverage {
  struct Reason {
    RefusalKind kind;
    // With the value where only that is unsupported: `protocol "smb"`. "rule", "action",
    // "protocol", "source", ... for what is no option.
    std::string keyword;
    auto operator<=>(const Reason&) const = default;
  };
  size_t rules = 0;  // in the files, commented ones not counted
  size_t loaded = 0;
  size_t disabled = 0;    // by the selection
  size_t duplicates = 0;  // same gid and sid: the highest rev stays, of equal ones the first
  size_t refused = 0;     // rules == loaded + disabled + duplicates + refused
  std::map<Reason, size_t> refused_by;
};

enum class OnUnsupported : uint8_t {
  RefuseRule,  // leave it out
  Fail,        // an error: nothing is loaded
};

struct RuleLoadOptions {
  RuleVariables variables;
  RuleSelection selection;
  Classifications classifications;
  OnUnsupported on_unsupported = OnUnsupported::RefuseRule;
};

struct LoadedRules {
  std::vector<Rule> rules;  // in the order of the files
  RuleCoverage coverage;
  std::vector<RuleRefusal> refusals;  // in the order of the files, at most kMaxRuleRefusals
};

class RuleLists;

// Reads rules from one file after another. Not for the data path; one thread.
class RuleLoader {
 public:
  explicit RuleLoader(RuleLoadOptions options);
  ~RuleLoader();
  RuleLoader(const RuleLoader&) = delete;
  RuleLoader& operator=(const RuleLoader&) = delete;

  // False if the file cannot be read: `errors` has it then.
  bool add_file(const std::string& path, ConfigErrors& errors);
  // `file` is only what reports call it.
  void add_text(const std::string& file, std::string_view content);
  // Everything that was added. With OnUnsupported::Fail every refusal is also in `errors`.
  LoadedRules finish(ConfigErrors& errors);

 private:
  void keep(Rule rule);
  void refuse(RuleRefusal refusal);

  const RuleLoadOptions options_;
  const std::unique_ptr<RuleLists> lists_;
  LoadedRules loaded_;
  std::map<std::pair<uint32_t, uint32_t>, size_t> by_number_;  // gid, sid: position in rules
};

// All of it at once.
LoadedRules load_rules(const std::vector<std::string>& files, RuleLoadOptions options,
                       ConfigErrors& errors);

// For people: how many rules of how many, and a row for each reason of refusal,
// most frequent first. Ends in a newline.
std::string to_string(const RuleCoverage& coverage);

}  // namespace sluice::rules
