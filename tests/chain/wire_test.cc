// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// All four stages over a virtual wire: mbufs in, mbufs out.

#include <gtest/gtest.h>

#include "tests/support/test_appliance.h"

namespace sluice::test {
namespace {

struct Placement {
  const char* name;
  const char* toml;
};

struct Row {
  const char* client;
  const char* server;
  Placement placement;
};

constexpr Placement kRunToCompletion{"RunToCompletion", ""};
constexpr Placement kPipeline{"PinnedPipeline", R"(
[[lane]]
workers = [{ lcore = 1, stages = ["identity", "dpi"] }, { lcore = 2, stages = ["firewall", "forwarding"] }]
)"};
constexpr Placement kFourWorkers{"FourWorkers", R"(
[[lane]]
workers = [{ lcore = 1, stages = ["identity"] }, { lcore = 2, stages = ["dpi"] },
           { lcore = 3, stages = ["firewall"] }, { lcore = 4, stages = ["forwarding"] }]
)"};

class Wire : public ::testing::TestWithParam<Row> {
 protected:
  std::string toml(std::string_view more = "") const {
    return wire_toml(std::string(GetParam().placement.toml) + std::string(more));
  }
  PacketBuilder there() const { return eth().ip(GetParam().client, GetParam().server); }
  PacketBuilder back() const {
    return eth("02:00:00:00:00:02", "02:00:00:00:00:01").ip(GetParam().server, GetParam().client);
  }
  // SYN, SYN+ACK, ACK.
  void connect(TestAppliance& box, uint16_t port = 40000) const {
    box.send("a", there().tcp(port, 80).flags(kTcpSyn).seq(100));
    box.send("b", back().tcp(80, port).flags(kTcpSyn | kTcpAck).seq(500).ack(101));
    box.send("a", there().tcp(port, 80).seq(101).ack(501));
  }
};

TEST_P(Wire, FramesLeaveByThePeerAsTheyCame) {
  TestAppliance box(toml());
  const PacketBuilder frame = there().udp(1000, 53).payload("hello").pad_to(60);
  box.send("a", frame);
  EXPECT_EQ(box.take_sent("b"), std::vector<Bytes>{frame.bytes()});
  EXPECT_TRUE(box.nothing_left());
}

TEST_P(Wire, OneFlowCarriesBothDirectionsAndItsEventTellsOfBoth) {
  TestAppliance box(toml());
  connect(box);
  Flow* flow = box.only_flow();
  ASSERT_NE(flow, nullptr);
  EXPECT_EQ(flow->packets[0], 2u);
  EXPECT_EQ(flow->packets[1], 1u);
  EXPECT_EQ(flow->state, FlowState::Established);
  EXPECT_EQ(flow->value, FlowClass::Established);
}

TEST_P(Wire, AFlowEndsInOneEventWithItsRule) {
  TestAppliance box(toml());
  connect(box);
  box.send("a", there().tcp(40000, 80).flags(kTcpFin | kTcpAck).seq(101).ack(501));
  box.send("b", back().tcp(80, 40000).flags(kTcpFin | kTcpAck).seq(501).ack(102));
  box.send("a", there().tcp(40000, 80).seq(102).ack(502));
  box.advance_ms(60'000);
  // Ageing is spread over polls; another flow's packets keep the lane polling.
  for (int i = 0; i < 3000; ++i) box.send("a", there().udp(9, 9));
  unsigned flows = 0;
  for (const Event& e : box.take_events()) {
    if (e.type != EventType::Flow || e.key.proto != 6) continue;
    ++flows;
    EXPECT_EQ(e.packets[0], 4u);
    EXPECT_EQ(e.packets[1], 2u);
    EXPECT_EQ(e.action, Verdict::Pass);
    EXPECT_EQ(box.directory().name(e.rule), "default-allow");
  }
  EXPECT_EQ(flows, 1u);
}

TEST_P(Wire, DeniedPacketsAreCountedUnderTheirReasonAndLoggedOnce) {
  TestAppliance box(toml(R"([[stage.firewall.rule]]
name = "no-web"
protocol = ["tcp"]
port = ["80"]
action = "drop"
)"));
  for (int i = 0; i < 3; ++i) box.send("a", there().tcp(40000, 80).flags(kTcpSyn).seq(100));
  box.send("a", there().tcp(40000, 81).flags(kTcpSyn).seq(100));
  EXPECT_TRUE(box.left_by("b"));
  EXPECT_EQ(box.dropped("firewall.denied"), 3u);
  unsigned drops = 0;
  for (const Event& e : box.take_events()) drops += e.type == EventType::Drop;
  EXPECT_EQ(drops, 1u) << "one a flow and reason";
}

TEST_P(Wire, ARejectedConnectionIsResetTowardsItsSender) {
  TestAppliance box(toml(R"([[stage.firewall.rule]]
name = "no-web"
protocol = ["tcp"]
port = ["80"]
action = "reject"
)"));
  box.send("a", there().tcp(40000, 80).flags(kTcpSyn).seq(100));
  const std::vector<Bytes> answers = box.take_sent("a");
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(checksums_right(answers[0]));
  EXPECT_TRUE(box.nothing_left()) << "the server hears nothing";
  EXPECT_EQ(box.total().generated, 1u);
  box.send("a", there().udp(40000, 80));
  EXPECT_TRUE(box.left_by("b"));
}

TEST_P(Wire, RejectsBeyondTheRateAreSilentAndCounted) {
  TestAppliance box("reject_rate = 2\n" + toml(R"([[stage.firewall.rule]]
name = "no-web"
protocol = ["tcp"]
port = ["80"]
action = "reject"
)"));
  for (uint16_t port = 1; port <= 5; ++port) {
    box.send("a", there().tcp(port, 80).flags(kTcpSyn).seq(100));
  }
  EXPECT_EQ(box.take_sent("a").size(), 2u);
  EXPECT_EQ(box.total().rejects_silent, 3u);
  EXPECT_EQ(box.dropped("firewall.rejected"), 5u);
  box.advance_ms(1000);
  box.send("a", there().tcp(9, 80).flags(kTcpSyn).seq(100));
  EXPECT_EQ(box.take_sent("a").size(), 1u);
}

TEST_P(Wire, FragmentsAreJudgedAsOneAndLeaveUnchanged) {
  TestAppliance box(toml(R"([[stage.firewall.rule]]
name = "no-dns"
protocol = ["udp"]
port = ["53"]
action = "drop"
)"));
  std::vector<Bytes> frames = there().udp(1000, 2000).payload_size(2000).fragments(2);
  for (const Bytes& frame : frames) box.inject("a", frame);
  box.poll();
  EXPECT_EQ(box.take_sent("b"), frames);
  for (const Bytes& frame : there().udp(1000, 53).payload_size(2000).fragments(2))
    box.inject("a", frame);
  box.poll();
  EXPECT_TRUE(box.nothing_left());
  EXPECT_EQ(box.dropped("firewall.denied"), 2u) << "a reason for each frame";
}

TEST_P(Wire, AnIcmpErrorRidesWithTheFlowThatItQuotes) {
  TestAppliance box(toml());
  const PacketBuilder query = there().udp(1000, 53);
  const bool v6 = std::string_view(GetParam().client).find(':') != std::string_view::npos;
  const PacketBuilder error = back().icmp_error(v6 ? 1 : 3, v6 ? 4 : 3, query);
  box.send("b", error);
  EXPECT_TRUE(box.nothing_left());
  EXPECT_EQ(box.dropped("flow.icmp_error_unknown"), 1u);
  box.send("a", query);
  EXPECT_TRUE(box.left_by("b"));
  box.send("b", error);
  EXPECT_TRUE(box.left_by("a"));
  ASSERT_NE(box.only_flow(), nullptr) << "it opens none of its own";
}

TEST_P(Wire, BlindResetsMoveNothing) {
  TestAppliance box(toml());
  connect(box);
  EXPECT_FALSE(box.nothing_left());
  box.send("b", back().tcp(80, 40000).flags(kTcpRst).seq(900'000'000));
  EXPECT_TRUE(box.nothing_left());
  EXPECT_EQ(box.dropped("flow.tcp_out_of_window"), 1u);
  EXPECT_EQ(box.only_flow()->state, FlowState::Established);
}

TEST_P(Wire, AReloadJudgesLiveFlowsAgainAndForgetsNone) {
  TestAppliance box(toml());
  connect(box);
  EXPECT_FALSE(box.nothing_left());
  std::string error;
  ASSERT_TRUE(box.reload(toml(R"([[stage.firewall.rule]]
name = "no-web"
protocol = ["tcp"]
port = ["80"]
action = "drop"
)"),
                         error))
      << error;
  box.send("a", there().tcp(40000, 80).seq(101).ack(501).payload("GET"));
  EXPECT_TRUE(box.nothing_left());
  ASSERT_TRUE(box.reload(toml(), error)) << error;
  box.send("a", there().tcp(40000, 80).seq(101).ack(501).payload("GET"));
  EXPECT_TRUE(box.left_by("b"));
  EXPECT_EQ(box.only_flow()->packets[0], 4u);
  EXPECT_TRUE(box.appliance().adopted());

  // The flow is still under inspection by the first policy's nDPI: two old
  // policies may live, a third reload starts the flow afresh first.
  EXPECT_EQ(box.appliance().policies_alive(), 3u);
  EXPECT_FALSE(box.reload(toml(), error));
  for (int i = 0; i < 5; ++i) {
    box.poll();
    box.appliance().reclaim();
  }
  EXPECT_TRUE(box.reload(toml(), error)) << error;
  box.send("a", there().tcp(40000, 80).seq(104).ack(501).payload(" /"));
  EXPECT_TRUE(box.left_by("b"));
  EXPECT_EQ(box.only_flow()->packets[0], 5u);
}

TEST_P(Wire, MidstreamTrafficPassesOrNotAsConfigured) {
  {
    TestAppliance box(toml());
    box.send("a", there().tcp(40000, 80).seq(1000).ack(1).payload("x"));
    EXPECT_TRUE(box.left_by("b"));
  }
  TestAppliance box(toml("[flowtable]\nmidstream = \"drop\"\n"));
  box.send("a", there().tcp(40000, 80).seq(1000).ack(1).payload("x"));
  EXPECT_TRUE(box.nothing_left());
  EXPECT_EQ(box.dropped("flow.midstream"), 1u);
}

TEST_P(Wire, TimeThatStepsBackEndsNoFlow) {
  TestAppliance box(toml());
  box.send("a", there().udp(9, 9));
  box.go_back_ms(300'000);
  box.send("a", there().udp(1000, 53));
  box.send("a", there().udp(1000, 53));
  EXPECT_EQ(box.appliance().flow_table(0).size(), 2u);
  EXPECT_EQ(box.appliance().flow_table(0).counters().created, 2u);
}

TEST_P(Wire, ASynFloodCostsNoEstablishedFlowItsState) {
  TestAppliance box(toml("[flowtable]\ncapacity = 64\n"));
  connect(box, 1);
  for (uint16_t port = 1000; port < 3000; ++port) {
    box.send("a", there().tcp(port, 80).flags(kTcpSyn).seq(7));
  }
  box.nothing_left();
  box.send("b", back().tcp(80, 1).seq(501).ack(101).payload("still here"));
  EXPECT_TRUE(box.left_by("a"));
  bool found = false;
  FlowTable& table = box.appliance().flow_table(0);
  for (uint32_t i = 0; i < table.entries(); ++i) {
    const Flow* flow = table.at(i);
    found |= flow && flow->state == FlowState::Established && flow->packets[0] == 2;
  }
  EXPECT_TRUE(found);
}

TEST_P(Wire, AChainWithoutFirewallIsChosenByIdentity) {
  TestAppliance box(toml(R"(
[[chain]]
name = "full"
stages = ["identity", "dpi", "firewall", "forwarding"]
[[chain]]
name = "trusted"
stages = ["identity", "forwarding"]
[[stage.identity.binding]]
prefix = ["10.0.0.0/24", "2001:db8::/64"]
user = "alice"
chain = "trusted"
[[stage.firewall.rule]]
name = "nothing"
action = "drop"
)"));
  box.send("a", there().udp(1000, 53));
  EXPECT_TRUE(box.left_by("b"));
  const bool v6 = std::string_view(GetParam().client).find(':') != std::string_view::npos;
  box.send("a", eth().ip(v6 ? "2001:db8:f::1" : "10.9.9.9", GetParam().server).udp(1, 2));
  EXPECT_TRUE(box.nothing_left()) << "nobody's address: the ingress's chain";
  EXPECT_EQ(box.dropped("firewall.denied"), 1u);
}

INSTANTIATE_TEST_SUITE_P(BothFamilies, Wire,
                         ::testing::Values(Row{"10.0.0.1", "192.0.2.2", kRunToCompletion},
                                           Row{"2001:db8::1", "2001:db8:2::2", kRunToCompletion},
                                           Row{"10.0.0.1", "192.0.2.2", kPipeline},
                                           Row{"2001:db8::1", "2001:db8:2::2", kPipeline},
                                           Row{"10.0.0.1", "192.0.2.2", kFourWorkers},
                                           Row{"2001:db8::1", "2001:db8:2::2", kFourWorkers}),
                         [](const auto& info) {
                           return std::string(info.param.placement.name) +
                                  (std::string_view(info.param.client).find(':') ==
                                           std::string_view::npos
                                       ? "V4"
                                       : "V6");
                         });

}  // namespace
}  // namespace sluice::test
