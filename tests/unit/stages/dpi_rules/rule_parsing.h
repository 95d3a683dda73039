// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Rules from text, for tests: good ones, and bad ones with the place that is wrong.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "stages/dpi/rules/rule.h"
#include "stages/dpi/rules/rule_list.h"
#include "stages/dpi/rules/rule_loader.h"
#include "stages/dpi/rules/rule_parser.h"
#include "stages/dpi/rules/rule_text.h"

namespace sluice::rules {

inline std::optional<RuleRefusal> try_parse(std::string_view text, Rule& rule) {
  static const RuleVariables kVariables;
  RuleLists lists(kVariables);
  const std::vector<RuleText> rules = split_rules(text);
  EXPECT_EQ(rules.size(), 1u) << text;
  if (rules.size() != 1) return RuleRefusal{};
  return parse_rule(rules[0], "test.rules", lists, rule);
}

inline Rule parse(std::string_view text) {
  Rule rule;
  const std::optional<RuleRefusal> refusal = try_parse(text, rule);
  EXPECT_FALSE(refusal) << text << '\n' << (refusal ? format(refusal->error) : "");
  return rule;
}

// A rule with these options; the sid is added.
inline Rule with(std::string_view options,
                 std::string_view header = "alert tcp any any -> any any") {
  return parse(std::string(header) + " (" + std::string(options) + " sid:1;)");
}

// The items of a rule that asks for one buffer only.
inline const std::vector<RuleItem>& items(const Rule& rule) {
  static const std::vector<RuleItem> kNone;
  EXPECT_EQ(rule.buffers.size(), 1u);
  return rule.buffers.empty() ? kNone : rule.buffers[0].items;
}

template <typename T>
const T& item(const Rule& rule, size_t index = 0) {
  static const T kNone{};
  const std::vector<RuleItem>& all = items(rule);
  const T* one = index < all.size() ? std::get_if<T>(&all[index]) : nullptr;
  EXPECT_NE(one, nullptr) << "no such item at " << index;
  return one != nullptr ? *one : kNone;
}

struct BadOptions {
  const char* options;  // @ marks the byte that the report must point to
  const char* key;
  const char* found;  // begins the report's
  RefusalKind kind = RefusalKind::Invalid;
};

inline void expect_refused(std::string text, std::string_view key, std::string_view found,
                           RefusalKind kind = RefusalKind::Invalid) {
  const size_t mark = text.find('@');
  ASSERT_NE(mark, std::string::npos) << text;
  text.erase(mark, 1);
  Rule rule;
  // On the third line of its file, behind what is no rule.
  const std::optional<RuleRefusal> refusal = try_parse("# a comment\n\n" + text + "\n", rule);
  ASSERT_TRUE(refusal) << text;
  const ConfigError& error = refusal->error;
  EXPECT_EQ(error.where.file, "test.rules");
  EXPECT_EQ(error.where.line, 3u);
  EXPECT_EQ(error.where.column, mark + 1) << text << '\n' << format(error);
  EXPECT_EQ(error.where.text, text);
  EXPECT_EQ(error.key, key) << text;
  EXPECT_TRUE(error.found.starts_with(found)) << text << "\nfound: " << error.found;
  EXPECT_FALSE(error.allowed.empty());
  EXPECT_EQ(refusal->kind, kind) << text;
  EXPECT_EQ(refusal->sid, 7u) << text;
}

inline void expect_refused(std::span<const BadOptions> table,
                           const std::string& header = "alert tcp any any -> any any") {
  for (const BadOptions& bad : table) {
    expect_refused(header + " (" + bad.options + " sid:7;)", bad.key, bad.found, bad.kind);
  }
}

}  // namespace sluice::rules
