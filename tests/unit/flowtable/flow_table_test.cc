// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "flowtable/flow_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <stdexcept>

#include "flow_builder.h"

namespace sluice {
namespace {

using namespace test;

class FlowTableFamilies : public testing::TestWithParam<uint8_t> {};
INSTANTIATE_TEST_SUITE_P(FlowTable, FlowTableFamilies, testing::Values(kFamilyIpv4, kFamilyIpv6));

TEST_P(FlowTableFamilies, FindsWhatWasCreatedAndNothingElse) {
  FlowTable table(small_options());
  const FlowKey key = make_key(1, GetParam());
  EXPECT_EQ(table.lookup(key, kStart), nullptr);
  Flow* flow = table.create(key, table.hash(key), 1, kStart);
  ASSERT_NE(flow, nullptr);
  EXPECT_EQ(table.lookup(key, kStart), flow);
  EXPECT_EQ(table.lookup(make_key(2, GetParam()), kStart), nullptr);
  FlowKey other_zone = key;
  other_zone.zone = 1;
  EXPECT_EQ(table.lookup(other_zone, kStart), nullptr);
  EXPECT_EQ(table.size(), 1U);
  EXPECT_EQ(flow->originator_end, 1);
  EXPECT_EQ(flow->value, FlowClass::Provisional);
  EXPECT_EQ(flow->state, FlowState::New);
  EXPECT_EQ(flow->first_seen_ns, kStart);
  EXPECT_EQ(flow->address(Direction::Original), key.addr[1]);
  EXPECT_EQ(flow->port_be(Direction::Reply), key.port[0]);
}

TEST_P(FlowTableFamilies, LooksUpABurstOfHitsAndMissesAtOnce) {
  FlowTable table(small_options(1024));
  for (uint32_t n = 0; n < 1000; n += 2) ASSERT_NE(create(table, make_key(n, GetParam())), nullptr);
  for (uint32_t first = 0; first < 1000; first += 25) {
    std::array<FlowKey, FlowTable::kMaxBurst> keys;
    std::array<uint64_t, FlowTable::kMaxBurst> hashes;
    std::array<Flow*, FlowTable::kMaxBurst> found;
    const unsigned n = std::min(FlowTable::kMaxBurst, 1000 - first);
    for (unsigned i = 0; i < n; ++i) keys[i] = make_key(first + i, GetParam());
    look_up(table, keys.data(), n, kStart, hashes.data(), found.data());
    for (unsigned i = 0; i < n; ++i) {
      ASSERT_EQ(found[i] != nullptr, (first + i) % 2 == 0);
      EXPECT_EQ(hashes[i], table.hash(keys[i]));
      if (found[i] == nullptr) continue;
      EXPECT_EQ(found[i]->key, keys[i]);
    }
  }
}

TEST(FlowTable, AccountsPacketsByDirection) {
  FlowTable table(small_options());
  Flow* flow = create(table, make_key(1));
  account(*flow, Direction::Original, 60, kStart + 1);
  account(*flow, Direction::Reply, 1500, kStart + 5);
  account(*flow, Direction::Reply, 40, kStart + 3);
  EXPECT_EQ(flow->packets[0], 1U);
  EXPECT_EQ(flow->packets[1], 2U);
  EXPECT_EQ(flow->bytes[0], 60U);
  EXPECT_EQ(flow->bytes[1], 1540U);
  EXPECT_EQ(flow->last_seen_ns, kStart + 5);
}

TEST(FlowTable, ZeroesHeadAndTailOfAReusedEntry) {
  FlowTableOptions options = small_options();
  options.tail_size = 100;
  FlowTable table(options);
  EXPECT_EQ(table.entry_size(), 128U + 104U);
  Flow* flow = create(table, make_key(1));
  std::fill_n(flow->tail(), 104, std::byte{0xff});
  account(*flow, Direction::Reply, 1, kStart);
  flow->state = FlowState::Replied;
  flow->epoch = 7;
  flow->decided = 7;
  table.end(*flow, EndReason::Replaced);
  ASSERT_EQ(release_all(table), 1U);
  Flow* again = create(table, make_key(2), kStart + 9);
  ASSERT_EQ(again, flow);  // the entry released last is the one cached
  EXPECT_TRUE(std::all_of(again->tail(), again->tail() + 104,
                          [](std::byte b) { return b == std::byte{0}; }));
  EXPECT_EQ(again->packets[1], 0U);
  EXPECT_EQ(again->epoch, 0U);
  EXPECT_EQ(again->decided, 0U);
  EXPECT_EQ(again->state, FlowState::New);
  EXPECT_EQ(again->flags, 0);
  EXPECT_EQ(again->end_reason, EndReason::None);
}

TEST(FlowTable, AlignsEntriesToCacheLines) {
  FlowTableOptions options = small_options();
  options.tail_size = 0;
  FlowTable table(options);
  EXPECT_EQ(table.entry_size(), 128U);
  for (uint32_t n = 0; n < 8; ++n) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(create(table, make_key(n))) % 64, 0U);
  }
}

