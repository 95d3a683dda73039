// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/identity/identity_stage.h"

#include <gtest/gtest.h>

#include "stages/identity/identity.h"
#include "tests/support/packet_builder.h"
#include "tests/support/stage_harness.h"
#include "tests/support/test_environment.h"
#include "tests/support/test_flow.h"

namespace sluice::test {
namespace {

// Ports 0 and 1 are a wire, 2 and 3 routed.
HarnessOptions options() {
  HarnessOptions o;
  o.config.ports.resize(4);
  const char* names[] = {"lan", "wan", "inside", "outside"};
  for (size_t i = 0; i < 4; ++i) o.config.ports[i].name = names[i];
  o.config.ports[2].chain = "inspected";
  o.config.ports[0].peer_index = 1;
  o.config.ports[1].peer_index = 0;
  o.config.chains = {{"main", {"identity", "firewall", "forwarding"}},
                     {"inspected", {"identity", "dpi", "firewall", "forwarding"}}};
  return o;
}

struct Family {
  const char* name;
  const char *client, *server, *stranger;
};

class IdentityStageTest : public PacketTestWith<Family> {
 protected:
  IdentityStageTest() : harness(kIdentityStage, kText, options()) {
    EXPECT_TRUE(harness.compiled()) << harness.errors().to_string();
  }

  rte_mbuf* packet(std::string_view from, std::string_view to, uint16_t port,
                   std::optional<uint16_t> vlan = {}) {
    auto builder = eth();
    if (vlan) builder.vlan(*vlan);
    const bool reply = from == GetParam().server;
    builder.ip(from, to).udp(reply ? 53 : 1000, reply ? 1000 : 53);
    rte_mbuf* m = builder.mbuf(pool);
    m->port = port;
    return m;
  }
  std::string source(TestFlow& flow) {
    return harness.directory().name(flow.context().source_identity);
  }
  std::string destination(TestFlow& flow) {
    return harness.directory().name(flow.context().destination_identity);
  }
  bool settled(TestFlow& flow) {
    return flow.stage(0).generation == harness.generation() && !flow.stage(0).waits;
  }

