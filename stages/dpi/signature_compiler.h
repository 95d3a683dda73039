// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// From rule texts to a SignatureSet. Compiler thread.
#pragma once

#include <hs/hs_common.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "chain/directory.h"
#include "config/errors.h"
#include "stages/dpi/signature_rule.h"
#include "stages/dpi/signature_set.h"
#include "stages/dpi/signature_text.h"

namespace sluice {

inline constexpr size_t kMaxSignatures = 200'000;

// Used once: texts added, compiled.
class SignatureCompiler {
 public:
  explicit SignatureCompiler(ConfigErrors& errors) : report_(errors) {}

  void add_file(const std::string& path);
  void add_text(const std::string& name, std::string_view content);

  // Null if anything was reported, then or before.
  std::shared_ptr<const SignatureSet> compile(Directory& directory);

  size_t accepted() const noexcept { return rules_.size(); }

 private:
  struct Source {
    SignatureRule rule;
    uint32_t file;  // in files_
  };
  // A distinct expression, and where it was first written.
  struct Expression {
    const SignaturePattern* pattern;
    uint32_t file;
    uint32_t uses = 0;  // rules for which it must be found
  };
  using ExpressionKey = std::tuple<SignaturePattern::Kind, unsigned, std::string>;

  void check_expressions(const Source& source);
  void report_failure(const Expression& expression, const char* message);
  void report_failures(const std::vector<uint32_t>& ids, int index, const char* message);
  uint32_t expression_of(const SignaturePattern& pattern, uint32_t file);
  void number_patterns();
  void add_rule(SignatureSet& set, uint32_t source, Directory& directory,
                std::vector<std::vector<uint32_t>>& keyed);
  void fill_classes(SignatureSet& set);
  bool compile_databases(SignatureSet& set);
  std::shared_ptr<const hs_database_t> compile_database(const std::vector<uint32_t>& ids);

  SignatureReport report_;
  std::vector<std::string> files_;
  std::vector<Source> rules_;
  std::map<uint32_t, std::pair<uint32_t, uint32_t>> sids_;  // file, line
  std::vector<Expression> expressions_;
  std::map<ExpressionKey, uint32_t> expression_ids_;
  std::vector<std::vector<uint32_t>> rule_required_;  // by position in rules_
  std::vector<std::vector<uint32_t>> rule_forbidden_;
  std::map<SignatureHeader, uint32_t> header_ids_;
};

}  // namespace sluice
