// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Ordered rules of which the first that matches decides. Immutable; any number
// of workers may ask it.
#pragma once

#include <cstddef>
#include <vector>

#include "chain/directory.h"
#include "flowtable/flow.h"
#include "stages/firewall/family_table.h"
#include "stages/firewall/rule.h"

namespace sluice::firewall {

class RuleTable {
 public:
  static constexpr size_t kMaxRules = 100'000;

  // Throws std::runtime_error with a message for people. Compiler thread;
  // rte_acl takes its memory from EAL.
  explicit RuleTable(std::vector<Rule> rules, int socket_id = -1);
  RuleTable(const RuleTable&) = delete;
  RuleTable& operator=(const RuleTable&) = delete;

  const std::vector<Rule>& rules() const noexcept { return rules_; }
  const FamilyTable& ipv4() const noexcept { return ipv4_; }
  const FamilyTable& ipv6() const noexcept { return ipv6_; }

  // Up to Burst::kCapacity flows at once, families mixed: 5-tuple from the
  // originator's side, identities and dpi's findings from the context. Worker.
  void judge(const Flow* const* flows, unsigned n, const Directory& directory,
             Judgement* out) const noexcept;

 private:
  const std::vector<Rule> rules_;
  const FamilyTable ipv4_, ipv6_;
};

}  // namespace sluice::firewall
