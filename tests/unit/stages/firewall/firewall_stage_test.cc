// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/firewall/firewall_stage.h"

#include <gtest/gtest.h>

#include "stages/firewall/firewall.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_environment.h"
#include "tests/support/test_flow.h"
#include "tests/unit/stages/firewall/firewall_fixture.h"

namespace sluice::test {
namespace {

constexpr unsigned kIndex = 2;  // identity, dpi, firewall
constexpr Reason kFirstReason = 50;
constexpr Reason kDenied = kFirstReason, kRejected = kFirstReason + 1,
                 kNoRuleReason = kFirstReason + 2;

class FirewallStageTest : public PacketTest {
 protected:
  FirewallStageTest() {
    StageResources resources;
    resources.index = kIndex;
    resources.first_reason = kFirstReason;
    resources.directory = &world.directory;
    stage = kFirewallStage.create(resources);
  }
  void TearDown() override {
    for (rte_mbuf* m : mbufs) rte_pktmbuf_free(m);
    PacketTest::TearDown();
  }

  void use(std::string_view body) {
    policy = world.compile(body);
    ASSERT_NE(policy, nullptr) << world.errors.to_string();
    part = kFirewallStage.create_lane_part(*policy, StageResources{});
    ++generation;
  }

  rte_mbuf* mbuf(const PacketBuilder& builder) {
    mbufs.push_back(builder.mbuf(pool));
    headers_of(mbufs.back());
    return mbufs.back();
  }

  // What the worker does: settled flows get their verdict without a visit.
  void process(std::initializer_list<rte_mbuf*> pkts) {
    Burst burst;
    burst.generation = generation;
    for (rte_mbuf* m : pkts) {
      if (settled(*meta(m).flow)) {
        const StageState& s = stage_state(*meta(m).flow, kIndex);
        if (s.verdict != Verdict::Pass) give_verdict(m, s.verdict, s.reason);
      } else {
        burst.push(m);
      }
    }
    stage->process(burst, *policy, part.get());
  }

  bool settled(const Flow& flow) const {
    return is_settled(flow, kIndex, read_stage_state(flow, kIndex), generation);
  }

  const FirewallCounters& counters() const {
    return *static_cast<const FirewallCounters*>(stage->counters());
  }

  std::string rule_of(TestFlow& flow) { return world.directory.name(flow.context().rule); }

  // dpi, at place 1, has news.
  static void dpi_says(TestFlow& flow, AppProgress progress, uint16_t master, uint16_t app) {
    FlowContext& c = flow.context();
    c.app_progress = progress;
    c.app_master = master;
    c.app = app;
    c.app_confidence = NDPI_CONFIDENCE_DPI;
    ++flow.stage(1).revision;
  }

