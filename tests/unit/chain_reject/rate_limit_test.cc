// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/rate_limit.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr uint64_t kSecond_ns = 1'000'000'000;
constexpr uint64_t kStart_ns = 1'700'000'000 * kSecond_ns;

unsigned taken(RateLimit& limit, uint64_t now_ns, unsigned tries) {
  unsigned n = 0;
  for (unsigned i = 0; i < tries; ++i) n += limit.take(now_ns);
  return n;
}

TEST(RateLimit, GivesASecondsWorthAtOnceAndNoMore) {
  RateLimit limit(100);
  EXPECT_EQ(taken(limit, kStart_ns, 1000), 100u);
  EXPECT_EQ(taken(limit, kStart_ns + kSecond_ns / 100, 10), 1u);
  EXPECT_EQ(taken(limit, kStart_ns + kSecond_ns / 2, 1000), 49u);
}

TEST(RateLimit, SavesNoMoreThanASecond) {
  RateLimit limit(1'000'000);
  EXPECT_EQ(taken(limit, kStart_ns, 2'000'000), 1'000'000u);
  EXPECT_EQ(taken(limit, kStart_ns + 3600 * kSecond_ns, 2'000'000), 1'000'000u);
}

TEST(RateLimit, GivesNothingAtZero) {
  RateLimit limit(0);
  EXPECT_EQ(taken(limit, kStart_ns, 10), 0u);
  EXPECT_EQ(taken(limit, kStart_ns + kSecond_ns, 10), 0u);
}

TEST(RateLimit, GainsNothingFromTimeThatStepsBack) {
  RateLimit limit(10);
  EXPECT_EQ(taken(limit, kStart_ns, 20), 10u);
  EXPECT_EQ(taken(limit, kStart_ns - kSecond_ns, 20), 0u);
  EXPECT_EQ(taken(limit, kStart_ns, 20), 0u);
}

}  // namespace
}  // namespace sluice
