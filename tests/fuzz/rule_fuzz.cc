// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Rule files of any bytes: each rule is loaded with all that Rule's header
// promises, or refused at a place inside of the file; the account adds up.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <variant>

#include "config/errors.h"
#include "stages/dpi/rules/rule_loader.h"

using namespace sluice;
using namespace sluice::rules;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const RuleNumber& number) {
  require(number.variable < static_cast<int>(kMaxRuleVariables));
}

void check(const std::optional<RuleNumber>& number) {
  if (number) check(*number);
}

void check(const RuleContent& content) {
  require(!content.bytes.empty() && content.bytes.size() <= kMaxContentBytes);
  require(content.chop_offset + content.chop_length <= static_cast<int>(content.bytes.size()));
  check(content.offset);
  check(content.depth);
  check(content.distance);
  check(content.within);
  const bool absolute = content.offset || content.depth;
  require(!(absolute && content.relative()));
}

void check(const RuleBytes& read) {
  const int64_t most = read.text_base != 0 ? 23 : 8;
  check(read.count);
  check(read.offset);
  require(read.count.is_variable() || (read.count.value >= 0 && read.count.value <= most));
  require(read.text_base == 0 || read.text_base == 8 || read.text_base == 10 ||
          read.text_base == 16);
}

void check(const RuleItem& item) {
  if (const auto* content = std::get_if<RuleContent>(&item)) check(*content);
  if (const auto* test = std::get_if<RuleByteTest>(&item)) check(test->read);
  if (const auto* jump = std::get_if<RuleByteJump>(&item)) check(jump->read);
  if (const auto* extract = std::get_if<RuleByteExtract>(&item)) {
    check(extract->read);
    require(extract->variable < kMaxRuleVariables);
  }
  if (const auto* math = std::get_if<RuleByteMath>(&item)) {
    check(math->read);
    require(math->variable < kMaxRuleVariables);
  }
  if (const auto* pcre = std::get_if<RulePcre>(&item)) require(!pcre->expression.empty());
  if (const auto* size = std::get_if<RuleBsize>(&item))
    require(size->range.low <= size->range.high);
}

void check(const Rule& rule) {
  require(rule.sid != 0 && rule.gid != 0 && rule.where.line != 0 && rule.severity != 0);
  require(!rule.header.source.empty() && !rule.header.destination.empty());
  require(!rule.header.source_ports.empty() && !rule.header.destination_ports.empty());
  require(rule.msg.size() <= 3 * kMaxMsgBytes);
  size_t items = 0;
  for (const RuleBufferMatch& match : rule.buffers) {
    require(!match.items.empty());
    require(!match.side || !rule.flow.direction || *match.side == *rule.flow.direction);
    items += match.items.size();
    for (const RuleItem& item : match.items) check(item);
  }
  require(items <= kMaxRuleItems);
  for (const RuleFlowbit& bit : rule.flowbits) require(!bit.names.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  RuleLoader loader({});
  loader.add_text("fuzz.rules", {reinterpret_cast<const char*>(data), size});
  ConfigErrors errors;
  const LoadedRules loaded = loader.finish(errors);
  require(errors.empty());
  const RuleCoverage& c = loaded.coverage;
  require(c.loaded == loaded.rules.size() && c.refused == loaded.refusals.size());
  require(c.rules == c.loaded + c.disabled + c.duplicates + c.refused);
  for (const Rule& rule : loaded.rules) check(rule);
  for (const RuleRefusal& refusal : loaded.refusals) {
    const ConfigError& error = refusal.error;
    require(error.where.line != 0 && error.where.line <= size + 1);
    require(error.where.column != 0 && error.where.column <= error.where.text.size() + 1);
    require(!error.key.empty() && !error.found.empty() && !error.allowed.empty());
    require(!format(error).empty());
  }
  require(!to_string(c).empty());
  return 0;
}
