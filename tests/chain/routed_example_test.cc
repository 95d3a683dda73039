// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// config/examples/routed.toml carries what it says it carries.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/support/test_appliance.h"

namespace sluice::test {
namespace {

struct Family {
  const char* name;
  const char *desk, *server;
};

class RoutedExample : public ::testing::TestWithParam<Family> {
 protected:
  static std::string toml() {
    std::ifstream file(SLUICE_EXAMPLES "/routed.toml");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static PacketBuilder to_sluice(const char* source_mac, unsigned port) {
    return eth(source_mac, port == 0 ? "02:00:00:00:01:00" : "02:00:00:00:01:01");
  }
  static Bytes to_mac(const std::vector<Bytes>& frames) {
    return frames.size() == 1 ? Bytes(frames[0].begin(), frames[0].begin() + 6) : Bytes();
  }
};

TEST_P(RoutedExample, CarriesARequestAndItsReply) {
  const auto [name, desk, server] = GetParam();
  TestAppliance box(toml());
  const auto ask = to_sluice("02:00:00:00:00:20", 0).ip(desk, server);
  const auto answer = to_sluice("02:00:00:00:00:01", 1).ip(server, desk);
  box.send("lan", PacketBuilder(ask).tcp(40000, 443).flags(kTcpSyn).seq(100));
  EXPECT_EQ(to_mac(box.take_sent("wan")), (Bytes{2, 0, 0, 0, 0, 1})) << "the next hop";
  box.send("wan", PacketBuilder(answer).tcp(443, 40000).flags(kTcpSyn | kTcpAck).seq(500).ack(101));
  EXPECT_EQ(to_mac(box.take_sent("lan")), (Bytes{2, 0, 0, 0, 0, 0x20})) << "the desk";
  box.send("wan", PacketBuilder(answer).tcp(443, 40001).flags(kTcpSyn));
  EXPECT_EQ(box.dropped("firewall.no_rule"), 1u) << "nobody comes in";
  EXPECT_TRUE(box.nothing_left());
}

TEST_P(RoutedExample, KeepsThePrinterInside) {
  TestAppliance box(toml());
  const auto printer = to_sluice("02:00:00:00:00:10", 0).ip("192.0.2.10", "203.0.113.5");
  box.send("lan", PacketBuilder(printer).udp(40000, 123));
  EXPECT_EQ(box.dropped("firewall.denied"), 1u);
  EXPECT_TRUE(box.nothing_left());
}

INSTANTIATE_TEST_SUITE_P(Families, RoutedExample,
                         ::testing::Values(Family{"Ipv4", "192.0.2.20", "203.0.113.5"},
                                           Family{"Ipv6", "2001:db8:1::20", "2001:db8:5::5"}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace sluice::test
