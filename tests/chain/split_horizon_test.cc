// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A wire whose NICs may hand back what they are given to send.

#include <gtest/gtest.h>

#include "tests/support/test_appliance.h"

namespace sluice::test {
namespace {

constexpr const char* kClient = "02:00:00:00:00:01";
constexpr const char* kServer = "02:00:00:00:00:02";
constexpr const char* kEverybody = "ff:ff:ff:ff:ff:ff";

std::string toml(bool split_horizon) {
  std::string out = wire_toml();
  for (const char* peer : {"peer = \"a\"\n", "peer = \"b\"\n"}) {
    out.insert(out.find(peer), split_horizon ? "split_horizon = true\n" : "");
  }
  return out;
}

struct Family {
  const char* client;
  const char* server;
};
class SplitHorizonOfAWire : public ::testing::TestWithParam<Family> {
 protected:
  PacketBuilder from_client(std::string_view to = kServer) const {
    return eth(kClient, to).ip(GetParam().client, GetParam().server).udp(1000, 53);
  }
  PacketBuilder from_server() const {
    return eth(kServer, kClient).ip(GetParam().server, GetParam().client).udp(53, 1000);
  }
};

TEST_P(SplitHorizonOfAWire, WhatComesBackIsDroppedUnderItsReason) {
  TestAppliance box(toml(true));
  box.send("a", from_client(kEverybody));
  EXPECT_TRUE(box.left_by("b"));
  box.send("b", from_client(kEverybody));
  EXPECT_TRUE(box.nothing_left());
  EXPECT_EQ(box.dropped("wire.split_horizon"), 1u);
  box.send("b", from_server());
  EXPECT_TRUE(box.left_by("a")) << "whoever is on that side is heard";
}

TEST_P(SplitHorizonOfAWire, HoldsForDecidedFlowsToo) {
  TestAppliance box(toml(true));
  for (int i = 0; i < 50; ++i) {
    box.advance_ms(100);
    box.send("a", from_client());
    EXPECT_TRUE(box.left_by("b"));
    box.send("b", from_client());
    EXPECT_TRUE(box.nothing_left()) << i;
    box.send("b", from_server());
    EXPECT_TRUE(box.left_by("a"));
  }
  EXPECT_EQ(box.dropped("wire.split_horizon"), 50u);
  ASSERT_NE(box.only_flow(), nullptr);
  EXPECT_EQ(box.only_flow()->packets[0], 50u) << "a copy is no packet of the flow";
}

TEST_P(SplitHorizonOfAWire, AHostThatMovesIsHeardAgainWithinASecond) {
  TestAppliance box(toml(true));
  box.send("a", from_client());
  EXPECT_TRUE(box.left_by("b"));
  unsigned lost = 0;
  for (unsigned ms = 0; ms < 3000; ms += 50) {
    box.advance_ms(50);
    box.send("b", from_client());
    const bool passed = box.left_by("a");
    lost += !passed;
    EXPECT_TRUE(passed || ms < 1000) << ms;
  }
  EXPECT_GE(lost, 1u);
  EXPECT_EQ(box.dropped("wire.split_horizon"), lost);
}

TEST_P(SplitHorizonOfAWire, AnswersOfSluiceItselfAreNoMove) {
  // A reset in the server's name leaves by the client's side, and comes back there.
  std::string text = toml(true);
  text += R"([[stage.firewall.rule]]
name = "no-web"
protocol = ["tcp"]
port = ["80"]
action = "reject"
)";
  TestAppliance box(text);
  box.send("b", from_server());
  box.take_sent("a");
  box.send("a", eth(kClient, kServer)
                    .ip(GetParam().client, GetParam().server)
                    .tcp(40000, 80)
                    .flags(kTcpSyn)
                    .seq(100));
  const auto answers = box.take_sent("a");
  ASSERT_EQ(answers.size(), 1u);
  box.inject("a", answers[0]);
  box.poll();
  EXPECT_TRUE(box.nothing_left());
  EXPECT_EQ(box.dropped("wire.split_horizon"), 1u);
  box.send("b", from_server());
  EXPECT_TRUE(box.left_by("a"));
}

TEST_P(SplitHorizonOfAWire, IsNotAskedForWhereItIsOff) {
  TestAppliance box(toml(false));
  box.send("a", from_client(kEverybody));
  EXPECT_TRUE(box.left_by("b"));
  box.send("b", from_client(kEverybody));
  EXPECT_TRUE(box.left_by("a"));
  EXPECT_EQ(box.dropped("wire.split_horizon"), 0u);
}

INSTANTIATE_TEST_SUITE_P(Families, SplitHorizonOfAWire,
                         ::testing::Values(Family{"10.0.0.1", "10.0.0.2"},
                                           Family{"fd00::1", "fd00::2"}),
                         [](const auto& info) {
                           return std::string(info.index == 0 ? "Ipv4" : "Ipv6");
                         });

TEST(SplitHorizonOfTwoWires, KnowsNothingOfTheOtherWire) {
  std::string text = toml(true);
  text.insert(0, R"(
[[port]]
name = "c"
device = "net_null2"
peer = "d"
split_horizon = true
[[port]]
name = "d"
device = "net_null3"
peer = "c"
split_horizon = true
)");
  TestAppliance box(text);
  const PacketBuilder frame = eth(kClient, kServer).ip("10.0.0.1", "10.0.0.2").udp(1, 2);
  box.send("a", frame);
  EXPECT_TRUE(box.left_by("b"));
  box.send("d", frame);
  EXPECT_TRUE(box.left_by("c"));
  box.send("b", frame);
  box.send("c", frame);
  EXPECT_TRUE(box.nothing_left());
  EXPECT_EQ(box.dropped("wire.split_horizon"), 2u);
}

}  // namespace
}  // namespace sluice::test
