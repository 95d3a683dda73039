// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Random play: a cheating sender against receivers of several makes, and an
// honest one over a bad line. Seeds are fixed.

#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "conversation.h"
#include "evasion.h"

namespace sluice {
namespace {

using namespace test;

struct Random {
  std::mt19937 engine;
  uint32_t below(uint32_t limit) { return static_cast<uint32_t>(engine() % limit); }
  bool more() const { return true; }
};

void play(const EvasionPlan& base, unsigned rounds, size_t& read, uint32_t& refused) {
  for (unsigned round = 0; round < rounds; ++round) {
    for (const auto keeps : {Receiver::Keeps::First, Receiver::Keeps::Last}) {
      Random random{std::mt19937(round)};
      EvasionPlan plan = base;
      plan.keeps = keeps;
      plan.isn = 0u - random.below(2 * plan.spread);
      plan.slow_reader = round % 3 == 2;
      const EvasionReport report = Evasion<Random>(plan, shared_arena(), random).run();
      ASSERT_EQ(report.broken, nullptr) << report.broken << ", round " << round;
      read += report.read;
      refused += report.refused;
    }
  }
}

TEST(StreamEvasion, SmallSegmentsNeverShowTheReceiverAnythingElse) {
  EvasionPlan plan;
  plan.steps = 300;
  plan.segment = 12;
  plan.spread = 40;
  size_t read = 0;
  uint32_t refused = 0;
  play(plan, 2000, read, refused);
  // It would hold, too, if nothing got through or nothing were refused.
  EXPECT_GT(read, 400'000);
  EXPECT_GT(refused, 100'000);
}

TEST(StreamEvasion, TightBoundNeverShowsTheReceiverAnythingElse) {
  EvasionPlan plan;
  plan.options.bound = 4096;
  plan.options.window = 256;
  plan.steps = 600;
  plan.segment = 700;
  plan.spread = 6000;
  size_t read = 0;
  uint32_t refused = 0;
  play(plan, 300, read, refused);
  EXPECT_GT(read, 1'000'000);
  EXPECT_GT(refused, 50'000);
}

TEST(StreamEvasion, UpToTheDepth) {
  EvasionPlan plan;
  plan.options.depth = 150;
  plan.steps = 300;
  plan.segment = 30;
  plan.spread = 60;
  size_t read = 0;
  uint32_t refused = 0;
  play(plan, 1000, read, refused);
  EXPECT_GT(read, 300'000);
  EXPECT_GT(refused, 20'000);
}

TEST(StreamEvasion, LargeWindows) {
  EvasionPlan plan;
  plan.options.depth = 0;
  plan.steps = 1000;
  plan.segment = 1460;
  plan.spread = 100'000;
  size_t read = 0;
  uint32_t refused = 0;
  play(plan, 40, read, refused);
  EXPECT_GT(read, 500'000);
  EXPECT_GT(refused, 1'000);
}

// Whatever a line does to an honest sender's segments, its stream gets through
// and nothing of it is called a contradiction.
TEST(StreamEvasion, HonestSenderOverABadLine) {
  const std::string payload = text(120'000);
  for (unsigned seed = 0; seed < 60; ++seed) {
    Random random{std::mt19937(seed)};
    Conversation c;
    c.isn[0] = static_cast<uint32_t>(random.engine());
    c.handshake();
    Receiver receiver(Receiver::Keeps::First, 65535);
    std::deque<size_t> on_the_way;  // between sender and here
    size_t acked = 0, sent = 0;
    for (unsigned step = 0; receiver.read().size() < payload.size(); ++step) {
      ASSERT_LT(step, 1'000'000u);
      // Sizes differ each time: a retransmission is seldom cut as the first was.
      const size_t from = random.below(3) == 0 ? acked : sent;
      if (from < payload.size() && from < acked + 40'000) {
        const size_t size = std::min<size_t>(1 + random.below(1460), payload.size() - from);
        sent = std::max(sent, from + size);
        on_the_way.push_back(from << 16 | size);
      }
      if (on_the_way.empty() || random.below(2) == 0) continue;
      const size_t which =
          random.below(static_cast<uint32_t>(std::min<size_t>(on_the_way.size(), 6)));
      const size_t position = on_the_way[which] >> 16, size = on_the_way[which] & 0xffff;
      if (random.below(10) != 0) on_the_way.erase(on_the_way.begin() + static_cast<long>(which));
      if (random.below(10) == 0) continue;
      const std::string piece = payload.substr(position, size);
      const StreamResult result = c.data(position, piece).result;
      ASSERT_LE(result, StreamResult::Old);
      if (random.below(10) == 0) continue;
      receiver.deliver(position, {reinterpret_cast<const uint8_t*>(piece.data()), size}, false);
      ASSERT_LE(receiver.read().size(), c.seen[0].size());
      if (random.below(4) == 0) continue;
      c.ack(receiver.acknowledges());
      if (random.below(4) != 0) acked = receiver.acknowledges();
    }
    ASSERT_TRUE(c.seen[0] == payload);
    EXPECT_EQ(c.counters.lost_gaps, 0);
    EXPECT_EQ(c.counters.ack_of_unseen, 0);
    EXPECT_GT(c.counters.out_of_order, 0);
    EXPECT_GT(c.counters.duplicates + c.counters.old, 0);
  }
}

}  // namespace
}  // namespace sluice
