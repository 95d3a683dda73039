// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/firewall/tuple.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <random>

#include "stages/firewall/layers.h"

namespace sluice::test {
namespace {

using firewall::Layers;
using firewall::PortRange;
using firewall::Tuple;

std::vector<IpPrefix> prefixes(std::initializer_list<const char*> texts) {
  std::vector<IpPrefix> out;
  for (const char* text : texts) out.push_back(parse_ip_prefix(text).value());
  return out;
}

TEST(Tuple, KeepsOnlyPrefixesOfTheFamilyThatNoOtherContains) {
  const auto mixed = prefixes({"10.1.2.0/24", "10.0.0.0/8", "2001:db8::/32", "11.0.0.1/32",
                               "11.0.0.1/32", "2001:db8:1::/48"});
  EXPECT_EQ(firewall::normal_prefixes(mixed, 4), prefixes({"10.0.0.0/8", "11.0.0.1/32"}));
  EXPECT_EQ(firewall::normal_prefixes(mixed, 6), prefixes({"2001:db8::/32"}));
}

TEST(Tuple, MergesPortRangesThatTouch) {
  EXPECT_EQ(firewall::normal_ranges({{443, 443}, {80, 90}, {85, 100}, {101, 101}}),
            (std::vector<PortRange>{{80, 101}, {443, 443}}));
  EXPECT_TRUE(firewall::normal_ranges({{0, 1000}, {1001, 65535}}).empty());
}

TEST(Tuple, OverlapsWhereEveryFieldDoes) {
  Tuple a, b;
  EXPECT_TRUE(a.overlaps(b));
  a.from = prefixes({"10.0.0.0/8"});
  EXPECT_TRUE(a.overlaps(b));
  b.from = prefixes({"10.2.0.0/16"});
  EXPECT_TRUE(a.overlaps(b));
  EXPECT_TRUE(b.overlaps(a));
  a.ports = {{80, 90}};
  b.ports = {{91, 95}};
  EXPECT_FALSE(a.overlaps(b));
  b.ports = {{90, 95}};
  EXPECT_TRUE(a.overlaps(b));
  b.from = prefixes({"11.0.0.0/8"});
  EXPECT_FALSE(a.overlaps(b));
}

// Layers find overlaps by index; here they are found by looking at every pair.
TEST(Layers, NeverHoldTwoTuplesThatOverlap) {
  std::mt19937 random(7);
  std::vector<Tuple> tuples(600);
  for (Tuple& tuple : tuples) {
    for (auto* side : {&tuple.from, &tuple.to}) {
      for (unsigned i = random() % 3; i > 0; --i) {
        IpPrefix prefix;
        prefix.address.family = 4;
        prefix.length = static_cast<uint8_t>(4 * (1 + random() % 6));
        for (unsigned b = 0; b < prefix.length / 8u; ++b) {
          prefix.address.bytes[b] = static_cast<uint8_t>(random() % 4 * 16);
        }
        side->push_back(prefix);
      }
      *side = firewall::normal_prefixes(*side, 4);
    }
    if (random() % 2) tuple.protocols = {static_cast<uint8_t>(random() % 2 ? 6 : 17)};
    if (random() % 4) {
      const auto port = static_cast<uint16_t>(random() % 50);
      tuple.ports = {{port, static_cast<uint16_t>(port + random() % 3)}};
    }
  }
  Layers layers(8);
  std::vector<unsigned> placed;
  for (const Tuple& tuple : tuples) placed.push_back(layers.place(tuple));
  unsigned without = 0;
  for (size_t i = 0; i < tuples.size(); ++i) {
    std::vector<bool> taken(8);
    for (size_t j = 0; j < i; ++j) {
      if (placed[j] != Layers::kNone && tuples[i].overlaps(tuples[j])) taken[placed[j]] = true;
    }
    const size_t expected =
        static_cast<size_t>(std::find(taken.begin(), taken.end(), false) - taken.begin());
    if (expected == taken.size()) {
      ++without;
      EXPECT_EQ(placed[i], Layers::kNone);
    } else {
      EXPECT_EQ(placed[i], expected);
    }
  }
  EXPECT_GT(without, 0u);
  EXPECT_LT(without, tuples.size() / 2);
}

}  // namespace
}  // namespace sluice::test
