// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Thousands of random rules against an evaluator that reads them one by one.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <array>
#include <random>

#include "tests/support/test_environment.h"
#include "tests/unit/stages/firewall/firewall_fixture.h"

namespace sluice::test {
namespace {

using firewall::Action;
using firewall::Judgement;
using firewall::kNoRule;
using firewall::Party;
using firewall::PortRange;
using firewall::Rule;
using firewall::RuleTable;
using firewall::Truth;

constexpr unsigned kFlows = 40;  // judged together
constexpr unsigned kGroups = 40;
constexpr NameId kIdentities = 30;

// How often a rule asks for more than its 5-tuple, and how wide prefixes are.
struct Shape {
  const char* name;
  unsigned rules;
  unsigned identity_percent;
  unsigned application_percent;
  unsigned shortest_prefix;  // bits behind the first 8
};

void PrintTo(const Shape& shape, std::ostream* out) {
  *out << shape.name;
}

class RuleProperty : public ::testing::TestWithParam<Shape> {
 protected:
  static void SetUpTestSuite() { start_test_eal(); }

  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  bool percent(unsigned p) { return below(100) < p; }

  FlowAddress address(uint8_t family) {
    FlowAddress a{};
    const unsigned size = family == 4 ? 4 : 16;
    a[0] = family == 4 ? 10 : 0x20;
    for (unsigned i = 1; i < size; ++i) {
      a[i] = static_cast<uint8_t>(i < 4 || i > 14 ? below(6) << 5 | below(2) : 0);
    }
    return a;
  }

  IpPrefix prefix(uint8_t family) {
    IpPrefix p;
    p.address.family = family;
    const unsigned size = family == 4 ? 32 : 128;
    const unsigned shortest = 8 + GetParam().shortest_prefix;
    p.length = static_cast<uint8_t>(shortest + below(size - shortest + 1));
    const FlowAddress a = address(family);
    for (unsigned bit = 0; bit < p.length; ++bit) {
      p.address.bytes[bit / 8] |= static_cast<uint8_t>(a[bit / 8] & (0x80 >> bit % 8));
    }
    return p;
  }

  Party party() {
    Party p;
    if (percent(20)) return p;
    p.any = false;
    const bool identities = percent(GetParam().identity_percent);
    if (identities) {
      for (unsigned i = below(3); i > 0; --i) p.groups.push_back(below(kGroups));
      for (unsigned i = below(3); i > 0; --i) p.identities.push_back(1 + below(kIdentities));
    }
    if (!identities || percent(30)) {
      for (unsigned i = 1 + below(2); i > 0; --i) p.prefixes.push_back(prefix(percent(50) ? 4 : 6));
    }
    return p;
  }

  PortRange ports() {
    const auto first = static_cast<uint16_t>(below(40));
    return {first, static_cast<uint16_t>(first + below(4))};
  }

  Rule rule() {
    Rule r;
    r.action = static_cast<Action>(more_random_() % 3);
    r.from = party();
    r.to = party();
    if (percent(70)) r.protocols = {static_cast<uint8_t>(percent(70) ? IPPROTO_TCP : IPPROTO_UDP)};
    if (!r.protocols.empty() && percent(80)) r.ports.push_back(ports());
    if (!r.protocols.empty() && percent(20)) r.ports.push_back(ports());
    if (!r.protocols.empty() && percent(10)) r.from_ports.push_back(ports());
    if (percent(GetParam().application_percent)) {
      r.conditions.applications.push_back({static_cast<uint16_t>(1 + below(6)), kTls, percent(50)});
    }
    if (percent(GetParam().application_percent / 2)) {
      r.conditions.categories.push_back(static_cast<uint16_t>(below(4)));
    }
    return r;
  }

  std::unique_ptr<TupleFlow> flow(const std::vector<GroupSetId>& sets) {
    const uint8_t family = percent(50) ? 4 : 6;
    auto f = std::make_unique<TupleFlow>(address(family), address(family), family,
                                         static_cast<uint8_t>(percent(60)   ? IPPROTO_TCP
                                                              : percent(80) ? IPPROTO_UDP
                                                                            : 47),
                                         static_cast<uint16_t>(below(45)),
                                         static_cast<uint16_t>(below(45)));
    FlowContext& c = f->context();
    c.source_identity = below(kIdentities + 2);
    c.destination_identity = below(kIdentities + 2);
    c.source_groups = sets[below(static_cast<unsigned>(sets.size()))];
    c.destination_groups = sets[below(static_cast<unsigned>(sets.size()))];
    c.app_progress = static_cast<AppProgress>(below(4));
    c.app_master = percent(50) ? kTls : 0;
    c.app = static_cast<uint16_t>(below(7));
    c.app_category = static_cast<uint16_t>(below(4));
    c.app_confidence = more_random_() % NDPI_CONFIDENCE_MAX & 15;
    return f;
  }

