// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/firewall/firewall_policy.h"

#include <algorithm>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "stages/firewall/rule_reader.h"

namespace sluice {

namespace {

using firewall::Action;
using firewall::Rule;

constexpr std::string_view kDefaultNames[] = {"default-allow", "default-deny", "default-reject"};

std::string_view default_name(Action action) {
  return kDefaultNames[static_cast<size_t>(action)];
}

void check_name(ConfigSection& section, const std::string& name,
                std::unordered_set<std::string>& names) {
  if (name.empty()) {
    if (section.has("name")) section.error("name", "", "a name that is not empty");
  } else if (std::find(std::begin(kDefaultNames), std::end(kDefaultNames), name) !=
             std::end(kDefaultNames)) {
    section.error("name", "", "another name: this one stands for `default`");
  } else if (!names.insert(name).second) {
    section.error("name", "", "a name that no rule before has");
  }
}

std::vector<Rule> read_rules(ConfigSection section, CompileContext& context) {
  std::vector<ConfigSection> tables = section.tables("rule");
  if (tables.size() > firewall::RuleTable::kMaxRules) {
    section.error("rule", std::to_string(tables.size()) + " rules",
                  "at most " + std::to_string(firewall::RuleTable::kMaxRules));
    return {};
  }
  std::vector<Rule> rules;
  std::unordered_set<std::string> names;
  rules.reserve(tables.size());
  for (ConfigSection& table : tables) {
    rules.push_back(firewall::read_rule(table, context));
    check_name(table, rules.back().name, names);
    rules.back().name_id = context.directory.intern(rules.back().name);
  }
  return rules;
}

bool has_dpi_before_firewall(const ChainConfig& chain) {
  const auto& stages = chain.stages;
  const auto dpi = std::find(stages.begin(), stages.end(), "dpi");
  return std::find(dpi, stages.end(), "firewall") != stages.end();
}

}  // namespace

std::unique_ptr<const StagePolicy> compile_firewall(ConfigSection section,
                                                    CompileContext& context) {
  const size_t errors = section.errors().all().size();
  const Action default_action = section.choice<Action>(
      "default", Action::Drop,
      {{"deny", Action::Drop}, {"reject", Action::Reject}, {"allow", Action::Allow}});
  const auto packets = static_cast<uint8_t>(section.integer("undecided_packets", 16, 1, 255));
  const auto bytes = static_cast<uint16_t>(section.integer("undecided_bytes", 32768, 1, 65535));
  std::vector<Rule> rules = read_rules(section, context);
  section.finish();
  if (section.errors().all().size() != errors) return nullptr;

  try {
    auto policy = std::make_unique<FirewallPolicy>(std::move(rules), -1);
    policy->default_action = default_action;
    policy->default_rule = context.directory.intern(default_name(default_action));
    policy->undecided_packets = packets;
    policy->undecided_bytes = bytes;
    for (const ChainConfig& chain : context.config.chains) {
      policy->chain_has_dpi.push_back(has_dpi_before_firewall(chain) ? 1 : 0);
    }
    return policy;
  } catch (const std::runtime_error& e) {
    section.error("rule", e.what(), "rules that rte_acl has memory for");
    return nullptr;
  }
}

}  // namespace sluice
