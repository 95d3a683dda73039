// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// When a flow's packets may pass by the stages that decide, and when not.

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "tests/support/test_appliance.h"

namespace sluice::test {
namespace {

PacketBuilder there() {
  return eth().ip("10.0.0.1", "10.0.0.2");
}
PacketBuilder back() {
  return eth("02:00:00:00:00:02", "02:00:00:00:00:01").ip("10.0.0.2", "10.0.0.1");
}
// An NTP request: nDPI knows it at once.
std::string ntp() {
  std::string message(48, '\0');
  message[0] = 0x23;
  return message;
}
PacketBuilder request() {
  return there().udp(4000, 123).payload(ntp());
}
PacketBuilder answer() {
  return back().udp(123, 4000).payload(ntp());
}

void converse(TestAppliance& box, unsigned packets) {
  for (unsigned i = 0; i < packets; ++i) {
    box.send("a", request());
    box.send("b", answer());
  }
}

uint64_t judged(const TestAppliance& box) {
  uint64_t sum = 0;
  const WorkerStatistics total = box.total();
  for (unsigned i = 0; i < 3; ++i) sum += total.stage[i].packets;
  return sum;
}

TEST(Decided, PacketsOfADecidedFlowVisitForwardingAlone) {
  TestAppliance box(wire_toml());
  converse(box, 3);
  ASSERT_NE(box.only_flow(), nullptr);
  EXPECT_NE(box.only_flow()->decided, 0);
  const uint64_t before = judged(box);
  const WorkerStatistics then = box.total();
  box.take_sent("a");
  box.take_sent("b");
  converse(box, 5);
  EXPECT_EQ(judged(box), before);
  EXPECT_EQ(box.total().stage[0].skipped, then.stage[0].skipped + 10);
  EXPECT_EQ(box.total().stage[3].packets, then.stage[3].packets + 10);
  EXPECT_EQ(box.take_sent("b").size(), 5u);
  EXPECT_EQ(box.take_sent("a").size(), 5u);
  EXPECT_EQ(box.only_flow()->packets[0], 8u);
  EXPECT_EQ(box.only_flow()->packets[1], 8u);
}

constexpr std::string_view kDenyAll = R"(
[[stage.firewall.rule]]
name = "nothing"
action = "drop"
)";

TEST(Decided, AReloadMakesEveryStageJudgeAgain) {
  TestAppliance box(wire_toml());
  converse(box, 3);
  std::string error;
  ASSERT_TRUE(box.reload(wire_toml(kDenyAll), error)) << error;
  box.take_sent("a");
  box.take_sent("b");
  box.send("a", request());
  EXPECT_TRUE(box.nothing_left());
  EXPECT_EQ(box.dropped("firewall.denied"), 1u);
}

TEST(Decided, AChangedBindingMakesIdentityJudgeAgain) {
  TestAppliance box(wire_toml());
  converse(box, 3);
  const uint64_t before = judged(box);
  box.directory().epochs.bump(BindingEpochs::bucket_of({192, 0, 2, 9}));
  box.send("a", request());
  EXPECT_EQ(judged(box), before) << "somebody else's binding";
  box.directory().epochs.bump(BindingEpochs::bucket_of({10, 0, 0, 2}));
  box.send("a", request());
  EXPECT_GT(judged(box), before);
}

TEST(Decided, AFrameFromTheOtherSideIsLookedAt) {
  TestAppliance box(wire_toml());
  converse(box, 3);
  box.take_sent("a");
  box.take_sent("b");
  box.send("b", request());  // the originator's, from where it has never been
  EXPECT_EQ(box.only_flow()->ingress[0], 1);
  EXPECT_TRUE(box.left_by("a"));
}

TEST(Decided, AConnectionIsCountedAmongTheEstablishedOnesWhenItIs) {
  TestAppliance box(wire_toml());
  box.send("a", there().tcp(4000, 80).flags(kTcpSyn).seq(100));
  EXPECT_EQ(box.only_flow()->value, FlowClass::Provisional);
  box.send("b", back().tcp(80, 4000).flags(kTcpSyn | kTcpAck).seq(500).ack(101));
  EXPECT_EQ(box.only_flow()->value, FlowClass::HalfOpen);
  box.send("a", there().tcp(4000, 80).seq(101).ack(501));
  EXPECT_EQ(box.only_flow()->value, FlowClass::Established);
}

// A scan of closed ports must not push real connections out.
TEST(Decided, ARefusedConnectionIsNoEstablishedOne) {
  TestAppliance box(wire_toml());
  box.send("a", there().tcp(4000, 80).flags(kTcpSyn).seq(100));
  box.send("b", back().tcp(80, 4000).flags(kTcpRst | kTcpAck).seq(0).ack(101));
  EXPECT_EQ(box.only_flow()->state, FlowState::Reset);
  box.send("a", there().tcp(4000, 80).flags(kTcpSyn).seq(100));
  EXPECT_NE(box.only_flow()->value, FlowClass::Established);
}

constexpr std::string_view kDenyHttp = R"(
[[stage.firewall.rule]]
name = "no-http"
application = ["HTTP"]
action = "drop"
)";

