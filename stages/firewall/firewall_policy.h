// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// [stage.firewall] compiled: the rules and what happens where none matches.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chain/stage.h"
#include "stages/firewall/rule_table.h"

namespace sluice {

class FirewallPolicy : public StagePolicy {
 public:
  FirewallPolicy(std::vector<firewall::Rule> rules, int socket_id)
      : table(std::move(rules), socket_id) {}

  firewall::RuleTable table;
  firewall::Action default_action = firewall::Action::Drop;
  NameId default_rule = 0;           // "default-deny", ...
  uint8_t undecided_packets = 16;    // a flow
  uint16_t undecided_bytes = 32768;  // a flow, of payload
  // By FlowContext::chain: dpi comes before firewall, so open conditions may
  // still be answered.
  std::vector<uint8_t> chain_has_dpi;
};

// What the rules have met in one lane. Its worker writes, any thread reads.
class FirewallPart : public LanePart {
 public:
  struct Hits {
    uint64_t flows = 0;    // flows judged, again or for the first time
    uint64_t packets = 0;  // packets that were at hand then
  };

  explicit FirewallPart(size_t rules) : hits(rules + 1) {}

  std::vector<Hits> hits;  // by rule; the last is the default
};

// Compiler thread.
std::unique_ptr<const StagePolicy> compile_firewall(ConfigSection section, CompileContext& context);

}  // namespace sluice
