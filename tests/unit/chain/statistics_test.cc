// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <type_traits>

namespace sluice {
namespace {

// Nothing but 64-bit words: a field that a sum or a difference forgets is found
// without being named.
static_assert(std::is_trivially_copyable_v<WorkerStatistics>);
using Words = std::array<uint64_t, sizeof(WorkerStatistics) / sizeof(uint64_t)>;

WorkerStatistics all(uint64_t value) {
  Words words;
  words.fill(value);
  return std::bit_cast<WorkerStatistics>(words);
}

TEST(WorkerStatistics, DifferencesForgetNoCounter) {
  WorkerStatistics later = all(5);
  subtract(later, all(2));
  const Words words = std::bit_cast<Words>(later);
  EXPECT_EQ(later.held, 5u);
  EXPECT_EQ(later.chain_latency.max(), 5u);
  // The gauge, and the largest latency of the chain and of each stage.
  EXPECT_EQ(std::count(words.begin(), words.end(), 5u), 2 + std::ssize(later.stage));
  EXPECT_EQ(std::count(words.begin(), words.end(), 3u) + 2 + std::ssize(later.stage),
            std::ssize(words));
}

}  // namespace
}  // namespace sluice
