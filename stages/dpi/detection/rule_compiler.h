// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// From rules as they were read to a RuleSet. Compiler thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
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
#include "stages/dpi/detection/fast_pattern.h"
#include "stages/dpi/detection/rule_set.h"
#include "stages/dpi/detection/scan_groups.h"

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
  // Fast patterns of one buffer: literal, nocase -> rules.
  using Patterns = std::map<std::pair<std::string, bool>, std::vector<Prefilter::Use>>;
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
  void note_headers(RuleSet& set) const;
  void group(RuleSet& set, uint32_t index, const Rule& rule, CompiledRule& compiled);
  void group_of_buffers(RuleSet& set, uint32_t index, const Rule& rule,
                        const CompiledRule& compiled);
  void group_of_payload(RuleSet& set, uint32_t index, const Rule& rule, CompiledRule& compiled);
  void look_in_payload(ScanRule place, const Rule& rule, const CompiledRule& compiled);
  const PortSet* server_ports(const RuleHeader& header, Direction of);

  Directory& directory_;
  const Classifications& classifications_;
  PcreCache pcres_;
  std::vector<Pending> rules_;
  std::map<RuleHeader, uint32_t> headers_;
  std::map<std::string, uint32_t> flowbits_, flowints_, xbits_;
  std::vector<ScanRule> payload_[kPacketClasses][2];  // by Direction of the bytes
  std::deque<PortSet> united_ports_;
  Patterns buffers_[2][kBuffers];
};

}  // namespace sluice::rules
