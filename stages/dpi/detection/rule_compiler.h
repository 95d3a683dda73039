// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// From rules as they were read to a RuleSet. Compiler thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "chain/directory.h"
#include "stages/dpi/detection/database_cache.h"
#include "stages/dpi/rules/pcre_expression.h"
#include "stages/dpi/rules/rule.h"
#include "stages/dpi/rules/rule_classification.h"
#include "stages/dpi/detection/rule_set.h"

namespace sluice::rules {

// Used once: rules added, finished.
class RuleCompiler {
 public:
  // Both must outlive it.
  RuleCompiler(Directory& directory, const Classifications& classifications)
      : directory_(directory), classifications_(classifications) {}

  // False, with the reason, if the rule cannot be compiled: it is left out whole.
  // `rule` must outlive finish().
  bool add(const Rule& rule, std::string& why);

  // Throws std::runtime_error where Hyperscan fails as a whole.
  std::shared_ptr<const RuleSet> finish(DatabaseCache& cache);

 private:
  // Where fast patterns are gathered: literal, nocase -> rules.
  struct Group {
    std::map<std::pair<std::string, bool>, std::vector<uint32_t>> patterns;
    std::vector<uint32_t> always;
  };
  struct Pending {
    const Rule* rule;
    CompiledRule compiled;
  };

  bool add_protocols(const Rule& rule, CompiledRule& out, std::string& why);
  bool add_parts(const Rule& rule, CompiledRule& out, std::string& why);
  bool add_context(const Rule& rule, CompiledRule& out, std::string& why);
  bool find_names(CompiledContext::What what, const std::string& name,
                  std::vector<uint32_t>& numbers, std::string& why);
  void add_state(const Rule& rule, CompiledRule& out);
  uint32_t number_of(std::map<std::string, uint32_t>& names, const std::string& name);
  void group(uint32_t index, const Rule& rule, CompiledRule& compiled);
  Prefilter prefilter(Group& group, DatabaseCache& cache);

  Directory& directory_;
  const Classifications& classifications_;
  PcreCache pcres_;
  std::vector<Pending> rules_;
  std::map<RuleHeader, uint32_t> headers_;
  std::map<std::string, uint32_t> flowbits_, flowints_, xbits_;
  Group packet_[kPacketClasses];
  Group stream_[2];
  Group buffers_[2][kBuffers];
};

// The part of a rule that its prefilter looks for.
struct FastPattern {
  size_t match;  // position among Rule::buffers without those of the flow's context
  std::string bytes;
  bool nocase;
};

// The one that the rule names, else the one that says most. Nothing where the
// rule has no content that must be found. Payload counts only where
// `in_payload` says so, and then alone.
std::optional<FastPattern> fast_pattern(const Rule& rule, bool in_payload);

}  // namespace sluice::rules
