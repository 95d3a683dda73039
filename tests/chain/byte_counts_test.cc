// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Bytes are added up once a burst where that is enough. They are right all the same;
// TestAppliance compares them with its ports' own when a test ends, too.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/support/test_appliance.h"

namespace sluice::test {
namespace {

// Of NTP, which nDPI knows at once.
std::string message(size_t size = 48) {
  std::string text(size, '\0');
  text[0] = 0x23;
  return text;
}
PacketBuilder request(size_t size = 48) {
  return eth().ip("10.0.0.1", "10.0.0.2").udp(4000, 123).payload(message(size));
}
PacketBuilder answer() {
  return eth("02:00:00:00:00:02", "02:00:00:00:00:01")
      .ip("10.0.0.2", "10.0.0.1")
      .udp(123, 4000)
      .payload(message());
}

size_t length(const std::vector<Bytes>& frames) {
  size_t sum = 0;
  for (const Bytes& frame : frames) sum += frame.size();
  return sum;
}

void decide(TestAppliance& box) {
  for (unsigned i = 0; i < 3; ++i) {
    box.send("a", request());
    box.send("b", answer());
  }
  ASSERT_NE(box.only_flow(), nullptr);
  ASSERT_NE(box.only_flow()->decided, 0);
  box.take_sent("a");
  box.take_sent("b");
}

constexpr std::string_view kPipeline = R"(
[[lane]]
workers = [{ lcore = 1, stages = ["identity", "dpi"] },
           { lcore = 2, stages = ["firewall", "forwarding"] }]
)";

class ByteCounts : public ::testing::TestWithParam<std::string_view> {};

TEST_P(ByteCounts, OfABurstThatPassesWhole) {
  TestAppliance box(wire_toml(GetParam()));
  decide(box);
  const WorkerStatistics before = box.total();
  for (const size_t size : {48, 700, 1400, 60}) box.inject("a", request(size));
  box.poll();
  const std::vector<Bytes> sent = box.take_sent("b");
  ASSERT_EQ(sent.size(), 4u);
  EXPECT_EQ(box.total().received_bytes - before.received_bytes, length(sent));
  EXPECT_EQ(box.total().transmitted_bytes - before.transmitted_bytes, length(sent));
}

TEST_P(ByteCounts, OfABurstFromWhichAStageDrops) {
  constexpr std::string_view kRule = R"(
[[stage.firewall.rule]]
name = "no finger"
protocol = ["udp"]
port = ["79"]
action = "drop"
[[stage.firewall.rule]]
name = "the rest"
action = "allow"
)";
  TestAppliance box(wire_toml(std::string(kRule) + std::string(GetParam())));
  decide(box);
  const WorkerStatistics before = box.total();
  const PacketBuilder finger =
      eth().ip("10.0.0.1", "10.0.0.2").udp(4000, 79).payload(message(333));
  box.inject("a", request(700));
  box.inject("a", finger);
  box.inject("a", request(100));
  box.poll();
  const std::vector<Bytes> sent = box.take_sent("b");
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(box.dropped("firewall.denied"), 1u);
  EXPECT_EQ(box.total().received_bytes - before.received_bytes,
            length(sent) + finger.bytes().size());
  EXPECT_EQ(box.total().transmitted_bytes - before.transmitted_bytes, length(sent));
}

TEST_P(ByteCounts, OfABurstFromWhichTheParserDrops) {
  TestAppliance box(wire_toml(GetParam()));
  decide(box);
  const WorkerStatistics before = box.total();
  Bytes cut = request(500).bytes();
  cut.resize(30);
  box.inject("a", request(700));
  box.inject("a", cut);
  box.inject("a", request(100));
  box.poll();
  const std::vector<Bytes> sent = box.take_sent("b");
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(box.total().received_bytes - before.received_bytes, length(sent) + cut.size());
  EXPECT_EQ(box.total().transmitted_bytes - before.transmitted_bytes, length(sent));
}

INSTANTIATE_TEST_SUITE_P(Placements, ByteCounts, ::testing::Values("", kPipeline),
                         [](const auto& p) { return p.index == 0 ? "OneWorker" : "Pipeline"; });

// Decided packets turned round into ICMP errors are of another length than they came with.
TEST(RoutedByteCounts, OfFramesThatForwardingTurnsIntoErrors) {
  std::ifstream file(SLUICE_EXAMPLES "/routed.toml");
  std::stringstream text;
  text << file.rdbuf();
  TestAppliance box(text.str());
  const auto ask = [](unsigned ttl, size_t size) {
    return eth("02:00:00:00:00:20", "02:00:00:00:01:00")
        .ip("192.0.2.20", "203.0.113.5")
        .ttl(static_cast<uint8_t>(ttl))
        .udp(40000, 123)
        .payload(message(size));
  };
  const auto reply = eth("02:00:00:00:00:01", "02:00:00:00:01:01")
                         .ip("203.0.113.5", "192.0.2.20")
                         .udp(123, 40000)
                         .payload(message());
  for (unsigned i = 0; i < 3; ++i) {
    box.send("lan", ask(64, 48));
    box.send("wan", reply);
  }
  ASSERT_NE(box.only_flow(), nullptr);
  ASSERT_NE(box.only_flow()->decided, 0);
  box.take_sent("lan");
  box.take_sent("wan");
  const WorkerStatistics before = box.total();
  for (const size_t size : {48, 1400}) box.inject("lan", ask(1, size));
  box.poll();
  const std::vector<Bytes> errors = box.take_sent("lan");
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_NE(length(errors), ask(1, 48).bytes().size() + ask(1, 1400).bytes().size());
  EXPECT_EQ(box.total().transmitted_bytes - before.transmitted_bytes, length(errors));
}

}  // namespace
}  // namespace sluice::test
