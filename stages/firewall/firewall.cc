// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/firewall/firewall.h"

#include <cstdio>
#include <iterator>

#include "stages/firewall/firewall_policy.h"
#include "stages/firewall/firewall_stage.h"

namespace sluice {

namespace {

constexpr CounterInfo kCounters[] = {
    {"judged", "flows compared with the rules, again or for the first time",
     offsetof(FirewallCounters, judged)},
    {"allowed", "judgements that let the flow pass", offsetof(FirewallCounters, allowed)},
    {"denied", "judgements by a rule with action drop", offsetof(FirewallCounters, denied)},
    {"rejected", "judgements by a rule with action reject", offsetof(FirewallCounters, rejected)},
    {"no_rule",
     "judgements by `default`, if that is not allow: a rule is missing, or somebody probes",
     offsetof(FirewallCounters, no_rule)},
    {"undecided_packets", "packets let through while dpi had not decided",
     offsetof(FirewallCounters, undecided_packets)},
    {"undecided_bytes", "their payload", offsetof(FirewallCounters, undecided_bytes)},
    {"undecided_exhausted",
     "judgements for which dpi did not decide within undecided_packets and undecided_bytes",
     offsetof(FirewallCounters, undecided_exhausted)},
};
static_assert(std::size(kCounters) * sizeof(uint64_t) == sizeof(FirewallCounters));

constexpr DropReason kDropReasons[] = {
    {"denied", "A rule says drop."},
    {"rejected", "A rule says reject; the ends are told as far as reject_rate lets."},
    {"no_rule", "No rule matches, and `default` is not allow."},
};

std::string show_rules(const CommandContext& context) {
  const auto& policy = static_cast<const FirewallPolicy&>(context.policy);
  const auto& rules = policy.table.rules();
  std::string out;
  char line[256];
  const auto print = [&](const char* place, const std::string& name, std::string_view action,
                         size_t index) {
    FirewallPart::Hits sum;
    for (const LanePart* part : context.parts) {
      if (part == nullptr) continue;
      const auto& hits = static_cast<const FirewallPart*>(part)->hits[index];
      sum.flows += hits.flows;
      sum.packets += hits.packets;
    }
    std::snprintf(line, sizeof(line), "%6s  %-32.64s  %-6s  %12llu  %12llu\n", place, name.c_str(),
                  std::string(action).c_str(), static_cast<unsigned long long>(sum.flows),
                  static_cast<unsigned long long>(sum.packets));
    out += line;
  };
  std::snprintf(line, sizeof(line), "%6s  %-32s  %-6s  %12s  %12s\n", "#", "rule", "action",
                "flows", "packets");
  out += line;
  for (size_t i = 0; i < rules.size(); ++i) {
    print(std::to_string(i + 1).c_str(), rules[i].name, to_string(rules[i].action), i);
  }
  print("-", context.directory.name(policy.default_rule), to_string(policy.default_action),
        rules.size());
  return out;
}

constexpr StageCommand kCommands[] = {
    {"rules", "the rules in order, with the flows that each has judged and their packets then",
     show_rules},
};

std::unique_ptr<LanePart> create_part(const StagePolicy& policy, const StageResources&) {
  return std::make_unique<FirewallPart>(
      static_cast<const FirewallPolicy&>(policy).table.rules().size());
}

std::unique_ptr<Stage> create_stage(const StageResources& resources) {
  return std::make_unique<FirewallStage>(resources);
}

}  // namespace

constexpr StageType kFirewallStage = {
    .name = "firewall",
    .help =
        "stateful rules over groups, addresses, ports, applications and hosts; first match wins",
    .flow_slot_size = sizeof(FirewallSlot),
    .counters = kCounters,
    .drop_reasons = kDropReasons,
    .commands = kCommands,
    .compile = compile_firewall,
    .create_lane_part = create_part,
    .create = create_stage,
};

}  // namespace sluice