  FirewallWorld world;
  std::unique_ptr<Stage> stage;
  std::unique_ptr<const FirewallPolicy> policy;
  std::unique_ptr<LanePart> part;
  uint16_t generation = 0;
  std::vector<rte_mbuf*> mbufs;
};

PacketBuilder client(size_t payload = 10) {
  return eth().ip("10.0.0.1", "10.0.0.2").tcp(40000, 443).payload_size(payload);
}
PacketBuilder server(size_t payload = 10) {
  return eth().ip("10.0.0.2", "10.0.0.1").tcp(443, 40000).payload_size(payload);
}

TEST_F(FirewallStageTest, SettlesTheFlowWithTheRulesVerdictAndReason) {
  const struct {
    const char* action;
    Verdict verdict;
    Reason reason;
  } rows[] = {{"allow", Verdict::Pass, kNoReason},
              {"drop", Verdict::Drop, kDenied},
              {"reject", Verdict::Reject, kRejected}};
  for (const auto& row : rows) {
    use(std::string("rule = [{name = \"web\", port = \"443\", action = \"") + row.action + "\"}]");
    rte_mbuf* m = mbuf(client());
    TestFlow flow(m);
    process({m});
    EXPECT_EQ(meta(m).verdict, row.verdict) << row.action;
    EXPECT_EQ(meta(m).reason, row.reason) << row.action;
    EXPECT_TRUE(settled(*flow)) << row.action;
    EXPECT_EQ(flow.stage(kIndex).verdict, row.verdict) << row.action;
    EXPECT_EQ(rule_of(flow), "web") << row.action;
  }
  EXPECT_EQ(counters().judged, 3u);
  EXPECT_EQ(counters().allowed, 1u);
  EXPECT_EQ(counters().denied, 1u);
  EXPECT_EQ(counters().rejected, 1u);
}

TEST_F(FirewallStageTest, StopsWhatNoRuleAllowsByTheDefault) {
  const struct {
    const char* body;
    Verdict verdict;
    Reason reason;
    const char* rule;
  } rows[] = {{"default = \"deny\"", Verdict::Drop, kNoRuleReason, "default-deny"},
              {"default = \"reject\"", Verdict::Reject, kNoRuleReason, "default-reject"},
              {"default = \"allow\"", Verdict::Pass, kNoReason, "default-allow"}};
  for (const auto& row : rows) {
    use(row.body);
    rte_mbuf* m = mbuf(client());
    TestFlow flow(m);
    process({m});
    EXPECT_EQ(meta(m).verdict, row.verdict) << row.body;
    EXPECT_EQ(meta(m).reason, row.reason) << row.body;
    EXPECT_EQ(rule_of(flow), row.rule);
  }
  EXPECT_EQ(counters().no_rule, 2u);
}

TEST_F(FirewallStageTest, JudgesRepliesByTheOriginatorsSide) {
  use(R"(rule = [{name = "out", from = "10.0.0.1", to = "10.0.0.2", port = "443", action = "allow"}])");
  rte_mbuf* m = mbuf(client());
  TestFlow flow(m);
  process({m});
  EXPECT_EQ(rule_of(flow), "out");
  use(R"(rule = [{name = "out", from = "10.0.0.1", to = "10.0.0.2", port = "443", action = "allow"}])");
  rte_mbuf* reply = mbuf(server());
  flow.adopt(reply);
  process({reply});
  EXPECT_EQ(meta(reply).verdict, Verdict::Pass);
  EXPECT_EQ(rule_of(flow), "out");

  rte_mbuf* opening = mbuf(server());
  TestFlow reversed(opening);
  process({opening});
  EXPECT_EQ(meta(opening).verdict, Verdict::Drop);
}

TEST_F(FirewallStageTest, JudgesAFlowOnceForAllItsPacketsInABurst) {
  use(R"(rule = [{name = "no", port = "443", action = "drop"}])");
  rte_mbuf* a = mbuf(client());
  rte_mbuf* b = mbuf(client());
  rte_mbuf* other = mbuf(eth().ip("10.0.0.9", "10.0.0.2").udp(5, 443));
  TestFlow flow(a), second(other);
  flow.adopt(b);
  process({a, other, b});
  EXPECT_EQ(counters().judged, 2u);
  for (rte_mbuf* m : {a, b, other}) EXPECT_EQ(meta(m).verdict, Verdict::Drop);
  const auto& hits = static_cast<const FirewallPart&>(*part).hits;
  EXPECT_EQ(hits[0].flows, 2u);
  EXPECT_EQ(hits[0].packets, 3u);
  EXPECT_EQ(hits[1].flows, 0u);
}

constexpr std::string_view kNoYoutube = R"(
undecided_packets = 3
undecided_bytes = 100
rule = [
  {name = "no-youtube", application = "TLS.YouTube", action = "reject"},
  {name = "tls", application = "TLS", action = "allow"},
  {name = "rest", port = "443", action = "drop"},
])";

TEST_F(FirewallStageTest, LetsPacketsThroughUntilDpiKnowsThenDecides) {
  use(kNoYoutube);
  rte_mbuf* first = mbuf(client());
  TestFlow flow(first);
  process({first});
  EXPECT_EQ(meta(first).verdict, Verdict::Pass);
  EXPECT_FALSE(settled(*flow));
  EXPECT_EQ(flow.context().rule, 0u);

  // TLS alone would allow it, but an earlier rule may still apply.
  dpi_says(flow, AppProgress::Partial, 0, kTls);
  rte_mbuf* second = mbuf(server());
  flow.adopt(second);
  process({second});
  EXPECT_FALSE(settled(*flow));

  dpi_says(flow, AppProgress::Final, kTls, kYoutube);
  rte_mbuf* third = mbuf(client());
  flow.adopt(third);
  process({third});
  EXPECT_EQ(meta(third).verdict, Verdict::Reject);
  EXPECT_EQ(meta(third).reason, kRejected);
  EXPECT_TRUE(settled(*flow));
  EXPECT_EQ(rule_of(flow), "no-youtube");
  EXPECT_EQ(counters().undecided_packets, 2u);
  EXPECT_EQ(counters().undecided_exhausted, 0u);
}

TEST_F(FirewallStageTest, DoesNotLookAtTheRulesAgainWhileNothingHasChanged) {
  use(kNoYoutube);
  rte_mbuf* first = mbuf(client());
  TestFlow flow(first);
  process({first});
  rte_mbuf* second = mbuf(client());
  flow.adopt(second);
  process({second});
  EXPECT_EQ(counters().judged, 1u);
  EXPECT_EQ(counters().undecided_packets, 2u);
}

TEST_F(FirewallStageTest, CountsOpenConditionsAsUnmetWhenThePacketsAreUsedUp) {
  use(kNoYoutube);
  rte_mbuf* first = mbuf(client(0));
  TestFlow flow(first);
  process({first});
  for (unsigned i = 1; i < 3; ++i) {
    rte_mbuf* m = mbuf(client(0));
    flow.adopt(m);
    process({m});
    EXPECT_EQ(meta(m).verdict, Verdict::Pass);
  }
  rte_mbuf* fourth = mbuf(client(0));
  flow.adopt(fourth);
  process({fourth});
  EXPECT_EQ(meta(fourth).verdict, Verdict::Drop);
  EXPECT_EQ(rule_of(flow), "rest");
  EXPECT_TRUE(settled(*flow));
  EXPECT_EQ(counters().undecided_exhausted, 1u);

  // dpi knows at last: judged exactly.
  dpi_says(flow, AppProgress::Final, 0, kTls);
  rte_mbuf* fifth = mbuf(client(0));
  flow.adopt(fifth);
  process({fifth});
  EXPECT_EQ(meta(fifth).verdict, Verdict::Pass);
  EXPECT_EQ(rule_of(flow), "tls");
}

TEST_F(FirewallStageTest, CountsOpenConditionsAsUnmetWhenTheBytesAreUsedUp) {
  use(kNoYoutube);
  rte_mbuf* first = mbuf(client(60));
  TestFlow flow(first);
  process({first});
  EXPECT_EQ(meta(first).verdict, Verdict::Pass);
  rte_mbuf* second = mbuf(client(40));
  flow.adopt(second);
  process({second});
  EXPECT_EQ(meta(second).verdict, Verdict::Pass);
  rte_mbuf* third = mbuf(client(1));
  flow.adopt(third);
  process({third});
  EXPECT_EQ(meta(third).verdict, Verdict::Drop);
}

TEST_F(FirewallStageTest, KeepsTheLimitsWithinOneBurst) {
  use(kNoYoutube);
  rte_mbuf* m[5];
  for (rte_mbuf*& each : m) each = mbuf(client(0));
  TestFlow flow(m[0]);
  for (rte_mbuf* each : m) flow.adopt(each);
  process({m[0], m[1], m[2], m[3], m[4]});
  for (unsigned i = 0; i < 5; ++i) {
    EXPECT_EQ(meta(m[i]).verdict, i < 3 ? Verdict::Pass : Verdict::Drop) << i;
  }
  EXPECT_EQ(counters().judged, 1u);
}

TEST_F(FirewallStageTest, DoesNotWaitWhereTheChainHasNoDpi) {
  use(kNoYoutube);
  rte_mbuf* m = mbuf(client());
  TestFlow flow(m);
  meta(m).chain = 1;
  process({m});
  EXPECT_EQ(meta(m).verdict, Verdict::Drop);
  EXPECT_EQ(rule_of(flow), "rest");
}

TEST_F(FirewallStageTest, JudgesAgainWhenAnIdentityOrThePolicyChanges) {
  constexpr std::string_view kStaff =
      R"(rule = [{name = "staff", from = "group:staff", action = "allow"}])";
  use(kStaff);
  rte_mbuf* first = mbuf(client());
  TestFlow flow(first);
  process({first});
  EXPECT_EQ(meta(first).verdict, Verdict::Drop);

  flow.context().source_groups = world.only_staff;
  ++flow.stage(0).revision;
  rte_mbuf* second = mbuf(client());
  flow.adopt(second);
  process({second});
  EXPECT_EQ(meta(second).verdict, Verdict::Pass);
  EXPECT_EQ(rule_of(flow), "staff");

  use("default = \"reject\"");
  rte_mbuf* third = mbuf(client());
  flow.adopt(third);
  process({third});
  EXPECT_EQ(meta(third).verdict, Verdict::Reject);
  EXPECT_EQ(rule_of(flow), "default-reject");
}

TEST_F(FirewallStageTest, MarksSilentRulesAsLogged) {
  use(R"(rule = [{name = "quiet", port = "443", action = "drop", log = false},
                 {name = "loud", action = "drop"}])");
  rte_mbuf* quiet = mbuf(client());
  rte_mbuf* loud = mbuf(eth().ip("2001:db8::1", "2001:db8::2").udp(1, 2));
  TestFlow a(quiet), b(loud);
  process({quiet, loud});
  EXPECT_EQ(a.stage(kIndex).logged, kDenied);
  EXPECT_EQ(b.stage(kIndex).logged, kNoReason);
}

TEST_F(FirewallStageTest, ShowsRulesWithWhatTheyHaveMet) {
  use(R"(rule = [{name = "web", port = "443", action = "allow"}, {name = "never", action = "drop"}])");
  rte_mbuf* m = mbuf(client());
  TestFlow flow(m);
  process({m});
  ASSERT_EQ(kFirewallStage.commands.size(), 1u);
  const std::string text =
      kFirewallStage.commands[0].run({*policy, {part.get()}, {stage.get()}, world.directory, {}});
  EXPECT_EQ(text,
            "     #  rule                              action         flows       packets\n"
            "     1  web                               allow              1             1\n"
            "     2  never                             drop               0             0\n"
            "     -  default-deny                      drop               0             0\n");
}

}  // namespace
}  // namespace sluice::test