  static constexpr std::string_view kText = R"(
[[stage.identity.binding]]
prefix = ["10.0.0.0/8", "2001:db8::/32"]
user = "alice"
groups = ["staff", "vpn"]
[[stage.identity.binding]]
prefix = ["192.0.2.0/24", "2001:db8:ffff::/48"]
service = "dns"
groups = ["servers"]
[[stage.identity.binding]]
vlan = 20
device = "camera"
chain = "inspected"
[[stage.identity.binding]]
port = "outside"
device = "uplink"
)";
  StageHarness harness;
};

INSTANTIATE_TEST_SUITE_P(Families, IdentityStageTest,
                         ::testing::Values(Family{"Ipv4", "10.1.1.1", "192.0.2.53", "198.51.100.1"},
                                           Family{"Ipv6", "2001:db8:1::1", "2001:db8:ffff::53",
                                                  "2001:db9::1"}),
                         [](const auto& info) { return info.param.name; });

TEST_P(IdentityStageTest, ResolvesBothEndsAtTheFirstPacket) {
  const Family& f = GetParam();
  rte_mbuf* m = packet(f.client, f.server, 0);
  TestFlow flow(m);
  harness.process({m});
  EXPECT_EQ(source(flow), "alice");
  EXPECT_EQ(destination(flow), "dns");
  EXPECT_EQ(harness.directory().group_names(flow.context().source_groups),
            (std::vector<std::string>{"staff", "vpn"}));
  EXPECT_EQ(harness.directory().group_names(flow.context().destination_groups),
            (std::vector<std::string>{"servers"}));
  EXPECT_TRUE(settled(flow));
  EXPECT_TRUE(harness.directory().epochs.current(*flow));
  EXPECT_EQ(harness.counter("known_source"), 1u);
  EXPECT_EQ(harness.counter("known_destination"), 1u);
  rte_pktmbuf_free(m);
}

TEST_P(IdentityStageTest, KeepsTheEndsApartWhenAReplyIsJudged) {
  const Family& f = GetParam();
  rte_mbuf* first = packet(f.client, f.server, 0);
  rte_mbuf* reply = packet(f.server, f.client, 1);
  TestFlow flow(first);
  flow.adopt(reply);
  harness.process({reply});
  EXPECT_EQ(source(flow), "alice");
  EXPECT_EQ(destination(flow), "dns");
  rte_pktmbuf_free(first);
  rte_pktmbuf_free(reply);
}

TEST_P(IdentityStageTest, ReadsTheOutermostVlan) {
  const Family& f = GetParam();
  rte_mbuf* m = eth().vlan(20, 0x88a8).vlan(30).ip(f.stranger, f.server).udp(1000, 53).mbuf(pool);
  m->port = 0;
  TestFlow flow(m);
  harness.process({m});
  EXPECT_EQ(source(flow), "camera");
  rte_pktmbuf_free(m);
}

TEST_P(IdentityStageTest, BindsTheFlowToTheChainThatABindingNames) {
  const Family& f = GetParam();
  rte_mbuf* m = packet(f.stranger, f.server, 0, 20);
  TestFlow flow(m);
  flow->chain = 0;
  harness.process({m});
  EXPECT_EQ(flow->chain, 1);
  EXPECT_EQ(harness.counter("chain_bound"), 1u);
  rte_pktmbuf_free(m);
}

TEST_P(IdentityStageTest, LeavesTheChainOfTheIngressWhereNoBindingNamesOne) {
  const Family& f = GetParam();
  rte_mbuf* m = packet(f.client, f.server, 2, 20);
  TestFlow flow(m);
  harness.process({m});
  EXPECT_EQ(flow->chain, 1);
  rte_pktmbuf_free(m);
}

TEST_P(IdentityStageTest, KnowsThePlaceOfTheFarEndOfAWireBeforeItSpeaks) {
  const Family& f = GetParam();
  rte_mbuf* m = packet(f.client, f.stranger, 0, 20);
  TestFlow flow(m);
  harness.process({m});
  EXPECT_EQ(destination(flow), "camera");
  EXPECT_TRUE(settled(flow));
  rte_pktmbuf_free(m);
}

TEST_P(IdentityStageTest, WaitsForTheReplyWhereThePlaceOfTheFarEndMatters) {
  const Family& f = GetParam();
  rte_mbuf* first = eth().ip(f.client, f.stranger).udp(1000, 53).mbuf(pool);
  rte_mbuf* second = eth().ip(f.client, f.stranger).udp(1000, 53).mbuf(pool);
  rte_mbuf* reply = eth().ip(f.stranger, f.client).udp(53, 1000).mbuf(pool);
  first->port = second->port = 2;
  reply->port = 3;
  TestFlow flow(first);
  harness.process({first});
  EXPECT_EQ(destination(flow), "");
  EXPECT_FALSE(settled(flow));

  flow.adopt(second);
  harness.process({second});
  EXPECT_EQ(harness.counter("judged"), 1u);

  flow.adopt(reply);
  const uint8_t revision = flow.stage(0).revision;
  harness.process({reply});
  EXPECT_EQ(destination(flow), "uplink");
  EXPECT_TRUE(settled(flow));
  EXPECT_NE(flow.stage(0).revision, revision);
  for (rte_mbuf* m : {first, second, reply}) rte_pktmbuf_free(m);
}

TEST_P(IdentityStageTest, JudgesOnceABurst) {
  const Family& f = GetParam();
  rte_mbuf* first = packet(f.client, f.server, 0);
  rte_mbuf* second = packet(f.client, f.server, 0);
  TestFlow flow(first);
  flow.adopt(second);
  harness.process({first, second});
  EXPECT_EQ(harness.counter("judged"), 1u);
  rte_pktmbuf_free(first);
  rte_pktmbuf_free(second);
}

TEST_P(IdentityStageTest, JudgesAgainUnderANewPolicyAndTellsOfTheChange) {
  const Family& f = GetParam();
  rte_mbuf* m = packet(f.client, f.server, 0);
  TestFlow flow(m);
  harness.process({m});
  const uint8_t revision = flow.stage(0).revision;

  ASSERT_TRUE(harness.reload(kText));
  harness.process({m});
  EXPECT_TRUE(settled(flow));
  EXPECT_EQ(flow.stage(0).revision, revision) << "nothing has changed";

  ASSERT_TRUE(harness.reload(R"(
[[stage.identity.binding]]
prefix = ["10.0.0.0/8", "2001:db8::/32"]
user = "bob"
)"));
  harness.process({m});
  EXPECT_EQ(source(flow), "bob");
  EXPECT_NE(flow.stage(0).revision, revision);
  EXPECT_EQ(harness.counter("rebound"), 1u);
  rte_pktmbuf_free(m);
}

TEST_P(IdentityStageTest, JudgesAgainWhenAnEpochHasChanged) {
  const Family& f = GetParam();
  rte_mbuf* m = packet(f.client, f.server, 0);
  TestFlow flow(m);
  harness.process({m});
  BindingEpochs& epochs = harness.directory().epochs;
  epochs.bump(BindingEpochs::bucket_of(flow->address(Direction::Reply)));
  EXPECT_FALSE(epochs.current(*flow));
  harness.process({m});
  EXPECT_TRUE(epochs.current(*flow));
  EXPECT_EQ(harness.counter("judged"), 2u);
  rte_pktmbuf_free(m);
}

TEST_P(IdentityStageTest, DropsUnknownSourcesWhereToldTo) {
  const Family& f = GetParam();
  ASSERT_TRUE(
      harness.reload("[stage.identity]\nunknown_source = 'drop'\n"
                     "[[stage.identity.binding]]\nprefix = ['192.0.2.0/24', "
                     "'2001:db8:ffff::/48']\nservice = 'dns'\n"));
  rte_mbuf* unknown = packet(f.client, f.server, 0);
  TestFlow flow(unknown);
  harness.process({unknown});
  EXPECT_EQ(harness.reason_of(unknown), "identity.unknown_source");
  EXPECT_EQ(flow.stage(0).verdict, Verdict::Drop);

  rte_mbuf* known = eth().ip(f.server, f.client).udp(9, 9).mbuf(pool);
  TestFlow other(known);
  harness.process({known});
  EXPECT_EQ(harness.reason_of(known), "");
  rte_pktmbuf_free(unknown);
  rte_pktmbuf_free(known);
}

TEST_P(IdentityStageTest, IgnoresTheVlanOfARouterThatSendsAnError) {
  const Family& f = GetParam();
  const auto about = ip(f.client, f.stranger).udp(1000, 53);
  rte_mbuf* first = about.mbuf(pool);
  first->port = 2;
  TestFlow flow(first);
  harness.process({first});
  auto error = eth().vlan(20).ip(f.server, f.client);
  error.icmp_error(f.name[3] == '4' ? 3 : 1, 3, about);
  rte_mbuf* m = error.mbuf(pool);
  m->port = 3;
  flow.adopt(m);
  harness.process({m});
  EXPECT_EQ(destination(flow), "");
  rte_pktmbuf_free(first);
  rte_pktmbuf_free(m);
}

}  // namespace
}  // namespace sluice::test
