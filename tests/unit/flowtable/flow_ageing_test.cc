// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "flowtable/flow_ageing.h"

#include <gtest/gtest.h>

#include "flow_builder.h"

namespace sluice {
namespace {

using namespace test;

constexpr uint64_t kTick = uint64_t{1} << FlowAgeing::kTickShift;
constexpr uint64_t kDay = 86400 * kSecond;

struct Silence {
  uint8_t proto;
  FlowState state;
  uint64_t seconds;
};

class Timeouts : public testing::TestWithParam<Silence> {};
INSTANTIATE_TEST_SUITE_P(FlowAgeing, Timeouts,
                         testing::Values(Silence{IPPROTO_UDP, FlowState::New, 30},
                                         Silence{IPPROTO_UDP, FlowState::Replied, 120},
                                         Silence{IPPROTO_TCP, FlowState::SynSent, 30},
                                         Silence{IPPROTO_TCP, FlowState::SynReceived, 30},
                                         Silence{IPPROTO_TCP, FlowState::Established, 7440},
                                         Silence{IPPROTO_TCP, FlowState::PickedUp, 300},
                                         Silence{IPPROTO_TCP, FlowState::FinWait, 120},
                                         Silence{IPPROTO_TCP, FlowState::Closing, 30},
                                         Silence{IPPROTO_TCP, FlowState::TimeWait, 10},
                                         Silence{IPPROTO_TCP, FlowState::Reset, 5},
                                         Silence{IPPROTO_ICMP, FlowState::Replied, 30},
                                         Silence{IPPROTO_ICMPV6, FlowState::New, 30},
                                         Silence{IPPROTO_SCTP, FlowState::New, 120},
                                         Silence{IPPROTO_GRE, FlowState::Replied, 120}));

TEST_P(Timeouts, AreExactAtLookUp) {
  const uint64_t timeout = GetParam().seconds * kSecond;
  for (uint8_t family : {kFamilyIpv4, kFamilyIpv6}) {
    FlowTable table(small_options());
    const FlowKey key = make_key(1, family, GetParam().proto);
    Flow* flow = create(table, key);
    flow->state = GetParam().state;
    EXPECT_EQ(table.timeout_ns(*flow), timeout);
    EXPECT_EQ(table.lookup(key, kStart + timeout - 1), flow);
    account(*flow, Direction::Reply, 60, kStart + 1000);

    uint64_t hash;
    Flow* found = nullptr;
    look_up(table, &key, 1, kStart + 1000 + timeout - 1, &hash, &found);
    EXPECT_EQ(found, flow);
    look_up(table, &key, 1, kStart + 1000 + timeout, &hash, &found);
    EXPECT_EQ(found, nullptr);
    EXPECT_EQ(flow->end_reason, EndReason::Timeout);
    EXPECT_EQ(table.counters().ended_timeout, 1U);
    EXPECT_EQ(take_all(table), std::vector<Flow*>{flow});
  }
}

TEST(FlowAgeing, ABurstMeetsATimeOutOnlyOnce) {
  FlowTable table(small_options());
  const FlowKey key = make_key(1, kFamilyIpv4, IPPROTO_UDP);
  create(table, key);
  const std::array<FlowKey, 4> keys = {key, key, key, key};
  std::array<uint64_t, 4> hashes;
  std::array<Flow*, 4> found;
  look_up(table, keys.data(), 4, kStart + 31 * kSecond, hashes.data(), found.data());
  EXPECT_EQ(found, (std::array<Flow*, 4>{}));
  EXPECT_EQ(table.counters().ended_timeout, 1U);
  EXPECT_EQ(take_all(table).size(), 1U);
}

TEST(FlowAgeing, AClockThatRunsBackwardsEndsNothing) {
  FlowTable table(small_options());
  const FlowKey key = make_key(1, kFamilyIpv4, IPPROTO_UDP);
  Flow* flow = create(table, key);
  EXPECT_EQ(table.lookup(key, kStart - 3600 * kSecond), flow);
  table.age(kStart - 3600 * kSecond, 1000);
  EXPECT_EQ(table.size(), 1U);
  table.age(kStart + 31 * kSecond, 1000);
  EXPECT_EQ(table.size(), 0U);
}

TEST(FlowAgeing, SweepEndsNothingEarlyAndIsAtMostATickLate) {
  FlowTable table(small_options(256));
  for (uint32_t n = 0; n < 200; ++n) {
    create(table, make_key(n, kFamilyIpv4, IPPROTO_UDP), kStart + n * 10 * kTick);
  }
  for (uint32_t n = 0; n < 200; ++n) {
    const uint64_t expiry = kStart + n * 10 * kTick + 30 * kSecond;
    table.age(expiry - 1, 256);
    ASSERT_EQ(table.size(), 200 - n);
    table.age(expiry + kTick, 256);
    ASSERT_EQ(table.size(), 199 - n);
  }
}

TEST(FlowAgeing, SweepLooksAtNoMoreThanItsBudget) {
  FlowTable table(small_options(1024));
  for (uint32_t n = 0; n < 1000; ++n) create(table, make_key(n, kFamilyIpv4, IPPROTO_UDP));
  const uint64_t later = kStart + 60 * kSecond;
  for (uint32_t calls = 1; calls <= 100; ++calls) {
    table.age(later, 10);
    ASSERT_EQ(table.size(), 1000 - calls * 10);
  }
  table.age(later, 10);
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.counters().ended_timeout, 1000U);
}

TEST(FlowAgeing, TrafficKeepsAFlowThroughTheSweep) {
  FlowTable table(small_options());
  const FlowKey key = make_key(1, kFamilyIpv6, IPPROTO_UDP);
  Flow* flow = create(table, key);
  create(table, make_key(2, kFamilyIpv6, IPPROTO_UDP));
  uint64_t now = kStart;
  for (int i = 0; i < 100; ++i) {
    now += 29 * kSecond;
    account(*flow, Direction::Original, 60, now);
    table.age(now, 64);
    table.age(now, 64);
  }
  EXPECT_EQ(table.size(), 1U);
  table.age(now + 29 * kSecond, 64);
  EXPECT_EQ(table.size(), 1U);
  table.age(now + 30 * kSecond + kTick, 64);
  EXPECT_EQ(table.size(), 0U);
}

TEST(FlowAgeing, AShorterTimeOutIsKeptByTheSweepOnceTouched) {
  FlowTable table(small_options());
  Flow* flow = create(table, make_key(1));
  flow->state = FlowState::Established;
  table.age(kStart + 31 * kSecond, 64);  // stores the deadline of hours
  ASSERT_EQ(table.size(), 1U);
  account(*flow, Direction::Original, 40, kStart + 40 * kSecond);
  flow->state = FlowState::Reset;
  table.touch_deadline(*flow);
  table.age(kStart + 45 * kSecond - 1, 64);
  EXPECT_EQ(table.size(), 1U);
  table.age(kStart + 45 * kSecond + kTick, 64);
  EXPECT_EQ(table.size(), 0U);
}

TEST(FlowAgeing, TickWrapAroundNeitherEndsNorForgetsAFlow) {
  FlowTable table(small_options());
  create(table, make_key(0));  // the table's clock starts here
  const uint64_t wrap = kTick << 32;
  ASSERT_GT(wrap, 52 * kDay);
  uint64_t now = kStart;
  for (; now < kStart + wrap - 20 * kSecond; now += 3600 * kSecond) table.age(now, 64);
  ASSERT_EQ(table.size(), 0U);
  release_all(table);

  const uint64_t before = kStart + wrap - 10 * kSecond;
  const FlowKey key = make_key(1, kFamilyIpv4, IPPROTO_UDP);
  create(table, key, before);
  for (uint64_t s = 0; s < 30; ++s) {
    table.age(before + s * kSecond, 64);
    ASSERT_EQ(table.size(), 1U) << s;
  }
  table.age(before + 30 * kSecond + kTick, 64);
  EXPECT_EQ(table.size(), 0U);
}

TEST(FlowAgeing, ASilenceOfWeeksIsNoticed) {
  for (uint64_t days : {1, 14, 27, 40, 53, 80, 105, 400}) {
    FlowTable table(small_options(512));
    for (uint32_t n = 0; n < 300; ++n) create(table, make_key(n));
    table.age(kStart + kSecond, 64);
    for (int calls = 0; calls < 6; ++calls) table.age(kStart + days * kDay, 64);
    EXPECT_EQ(table.size(), 0U) << days;
  }
}

TEST(FlowAgeing, ATimeOutBeyondTheHorizonHolds) {
  FlowTableOptions options = small_options();
  options.timeouts.by_state_ns[static_cast<size_t>(FlowState::Established)] = 100 * kDay;
  FlowTable table(options);
  Flow* flow = create(table, make_key(1));
  flow->state = FlowState::Established;
  for (uint64_t day = 0; day < 100; ++day) {
    table.age(kStart + day * kDay, 64);
    ASSERT_EQ(table.size(), 1U) << day;
  }
  table.age(kStart + 100 * kDay + kTick, 64);
  EXPECT_EQ(table.size(), 0U);
}

// Two tables with the same flows, one of which gets its entries back late, as
// behind a pipeline: they must end the same flows in the same order.
TEST(FlowAgeing, OrderOfEndsDoesNotDependOnWhenEntriesComeBack) {
  FlowTable prompt(small_options(256));
  FlowTable late(small_options(256));
  std::vector<Flow*> held;
  std::vector<uint32_t> order[2];
  auto note = [](std::vector<uint32_t>& to, const std::vector<Flow*>& flows) {
    for (const Flow* flow : flows) {
      uint32_t number;
      std::memcpy(&number, flow->key.addr[0].data(), 4);
      to.push_back(number);
    }
  };
  uint64_t now = kStart;
  for (uint32_t n = 0; n < 3000; ++n) {
    now += 150'000'000;
    for (FlowTable* table : {&prompt, &late}) {
      const bool is_late = table == &late;
      Flow* flow = create(*table, make_key(n, kFamilyIpv4, IPPROTO_UDP), now);
      ASSERT_NE(flow, nullptr);
      if (n % 5 == 0) table->promote(*flow, FlowClass::HalfOpen);
      table->age(now, 16);
      const std::vector<Flow*> ended = take_all(*table);
      note(order[is_late ? 1 : 0], ended);
      for (Flow* f : ended) {
        if (!is_late) {
          table->release(*f);
          continue;
        }
        held.push_back(f);
        if (held.size() > 50) {
          table->release(*held[held.size() % 7]);
          held.erase(held.begin() + static_cast<long>(held.size() % 7));
        }
      }
    }
  }
  EXPECT_GT(order[0].size(), 2000U);
  EXPECT_EQ(order[0], order[1]);
}

}  // namespace
}  // namespace sluice
