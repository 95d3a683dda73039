// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// In which groups rules are looked for, and in which order they are asked.
#include "tests/unit/stages/dpi_detection/detection_fixture.h"

namespace sluice::rules {
namespace {

TEST(ScanGroupsTest, PortsAndProtocolsKeepRulesApart) {
  Detection d(
      "alert tcp any any -> any 445 (content:\"SMB-only\"; sid:1;)\n"
      "alert tcp any any -> any 80 (content:\"web-only\"; sid:2;)\n"
      "alert tls any any -> any any (content:\"tls-only\"; sid:3;)\n"
      "alert tcp any any -> any any (content:\"for-everybody\"; sid:4;)\n"
      "alert tcp any any -> any !81 (content:\"nearly-everybody\"; sid:5;)");
  const auto patterns = [&](Direction of, uint16_t port, AppView app) {
    return d.set->payload(PacketClass::Tcp, of, port, app).anywhere->patterns();
  };
  EXPECT_EQ(patterns(kClient, 445, AppView::Undecided), 4u);
  EXPECT_EQ(patterns(kClient, 445, AppView::Tls), 4u);
  EXPECT_EQ(patterns(kClient, 445, AppView::Other), 3u);
  EXPECT_EQ(patterns(kClient, 80, AppView::Http), 3u);
  EXPECT_EQ(patterns(kClient, 12345, AppView::Http), 2u);
  EXPECT_EQ(patterns(kServer, 445, AppView::Http), 4u) << "any port may send to port 445 and 80";
  EXPECT_TRUE(d.set->payload(PacketClass::Udp, kClient, 80, AppView::Other).anywhere->empty());

  const std::string all = "SMB-only web-only tls-only for-everybody nearly-everybody";
  d.server_port = 80;
  EXPECT_EQ(d.segment(kClient, all), (Sids{2, 4, 5}));
  d.server_port = 81;
  EXPECT_EQ(d.segment(kClient, all), Sids{4});
  d.server_port = 445;
  d.flow.app = AppProtocol::Tls;
  EXPECT_EQ(d.segment(kClient, all), (Sids{1, 3, 4, 5}));
}

// Whatever class its port falls into, a rule is found where its header fits.
TEST(ScanGroupsTest, NoRuleIsLostAmongManyPorts) {
  std::string rules;
  constexpr unsigned kRules = 60;
  for (unsigned i = 1; i <= kRules; ++i) {
    const std::string n = std::to_string(i);
    rules += "alert tcp any any -> any [" + std::to_string(1000 + i) + "," + std::to_string(1010 + i) +
             ",2000:" + std::to_string(2000 + i) + "] (content:\"pattern" + n + "-\"; sid:" + n + ";)\n";
    rules += "alert tcp any " + std::to_string(1000 + i) + " <> any any (content:\"both" + n +
             "-\"; sid:" + std::to_string(1000 + i) + ";)\n";
  }
  Detection d(rules);
  std::string all;
  for (unsigned i = 1; i <= kRules; ++i) {
    all += "pattern" + std::to_string(i) + "- both" + std::to_string(i) + "- ";
  }
  for (unsigned port = 995; port < 1080; ++port) {
    d.server_port = static_cast<uint16_t>(port);
    Sids expected;
    for (unsigned i = 1; i <= kRules; ++i) {
      if (port == 1000 + i || port == 1010 + i) expected.push_back(i);
    }
    const unsigned both = port - 1000;
    d.packet.in_stream = false;
    Sids found = d.lone_packet(kClient, all);
    if (both >= 1 && both <= kRules) expected.push_back(1000 + both);
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, expected) << port;
    found = d.lone_packet(kServer, all);
    EXPECT_EQ(found, both >= 1 && both <= kRules ? Sids{1000 + both} : Sids{}) << port;
  }
}

TEST(RuleCompilerTest, OrderIsActionThenFlowBitsThenPriority) {
  Detection d(
      "alert tcp any any -> any any (content:\"x\"; priority:3; sid:1;)\n"
      "alert tcp any any -> any any (content:\"x\"; priority:1; sid:2;)\n"
      "alert tcp any any -> any any (content:\"x\"; flowbits:set,b; sid:3;)\n"
      "alert tcp any any -> any any (content:\"x\"; flowbits:isset,b; sid:4;)\n"
      "reject tcp any any -> any any (content:\"x\"; sid:5;)\n"
      "drop tcp any any -> any any (content:\"x\"; sid:6;)");
  EXPECT_EQ(d.segment(kClient, "x"), (Sids{6, 5, 3, 4, 2, 1}));
}

TEST(RuleCompilerTest, IpProtoKeepsRulesFromOtherPackets) {
  Detection d("alert ip any any -> any any (ip_proto:41; sid:1;)");
  EXPECT_EQ(d.segment(kClient, "x"), Sids{});
  EXPECT_EQ(d.counters.candidates, 0u) << "no TCP packet has that number";
}

TEST(RuleCompilerTest, FlagsSayWhichPacketsARuleWithoutAPatternIsAskedOf) {
  Detection d("alert tcp any any -> any any (flags:S; sid:1;)");
  d.flags(0x10);
  d.segment(kClient, "x");
  EXPECT_EQ(d.counters.candidates, 0u);
  d.flags(0x02);
  EXPECT_EQ(d.lone_packet(kClient, ""), Sids{1});
}

}  // namespace
}  // namespace sluice::rules
