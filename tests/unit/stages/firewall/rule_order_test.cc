// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// One table of rules, many flows, both families: which rule decides.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tests/support/test_environment.h"
#include "tests/unit/stages/firewall/firewall_fixture.h"

namespace sluice::test {
namespace {

class RuleOrder : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { start_test_eal(); }

  std::string judge(const FirewallPolicy& policy, TupleFlow& flow) {
    return judged_by(policy, world.directory, *flow);
  }

  FirewallWorld world;
};

constexpr std::string_view kRules = R"(
rule = [
  { name = "bad-host", from = ["192.0.2.66", "2001:db8:66::/48"], action = "drop" },
  { name = "printer-out", from = ["device:printer"], action = "reject" },
  { name = "alice-ssh", from = ["user:alice"], to = ["group:servers", "10.9.0.0/16", "2001:db8:9::/48"], protocol = ["tcp"], port = ["22"], action = "allow" },
  { name = "no-ssh", protocol = ["tcp"], port = ["22"], action = "drop" },
  { name = "no-youtube", from = ["group:guests"], application = ["YouTube"], action = "reject" },
  { name = "guests-web", from = ["group:guests"], port = ["80", "443", "8000-8080"], protocol = ["tcp"], action = "allow" },
  { name = "staff-any", from = ["group:staff", "10.1.0.0/16", "2001:db8:1::/48"], action = "allow" },
  { name = "dns", to = ["10.0.0.53", "2001:db8::53"], port = ["53"], action = "allow" },
  { name = "ntp-source", from_port = ["123"], protocol = ["udp"], action = "allow" },
  { name = "ping", protocol = ["icmp", "icmpv6"], action = "allow" },
  { name = "gre", protocol = ["47"], action = "allow" },
]
)";

struct Row {
  const char* sentence;
  const char* from[2];  // IPv4, IPv6
  const char* to[2];
  uint8_t proto;
  uint16_t from_port, port;
  NameId FirewallWorld::*source = nullptr;
  GroupSetId FirewallWorld::*source_groups = nullptr;
  GroupSetId FirewallWorld::*destination_groups = nullptr;
  AppProgress progress = AppProgress::None;
  uint16_t master = 0, app = 0;
  const char* rule;
};

using World = FirewallWorld;
constexpr uint8_t kTcp = IPPROTO_TCP, kUdp = IPPROTO_UDP;
#define ANY_FROM \
  { "198.51.100.1", "2001:db8:ffff::1" }
#define ANY_TO \
  { "203.0.113.1", "2001:db8:eeee::1" }

const Row kRows[] = {
    {.sentence = "nothing matches",
     .from = ANY_FROM,
     .to = ANY_TO,
     .proto = kTcp,
     .from_port = 4000,
     .port = 443,
     .rule = "default-deny"},
    {.sentence = "a bare address",
     .from = {"192.0.2.66", "2001:db8:66::66"},
     .to = ANY_TO,
     .proto = kTcp,
     .from_port = 4000,
     .port = 22,
     .rule = "bad-host"},
    {.sentence = "the rule before, though staff is allowed",
     .from = {"192.0.2.66", "2001:db8:66::66"},
     .to = ANY_TO,
     .proto = kTcp,
     .from_port = 4000,
     .port = 22,
     .source = &World::alice,
     .source_groups = &World::only_staff,
     .rule = "bad-host"},
    {.sentence = "a device",
     .from = ANY_FROM,
     .to = ANY_TO,
     .proto = kUdp,
     .from_port = 4000,
     .port = 9,
     .source = &World::printer,
     .rule = "printer-out"},
    {.sentence = "user to a group",
     .from = ANY_FROM,
     .to = ANY_TO,
     .proto = kTcp,
     .from_port = 4000,
     .port = 22,
     .source = &World::alice,
     .destination_groups = &World::only_servers,
     .rule = "alice-ssh"},
    {.sentence = "user to a prefix in the same list",
     .from = ANY_FROM,
     .to = {"10.9.1.1", "2001:db8:9::1"},
     .proto = kTcp,
     .from_port = 4000,
     .port = 22,
     .source = &World::alice,
     .rule = "alice-ssh"},
    {.sentence = "the user elsewhere falls to the next rule",
     .from = ANY_FROM,
     .to = ANY_TO,
     .proto = kTcp,
     .from_port = 4000,
     .port = 22,
     .source = &World::alice,
     .rule = "no-ssh"},
    {.sentence = "another user",
     .from = ANY_FROM,
     .to = {"10.9.1.1", "2001:db8:9::1"},
     .proto = kTcp,
     .from_port = 4000,
     .port = 22,
     .source = &World::mallory,
     .rule = "no-ssh"},
    {.sentence = "the port counts at the responder only",
     .from = ANY_FROM,
     .to = ANY_TO,
     .proto = kTcp,
     .from_port = 22,
     .port = 9,
     .rule = "default-deny"},
    {.sentence = "guest waits for dpi",
     .from = ANY_FROM,
     .to = ANY_TO,
     .proto = kTcp,
     .from_port = 4000,
     .port = 443,
     .source_groups = &World::only_guests,
     .rule = "?no-youtube"},
    {.sentence = "guest waits while TLS may become YouTube",
     .from = ANY_FROM,
     .to = ANY_TO,
     .proto = kTcp,
     .from_port = 4000,
     .port = 443,
     .source_groups = &World::only_guests,
     .progress = AppProgress::Partial,
     .app = kTls,
     .rule = "?no-youtube"},
    {.sentence = "guest on YouTube",
     .from = ANY_FROM,
     .to = ANY_TO,
     .proto = kTcp,
     .from_port = 4000,
     .port = 443,
     .source_groups = &World::only_guests,
     .progress = AppProgress::Final,
     .master = kTls,
     .app = kYoutube,
     .rule = "no-youtube"},
    {.sentence = "guest on something else",
     .from = ANY_FROM,
     .to = ANY_TO,
     .proto = kTcp,
     .from_port = 4000,
     .port = 8079,
     .source_groups = &World::only_guests,
     .progress = AppProgress::Final,
     .master = kTls,
     .app = kGoogle,
     .rule = "guests-web"},
    {.sentence = "guest beyond the range of ports",
     .from = ANY_FROM,
     .to = ANY_TO,
     .proto = kTcp,
     .from_port = 4000,
     .port = 8081,
     .source_groups = &World::only_guests,
     .progress = AppProgress::Final,
     .app = kHttp,
     .rule = "default-deny"},
    {.sentence = "staff by group",
     .from = ANY_FROM,
     .to = ANY_TO,
     .proto = kTcp,
     .from_port = 4000,
     .port = 443,
     .source_groups = &World::only_staff,
     .rule = "staff-any"},
    {.sentence = "staff by prefix",
     .from = {"10.1.2.3", "2001:db8:1:2::3"},
     .to = ANY_TO,
     .proto = kUdp,
     .from_port = 4000,
     .port = 443,
     .rule = "staff-any"},
    {.sentence = "ports without a protocol: UDP",
     .from = ANY_FROM,
     .to = {"10.0.0.53", "2001:db8::53"},
     .proto = kUdp,
     .from_port = 4000,
     .port = 53,
     .rule = "dns"},
    {.sentence = "ports without a protocol: not ICMP",
     .from = ANY_FROM,
     .to = {"10.0.0.53", "2001:db8::53"},
     .proto = 200,
     .from_port = 53,
     .port = 53,
     .rule = "default-deny"},
    {.sentence = "port of the originator",
     .from = ANY_FROM,
     .to = ANY_TO,
     .proto = kUdp,
     .from_port = 123,
     .port = 5000,
     .rule = "ntp-source"},
    {.sentence = "protocol by number",
     .from = ANY_FROM,
     .to = ANY_TO,
     .proto = IPPROTO_GRE,
     .from_port = 0,
     .port = 0,
     .rule = "gre"},
};