TEST(FlowTable, KeepsAnEndedFlowUntilItIsReleased) {
  FlowTable table(small_options());
  const FlowKey key = make_key(1);
  Flow* flow = create(table, key);
  EXPECT_EQ(table.at(0), flow);
  table.end(*flow, EndReason::Shutdown);
  EXPECT_EQ(table.lookup(key, kStart), nullptr);
  EXPECT_EQ(table.at(0), nullptr);
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.pending(), 1U);
  Flow* successor = create(table, key);
  ASSERT_NE(successor, flow);
  EXPECT_EQ(flow->end_reason, EndReason::Shutdown);
  EXPECT_NE(flow->flags & kFlowEnded, 0);
  EXPECT_EQ(take_all(table), std::vector<Flow*>{flow});
  table.release(*flow);
  EXPECT_EQ(table.pending(), 0U);
  EXPECT_EQ(table.lookup(key, kStart), successor);
}

TEST(FlowTable, HandsEndedFlowsOutInTheOrderInWhichTheyEnded) {
  FlowTable table(small_options());
  std::vector<Flow*> flows;
  for (uint32_t n = 0; n < 40; ++n) flows.push_back(create(table, make_key(n)));
  std::vector<Flow*> expected;
  for (uint32_t n = 0; n < 40; ++n) {
    expected.push_back(flows[(n * 7) % 40]);
    table.end(*expected.back(), EndReason::Replaced);
  }
  std::array<Flow*, 3> some;
  ASSERT_EQ(table.take_ended(some), 3U);
  EXPECT_TRUE(std::equal(some.begin(), some.end(), expected.begin()));
  expected.erase(expected.begin(), expected.begin() + 3);
  EXPECT_EQ(take_all(table), expected);
  EXPECT_EQ(table.take_ended(some), 0U);
}

TEST(FlowTable, EndsFlowsAtShutdownAsTimedOutThatTheSweepHasNotReached) {
  FlowTable table(small_options(256));
  Flow* old = create(table, make_key(1), kStart);
  Flow* young = create(table, make_key(2), kStart + 3600 * kSecond);
  ASSERT_NE(old, nullptr);
  ASSERT_NE(young, nullptr);
  table.end_all();
  EXPECT_EQ(old->end_reason, EndReason::Timeout);
  EXPECT_EQ(young->end_reason, EndReason::Shutdown);
}

TEST(FlowTable, EndsAllFlowsInTheOrderOfTheirStart) {
  FlowTable table(small_options(256));
  for (uint32_t n = 0; n < 200; ++n) {
    Flow* flow = create(table, make_key(n), kStart + (n * 37 % 20) * kSecond);
    ASSERT_NE(flow, nullptr);
    if (n % 3 == 0) table.promote(*flow, FlowClass::Established);
  }
  table.end_all();
  EXPECT_EQ(table.size(), 0U);
  const std::vector<Flow*> ended = take_all(table);
  ASSERT_EQ(ended.size(), 200U);
  for (size_t i = 1; i < ended.size(); ++i) {
    const Flow& a = *ended[i - 1];
    const Flow& b = *ended[i];
    ASSERT_LE(a.first_seen_ns, b.first_seen_ns);
    if (a.first_seen_ns == b.first_seen_ns) {
      ASSERT_LT(std::memcmp(&a.key, &b.key, sizeof(FlowKey)), 0);
    }
    EXPECT_EQ(b.end_reason, EndReason::Shutdown);
  }
  EXPECT_EQ(table.counters().ended_shutdown, 200U);
  for (Flow* flow : ended) table.release(*flow);
  EXPECT_NE(create(table, make_key(1)), nullptr);
}

TEST(FlowTable, CountsEndsByReason) {
  FlowTable table(small_options());
  const std::array reasons = {EndReason::Replaced, EndReason::Shutdown, EndReason::Replaced};
  uint32_t n = 0;
  for (EndReason reason : reasons) table.end(*create(table, make_key(n++)), reason);
  EXPECT_EQ(table.counters().created, 3U);
  EXPECT_EQ(table.counters().ended_replaced, 2U);
  EXPECT_EQ(table.counters().ended_shutdown, 1U);
  EXPECT_EQ(table.counters().ended_timeout, 0U);
}

TEST(FlowTable, RefusesOptionsOutOfRange) {
  EXPECT_THROW(FlowTable(small_options(63)), std::invalid_argument);
  EXPECT_THROW(FlowTable(small_options((1U << 28) + 1)), std::invalid_argument);
  FlowTableOptions options = small_options();
  options.tail_size = (1 << 20) + 1;
  EXPECT_THROW(FlowTable{options}, std::invalid_argument);
}

TEST(FlowTable, ReportsWhatItNeeds) {
  FlowTableOptions options = small_options(1 << 16);
  options.tail_size = 192;
  FlowTable table(options);
  EXPECT_EQ(table.entry_size(), 320U);
  EXPECT_EQ(table.capacity(), 1U << 16);
  EXPECT_EQ(table.entries(), (1U << 16) + 512);
  const size_t exact = table.entries() * (table.entry_size() + 12) + (1U << 16) * 8 + 8192 * 64;
  EXPECT_GE(table.memory_bytes(), exact);
  EXPECT_LE(table.memory_bytes(), exact + 3 * 4096);
  EXPECT_FALSE(table.uses_huge_pages());
}

// On a host without huge pages the table must come up all the same.
TEST(FlowTable, FallsBackToPlainMemory) {
  FlowTableOptions options = small_options(1024);
  options.huge_pages = true;
  options.socket_id = 0;
  FlowTable table(options);
  const FlowKey key = make_key(1);
  Flow* flow = create(table, key);
  ASSERT_NE(flow, nullptr);
  EXPECT_EQ(table.lookup(key, kStart), flow);
}

}  // namespace
}  // namespace sluice
