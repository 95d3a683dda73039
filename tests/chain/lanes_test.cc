// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Several lanes: packets find the lane that owns their flow.

#include <gtest/gtest.h>

#include "tests/support/test_appliance.h"

namespace sluice::test {
namespace {

constexpr std::string_view kThreeLanes = R"(
[[lane]]
lcore = 1
[[lane]]
lcore = 2
[[lane]]
workers = [{ lcore = 3, stages = ["identity", "dpi"] }, { lcore = 4, stages = ["firewall", "forwarding"] }]
)";

std::string three_lanes(std::string_view more = "") {
  return "rss = \"software\"\n" + std::string(more) + wire_toml(kThreeLanes);
}

std::string client(unsigned i) {
  return "10.0.0." + std::to_string(i);
}

TEST(Lanes, BothDirectionsMeetInOneLaneAndTheWorkIsSpread) {
  TestAppliance box(three_lanes());
  for (unsigned i = 1; i < 200; ++i) {
    box.send("a", eth().ipv4(client(i), "192.0.2.1").udp(1000, 53));
    box.send("b", eth().ipv4("192.0.2.1", client(i)).udp(53, 1000));
  }
  unsigned flows = 0;
  for (unsigned lane = 0; lane < 3; ++lane) {
    EXPECT_GT(box.appliance().flow_table(lane).size(), 30u);
    flows += box.appliance().flow_table(lane).size();
  }
  EXPECT_EQ(flows, 199u) << "no flow has two halves";
  EXPECT_EQ(box.take_sent("b").size(), 199u);
  EXPECT_EQ(box.take_sent("a").size(), 199u);
  const WorkerStatistics sum = box.total();
  EXPECT_EQ(sum.passed_over, sum.taken_over);
  EXPECT_GT(sum.passed_over, 100u);
}

TEST(Lanes, AReassembledDatagramGoesToTheLaneOfItsPorts) {
  TestAppliance box(three_lanes("rss_ports = true\n"));
  unsigned sent = 0;
  for (uint16_t port = 1000; port < 1030; ++port) {
    const PacketBuilder datagram =
        eth().ipv4("10.0.0.1", "192.0.2.1").ip_id(port).udp(port, 53).payload_size(2000);
    for (const Bytes& frame : datagram.fragments(2)) box.inject("a", frame);
    box.poll();
    box.send("a", eth().ipv4("10.0.0.1", "192.0.2.1").udp(port, 53).payload("whole"));
    ++sent;
  }
  EXPECT_EQ(box.take_sent("b").size(), 3 * sent);
  unsigned flows = 0;
  for (unsigned lane = 0; lane < 3; ++lane) flows += box.appliance().flow_table(lane).size();
  EXPECT_EQ(flows, sent) << "fragments and whole datagrams share their flow";
}

TEST(Lanes, AnIcmpErrorFindsItsFlowInAnotherLane) {
  TestAppliance box(three_lanes());
  for (unsigned i = 1; i < 60; ++i) {
    const PacketBuilder query = eth().ipv4(client(i), "192.0.2.1").udp(1000, 53);
    box.send("a", query);
    box.send("b", eth().ipv4("198.51.100.1", client(i)).icmp_error(3, 1, query));
  }
  EXPECT_EQ(box.take_sent("a").size(), 59u);
  EXPECT_EQ(box.dropped("flow.icmp_error_unknown"), 0u);
}

TEST(Lanes, EveryWorkerAdoptsAReload) {
  TestAppliance box(three_lanes());
  std::string error;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(box.reload(three_lanes(), error)) << error;
    for (int k = 0; k < 4; ++k) {
      box.poll();
      box.appliance().reclaim();
    }
    EXPECT_TRUE(box.appliance().adopted());
  }
  EXPECT_EQ(box.appliance().policies_alive(), 1u);
}

}  // namespace
}  // namespace sluice::test
