// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/forwarding/forwarding_policy.h"

#include <gtest/gtest.h>

#include "tests/unit/stages/forwarding/forwarding_fixture.h"

namespace sluice::test {
namespace {

std::string neighbour(std::string_view body) {
  return "[[stage.forwarding.neighbour]]\n" + std::string(body) + "\n";
}
std::string route(std::string_view body) {
  return "[[stage.forwarding.route]]\n" + std::string(body) + "\n";
}

const std::string kGateway =
    neighbour("address = '192.0.2.254'\nmac = '02:00:00:00:0b:01'\nport = 'outside'");

TEST(ForwardingPolicy, RefusesBadSections) {
  const struct {
    const char* what;
    std::string toml;
    const char* complaint;
  } rows[] = {
      {"unknown control frame", "[stage.forwarding]\ninfrastructure = ['arp', 'cdp']",
       "arp, nd, lacp, lldp, stp"},
      {"other_ethertypes", "[stage.forwarding]\nother_ethertypes = 'flood'", "pass"},
      {"unknown key", "[stage.forwarding]\nroutes = []", "routes"},
      {"neighbour without MAC", neighbour("address = '10.0.0.7'\nport = 'inside'"), "no mac"},
      {"neighbour without address", neighbour("mac = '02:00:00:00:00:07'\nport = 'inside'"),
       "no address"},
      {"neighbour on an unknown port",
       neighbour("address = '10.0.0.7'\nmac = '02:00:00:00:00:07'\nport = 'insite'"),
       "did you mean \"inside\""},
      {"neighbour on a wire",
       neighbour("address = '10.0.0.7'\nmac = '02:00:00:00:00:07'\nport = 'left'"),
       "a routed port"},
      {"neighbour of no network",
       neighbour("address = '10.9.0.7'\nmac = '02:00:00:00:00:07'\nport = 'inside'"),
       "in a network of port \"inside\""},
      {"neighbour of several networks",
       neighbour("address = '10.0.0.7'\nmac = '02:00:00:00:00:07'"), "several ports"},
      {"neighbour that we are",
       neighbour("address = '10.0.0.1'\nmac = '02:00:00:00:00:07'\nport = 'inside'"),
       "an address of this appliance"},
      {"neighbour that is a broadcast address",
       neighbour("address = '10.0.0.255'\nmac = '02:00:00:00:00:07'\nport = 'inside'"),
       "the broadcast address"},
      {"multicast MAC",
       neighbour("address = '10.0.0.7'\nmac = '01:00:00:00:00:07'\nport = 'inside'"),
       "a unicast MAC"},
      {"neighbour twice", kGateway + kGateway, "no neighbour entry yet"},
      {"route without prefix", kGateway + route("via = '192.0.2.254'"), "no prefix"},
      {"route without via", kGateway + route("prefix = '198.51.100.0/24'\nport = 'outside'"),
       "no via"},
      {"route by a neighbour that is none", route("prefix = '198.51.100.0/24'\nvia = '192.0.2.9'"),
       "no neighbour entry"},
      {"route by an address of no network",
       kGateway + route("prefix = '198.51.100.0/24'\nvia = '203.0.113.1'"),
       "in a network of a routed port"},
      {"route by another port's network",
       kGateway + route("prefix = '198.51.100.0/24'\nvia = '192.0.2.254'\nport = 'inside'"),
       "in a network of port \"inside\""},
      {"mixed families", kGateway + route("prefix = '2001:db8:9::/48'\nvia = '192.0.2.254'"),
       "same family"},
      {"host bits", kGateway + route("prefix = '198.51.100.1/24'\nvia = '192.0.2.254'"), "prefix"},
      {"a route twice",
       kGateway + route("prefix = '198.51.100.0/24'\nvia = '192.0.2.254'") +
           route("prefix = '198.51.100.0/24'\nvia = '192.0.2.254'"),
       "has a route already"},
      {"a route to a connected network",
       kGateway + route("prefix = '10.0.0.0/24'\nvia = '192.0.2.254'"), "a connected network"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.what);
    const StageHarness harness(kForwardingStage, row.toml, forwarding_options());
    EXPECT_FALSE(harness.compiled());
    EXPECT_NE(harness.errors().to_string().find(row.complaint), std::string::npos)
        << harness.errors().to_string();
  }
}

TEST(ForwardingPolicy, ReportsAllErrorsAtOnce) {
  const StageHarness harness(
      kForwardingStage,
      "[stage.forwarding]\nother_ethertypes = 1\n" +
          neighbour("address = '10.9.0.7'\nmac = '02:00:00:00:00:07'\nport = 'inside'") +
          route("prefix = '198.51.100.0/24'\nvia = '192.0.2.9'\nport = 'nowhere'\nmetric = 5"),
      forwarding_options());
  EXPECT_FALSE(harness.compiled());
  EXPECT_EQ(harness.errors().all().size(), 4u) << harness.errors().to_string();
}

TEST(ForwardingPolicy, AllowsTheSameRouteInTwoZones) {
  const StageHarness harness(
      kForwardingStage,
      kGateway + neighbour("address = '10.0.0.7'\nmac = '02:00:00:00:00:07'\nport = 'lab'") +
          route("prefix = '198.51.100.0/24'\nvia = '192.0.2.254'") +
          route("prefix = '198.51.100.0/24'\nvia = '10.0.0.7'\nport = 'lab'"),
      forwarding_options());
  EXPECT_TRUE(harness.compiled()) << harness.errors().to_string();
}

TEST(ForwardingPolicy, CompilesWithoutASection) {
  EXPECT_TRUE(StageHarness(kForwardingStage, "", forwarding_options()).compiled());
}

TEST(ForwardingPolicy, ShowsRoutesByZone) {
  const StageHarness harness(kForwardingStage,
                             kGateway + route("prefix = '0.0.0.0/0'\nvia = '192.0.2.254'"),
                             forwarding_options());
  ASSERT_TRUE(harness.compiled()) << harness.errors().to_string();
  EXPECT_EQ(harness.show("routes"), R"(zone 0
  0.0.0.0/0  via 192.0.2.254, port outside
  10.0.0.0/24  connected, port inside
  10.0.0.1/32  self, port inside
  192.0.2.0/24  connected, port outside
  192.0.2.1/32  self, port outside
  192.0.2.254/32  neighbour 02:00:00:00:0b:01, port outside
  2001:db8:1::/64  connected, port inside
  2001:db8:1::1/128  self, port inside
  2001:db8:2::/64  connected, port outside
  2001:db8:2::1/128  self, port outside
zone 7
  10.0.0.0/24  connected, port lab
  10.0.0.1/32  self, port lab
  2001:db8:1::/64  connected, port lab
  2001:db8:1::1/128  self, port lab
)");
}

}  // namespace
}  // namespace sluice::test
