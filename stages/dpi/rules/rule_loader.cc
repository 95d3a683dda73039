// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/rule_loader.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "stages/dpi/rules/rule_list.h"
#include "stages/dpi/rules/rule_parser.h"
#include "stages/dpi/rules/rule_text.h"

namespace sluice::rules {
namespace {

// What the coverage counts a refusal under.
std::string reason_of(const RuleRefusal& refusal) {
  const ConfigError& error = refusal.error;
  const bool value = refusal.kind == RefusalKind::Unsupported && error.found.starts_with('"');
  return value ? error.key + ' ' + error.found : error.key;
}

}  // namespace

RuleLoader::RuleLoader(RuleLoadOptions options)
    : options_(std::move(options)), lists_(std::make_unique<RuleLists>(options_.variables)) {}

RuleLoader::~RuleLoader() = default;

bool RuleLoader::add_file(const std::string& path, ConfigErrors& errors) {
  std::string why;
  const std::optional<std::string> content = read_rule_file(path, why);
  if (!content) {
    errors.add({{path, 0, 0, ""}, "rules", why, "a readable file of rules"});
    return false;
  }
  add_text(path, *content);
  return true;
}

void RuleLoader::add_text(const std::string& file, std::string_view content) {
  for (const RuleText& text : split_rules(content)) {
    Rule rule;
    ++loaded_.coverage.rules;
    if (std::optional<RuleRefusal> refusal = parse_rule(text, file, *lists_, rule)) {
      refuse(std::move(*refusal));
    } else {
      keep(std::move(rule));
    }
  }
}

void RuleLoader::keep(Rule rule) {
  const RuleSelection& selection = options_.selection;
  if (selection.disable.contains(rule.gid, rule.sid) &&
      !selection.enable.contains(rule.gid, rule.sid)) {
    ++loaded_.coverage.disabled;
    return;
  }
  if (rule.action == RuleAction::Alert && !rule.noalert &&
      selection.drop.contains(rule.gid, rule.sid)) {
    rule.action = RuleAction::Drop;
  }
  const std::optional<Classification> known = options_.classifications.find(rule.classtype);
  if (known) rule.category = known->description;
  rule.severity = rule.priority.value_or(known ? known->priority : kDefaultPriority);

  const auto [place, is_new] =
      by_number_.try_emplace(std::pair(rule.gid, rule.sid), loaded_.rules.size());
  if (is_new) {
    loaded_.rules.push_back(std::move(rule));
    return;
  }
  ++loaded_.coverage.duplicates;
  Rule& other = loaded_.rules[place->second];
  if (rule.rev > other.rev) other = std::move(rule);
}

void RuleLoader::refuse(RuleRefusal refusal) {
  RuleCoverage& coverage = loaded_.coverage;
  ++coverage.refused;
  ++coverage.refused_by[{refusal.kind, reason_of(refusal)}];
  if (loaded_.refusals.size() < kMaxRuleRefusals) loaded_.refusals.push_back(std::move(refusal));
}

LoadedRules RuleLoader::finish(ConfigErrors& errors) {
  loaded_.coverage.loaded = loaded_.rules.size();
  if (options_.on_unsupported == OnUnsupported::Fail) {
    for (const RuleRefusal& refusal : loaded_.refusals) errors.add(refusal.error);
  }
  by_number_.clear();
  return std::exchange(loaded_, {});
}

LoadedRules load_rules(const std::vector<std::string>& files, RuleLoadOptions options,
                       ConfigErrors& errors) {
  RuleLoader loader(std::move(options));
  for (const std::string& file : files) loader.add_file(file, errors);
  return loader.finish(errors);
}

std::string to_string(const RuleCoverage& coverage) {
  std::string out =
      std::to_string(coverage.loaded) + " of " + std::to_string(coverage.rules) + " rules loaded";
  const auto tell = [&](size_t number, const char* what) {
    if (number != 0) out += ", " + std::to_string(number) + ' ' + what;
  };
  tell(coverage.disabled, "disabled");
  tell(coverage.duplicates, coverage.duplicates == 1 ? "duplicate" : "duplicates");
  tell(coverage.refused, "refused");
  out += '\n';
  using Row = std::pair<RuleCoverage::Reason, size_t>;
  std::vector<Row> rows(coverage.refused_by.begin(), coverage.refused_by.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.second > b.second; });
  for (const auto& [reason, number] : rows) {
    std::string digits = std::to_string(number);
    if (digits.size() < 8) digits.insert(0, 8 - digits.size(), ' ');
    out += digits;
    out += reason.kind == RefusalKind::Unsupported ? "  unsupported  " : "  invalid      ";
    out += reason.keyword + '\n';
  }
  return out;
}

}  // namespace sluice::rules