void connect(TestAppliance& box, uint32_t seq) {
  box.send("a", there().tcp(4000, 8080).flags(kTcpSyn).seq(seq));
  box.send("b", back().tcp(8080, 4000).flags(kTcpSyn | kTcpAck).seq(500).ack(seq + 1));
  box.send("a", there().tcp(4000, 8080).seq(seq + 1).ack(501));
}

// A connection that policy has ended must not keep an established one's place.
TEST(Decided, ABlockedConnectionGoesSoonAndANewOneIsJudgedAfresh) {
  TestAppliance box(wire_toml(kDenyHttp));
  connect(box, 100);
  const auto get = [](uint32_t seq) {
    return there().tcp(4000, 8080).seq(seq).ack(501).payload("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
  };
  for (unsigned i = 0; i < 4; ++i) box.send("a", get(101));
  EXPECT_EQ(box.dropped("firewall.denied"), 4u);
  EXPECT_EQ(box.only_flow()->state, FlowState::Reset);
  EXPECT_EQ(box.only_flow()->value, FlowClass::HalfOpen);

  box.take_sent("a");
  box.take_sent("b");
  connect(box, 90'000);
  EXPECT_EQ(box.take_sent("b").size(), 2u) << "another connection of the same ports";
  EXPECT_EQ(box.only_flow()->state, FlowState::Established);
}

// What hides behind the quote of an error about a flow that nobody looks at any more.
TEST(Decided, AnIcmpErrorAboutADecidedFlowMeetsTheIcmpRules) {
  const std::string file = ::testing::TempDir() + "decided_test.rules";
  std::ofstream(file) << "drop icmp any any -> any any (msg:\"m\"; content:\"EVIL\"; sid:1;)\n";
  TestAppliance box(wire_toml("[stage.dpi.rules]\ncache = \"\"\nfiles = [\"" + file + "\"]\n"));
  std::remove(file.c_str());
  converse(box, 3);
  ASSERT_NE(box.only_flow()->decided, 0);
  box.take_sent("a");
  PacketBuilder evil = there().udp(4000, 123).payload(ntp() + "EVIL");
  box.send("b", back().icmp_error(3, 3, evil));
  EXPECT_EQ(box.dropped("dpi.signature"), 1u);
  box.send("b", back().icmp_error(3, 3, request()));
  EXPECT_EQ(box.take_sent("a").size(), 1u) << "a harmless one";
  converse(box, 1);
  EXPECT_EQ(box.take_sent("a").size(), 1u) << "the flow goes on";
}

constexpr std::string_view kBoundElsewhere = R"(
[[port]]
name = "a"
device = "net_null0"
addresses = ["192.0.2.1/24"]
chain = "plain"
[[port]]
name = "b"
device = "net_null1"
addresses = ["198.51.100.1/24"]
chain = "plain"
[[chain]]
name = "plain"
stages = ["identity", "forwarding"]
[[chain]]
name = "guarded"
stages = ["identity", "dpi", "firewall", "forwarding"]
[[stage.identity.binding]]
prefix = ["192.0.2.0/24"]
user = "guest"
chain = "guarded"
[[stage.identity.binding]]
vlan = 20
device = "camera"
[[stage.firewall.rule]]
name = "nothing"
action = "drop"
[[lane]]
lcore = 1
)";

// While identity waits to learn where the far end is, the flow stays in the
// chain that its originator is bound to.
TEST(Decided, ABoundFlowKeepsItsChainWhileIdentityWaits) {
  TestAppliance box(kBoundElsewhere);
  for (unsigned i = 0; i < 5; ++i) {
    box.send("a", eth().ip("192.0.2.7", "198.51.100.9").udp(4000, 5000));
  }
  EXPECT_EQ(box.dropped("firewall.denied"), 5u);
  EXPECT_TRUE(box.nothing_left());
}

}  // namespace
}  // namespace sluice::test
