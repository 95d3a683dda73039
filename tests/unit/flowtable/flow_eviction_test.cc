// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>

#include <algorithm>

#include "flow_builder.h"

namespace sluice {
namespace {

using namespace test;

constexpr uint32_t kCapacity = 64;
constexpr uint32_t kEstablishedMax = 63;

class Eviction : public testing::Test {
 protected:
  Flow* add(uint32_t n, FlowClass value, uint64_t now_ns) {
    Flow* flow = create(table, make_key(n), now_ns);
    if (flow != nullptr) {
      flow->state = FlowState::Established;  // long time-out: only eviction is at work
      table.promote(*flow, value);
    }
    return flow;
  }
  std::vector<FlowKey> evicted() {
    std::vector<FlowKey> keys;
    for (Flow* flow : take_all(table)) {
      EXPECT_EQ(flow->end_reason, EndReason::Evicted);
      keys.push_back(flow->key);
      table.release(*flow);
    }
    return keys;
  }

  FlowTable table{small_options(kCapacity)};
  uint64_t now = kStart;
};

TEST_F(Eviction, TakesProvisionalBeforeHalfOpenOldestFirst) {
  uint32_t n = 0;
  for (; n < 20; ++n) add(n, FlowClass::Established, ++now);
  for (; n < 40; ++n) add(n, FlowClass::HalfOpen, ++now);
  for (; n < 64; ++n) add(n, FlowClass::Provisional, ++now);
  ASSERT_EQ(table.size(), kCapacity);
  EXPECT_TRUE(evicted().empty());

  for (uint32_t victim = 40; victim < 64; ++victim) {
    add(n++, FlowClass::HalfOpen, ++now);
    EXPECT_EQ(evicted(), std::vector<FlowKey>{make_key(victim)});
  }
  for (uint32_t victim = 20; victim < 40; ++victim) {
    add(n++, FlowClass::HalfOpen, ++now);
    EXPECT_EQ(evicted(), std::vector<FlowKey>{make_key(victim)});
  }
  EXPECT_EQ(table.size(), kCapacity);
  EXPECT_EQ(table.counters().evicted_provisional, 24U);
  EXPECT_EQ(table.counters().evicted_half_open, 20U);
  EXPECT_EQ(table.counters().evicted_established, 0U);
}

TEST_F(Eviction, AgeCountsFromTheMoveIntoTheClass) {
  Flow* first = add(0, FlowClass::Provisional, ++now);
  for (uint32_t n = 1; n < 64; ++n) add(n, FlowClass::Provisional, ++now);
  table.promote(*first, FlowClass::HalfOpen);
  table.promote(*first, FlowClass::Provisional);
  add(100, FlowClass::Provisional, ++now);
  EXPECT_EQ(evicted(), std::vector<FlowKey>{make_key(1)});
}

TEST_F(Eviction, ASynFloodCostsNoEstablishedFlow) {
  for (uint32_t n = 0; n < kEstablishedMax; ++n) add(n, FlowClass::Established, ++now);
  for (uint32_t n = 1000; n < 21000; ++n) {
    Flow* flow = create(table, make_key(n), ++now);
    ASSERT_NE(flow, nullptr);
    flow->state = FlowState::SynSent;
    if (n % 2 == 0) table.promote(*flow, FlowClass::HalfOpen);
    release_all(table);
  }
  for (uint32_t n = 0; n < kEstablishedMax; ++n) {
    EXPECT_NE(table.lookup(make_key(n), now), nullptr) << n;
  }
  EXPECT_EQ(table.counters().evicted_established, 0U);
  EXPECT_EQ(table.counters().create_failed, 0U);
  EXPECT_EQ(table.counters().evicted_provisional + table.counters().evicted_half_open, 19999U);
}

TEST_F(Eviction, AnEstablishedFlowGivesWayOnlyToANewlyEstablishedOne) {
  for (uint32_t n = 0; n < kEstablishedMax; ++n) add(n, FlowClass::Established, ++now);
  Flow* flow = create(table, make_key(100), ++now);
  EXPECT_TRUE(evicted().empty());
  flow->state = FlowState::Established;
  table.promote(*flow, FlowClass::Established);
  EXPECT_EQ(evicted(), std::vector<FlowKey>{make_key(0)});
  EXPECT_EQ(table.counters().evicted_established, 1U);
  EXPECT_EQ(table.lookup(make_key(100), now), flow);
}

TEST_F(Eviction, AnEstablishedFlowWithTrafficGetsASecondChance) {
  std::vector<Flow*> flows;
  for (uint32_t n = 0; n < kEstablishedMax; ++n) {
    flows.push_back(add(n, FlowClass::Established, ++now));
  }
  now += kSecond;
  for (uint32_t n : {0, 1, 2, 4}) account(*flows[n], Direction::Reply, 40, now);
  add(100, FlowClass::Established, now);
  EXPECT_EQ(evicted(), std::vector<FlowKey>{make_key(3)});
  add(101, FlowClass::Established, now);
  EXPECT_EQ(evicted(), std::vector<FlowKey>{make_key(5)});
}

TEST_F(Eviction, OnlyAFewAreAsked) {
  std::vector<Flow*> flows;
  for (uint32_t n = 0; n < kEstablishedMax; ++n) {
    flows.push_back(add(n, FlowClass::Established, ++now));
  }
  now += kSecond;
  for (uint32_t n = 0; n < 8; ++n) account(*flows[n], Direction::Original, 40, now - 8 + n);
  add(100, FlowClass::Established, now);
  EXPECT_EQ(evicted(), std::vector<FlowKey>{make_key(0)}) << "and no silent one further back";
}

TEST_F(Eviction, AVictimWhoseTimeOutHasPassedCountsAsTimedOut) {
  for (uint32_t n = 0; n < kCapacity; ++n) create(table, make_key(n), ++now);
  now += 3600 * kSecond;
  ASSERT_NE(create(table, make_key(100), now), nullptr);
  const std::vector<Flow*> ended = take_all(table);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0]->end_reason, EndReason::Timeout);
  EXPECT_EQ(table.counters().evicted_provisional, 0U);
}

