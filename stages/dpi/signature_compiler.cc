// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/signature_compiler.h"

#include <hs/hs_compile.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "stages/dpi/signature_expression.h"

namespace sluice {
namespace {

void sort_unique(std::vector<uint32_t>& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

}  // namespace

void SignatureCompiler::add_file(const std::string& path) {
  std::string why;
  const std::optional<std::string> content = read_rule_file(path, why);
  if (!content) {
    report_.add(path, 0, 0, "rules", why, "a readable file of signatures");
    return;
  }
  add_text(path, *content);
}

void SignatureCompiler::add_text(const std::string& name, std::string_view content) {
  const auto file = static_cast<uint32_t>(files_.size());
  files_.push_back(name);
  for (const SignatureText& text : split_rules(content)) {
    Source source{{}, file};
    const bool good = parse_signature_rule(text, name, report_, source.rule);
    const SignatureRule& rule = source.rule;
    if (rule.sid != 0) {
      const auto [known, fresh] = sids_.try_emplace(rule.sid, file, rule.sid_where.line);
      if (!fresh) {
        report_.add(name, rule.sid_where.line, rule.sid_where.column, "sid",
                    std::to_string(rule.sid) + ", which is taken by " +
                        files_[known->second.first] + ":" + std::to_string(known->second.second),
                    "a number of the rule's own");
        continue;
      }
    }
    if (!good) continue;
    check_expressions(source);
    if (rules_.size() == kMaxSignatures) {
      report_.add(name, rule.sid_where.line, 1, "rules", "one more",
                  "at most " + std::to_string(kMaxSignatures));
      return;
    }
    rules_.push_back(std::move(source));
  }
}

std::shared_ptr<const SignatureSet> SignatureCompiler::compile(Directory& directory) {
  if (report_.count() != 0) return nullptr;
  std::shared_ptr<SignatureSet> set(new SignatureSet);
  number_patterns();
  set->patterns_ = static_cast<uint32_t>(expressions_.size());
  std::vector<std::vector<uint32_t>> keyed(expressions_.size());
  for (const bool drop : {true, false}) {
    for (uint32_t i = 0; i < rules_.size(); ++i) {
      if (rules_[i].rule.drop == drop) add_rule(*set, i, directory, keyed);
    }
  }
  set->keyed_first_.push_back(0);
  for (const std::vector<uint32_t>& rules : keyed) {
    set->keyed_rules_.insert(set->keyed_rules_.end(), rules.begin(), rules.end());
    set->keyed_first_.push_back(static_cast<uint32_t>(set->keyed_rules_.size()));
  }
  set->headers_.resize(header_ids_.size());
  for (const auto& [header, id] : header_ids_) set->headers_[id] = header;
  fill_classes(*set);
  if (!compile_databases(*set)) return nullptr;
  return set;
}

// What Hyperscan cannot do at all is told together with the errors of syntax.
void SignatureCompiler::check_expressions(const Source& source) {
  for (const SignaturePattern& pattern : source.rule.patterns) {
    if (pattern.kind != SignaturePattern::Kind::Pcre) continue;
    const HyperscanExpression expression = hyperscan_expression(pattern);
    hs_expr_info_t* info = nullptr;
    hs_compile_error_t* failure = nullptr;
    hs_expression_info(expression.text.c_str(), expression.flags, &info, &failure);
    std::free(info);
    if (failure == nullptr) continue;
    report_failure({&pattern, source.file}, failure->message);
    hs_free_compile_error(failure);
  }
}

void SignatureCompiler::report_failure(const Expression& expression, const char* message) {
  const SignaturePattern& pattern = *expression.pattern;
  const bool pcre = pattern.kind == SignaturePattern::Kind::Pcre;
  report_.add(files_[expression.file], pattern.where.line, pattern.where.column,
              pcre ? "pcre" : "content", quoted(pattern.bytes) + ": " + message,
              "what Hyperscan can compile");
}

uint32_t SignatureCompiler::expression_of(const SignaturePattern& pattern, uint32_t file) {
  const HyperscanExpression e = hyperscan_expression(pattern);
  const auto next = static_cast<uint32_t>(expressions_.size());
  const auto [known, fresh] = expression_ids_.try_emplace({pattern.kind, e.flags, e.text}, next);
  if (fresh) expressions_.push_back({&pattern, file});
  return known->second;
}

void SignatureCompiler::number_patterns() {
  for (const Source& source : rules_) {
    std::vector<uint32_t> required;
    std::vector<uint32_t> forbidden;
    for (const SignaturePattern& pattern : source.rule.patterns) {
      (pattern.negated ? forbidden : required).push_back(expression_of(pattern, source.file));
    }
    sort_unique(required);
    sort_unique(forbidden);
    for (const uint32_t id : required) ++expressions_[id].uses;
    rule_required_.push_back(std::move(required));
    rule_forbidden_.push_back(std::move(forbidden));
  }
}

void SignatureCompiler::add_rule(SignatureSet& set, uint32_t source, Directory& directory,
                                 std::vector<std::vector<uint32_t>>& keyed) {
  const SignatureRule& rule = rules_[source].rule;
  std::vector<uint32_t>& required = rule_required_[source];
  const std::vector<uint32_t>& forbidden = rule_forbidden_[source];
  const auto header =
      header_ids_.try_emplace(rule.header, static_cast<uint32_t>(header_ids_.size())).first;
  const auto index = static_cast<uint32_t>(set.rules_.size());
  const bool wants_payload = !rule.patterns.empty();

  // A content says more than an expression, a long one more than a short one.
  const auto better = [this](uint32_t a, uint32_t b) {
    const auto rank = [](const Expression& e) {
      const bool pcre = e.pattern->kind == SignaturePattern::Kind::Pcre;
      return std::tuple(e.uses, pcre, pcre ? 0 : ~e.pattern->bytes.size());
    };
    return rank(expressions_[a]) < rank(expressions_[b]);
  };
  if (!required.empty()) {
    const auto key = std::min_element(required.begin(), required.end(), better);
    keyed[*key].push_back(index);
    required.erase(key);
  }
  set.rules_.push_back({rule.sid, rule.rev, rule.msg.empty() ? 0 : directory.intern(rule.msg),
                        header->second, static_cast<uint32_t>(set.rule_patterns_.size()),
                        static_cast<uint16_t>(required.size()),
                        static_cast<uint16_t>(forbidden.size()), rule.drop, wants_payload});
  set.rule_patterns_.insert(set.rule_patterns_.end(), required.begin(), required.end());
  set.rule_patterns_.insert(set.rule_patterns_.end(), forbidden.begin(), forbidden.end());
}

void SignatureCompiler::fill_classes(SignatureSet& set) {
  std::vector<bool> hangs(set.rules_.size());
  for (const uint32_t rule : set.keyed_rules_) hangs[rule] = true;
  for (size_t c = 0; c < kPacketClasses; ++c) {
    SignatureSet::Class& packets = set.classes_[c];
    for (uint32_t i = 0; i < set.rules_.size(); ++i) {
      if (!set.headers_[set.rules_[i].header].covers(static_cast<PacketClass>(c))) continue;
      packets.headers.push_back(set.rules_[i].header);
      if (!hangs[i]) packets.unkeyed.push_back(i);
    }
    sort_unique(packets.headers);
    const auto all = std::find_if(packets.headers.begin(), packets.headers.end(),
                                  [&](uint32_t header) { return set.headers_[header].fits_all(); });
    if (all != packets.headers.end()) packets.headers = {*all};
  }
}

bool SignatureCompiler::compile_databases(SignatureSet& set) {
  std::array<std::vector<uint32_t>, kPacketClasses> ids;
  const size_t before = report_.count();
  for (size_t source = 0; source < rules_.size(); ++source) {
    for (size_t c = 0; c < kPacketClasses; ++c) {
      if (!rules_[source].rule.header.covers(static_cast<PacketClass>(c))) continue;
      for (const SignaturePattern& pattern : rules_[source].rule.patterns) {
        ids[c].push_back(expression_of(pattern, rules_[source].file));
      }
    }
  }
  for (size_t c = 0; c < kPacketClasses; ++c) {
    sort_unique(ids[c]);
    if (ids[c].empty()) continue;
    for (size_t same = 0; same < c; ++same) {
      if (ids[same] == ids[c]) set.classes_[c].database = set.classes_[same].database;
    }
    if (!set.classes_[c].database) set.classes_[c].database = compile_database(ids[c]);
    if (report_.count() != before) return false;
  }
  return true;
}

std::shared_ptr<const hs_database_t> SignatureCompiler::compile_database(
    const std::vector<uint32_t>& ids) {
  std::vector<HyperscanExpression> expressions;
  for (const uint32_t id : ids) {
    expressions.push_back(hyperscan_expression(*expressions_[id].pattern));
  }
  std::vector<const char*> texts;
  std::vector<unsigned> flags;
  for (const HyperscanExpression& expression : expressions) {
    texts.push_back(expression.text.c_str());
    flags.push_back(expression.flags);
  }
  hs_database_t* database = nullptr;
  hs_compile_error_t* failure = nullptr;
  const hs_platform_info_t platform = hyperscan_platform();
  hs_compile_multi(texts.data(), flags.data(), ids.data(), static_cast<unsigned>(ids.size()),
                   HS_MODE_BLOCK, &platform, &database, &failure);
  if (failure != nullptr) {
    report_failures(ids, failure->expression, failure->message);
    hs_free_compile_error(failure);
    return nullptr;
  }
  return {database,
          [](const hs_database_t* p) { hs_free_database(const_cast<hs_database_t*>(p)); }};
}

// Hyperscan stops at the first expression that it cannot compile: the others
// are tried one by one, since all are to be told at once.
void SignatureCompiler::report_failures(const std::vector<uint32_t>& ids, int index,
                                        const char* message) {
  const size_t before = report_.count();
  const hs_platform_info_t platform = hyperscan_platform();
  for (const uint32_t id : ids) {
    if (expressions_[id].pattern->kind != SignaturePattern::Kind::Pcre) continue;
    const HyperscanExpression expression = hyperscan_expression(*expressions_[id].pattern);
    hs_database_t* database = nullptr;
    hs_compile_error_t* failure = nullptr;
    hs_compile(expression.text.c_str(), expression.flags, HS_MODE_BLOCK, &platform, &database,
               &failure);
    hs_free_database(database);
    if (failure == nullptr) continue;
    report_failure(expressions_[id], failure->message);
    hs_free_compile_error(failure);
  }
  if (report_.count() != before) return;
  if (index >= 0) {
    report_failure(expressions_[ids[static_cast<size_t>(index)]], message);
  } else {
    report_.add(files_.front(), 0, 0, "rules", message, "what Hyperscan can compile");
  }
}

}  // namespace sluice
