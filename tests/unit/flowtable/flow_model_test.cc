// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The table against a plain map, by random operations.

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>

#include "flow_builder.h"

namespace sluice {
namespace {

using namespace test;

class Model {
 public:
  explicit Model(uint32_t capacity) : table_(small_options(capacity)) {}

  void run(uint64_t seed, uint32_t operations, uint32_t key_space) {
    std::mt19937 random(static_cast<uint32_t>(seed));
    for (uint32_t i = 0; i < operations && !testing::Test::HasFatalFailure(); ++i) {
      now_ += random() % 2'000'000;
      const uint32_t what = random() % 100;
      if (what < 60) {
        packets(random, key_space);
      } else if (what < 65) {
        end_one(random() % key_space);
      } else if (what < 85) {
        table_.age(now_, random() % 200);
      } else {
        collect(random() % 64);
      }
    }
    check_all();
  }

  const FlowTable& table() const { return table_; }

 private:
  static FlowKey key_of(uint32_t n) {
    return make_key(n, n % 2 == 0 ? kFamilyIpv4 : kFamilyIpv6,
                    n % 3 == 0 ? IPPROTO_UDP : IPPROTO_TCP);
  }

  void packets(std::mt19937& random, uint32_t key_space) {
    std::array<uint32_t, FlowTable::kMaxBurst> numbers;
    std::array<FlowKey, FlowTable::kMaxBurst> keys;
    std::array<uint64_t, FlowTable::kMaxBurst> hashes;
    std::array<Flow*, FlowTable::kMaxBurst> found;
    const unsigned n = 1 + random() % FlowTable::kMaxBurst;
    for (unsigned i = 0; i < n; ++i) {
      numbers[i] = random() % key_space;
      keys[i] = key_of(numbers[i]);
    }
    look_up(table_, keys.data(), n, now_, hashes.data(), found.data());
    forget_ended();
    for (unsigned i = 0; i < n; ++i) {
      const auto known = flows_.find(numbers[i]);
      Flow* flow = found[i];
      if (flow == nullptr || (flow->flags & kFlowEnded) != 0) {
        flow = table_.lookup(keys[i], now_);  // by an earlier packet of this burst
      }
      ASSERT_EQ(flow, known == flows_.end() ? nullptr : known->second);
      if (flow == nullptr) {
        flow = table_.create(keys[i], hashes[i], 0, now_);
        forget_ended();
        if (flow == nullptr) {
          ASSERT_EQ(table_.size() + table_.pending(), table_.entries());
          continue;
        }
        flows_[numbers[i]] = flow;
      } else {
        account(*flow, Direction::Reply, 100, now_);
        // One in 64 steps down; the others climb until the class is full.
        const uint32_t draw = random() % 64;
        table_.promote(*flow, draw == 0   ? FlowClass::HalfOpen
                              : draw < 32 ? FlowClass::Established
                                          : flow->value);
        forget_ended();
      }
      ASSERT_EQ(table_.size(), flows_.size());
      ASSERT_LE(table_.size(), table_.capacity());
    }
  }

  void end_one(uint32_t number) {
    const auto known = flows_.find(number);
    if (known == flows_.end()) return;
    table_.end(*known->second, EndReason::Replaced);
    flows_.erase(known);
  }

  // What the table says it has ended must be known, and is no longer.
  void forget_ended() {
    for (Flow* flow : take_all(table_)) {
      pending_.push_back(flow);
      for (auto i = flows_.begin(); i != flows_.end(); ++i) {
        if (i->second != flow) continue;
        flows_.erase(i);
        break;
      }
    }
  }

  void collect(size_t limit) {
    forget_ended();
    for (; limit > 0 && !pending_.empty(); --limit) {
      table_.release(*pending_.back());
      pending_.pop_back();
    }
    ASSERT_EQ(table_.pending(), pending_.size());
  }

  void check_all() {
    forget_ended();
    ASSERT_EQ(table_.size(), flows_.size());
    for (const auto& [number, flow] : flows_) {
      ASSERT_EQ(flow->key, key_of(number));
    }
    uint32_t seen = 0;
    for (uint32_t i = 0; i < table_.entries(); ++i) seen += table_.at(i) != nullptr ? 1 : 0;
    EXPECT_EQ(seen, table_.size());
    const FlowTableCounters& c = table_.counters();
    EXPECT_EQ(c.created, table_.size() + c.ended_timeout + c.ended_replaced + c.evicted_provisional +
                             c.evicted_half_open + c.evicted_established);
  }

  FlowTable table_;
  std::unordered_map<uint32_t, Flow*> flows_;
  std::vector<Flow*> pending_;
  uint64_t now_ = kStart;
};

TEST(FlowModel, AgreesWithAMapWhileTheTableIsFull) {
  Model model(128);
  model.run(1, 20000, 400);
  EXPECT_GT(model.table().counters().evicted_provisional, 1000U);
  EXPECT_GT(model.table().counters().evicted_established, 0U);
}

TEST(FlowModel, AgreesWithAMapWhileFlowsTimeOut) {
  Model model(1000);
  model.run(2, 100000, 600);
  EXPECT_GT(model.table().counters().ended_replaced, 1000U);
}

TEST(FlowModel, HoldsAHundredThousandFlowsThroughChurn) {
  FlowTable table(small_options(100'000));
  std::unordered_map<uint32_t, Flow*> known;
  std::mt19937 random(3);
  for (uint32_t n = 0; n < 100'000; ++n) known[n] = create(table, make_key(n));
  for (uint32_t n = 100'000; n < 400'000; ++n) {
    const uint32_t gone = random() % n;
    const auto i = known.find(gone);
    if (i == known.end()) continue;
    table.end(*i->second, EndReason::Replaced);
    release_all(table);
    known.erase(i);
    ASSERT_NE(known[n] = create(table, make_key(n)), nullptr);
  }
  ASSERT_EQ(table.size(), known.size());
  EXPECT_EQ(table.counters().evicted_provisional, 0U);
  for (uint32_t n = 0; n < 400'000; ++n) {
    const auto i = known.find(n);
    ASSERT_EQ(table.lookup(make_key(n), kStart), i == known.end() ? nullptr : i->second) << n;
  }
}

}  // namespace
}  // namespace sluice
