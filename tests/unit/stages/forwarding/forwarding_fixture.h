// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Four ports: 0 and 1 a wire, 2 ("inside") and 3 ("outside") routed in zone 0,
// 4 ("lab") routed in zone 7.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "stages/forwarding/forwarding.h"
#include "stages/forwarding/forwarding_stage.h"
#include "tests/support/packet_builder.h"
#include "tests/support/stage_harness.h"
#include "tests/support/test_environment.h"
#include "tests/support/test_flow.h"

namespace sluice::test {

inline constexpr uint16_t kLeft = 0, kRight = 1, kInside = 2, kOutside = 3, kLab = 4;
inline constexpr std::string_view kInsideMac = "02:00:00:00:01:02";
inline constexpr std::string_view kOutsideMac = "02:00:00:00:01:03";
inline constexpr std::string_view kClientMac = "02:00:00:00:0a:07";
inline constexpr std::string_view kGatewayMac = "02:00:00:00:0b:01";

inline HarnessOptions forwarding_options() {
  HarnessOptions o;
  o.config.ports.resize(5);
  const char* names[] = {"left", "right", "inside", "outside", "lab"};
  for (size_t i = 0; i < 5; ++i) o.config.ports[i].name = names[i];
  o.config.ports[kLeft].peer_index = kRight;
  o.config.ports[kRight].peer_index = kLeft;
  const auto addresses = [&](uint16_t port, std::initializer_list<const char*> texts) {
    for (const char* text : texts) {
      o.config.ports[port].addresses.push_back(*parse_interface_address(text));
    }
  };
  addresses(kInside, {"10.0.0.1/24", "2001:db8:1::1/64", "fe80::1/64"});
  addresses(kOutside, {"192.0.2.1/24", "2001:db8:2::1/64", "fe80::1/64"});
  addresses(kLab, {"10.0.0.1/24", "2001:db8:1::1/64"});
  o.config.ports[kLab].zone = 7;
  o.config.ports[kOutside].mtu = 1400;
  return o;
}

inline constexpr std::string_view kRoutes = R"(
[stage.forwarding]
[[stage.forwarding.neighbour]]
address = "10.0.0.7"
mac = "02:00:00:00:0a:07"
port = "inside"
[[stage.forwarding.neighbour]]
address = "2001:db8:1::7"
mac = "02:00:00:00:0a:07"
port = "inside"
[[stage.forwarding.neighbour]]
address = "192.0.2.254"
mac = "02:00:00:00:0b:01"
[[stage.forwarding.neighbour]]
address = "fe80::fe"
mac = "02:00:00:00:0b:01"
port = "outside"
[[stage.forwarding.route]]
prefix = "198.51.100.0/24"
via = "192.0.2.254"
[[stage.forwarding.route]]
prefix = "2001:db8:ffff::/48"
via = "fe80::fe"
port = "outside"
)";
// The same without ICMP errors: drops are seen as drops.
inline std::string quiet(std::string_view toml = kRoutes) {
  std::string text(toml);
  return text.replace(text.find("[stage.forwarding]"), 18,
                      "[stage.forwarding]\nicmp_error_rate = 0");
}

// Addresses of one family, for tests that run for both.
struct Family {
  const char* name;
  const char* client;  // inside, with a neighbour entry
  const char* silent;  // inside, without one
  const char *inside_self, *outside_self;
  const char* remote;   // behind the static route
  const char* nowhere;  // no route
  const char* multicast;
  const char* loopback;
};
inline constexpr Family kFamilies[] = {
    {"Ipv4", "10.0.0.7", "10.0.0.9", "10.0.0.1", "192.0.2.1", "198.51.100.5", "203.0.113.1",
     "224.0.0.251", "127.0.0.1"},
    {"Ipv6", "2001:db8:1::7", "2001:db8:1::9", "2001:db8:1::1", "2001:db8:2::1", "2001:db8:ffff::5",
     "2001:db9::1", "ff02::fb", "::1"},
};
inline std::string family_name(const ::testing::TestParamInfo<Family>& info) {
  return info.param.name;
}

class ForwardingFixture : public PacketTestWith<Family> {
 protected:
  explicit ForwardingFixture(const std::string& toml = quiet())
      : harness(kForwardingStage, toml, forwarding_options()) {
    EXPECT_TRUE(harness.compiled()) << harness.errors().to_string();
  }
  void TearDown() override {
    for (rte_mbuf* m : packets) rte_pktmbuf_free(m);
    packets.clear();
    PacketTest::TearDown();
  }

  // The fixture frees it.
  rte_mbuf* received(const PacketBuilder& builder, uint16_t port) {
    rte_mbuf* m = builder.mbuf(pool);
    m->port = port;
    packets.push_back(m);
    return m;
  }
  // A packet that opens a flow, taken through the stage.
  rte_mbuf* forward(const PacketBuilder& builder, uint16_t port) {
    rte_mbuf* m = received(builder, port);
    flows.emplace_back(m);
    harness.process({m});
    return m;
  }
  // A frame that has no flow.
  rte_mbuf* forward_flowless(const PacketBuilder& builder, uint16_t port) {
    rte_mbuf* m = received(builder, port);
    headers_of(m);
    harness.process({m});
    return m;
  }
  std::string reason(const rte_mbuf* m) const { return harness.reason_of(m); }

  StageHarness harness;
  std::vector<rte_mbuf*> packets;
  std::deque<TestFlow> flows;
};

}  // namespace sluice::test
