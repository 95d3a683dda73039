// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "flowtable/flow_index.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace sluice {
namespace {

bool holds(FlowIndex& index, uint64_t hash, uint32_t entry) {
  const FlowIndex::Bucket& home = index.home(hash);
  for (auto m = FlowIndex::match_home(home, hash); !m.empty(); m.next()) {
    if (home.entry[m.slot()] == entry) return true;
  }
  if (home.strays == 0) return false;
  const FlowIndex::Bucket& away = index.away(hash);
  for (auto m = FlowIndex::match_away(away, hash); !m.empty(); m.next()) {
    if (away.entry[m.slot()] == entry) return true;
  }
  return false;
}

TEST(FlowIndex, HoldsItsCapacityAtFourFifthsLoadWithFewDisplacements) {
  constexpr uint32_t kCapacity = 1 << 17;
  FlowIndex index(kCapacity, false, -1);
  EXPECT_NEAR(kCapacity / static_cast<double>(index.slots()), 0.8, 0.001);
  std::mt19937_64 random(1);
  std::vector<uint64_t> hashes(kCapacity);
  unsigned displaced = 0;
  for (uint32_t i = 0; i < kCapacity; ++i) {
    hashes[i] = random();
    const auto result = index.insert(hashes[i], i);
    ASSERT_NE(result, FlowIndex::Insert::Full);
    displaced += result == FlowIndex::Insert::Displaced ? 1 : 0;
  }
  EXPECT_GT(displaced, 0U);
  EXPECT_LT(displaced, kCapacity / 50);
  for (uint32_t i = 0; i < kCapacity; ++i) ASSERT_TRUE(holds(index, hashes[i], i)) << i;
}

TEST(FlowIndex, ForgetsOnlyWhatIsRemovedAndCountsNoStraysAtTheEnd) {
  constexpr uint32_t kCapacity = 4096;
  FlowIndex index(kCapacity, false, -1);
  std::mt19937_64 random(2);
  std::vector<uint64_t> hashes(kCapacity);
  for (uint32_t i = 0; i < kCapacity; ++i) {
    hashes[i] = random();
    ASSERT_NE(index.insert(hashes[i], i), FlowIndex::Insert::Full);
  }
  for (uint32_t i = 0; i < kCapacity; i += 2) index.remove(hashes[i], i);
  for (uint32_t i = 0; i < kCapacity; ++i) ASSERT_EQ(holds(index, hashes[i], i), i % 2 == 1) << i;
  for (uint32_t i = 1; i < kCapacity; i += 2) index.remove(hashes[i], i);
  for (uint64_t bucket = 0; bucket < index.slots() / FlowIndex::kSlots; ++bucket) {
    ASSERT_EQ(index.home(bucket).strays, 0U) << bucket;
  }
}

TEST(FlowIndex, RefusesTheTwentyFirstMemberOfOnePairOfBucketsUnchanged) {
  FlowIndex index(64, false, -1);
  const uint64_t hash = (uint64_t{7} << 49) | 3;
  for (uint32_t i = 0; i < 2 * FlowIndex::kSlots; ++i) {
    ASSERT_EQ(index.insert(hash, i), FlowIndex::Insert::Ok) << i;
  }
  EXPECT_EQ(index.insert(hash, 99), FlowIndex::Insert::Full);
  std::array<uint32_t, 2 * FlowIndex::kSlots> rivals;
  ASSERT_EQ(index.rivals(hash, rivals), rivals.size());
  for (uint32_t i = 0; i < rivals.size(); ++i) {
    EXPECT_EQ(rivals[i], i);
    EXPECT_TRUE(holds(index, hash, i));
  }
  EXPECT_FALSE(holds(index, hash, 99));
}

TEST(FlowIndex, KeepsMembersOfEqualHashApart) {
  FlowIndex index(64, false, -1);
  const uint64_t hash = uint64_t{1} << 60;
  for (uint32_t i = 0; i < 15; ++i) ASSERT_EQ(index.insert(hash, i), FlowIndex::Insert::Ok);
  index.remove(hash, 4);
  index.remove(hash, 14);
  for (uint32_t i = 0; i < 15; ++i) EXPECT_EQ(holds(index, hash, i), i != 4 && i != 14) << i;
}

}  // namespace
}  // namespace sluice