TEST_F(Eviction, CreateFailsOnlyWhileEverySpareEntryIsUnreleased) {
  const uint32_t spare = table.entries() - table.capacity();
  EXPECT_EQ(spare, 64U);
  for (uint32_t n = 0; n < kCapacity + spare; ++n) {
    ASSERT_NE(create(table, make_key(n), ++now), nullptr) << n;
  }
  EXPECT_EQ(table.size(), kCapacity);
  EXPECT_EQ(table.pending(), spare);
  EXPECT_EQ(create(table, make_key(1000), ++now), nullptr);
  EXPECT_EQ(table.counters().create_failed, 1U);
  EXPECT_EQ(table.size(), kCapacity);  // nothing was given up for nothing
  std::array<Flow*, 1> one;
  ASSERT_EQ(table.take_ended(one), 1U);
  EXPECT_EQ(create(table, make_key(1000), ++now), nullptr);
  table.release(*one[0]);
  EXPECT_NE(create(table, make_key(1000), ++now), nullptr);
  EXPECT_EQ(create(table, make_key(1001), ++now), nullptr);
}

TEST_F(Eviction, TheLeastValuableRivalGoesWhenBothBucketsAreFull) {
  // Flows of one pair of buckets, found by trial: the index has eight buckets.
  FlowIndex probe(kCapacity, false, -1);
  const FlowIndex::Bucket* pair[2] = {&probe.home(0), nullptr};
  std::vector<uint32_t> numbers;
  for (uint32_t n = 0; numbers.size() < 21; ++n) {
    const uint64_t hash = table.hash(make_key(n));
    const FlowIndex::Bucket* home = &probe.home(hash);
    const FlowIndex::Bucket* away = &probe.away(hash);
    if (home != pair[0]) std::swap(home, away);
    if (home != pair[0]) continue;
    if (pair[1] == nullptr) pair[1] = away;
    if (away == pair[1]) numbers.push_back(n);
  }
  for (uint32_t i = 0; i < 20; ++i) {
    add(numbers[i], i == 11 ? FlowClass::Provisional : FlowClass::HalfOpen, ++now);
  }
  EXPECT_TRUE(evicted().empty());
  Flow* last = add(numbers[20], FlowClass::HalfOpen, ++now);
  EXPECT_EQ(evicted(), std::vector<FlowKey>{make_key(numbers[11])});
  EXPECT_EQ(table.lookup(make_key(numbers[20]), now), last);
  EXPECT_EQ(table.size(), 20U);
}

}  // namespace
}  // namespace sluice
