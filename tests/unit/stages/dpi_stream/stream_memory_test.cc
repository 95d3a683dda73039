// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What is kept, what gives way, and what happens when nothing can.

#include <gtest/gtest.h>

#include <vector>

#include "conversation.h"

namespace sluice {
namespace {

using namespace test;

constexpr size_t kSegment = 1460;

// A sender with `in_flight` bytes that are not acknowledged.
void transfer(Conversation& c, const std::string& payload, size_t in_flight,
              size_t segment = kSegment) {
  for (size_t i = 0; i < payload.size(); i += segment) {
    const std::string piece = payload.substr(i, segment);
    const StreamOutcome o = c.data(i, piece);
    ASSERT_TRUE(o.result == StreamResult::Taken || o.result == StreamResult::Duplicate) << i;
    const size_t sent = i + piece.size();
    if (sent > in_flight) c.ack(sent - in_flight);
  }
}

TEST(StreamMemory, WindowStaysReadable) {
  for (const size_t window : {size_t{0}, size_t{100}, size_t{8192}, size_t{32768}}) {
    Conversation c;
    c.options.window = static_cast<uint32_t>(window);
    c.handshake();
    const std::string payload = text(200'000);
    for (size_t i = 0; i < payload.size(); i += 777) {
      const std::string piece = payload.substr(i, 777);
      c.data(i, piece);
      const size_t sent = i + piece.size();
      c.ack(sent);
      ASSERT_GE(c.window().size(), std::min(sent, window));
      ASSERT_TRUE(c.window() == payload.substr(c.last[0].offset, c.last[0].size));
      ASSERT_EQ(c.last[0].offset + c.last[0].size, sent);
    }
    EXPECT_TRUE(c.seen[0] == payload);
  }
}

TEST(StreamMemory, BlockGrowsWithWhatIsKept) {
  Conversation c;
  c.handshake();
  const std::string payload = text(400'000);
  c.data(0, payload.substr(0, 1));
  EXPECT_EQ(c.stream.memory(), 2048);
  c.data(0, payload.substr(0, 3000));
  EXPECT_EQ(c.stream.memory(), 4096);
  transfer(c, payload, 0, 3000);
  EXPECT_TRUE(c.seen[0] == payload);
  EXPECT_EQ(c.stream.memory(), 16 * 1024);

  Conversation more;
  more.handshake();
  transfer(more, payload, 40'000);
  EXPECT_TRUE(more.seen[0] == payload);
  EXPECT_EQ(more.stream.memory(), 64 * 1024);
  EXPECT_EQ(more.counters.forgotten_bytes, 0);
}

TEST(StreamMemory, UnacknowledgedBytesAreComparedWhileTheyFit) {
  Conversation c;
  c.handshake();
  const std::string payload = text(300'000);
  // Seven eighths of the bound.
  transfer(c, payload, 55'000);
  EXPECT_EQ(c.counters.forgotten_bytes, 0);
  const size_t oldest = payload.size() - 55'000;
  for (size_t i = oldest; i < payload.size(); i += 1000) {
    std::string copy = payload.substr(i, 1000);
    ASSERT_EQ(c.data(i, copy).result, StreamResult::Duplicate);
    copy[999] ^= 1;
    ASSERT_EQ(c.data(i, copy).result, StreamResult::Different);
  }
}

// More in flight than the bound: the stream goes on, and only a retransmission
// of what was forgotten is refused.
TEST(StreamMemory, MoreInFlightThanTheBound) {
  Conversation c;
  c.handshake();
  const std::string payload = text(500'000);
  transfer(c, payload, 200'000);
  EXPECT_TRUE(c.seen[0] == payload);
  EXPECT_GT(c.counters.forgotten_bytes, 100'000);
  EXPECT_LE(c.stream.memory(), 64 * 1024);
  EXPECT_EQ(c.data(310'000, payload.substr(310'000, 100)).result, StreamResult::Unverified);
  EXPECT_EQ(c.counters.unverified, 1);
  EXPECT_EQ(c.data(299'000, payload.substr(299'000, 100)).result, StreamResult::Old);
  EXPECT_EQ(c.data(490'000, payload.substr(490'000, 100)).result, StreamResult::Duplicate);
  EXPECT_EQ(c.data(490'000, text(100)).result, StreamResult::Different);
}

// Of a segment that begins in what was forgotten, the rest is read and compared.
TEST(StreamMemory, OnlyWhatIsForgottenIsUnverified) {
  Conversation c;
  c.handshake();
  const std::string payload = text(200'000);
  transfer(c, payload.substr(0, 150'000), 200'000);
  const size_t base = c.stream.view(Direction::Original).offset;
  ASSERT_GT(base, 0);
  const auto more = c.data(base - 1, payload.substr(base - 1, 151'000 - base + 1));
  EXPECT_EQ(more.result, StreamResult::Unverified);
  EXPECT_EQ(more.fresh, 1000);
  EXPECT_TRUE(c.seen[0] == payload.substr(0, 151'000));
  std::string other = payload.substr(base - 1, 100);
  other[50] ^= 1;
  EXPECT_EQ(c.data(base - 1, other).result, StreamResult::Different);
}

TEST(StreamMemory, UnconsumedBytesStayInView) {
  Conversation c;
  c.consumes = false;
  c.handshake();
  const std::string payload = text(60'000);
  for (size_t i = 0; i < payload.size(); i += 1000) {
    ASSERT_EQ(c.data(i, payload.substr(i, 1000)).fresh, 1000) << i;
    c.ack(i + 1000);
  }
  EXPECT_TRUE(c.window() == payload);
  EXPECT_EQ(c.last[0].unconsumed, 0);
  EXPECT_EQ(c.last[0].fresh, 59'000);
  c.stream.consume(Direction::Original, 10);
  EXPECT_EQ(c.stream.view(Direction::Original).unconsumed, 10);
  c.stream.consume(Direction::Original, 1 << 20);  // no more than there is
  EXPECT_EQ(c.stream.view(Direction::Original).unconsumed, 60'000);
}

TEST(StreamMemory, ReaderThatNeverConsumesIsAnOverload) {
  Conversation c;
  c.consumes = false;
  c.handshake();
  const std::string payload = text(70'000);
  size_t sent = 0;
  while (c.data(sent, payload.substr(sent, 1000)).result == StreamResult::Taken) {
    sent += 1000;
    c.ack(sent);
    ASSERT_LT(sent, 70'000);
  }
  EXPECT_EQ(sent, 65'000);
  EXPECT_EQ(c.counters.overload, 1);
  // Nothing was lost: when the reader moves on, so does the stream.
  c.stream.consume(Direction::Original, 20'000);
  EXPECT_EQ(c.data(sent, payload.substr(sent, 1000)).fresh, 1000);
  EXPECT_TRUE(c.seen[0] == payload.substr(0, 66'000));
}

// Room is not made byte by byte, each time by moving the whole block.
TEST(StreamMemory, RoomIsMadeOnlyWhenItIsWorthTheMove) {
  Conversation c;
  c.consumes = false;
  c.handshake();
  const size_t most = 64 * 1024 - StreamBuffer::kBlockOverhead;
  const std::string payload = text(most + 10'000);
  for (size_t i = 0; i < most; i += 1260) {
    ASSERT_EQ(c.data(i, payload.substr(i, 1260)).fresh, 1260) << i;
    c.ack(i + 1260);
  }
  ASSERT_EQ(c.seen[0].size(), most);
  size_t consumed = 0;
  while (c.data(most, payload.substr(most, 1)).result == StreamResult::Overload) {
    c.stream.consume(Direction::Original, 100);
    consumed += 100;
    ASSERT_LT(consumed, most);
  }
  EXPECT_GT(consumed, most / 10);
  EXPECT_LT(consumed, most / 8);
}

TEST(StreamMemory, FurtherAheadThanTheBoundIsOutOfWindow) {
  Conversation c;
  c.handshake();
  c.data(0, "x");
  EXPECT_EQ(c.data(65'000, "far").result, StreamResult::Held);
  EXPECT_EQ(c.data(66'000, "too far").result, StreamResult::OutOfWindow);
  EXPECT_EQ(c.data(1 << 19, "nonsense").result, StreamResult::OutOfWindow);
  EXPECT_EQ(c.data(70'000, "", kTcpAck | kTcpFin).result, StreamResult::OutOfWindow);
  EXPECT_EQ(c.counters.out_of_window, 3);
  c.data(1, std::string(64'999, 'x'));
  EXPECT_EQ(c.seen[0].size(), 65'003);
  EXPECT_EQ(c.end[0], StreamEnd::No);
}

// The sender's own doing: no reason to let anything pass unread.
TEST(StreamMemory, RefusesOneHoleTooMany) {
  Conversation c;
  c.handshake();
  for (unsigned i = 0; i < StreamBuffer::kMaxIslands; ++i) {
    ASSERT_EQ(c.data(10 + i * 10, "x").result, StreamResult::Held);
  }
  EXPECT_EQ(c.data(1000, "x").result, StreamResult::TooManyHoles);
  EXPECT_EQ(c.data(11, "y").result, StreamResult::Held);  // no new hole
  EXPECT_EQ(c.data(0, std::string(10, 'z')).fresh, 12);
  EXPECT_EQ(c.data(1000, "x").result, StreamResult::Held);
}

TEST(StreamMemory, EmptyArenaIsAnOverloadAndNoMore) {
  Arena arena(1, false);
  std::vector<void*> blocks;
  while (void* block = arena.allocate(48)) blocks.push_back(block);
  Conversation c(arena);
  c.handshake();
  EXPECT_EQ(c.data(0, "hello").result, StreamResult::Overload);
  EXPECT_EQ(c.data(5, "world").result, StreamResult::Overload);
  EXPECT_EQ(c.data(10, "", kTcpAck | kTcpFin).result, StreamResult::Taken);
  for (void* block : blocks) arena_free(block);
  EXPECT_EQ(arena.in_use(), 0);
  EXPECT_EQ(c.data(5, "world").result, StreamResult::Held);
  EXPECT_EQ(c.data(0, "hello").fresh, 10);
  EXPECT_EQ(c.end[0], StreamEnd::Fin);
  c.stream.release();
  EXPECT_EQ(arena.in_use(), 0);
}

// With no room to grow, what lies in front gives way in the block that is there.
TEST(StreamMemory, EmptyArenaWithASmallBlock) {
  Arena arena(1, false);
  Conversation c(arena);
  c.handshake();
  const std::string payload = text(20'000);
  c.data(0, payload.substr(0, 500));
  std::vector<void*> blocks;
  while (void* block = arena.allocate(48)) blocks.push_back(block);
  for (size_t i = 500; i < payload.size(); i += 500) {
    ASSERT_EQ(c.data(i, payload.substr(i, 500)).fresh, 500) << i;
  }
  EXPECT_TRUE(c.seen[0] == payload);
  EXPECT_EQ(c.stream.memory(), 2048);
  for (void* block : blocks) arena_free(block);
}

// One byte far ahead costs a large block; not while others need the room.
TEST(StreamMemory, HolesAreNotPaidForWhenTheArenaIsHalfFull) {
  Arena arena(2 * Arena::kMaxBlock, false);
  Conversation c(arena);
  c.handshake();
  c.data(0, "x");
  void* other = arena.allocate(600'000);
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(c.data(60'000, "y").result, StreamResult::OutOfWindow);
  EXPECT_EQ(c.data(4'000, std::string(1000, 'y')).result, StreamResult::Held);
  EXPECT_EQ(c.data(6'000, "y").result, StreamResult::Held);
  arena_free(other);
  EXPECT_EQ(c.data(60'000, "y").result, StreamResult::Held);
}

TEST(StreamMemory, DepthEndsADirectionAndGivesItsMemoryBack) {
  Conversation c;
  c.options.depth = 10'000;
  const size_t before = c.arena.in_use();
  c.handshake();
  const std::string payload = text(12'000);
  c.data(0, payload.substr(0, 9'000));
  EXPECT_EQ(c.end[0], StreamEnd::No);
  EXPECT_EQ(c.data(9'000, payload.substr(9'000, 2'000)).fresh, 1'000);
  EXPECT_EQ(c.end[0], StreamEnd::Depth);
  EXPECT_TRUE(c.seen[0] == payload.substr(0, 10'000));
  EXPECT_EQ(c.counters.depth_reached, 1);
  EXPECT_EQ(c.data(11'000, "behind").result, StreamResult::Finished);
  // What was read may not be told otherwise before it is acknowledged.
  EXPECT_EQ(c.data(9'990, "otherwise, and more").result, StreamResult::Different);
  EXPECT_FALSE(c.stream.finished(Direction::Original));
  EXPECT_FALSE(c.ack(11'006).ack_of_unseen);
  EXPECT_TRUE(c.stream.finished(Direction::Original));
  c.data(11'000, "");
  EXPECT_EQ(c.arena.in_use(), before);
  EXPECT_EQ(c.data(11'000, "behind").result, StreamResult::Finished);
  EXPECT_EQ(c.segment(Direction::Reply, 0, "answer").fresh, 6);
}

// A false acknowledgement from beyond everything must not end the comparison.
TEST(StreamMemory, DepthIsComparedUntilItIsTrulyAcknowledged) {
  Conversation c;
  c.options.depth = 3;
  c.handshake();
  c.data(0, "abcdef", kTcpAck | kTcpFin);
  EXPECT_EQ(c.end[0], StreamEnd::Depth);
  EXPECT_TRUE(c.ack(1000).ack_of_unseen);
  EXPECT_EQ(c.data(0, "xyz").result, StreamResult::Different);
  EXPECT_FALSE(c.ack(7).ack_of_unseen);
  EXPECT_TRUE(c.stream.finished(Direction::Original));
}

TEST(StreamMemory, NoDepth) {
  Conversation c;
  c.options.depth = 0;
  c.handshake();
  const std::string payload = text(3 << 20);
  transfer(c, payload, 10'000, 16'000);
  EXPECT_TRUE(c.seen[0] == payload);
  EXPECT_EQ(c.end[0], StreamEnd::No);
}

// Offloaded frames have up to 64 KiB.
TEST(StreamMemory, GiantSegments) {
  Conversation c;
  c.handshake();
  const std::string payload = text(900'000);
  transfer(c, payload, 0, 65'495);
  EXPECT_TRUE(c.seen[0] == payload);
}

TEST(StreamMemory, DestructorGivesEverythingBack) {
  Arena arena(1, false);
  {
    Conversation c(arena);
    c.handshake();
    c.data(0, "hello");
    c.data(10, "world");
    c.segment(Direction::Reply, 3, "hello");
    EXPECT_GT(arena.in_use(), 0);
  }
  EXPECT_EQ(arena.in_use(), 0);
}

}  // namespace
}  // namespace sluice
