// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Bytes that come twice: the same pass, others are Different.

#include <gtest/gtest.h>

#include "conversation.h"

namespace sluice {
namespace {

using namespace test;

TEST(StreamOverlap, EveryPlaceOfARetransmission) {
  const std::string payload = text(24);
  for (size_t begin = 0; begin < 24; ++begin) {
    for (size_t size = 1; begin + size <= 24; ++size) {
      Conversation c;
      c.handshake();
      c.data(0, payload.substr(0, 8));
      c.data(12, payload.substr(12, 4));  // islands
      c.data(18, payload.substr(18, 2));
      const std::string copy = payload.substr(begin, size);
      const auto is_new = [](size_t i) {
        return i >= 20 || (i >= 8 && i < 12) || i == 16 || i == 17;
      };
      bool news = false;
      for (size_t i = begin; i < begin + size; ++i) news |= is_new(i);

      // One byte other than it was: dropped whole, and nothing of it stays.
      for (size_t wrong = 0; wrong < size; ++wrong) {
        if (is_new(begin + wrong)) continue;
        std::string other = copy;
        other[wrong] = static_cast<char>(~other[wrong]);
        const uint64_t before = c.counters.different;
        ASSERT_EQ(c.data(begin, other).result, StreamResult::Different);
        ASSERT_EQ(c.counters.different, before + 1);
      }
      const StreamOutcome o = c.data(begin, copy);
      if (!news) {
        ASSERT_EQ(o.result, StreamResult::Duplicate);
      } else {
        ASSERT_EQ(o.result, o.fresh != 0 ? StreamResult::Taken : StreamResult::Held);
      }
      c.data(8, payload.substr(8));
      ASSERT_TRUE(c.seen[0] == payload);
    }
  }
}

// Bytes that were refused with a contradiction are not the first copy.
TEST(StreamOverlap, NothingOfADifferentSegmentEnters) {
  Conversation c;
  c.handshake();
  c.data(0, "abcd");
  EXPECT_EQ(c.data(2, "XXefgh").result, StreamResult::Different);
  EXPECT_EQ(c.data(6, "ijkl").result, StreamResult::Held);
  EXPECT_EQ(c.data(4, "??X").result, StreamResult::Different);
  EXPECT_EQ(c.data(4, "ef").fresh, 6);
  EXPECT_EQ(c.seen[0], "abcdefijkl");
}

TEST(StreamOverlap, OneSegmentOverManyIslands) {
  const std::string payload = text(200);
  Conversation c;
  c.handshake();
  for (size_t i = 5; i < 200; i += 7) {
    ASSERT_EQ(c.data(i, payload.substr(i, 3)).result, StreamResult::Held);
  }
  std::string wrong = payload;
  wrong[194] ^= 1;
  EXPECT_EQ(c.data(0, wrong).result, StreamResult::Different);
  EXPECT_EQ(c.data(1, payload.substr(1)).result, StreamResult::Held);
  EXPECT_EQ(c.data(0, payload).fresh, 200);
  EXPECT_TRUE(c.seen[0] == payload);
  EXPECT_EQ(c.counters.held_bytes, 199);
}

TEST(StreamOverlap, IslandsThatTouchBecomeOne) {
  Conversation c;
  c.handshake();
  for (size_t i = 999; i >= 1; --i) ASSERT_EQ(c.data(i, "x").result, StreamResult::Held);
  EXPECT_EQ(c.data(0, "x").fresh, 1000);
}

TEST(StreamOverlap, AcknowledgedBytesAreOldWhateverTheySay) {
  Conversation c;
  c.handshake();
  c.data(0, "login: guest\r\n");
  c.ack(14);
  EXPECT_EQ(c.data(7, "admin").result, StreamResult::Old);
  EXPECT_EQ(c.data(0, "LOGIN: ADMIN\r\n").result, StreamResult::Old);
  // The new half of a segment counts, its old half is read by nobody.
  EXPECT_EQ(c.data(12, "??password").result, StreamResult::Taken);
  EXPECT_EQ(c.seen[0], "login: guest\r\npassword");
  EXPECT_EQ(c.counters.old, 2);
}

TEST(StreamOverlap, PartlyAcknowledgedBytesAreComparedFromThereOn) {
  Conversation c;
  c.handshake();
  c.data(0, "0123456789");
  c.ack(5);
  EXPECT_EQ(c.data(0, "?????56789").result, StreamResult::Duplicate);
  EXPECT_EQ(c.data(4, "45x").result, StreamResult::Different);
}

TEST(StreamOverlap, KeepAliveProbesContradictNothing) {
  Conversation c;
  c.handshake();
  c.data(0, "hello");
  c.ack(5);
  EXPECT_EQ(c.data(4, std::string(1, '\0')).result, StreamResult::Old);  // BSD: one byte of nothing
  EXPECT_EQ(c.data(4, "").result, StreamResult::Taken);                  // Linux: none
  EXPECT_EQ(c.data(5, " world").fresh, 6);
  EXPECT_EQ(c.seen[0], "hello world");
  EXPECT_EQ(c.counters.different, 0);
}

// A probe of a closed window carries the next byte; the receiver may refuse it,
// and it comes again in the segment that follows.
TEST(StreamOverlap, WindowProbesAreTheNextByte) {
  Conversation c;
  c.handshake();
  c.data(0, "full");
  c.ack(4);
  EXPECT_EQ(c.data(4, "n").result, StreamResult::Taken);
  EXPECT_EQ(c.data(4, "n").result, StreamResult::Duplicate);
  EXPECT_EQ(c.data(4, "next").fresh, 3);
  EXPECT_EQ(c.seen[0], "fullnext");
}

// The first copy was perhaps never delivered; it is still the one that counts.
TEST(StreamOverlap, FirstCopyWinsForEverySegmentOfARequest) {
  Conversation c;
  c.handshake();
  c.data(0, "GET /index.html");
  for (size_t i = 4; i < 15; ++i) {
    EXPECT_EQ(c.data(i, std::string(15 - i, '%')).result, StreamResult::Different);
  }
  EXPECT_EQ(c.seen[0], "GET /index.html");
}

}  // namespace
}  // namespace sluice
