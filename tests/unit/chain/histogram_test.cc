// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/histogram.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Histogram, EveryValueLiesInItsBucketAndAtMostASixteenthBelowItsEnd) {
  for (uint64_t value : {0ull, 1ull, 15ull, 16ull, 17ull, 31ull, 32ull, 33ull, 1000ull, 65535ull,
                         1'000'000ull, 123'456'789ull}) {
    const uint64_t upper = Histogram::upper_bound(Histogram::bucket_of(value));
    EXPECT_GE(upper, value);
    EXPECT_LE(upper - value, value / 16) << value;
  }
}

TEST(Histogram, BucketsFollowOneAnotherWithoutGap) {
  for (unsigned b = 0; b + 1 < 40 * Histogram::kSteps; ++b) {
    EXPECT_EQ(Histogram::bucket_of(Histogram::upper_bound(b)), b);
    EXPECT_EQ(Histogram::bucket_of(Histogram::upper_bound(b) + 1), b + 1);
  }
}

TEST(Histogram, PercentilesAreThoseOfWhatWasRecorded) {
  Histogram h;
  for (uint64_t v = 1; v <= 1000; ++v) h.record(v);
  EXPECT_NEAR(static_cast<double>(h.percentile(50)), 500, 500 / 16.0);
  EXPECT_NEAR(static_cast<double>(h.percentile(99)), 990, 990 / 16.0);
  EXPECT_EQ(h.percentile(100), 1000u);
  EXPECT_EQ(h.max(), 1000u);
  EXPECT_EQ(h.count(), 1000u);
}

TEST(Histogram, AnEmptyOneAndHugeValuesAreNoTrap) {
  Histogram h;
  EXPECT_EQ(h.percentile(99), 0u);
  h.record(UINT64_MAX);
  EXPECT_EQ(h.count(), 1u);
}

TEST(Histogram, SubtractGivesWhatCameSince) {
  Histogram h;
  h.record(10, 5);
  const Histogram before = h;
  h.record(20, 3);
  h.subtract(before);
  EXPECT_EQ(h.count(), 3u);
  EXPECT_EQ(h.percentile(50), 20u);
}

}  // namespace
}  // namespace sluice