  std::mt19937_64 random_{42}, more_random_{1};
  Directory directory_;
};

IpAddress ip(const Flow& flow, Direction of) {
  return {flow.address(of), flow.key.family};
}

bool has(const Party& party, const IpAddress& address, NameId identity, const GroupBits& groups) {
  if (party.any) return true;
  for (const IpPrefix& prefix : party.prefixes) {
    if (prefix.contains(address)) return true;
  }
  for (const NameId id : party.identities) {
    if (id == identity) return true;
  }
  for (const unsigned group : party.groups) {
    if (groups.test(group)) return true;
  }
  return false;
}

bool has(const std::vector<PortRange>& ranges, uint16_t port) {
  if (ranges.empty()) return true;
  for (const PortRange& range : ranges) {
    if (range.first <= port && port <= range.last) return true;
  }
  return false;
}

Judgement naive(const std::vector<Rule>& rules, const Flow& flow, const Directory& directory) {
  const FlowContext& c = context(flow);
  Judgement out;
  for (uint32_t i = 0; i < rules.size(); ++i) {
    const Rule& r = rules[i];
    if (!r.protocols.empty() &&
        std::find(r.protocols.begin(), r.protocols.end(), flow.key.proto) == r.protocols.end()) {
      continue;
    }
    if (!has(r.ports, __builtin_bswap16(flow.port_be(Direction::Reply)))) continue;
    if (!has(r.from_ports, __builtin_bswap16(flow.port_be(Direction::Original)))) continue;
    if (!has(r.from, ip(flow, Direction::Original), c.source_identity,
             directory.groups(c.source_groups))) {
      continue;
    }
    if (!has(r.to, ip(flow, Direction::Reply), c.destination_identity,
             directory.groups(c.destination_groups))) {
      continue;
    }
    const Truth truth = r.conditions.judge(c, r.action);
    if (truth == Truth::Open && out.open == kNoRule) out.open = i;
    if (truth == Truth::True) {
      out.match = i;
      break;
    }
  }
  return out;
}

TEST_P(RuleProperty, AgreesWithAnEvaluatorThatReadsRuleByRule) {
  std::vector<GroupSetId> sets;
  for (unsigned i = 0; i < 20; ++i) {
    GroupBits bits;
    for (unsigned n = below(5); n > 0; --n) bits.set(below(kGroups));
    GroupSetId id;
    ASSERT_TRUE(directory_.intern_group_set(bits, id));
    sets.push_back(id);
  }
  std::vector<Rule> rules;
  for (unsigned i = 0; i < GetParam().rules; ++i) rules.push_back(rule());
  const RuleTable table(std::move(rules));

  unsigned matched = 0, open = 0;
  for (unsigned round = 0; round < 100; ++round) {
    std::vector<std::unique_ptr<TupleFlow>> flows;
    std::vector<const Flow*> pointers;
    for (unsigned i = 0; i < kFlows; ++i) {
      flows.push_back(flow(sets));
      pointers.push_back(flows.back()->flow());
    }
    std::array<Judgement, kFlows> got;
    table.judge(pointers.data(), kFlows, directory_, got.data());
    for (size_t i = 0; i < got.size(); ++i) {
      const Judgement expected = naive(table.rules(), *pointers[i], directory_);
      ASSERT_EQ(got[i].match, expected.match);
      ASSERT_EQ(got[i].open, expected.open);
      matched += expected.match != kNoRule;
      open += expected.open != kNoRule;
    }
  }
  // The rows say something only if flows meet rules of every kind.
  EXPECT_GT(matched, 200u);
  if (GetParam().application_percent != 0) {
    EXPECT_GT(open, 100u);
  }
  RecordProperty("overflow_ipv4", static_cast<int>(table.ipv4().overflow()));
}

INSTANTIATE_TEST_SUITE_P(Shapes, RuleProperty,
                         ::testing::Values(Shape{"tuples", 5000, 0, 0, 4},
                                           Shape{"groups", 5000, 100, 0, 4},
                                           Shape{"applications", 500, 10, 60, 2},
                                           Shape{"mixed", 5000, 40, 20, 8},
                                           Shape{"few", 20, 40, 30, 0}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace sluice::test
