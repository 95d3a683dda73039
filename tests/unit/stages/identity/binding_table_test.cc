// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/identity/binding_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace sluice {
namespace {

IpPrefix prefix(const char* text) {
  return *parse_ip_prefix(text);
}
FlowAddress address(const char* text) {
  return parse_ip_address(text)->bytes;
}
constexpr uint32_t kNone = BindingTable::kNone;

struct Family {
  uint8_t family;
  const char *wide, *narrow, *host;  // prefixes, nested
  const char *in_wide, *in_narrow, *at_host, *outside;
};

class BindingTableTest : public ::testing::TestWithParam<Family> {
 protected:
  uint32_t find(const char* text, Place place = {1, 1}) {
    return table.find(address(text), GetParam().family, place).binding;
  }
  BindingTable table;
};

INSTANTIATE_TEST_SUITE_P(
    Families, BindingTableTest,
    ::testing::Values(Family{4, "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "10.255.255.255",
                             "10.1.0.0", "10.1.2.3", "11.0.0.0"},
                      Family{6, "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1::3/128",
                             "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                             "2001:db8:1::", "2001:db8:1::3", "2001:db9::"}),
    [](const auto& info) { return info.param.family == 4 ? "Ipv4" : "Ipv6"; });

TEST_P(BindingTableTest, FindsNothingInAnEmptyTable) {
  EXPECT_TRUE(table.build().empty());
  EXPECT_EQ(find(GetParam().in_wide), kNone);
}

TEST_P(BindingTableTest, PrefersTheLongestPrefix) {
  const Family& f = GetParam();
  table.add(prefix(f.wide), {}, 0);
  table.add(prefix(f.host), {}, 2);
  table.add(prefix(f.narrow), {}, 1);
  EXPECT_TRUE(table.build().empty());
  EXPECT_EQ(find(f.in_wide), 0u);
  EXPECT_EQ(find(f.in_narrow), 1u);
  EXPECT_EQ(find(f.at_host), 2u);
  EXPECT_EQ(find(f.outside), kNone);
}

TEST_P(BindingTableTest, FallsBackToAShorterPrefixWhereThePlaceDoesNotFit) {
  const Family& f = GetParam();
  table.add(prefix(f.wide), {}, 0);
  table.add(prefix(f.narrow), {11, 0}, 1);
  table.build();
  EXPECT_EQ(find(f.in_narrow, {11, 1}), 1u);
  EXPECT_EQ(find(f.in_narrow, {12, 1}), 0u);
}

TEST_P(BindingTableTest, PrefersTheMoreSpecificPlaceAtTheSamePrefix) {
  const Family& f = GetParam();
  table.add(prefix(f.wide), {}, 0);
  table.add(prefix(f.wide), {0, 2}, 1);
  table.add(prefix(f.wide), {11, 0}, 2);
  table.add(prefix(f.wide), {11, 2}, 3);
  EXPECT_TRUE(table.build().empty());
  EXPECT_EQ(find(f.in_wide, {1, 1}), 0u);
  EXPECT_EQ(find(f.in_wide, {1, 2}), 1u);
  EXPECT_EQ(find(f.in_wide, {11, 1}), 2u);
  EXPECT_EQ(find(f.in_wide, {11, 2}), 3u);
}

TEST_P(BindingTableTest, UsesBindingsWithoutAPrefixLast) {
  const Family& f = GetParam();
  table.add(std::nullopt, {11, 0}, 0);
  table.add(prefix(f.wide), {}, 1);
  table.add(prefix(f.narrow), {12, 0}, 2);
  table.build();
  EXPECT_EQ(find(f.outside, {11, 1}), 0u);
  EXPECT_EQ(find(f.outside, {12, 1}), kNone);
  EXPECT_EQ(find(f.in_wide, {11, 1}), 1u);
  EXPECT_EQ(find(f.in_narrow, {11, 1}), 1u);
}

TEST_P(BindingTableTest, TellsWhenAnUnknownPlaceMightChangeTheAnswer) {
  const Family& f = GetParam();
  table.add(prefix(f.wide), {}, 0);
  table.add(prefix(f.narrow), {11, 0}, 1);
  table.build();
  const auto find_at = [&](const char* text, Place place) {
    return table.find(address(text), f.family, place);
  };
  EXPECT_FALSE(find_at(f.in_wide, {}).depends_on_place);
  EXPECT_TRUE(find_at(f.in_narrow, {}).depends_on_place);
  EXPECT_EQ(find_at(f.in_narrow, {}).binding, 0u);
  EXPECT_FALSE(find_at(f.in_narrow, {11, 1}).depends_on_place);
}

TEST_P(BindingTableTest, ReportsBindingsThatClaimTheSame) {
  const Family& f = GetParam();
  table.add(prefix(f.wide), {}, 4);
  table.add(prefix(f.wide), {11, 0}, 5);
  table.add(prefix(f.wide), {}, 6);
  const auto conflicts = table.build();
  ASSERT_EQ(conflicts.size(), 1u);
  EXPECT_EQ(conflicts[0].first, 4u);
  EXPECT_EQ(conflicts[0].second, 6u);
}

TEST_P(BindingTableTest, CoversTheEdgesOfTheAddressSpace) {
  const bool v4 = GetParam().family == 4;
  table.add(prefix(v4 ? "0.0.0.0/0" : "::/0"), {}, 0);
  table.add(prefix(v4 ? "255.255.255.255/32" : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"), {},
            1);
  table.add(prefix(v4 ? "0.0.0.0/32" : "::/128"), {}, 2);
  table.build();
  EXPECT_EQ(find(v4 ? "0.0.0.0" : "::"), 2u);
  EXPECT_EQ(find(v4 ? "0.0.0.1" : "::1"), 0u);
  EXPECT_EQ(find(v4 ? "255.255.255.254" : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"), 0u);
  EXPECT_EQ(find(v4 ? "255.255.255.255" : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 1u);
}

// Beside a walk over all prefixes. Addresses are kept close together, so that
// prefixes nest and meet.
TEST_P(BindingTableTest, AgreesWithALinearSearch) {
  const bool v4 = GetParam().family == 4;
  std::mt19937 random(7);
  std::vector<IpPrefix> prefixes;
  const auto random_address = [&] {
    IpAddress a;
    a.family = GetParam().family;
    a.bytes[0] = 10;
    const size_t at = v4 ? 1 : 13;
    for (size_t i = at; i < at + 3; ++i) a.bytes[i] = static_cast<uint8_t>(random() % 8 * 36);
    return a;
  };
  const auto cut = [](IpAddress a, uint8_t length) {
    for (unsigned bit = length; bit < (a.family == 4 ? 32u : 128u); ++bit) {
      a.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80u >> bit % 8));
    }
    return IpPrefix{a, length};
  };
  while (prefixes.size() < 2000) {
    const auto length = static_cast<uint8_t>((v4 ? 8 : 104) + random() % 25);
    const IpPrefix p = cut(random_address(), length);
    if (std::find(prefixes.begin(), prefixes.end(), p) != prefixes.end()) continue;
    table.add(p, {}, static_cast<uint32_t>(prefixes.size()));
    prefixes.push_back(p);
    if (prefixes.size() > 300 && random() % 100 == 0) break;
  }
  ASSERT_TRUE(table.build().empty());
  for (int i = 0; i < 5000; ++i) {
    IpAddress a = random_address();
    if (random() % 2) a.bytes[v4 ? 3 : 15] = static_cast<uint8_t>(random());
    uint32_t expected = kNone;
    for (uint32_t p = 0; p < prefixes.size(); ++p) {
      if (!prefixes[p].contains(a)) continue;
      if (expected == kNone || prefixes[p].length > prefixes[expected].length) expected = p;
    }
    ASSERT_EQ(table.find(a.bytes, a.family, {}).binding, expected) << to_string(a);
  }
}

}  // namespace
}  // namespace sluice
