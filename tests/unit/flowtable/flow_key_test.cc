// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "flowtable/flow_key.h"

#include <gtest/gtest.h>

#include <bit>
#include <unordered_set>
#include <utility>

#include "flow_builder.h"
#include "flowtable/flow_hash.h"

namespace sluice {
namespace {

using test::make_key;

class BothFamilies : public testing::TestWithParam<uint8_t> {};
INSTANTIATE_TEST_SUITE_P(FlowKey, BothFamilies, testing::Values(kFamilyIpv4, kFamilyIpv6));

TEST_P(BothFamilies, NormalisesBothDirectionsToOneKey) {
  for (uint32_t n = 0; n < 1000; ++n) {
    const FlowKey key = make_key(n * 7919, GetParam());
    FlowKey same = key;
    EXPECT_FALSE(normalise(same));
    FlowKey reversed = key;
    std::swap(reversed.addr[0], reversed.addr[1]);
    std::swap(reversed.port[0], reversed.port[1]);
    EXPECT_TRUE(normalise(reversed));
    EXPECT_EQ(key, same);
    EXPECT_EQ(key, reversed);
  }
}

TEST_P(BothFamilies, OrdersByPortBetweenEqualAddresses) {
  FlowKey key = make_key(1, GetParam());
  key.addr[1] = key.addr[0];
  key.port[0] = htons(0x0201);
  key.port[1] = htons(0x0102);
  EXPECT_TRUE(normalise(key));
  EXPECT_EQ(key.port[0], htons(0x0102));
  EXPECT_FALSE(normalise(key));
}

TEST_P(BothFamilies, LeavesAConversationWithItselfAlone) {
  FlowKey key = make_key(1, GetParam());
  key.addr[1] = key.addr[0];
  key.port[1] = key.port[0];
  EXPECT_FALSE(normalise(key));
}

TEST_P(BothFamilies, HashDependsOnEveryBitOfTheKey) {
  const FlowHash hash(1);
  const FlowKey key = make_key(77, GetParam());
  const uint64_t before = hash(key);
  double flipped_bits = 0;
  for (size_t bit = 0; bit < sizeof(FlowKey) * 8; ++bit) {
    std::array<uint8_t, sizeof(FlowKey)> bytes;
    std::memcpy(bytes.data(), &key, sizeof(key));
    bytes[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
    FlowKey other;
    std::memcpy(&other, bytes.data(), sizeof(other));
    EXPECT_FALSE(same_key(key, other)) << bit;
    const int changed = std::popcount(before ^ hash(other));
    EXPECT_GT(changed, 8) << bit;
    flipped_bits += changed;
  }
  EXPECT_NEAR(flipped_bits / (sizeof(FlowKey) * 8), 32.0, 1.5);
}

TEST_P(BothFamilies, HashSpreadsSequentialKeysEvenly) {
  const FlowHash hash(2);
  constexpr unsigned kBuckets = 1024;
  constexpr unsigned kKeys = kBuckets * 64;
  std::vector<unsigned> low(kBuckets);
  std::vector<unsigned> high(kBuckets);
  std::unordered_set<uint64_t> all;
  for (uint32_t n = 0; n < kKeys; ++n) {
    const uint64_t h = hash(make_key(n, GetParam()));
    all.insert(h);
    ++low[h % kBuckets];
    ++high[h >> 54];
  }
  EXPECT_EQ(all.size(), kKeys);
  // Chi-squared with 1023 degrees of freedom: 1250 is five standard deviations up.
  for (const auto& counts : {low, high}) {
    double chi = 0;
    for (unsigned c : counts) chi += (c - 64.0) * (c - 64.0) / 64.0;
    EXPECT_LT(chi, 1250);
  }
}

TEST(FlowKey, HashDependsOnTheSeed) {
  const FlowKey key = make_key(5);
  EXPECT_NE(FlowHash(1)(key), FlowHash(2)(key));
  EXPECT_EQ(FlowHash(1)(key), FlowHash(1)(key));
}

// A key that was just written through its own fields must be hashed as written:
// a hash that reads it through another type loses the stores at -O3.
TEST(FlowKey, HashSeesStoresMadeJustBefore) {
  const FlowHash hash(3);
  std::unordered_set<uint64_t> seen;
  FlowKey key{};
  for (uint16_t port = 0; port < 4096; ++port) {
    key.port[0] = port;
    key.addr[1][15] = static_cast<uint8_t>(port);
    seen.insert(hash(key));
  }
  EXPECT_EQ(seen.size(), 4096U);
}

TEST(FlowKey, FamilyKeepsEqualBytesApart) {
  FlowKey v4 = make_key(9);
  FlowKey v6 = v4;
  v6.family = kFamilyIpv6;
  EXPECT_FALSE(v4 == v6);
  EXPECT_NE(FlowHash(0)(v4), FlowHash(0)(v6));
}

}  // namespace
}  // namespace sluice
