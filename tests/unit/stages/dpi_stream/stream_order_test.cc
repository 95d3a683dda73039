// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// However a payload is cut and whatever order the pieces come in, the reader
// sees it once, whole, and not later than the receiver.

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "conversation.h"

namespace sluice {
namespace {

using namespace test;

struct Cut {
  size_t begin;
  size_t size;
};

// Bit i of `mask`: a cut behind byte i.
std::vector<Cut> cuts(size_t size, unsigned mask) {
  std::vector<Cut> out;
  size_t begin = 0;
  for (size_t i = 0; i < size; ++i) {
    if (i + 1 == size || (mask >> i & 1) != 0) {
      out.push_back({begin, i + 1 - begin});
      begin = i + 1;
    }
  }
  return out;
}

TEST(StreamOrder, EverySplitInOrder) {
  const std::string payload = "GET /evil HTTP";
  for (unsigned mask = 0; mask < 1u << (payload.size() - 1); ++mask) {
    Conversation c;
    c.handshake();
    for (const Cut& cut : cuts(payload.size(), mask)) {
      const StreamOutcome o = c.data(cut.begin, payload.substr(cut.begin, cut.size));
      ASSERT_EQ(o.result, StreamResult::Taken);
      ASSERT_EQ(o.fresh, cut.size);
      ASSERT_EQ(c.seen[0].size(), cut.begin + cut.size);
    }
    ASSERT_TRUE(c.seen[0] == payload);
    ASSERT_TRUE(c.window() == payload);
  }
}

TEST(StreamOrder, EverySplitBackwards) {
  const std::string payload = "GET /evil HTTP";
  for (unsigned mask = 0; mask < 1u << (payload.size() - 1); ++mask) {
    Conversation c;
    c.handshake();
    auto pieces = cuts(payload.size(), mask);
    std::reverse(pieces.begin(), pieces.end());
    for (const Cut& cut : pieces) {
      ASSERT_EQ(c.seen[0], "");
      const StreamOutcome o = c.data(cut.begin, payload.substr(cut.begin, cut.size));
      ASSERT_EQ(o.result, cut.begin == 0 ? StreamResult::Taken : StreamResult::Held);
      ASSERT_EQ(o.fresh, cut.begin == 0 ? payload.size() : 0);
    }
    ASSERT_TRUE(c.seen[0] == payload);
  }
}

// All orders of six pieces, across the end of the number space as well.
TEST(StreamOrder, EveryPermutationOfSixSegments) {
  const std::string payload = text(6 * 7 + 3);
  for (const uint32_t isn : {0x1000u, 0xffffffffu, 0xfffffff0u, 0x7ffffff0u}) {
    std::vector<Cut> pieces;
    for (size_t i = 0; i < 6; ++i) pieces.push_back({i * 7, i == 5 ? 10u : 7u});
    std::vector<size_t> order(pieces.size());
    std::iota(order.begin(), order.end(), 0);
    do {
      Conversation c;
      c.isn[0] = isn;
      c.handshake();
      std::vector<bool> arrived(pieces.size());
      for (const size_t i : order) {
        c.data(pieces[i].begin, payload.substr(pieces[i].begin, pieces[i].size));
        arrived[i] = true;
        // Readable at once is exactly what a receiver could now read.
        size_t readable = 0;
        for (size_t k = 0; k < pieces.size() && arrived[k]; ++k) readable += pieces[k].size;
        ASSERT_EQ(c.seen[0].size(), readable);
      }
      ASSERT_TRUE(c.seen[0] == payload);
      ASSERT_EQ(c.counters.duplicates, 0);
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST(StreamOrder, FillingSegmentShowsTheJoinedBytesWithWhatLiesBefore) {
  Conversation c;
  c.handshake();
  c.data(0, "one ");
  EXPECT_EQ(c.data(10, "three").result, StreamResult::Held);
  const StreamOutcome o = c.data(4, "two, a");
  EXPECT_EQ(o.fresh, 11);
  EXPECT_TRUE(o.readable[0]);
  EXPECT_FALSE(o.readable[1]);
  EXPECT_EQ(c.last[0].offset, 0);
  EXPECT_EQ(c.last[0].fresh, 4);
  EXPECT_EQ(c.window(), "one two, athree");
  EXPECT_EQ(c.counters.held_bytes, 5);
  EXPECT_EQ(c.counters.out_of_order, 1);
}

TEST(StreamOrder, WrapAroundAtEveryPositionOfASegment) {
  const std::string payload = text(200);
  for (uint32_t before = 0; before <= 200; ++before) {
    Conversation c;
    c.isn[0] = 0u - before - 1;
    c.handshake();
    c.data(100, payload.substr(100, 100));
    c.data(50, payload.substr(50, 100));
    c.data(0, payload.substr(0, 60));
    ASSERT_TRUE(c.seen[0] == payload);
    c.ack(150);
    EXPECT_EQ(c.data(140, payload.substr(140, 60)).result, StreamResult::Duplicate);
    EXPECT_EQ(c.data(100, payload.substr(100, 50)).result, StreamResult::Old);
    EXPECT_EQ(c.data(190, "different!").result, StreamResult::Different);
  }
}

TEST(StreamOrder, DirectionsDoNotMix) {
  Conversation c;
  c.handshake();
  c.segment(Direction::Original, 0, "question");
  c.acked[1] = 8;
  c.segment(Direction::Reply, 6, "answer");
  c.segment(Direction::Reply, 0, "the = ");
  EXPECT_EQ(c.seen[0], "question");
  EXPECT_EQ(c.seen[1], "the = answer");
}

// Lots of small segments; also in the order that costs a naive list the most.
TEST(StreamOrder, TinySegmentsInManyOrders) {
  const std::string payload = text(40'000);
  Conversation forward;
  forward.handshake();
  for (size_t i = 0; i < payload.size(); ++i) forward.data(i, payload.substr(i, 1));
  EXPECT_TRUE(forward.seen[0] == payload);

  Conversation backward;
  backward.handshake();
  for (size_t i = payload.size(); i-- > 0;) backward.data(i, payload.substr(i, 1));
  EXPECT_TRUE(backward.seen[0] == payload);
  EXPECT_EQ(backward.counters.overload, 0);
}

TEST(StreamOrder, EveryHoleOfASparseWindowIsClosed) {
  // Every second segment of a full window lost on the way to here.
  const std::string payload = text(44 * 1400);
  Conversation c;
  c.handshake();
  for (size_t i = 1; i < 44; i += 2) {
    ASSERT_EQ(c.data(i * 1400, payload.substr(i * 1400, 1400)).result, StreamResult::Held) << i;
  }
  for (size_t i = 0; i < 44; i += 2) {
    ASSERT_EQ(c.data(i * 1400, payload.substr(i * 1400, 1400)).fresh, 2800);
  }
  EXPECT_TRUE(c.seen[0] == payload);
}

}  // namespace
}  // namespace sluice
