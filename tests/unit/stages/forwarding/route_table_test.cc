// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/forwarding/route_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "tests/support/test_environment.h"

namespace sluice::test {
namespace {

struct Row {
  const char* name;
  uint8_t family;
  size_t small_table;  // 0: the fast kind
};

class RouteTableTest : public ::testing::TestWithParam<Row> {
 protected:
  void SetUp() override { start_test_eal(); }
  void add(const char* prefix, uint16_t port) {
    routes.push_back({*parse_ip_prefix(prefix),
                      {RouteTarget::Kind::NextHop, port, {{2, 0, 0, 0, 0, uint8_t(port)}}}});
  }
  // The port of the route, -1 without one.
  int port(const RouteTable& table, const IpAddress& a) const {
    const uint32_t index =
        a.family == 4 ? table.find_ipv4(a.bytes.data()) : table.find_ipv6(a.bytes.data());
    return index == 0 ? -1 : table.target(index).port;
  }
  int port(const RouteTable& table, const char* address) const {
    return port(table, *parse_ip_address(address));
  }
  std::vector<RouteTable::Route> routes;
};
INSTANTIATE_TEST_SUITE_P(Kinds, RouteTableTest,
                         ::testing::Values(Row{"Ipv4Small", 4, 10'000}, Row{"Ipv4Fast", 4, 0},
                                           Row{"Ipv6Small", 6, 10'000}, Row{"Ipv6Fast", 6, 0}),
                         [](const auto& info) { return info.param.name; });

TEST_P(RouteTableTest, FindsTheLongestPrefix) {
  const bool v4 = GetParam().family == 4;
  add(v4 ? "0.0.0.0/0" : "::/0", 1);
  add(v4 ? "10.0.0.0/8" : "2001:db8::/32", 2);
  add(v4 ? "10.1.0.0/16" : "2001:db8:1::/48", 3);
  add(v4 ? "10.1.2.0/25" : "2001:db8:1:2::/65", 4);
  add(v4 ? "10.1.2.3/32" : "2001:db8:1:2::3/128", 5);
  const RouteTable table(routes, GetParam().small_table);
  EXPECT_EQ(port(table, v4 ? "192.0.2.1" : "2002::1"), 1);
  EXPECT_EQ(port(table, v4 ? "10.2.0.1" : "2001:db8:2::1"), 2);
  EXPECT_EQ(port(table, v4 ? "10.1.3.1" : "2001:db8:1:3::1"), 3);
  EXPECT_EQ(port(table, v4 ? "10.1.2.4" : "2001:db8:1:2::4"), 4);
  EXPECT_EQ(port(table, v4 ? "10.1.2.3" : "2001:db8:1:2::3"), 5);
}

TEST_P(RouteTableTest, FindsNothingWithoutARoute) {
  const bool v4 = GetParam().family == 4;
  const RouteTable empty(routes, GetParam().small_table);
  EXPECT_EQ(port(empty, v4 ? "10.0.0.1" : "2001:db8::1"), -1);
  add(v4 ? "10.0.0.0/8" : "2001:db8::/32", 2);
  const RouteTable table(routes, GetParam().small_table);
  EXPECT_EQ(port(table, v4 ? "11.0.0.1" : "2001:db9::1"), -1);
  EXPECT_EQ(port(table, v4 ? "::1" : "10.0.0.1"), -1) << "of the other family";
}

TEST_P(RouteTableTest, LivesBesideAnother) {
  const bool v4 = GetParam().family == 4;
  const char* const address = v4 ? "10.0.0.1" : "2001:db8::1";
  add(v4 ? "10.0.0.0/8" : "2001:db8::/32", 2);
  const auto first = std::make_unique<RouteTable>(routes, GetParam().small_table);
  routes.clear();
  add(v4 ? "10.0.0.0/8" : "2001:db8::/32", 3);
  const RouteTable second(routes, 10'000);
  EXPECT_EQ(port(*first, address), 2);
  EXPECT_EQ(port(second, address), 3);
}

TEST_P(RouteTableTest, AgreesWithALinearSearch) {
  const bool v4 = GetParam().family == 4;
  std::mt19937 random(11);
  std::vector<IpPrefix> prefixes;
  for (int i = 0; i < 2000; ++i) {
    IpPrefix p;
    p.address.family = GetParam().family;
    p.address.bytes[0] = 32;
    p.length = static_cast<uint8_t>((v4 ? 8 : 30) + random() % (v4 ? 25 : 60));
    for (size_t b = 1; b < (v4 ? 4u : 16u); ++b) {
      p.address.bytes[b] = static_cast<uint8_t>(random() % 4 * 85);
    }
    for (unsigned bit = p.length; bit < (v4 ? 32u : 128u); ++bit) {
      p.address.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80u >> bit % 8));
    }
    if (std::find(prefixes.begin(), prefixes.end(), p) != prefixes.end()) continue;
    const auto number = static_cast<uint16_t>(prefixes.size());
    prefixes.push_back(p);
    routes.push_back({p, {RouteTarget::Kind::NextHop, number, {}}});
  }
  const RouteTable table(routes, GetParam().small_table);
  for (int i = 0; i < 3000; ++i) {
    IpAddress a = prefixes[random() % prefixes.size()].address;
    a.bytes[v4 ? 3 : 7] = static_cast<uint8_t>(random() % 4 * 85);
    int expected = -1;
    for (size_t p = 0; p < prefixes.size(); ++p) {
      if (prefixes[p].contains(a) &&
          (expected < 0 || prefixes[p].length > prefixes[static_cast<size_t>(expected)].length)) {
        expected = static_cast<int>(p);
      }
    }
    ASSERT_EQ(port(table, a), expected) << to_string(a);
  }
}

}  // namespace
}  // namespace sluice::test