TEST_F(RuleOrder, GivesTheFirstRuleThatMatchesInBothFamilies) {
  const auto policy = world.compile(kRules);
  ASSERT_NE(policy, nullptr) << world.errors.to_string();
  for (const Row& row : kRows) {
    for (const int family : {0, 1}) {
      TupleFlow flow(row.from[family], row.to[family], row.proto, row.from_port, row.port);
      FlowContext& c = flow.context();
      if (row.source) c.source_identity = world.*row.source;
      if (row.source_groups) c.source_groups = world.*row.source_groups;
      if (row.destination_groups) c.destination_groups = world.*row.destination_groups;
      c.app_progress = row.progress;
      c.app_master = row.master;
      c.app = row.app;
      c.app_confidence = NDPI_CONFIDENCE_DPI;
      EXPECT_EQ(judge(*policy, flow), row.rule) << row.sentence << (family ? ", IPv6" : ", IPv4");
    }
  }
}

TEST_F(RuleOrder, TakesIcmpOfBothFamilies) {
  const auto policy = world.compile(kRules);
  ASSERT_NE(policy, nullptr) << world.errors.to_string();
  TupleFlow four("198.51.100.1", "203.0.113.1", IPPROTO_ICMP, 77, 77);
  TupleFlow six("2001:db8:f::1", "2001:db8:e::1", IPPROTO_ICMPV6, 77, 77);
  EXPECT_EQ(judge(*policy, four), "ping");
  EXPECT_EQ(judge(*policy, six), "ping");
}

TEST_F(RuleOrder, FallsToTheDefaultWithoutAnyRule) {
  for (const auto& [body, name] : {std::pair{"", "default-deny"},
                                   {"default = \"reject\"", "default-reject"},
                                   {"default = \"allow\"", "default-allow"}}) {
    const auto policy = world.compile(body);
    ASSERT_NE(policy, nullptr) << world.errors.to_string();
    TupleFlow flow("192.0.2.1", "192.0.2.2", IPPROTO_TCP, 1, 2);
    EXPECT_EQ(judge(*policy, flow), name);
  }
}

TEST_F(RuleOrder, JudgesAMixedBurstAsFlowByFlow) {
  const auto policy = world.compile(kRules);
  ASSERT_NE(policy, nullptr) << world.errors.to_string();
  std::vector<std::unique_ptr<TupleFlow>> flows;
  std::vector<const Flow*> pointers;
  for (unsigned i = 0; i < 64; ++i) {
    const Row& row = kRows[i % std::size(kRows)];
    const int family = i % 3 == 0;
    flows.push_back(std::make_unique<TupleFlow>(row.from[family], row.to[family], row.proto,
                                                row.from_port, row.port));
    pointers.push_back(flows.back()->flow());
  }
  std::vector<firewall::Judgement> together(64);
  policy->table.judge(pointers.data(), 64, world.directory, together.data());
  for (unsigned i = 0; i < 64; ++i) {
    firewall::Judgement alone;
    policy->table.judge(&pointers[i], 1, world.directory, &alone);
    EXPECT_EQ(together[i].match, alone.match) << i;
    EXPECT_EQ(together[i].open, alone.open) << i;
  }
}

}  // namespace
}  // namespace sluice::test
