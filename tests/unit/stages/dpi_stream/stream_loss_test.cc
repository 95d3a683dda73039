// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Acknowledgements of bytes that were not seen.

#include <gtest/gtest.h>

#include "conversation.h"

namespace sluice {
namespace {

using namespace test;

TEST(StreamLoss, GapThatIsAcknowledgedIsToldAndTheStreamGoesOn) {
  Conversation c;
  c.handshake();
  c.data(0, "before");
  c.data(106, "behind");
  const StreamOutcome o = c.ack(112);
  EXPECT_TRUE(o.readable[0]);
  EXPECT_FALSE(o.readable[1]);
  EXPECT_EQ(c.seen[0], "before[100]behind");
  EXPECT_EQ(c.last[0].offset, 106);
  EXPECT_EQ(c.window(), "behind");
  EXPECT_EQ(c.data(112, " all").fresh, 4);
  EXPECT_EQ(c.window(), "behind all");
  EXPECT_EQ(c.counters.lost_gaps, 1);
  EXPECT_EQ(c.counters.lost_bytes, 100);
  // Its bytes come too late for anybody.
  EXPECT_EQ(c.data(6, "late").result, StreamResult::Old);
}

TEST(StreamLoss, EachGapIsToldWithThePieceBehindIt) {
  Conversation c;
  c.handshake();
  c.data(10, "b");
  c.data(20, "c");
  c.data(30, "d");
  c.ack(21);
  EXPECT_EQ(c.seen[0], "[10]b[9]c");
  c.data(29, "_");
  c.ack(31);
  EXPECT_EQ(c.seen[0], "[10]b[9]c[8]_d");
}

TEST(StreamLoss, AcknowledgementInsideAGap) {
  Conversation c;
  c.handshake();
  c.data(10, "behind");
  c.ack(4);
  EXPECT_EQ(c.seen[0], "[4]");
  c.data(2, "__456789");
  EXPECT_EQ(c.seen[0], "[4]456789behind");
}

// To the sender such an acknowledgement means nothing either; it must not open
// a hole in what is read.
TEST(StreamLoss, AcknowledgementOfWhatNeverPassedCountsForNothing) {
  Conversation c;
  c.handshake();
  c.data(0, "GET ");
  StreamOutcome o = c.ack(9);
  EXPECT_TRUE(o.ack_of_unseen);
  EXPECT_EQ(c.counters.ack_of_unseen, 1);
  c.acked[1] = 4;
  EXPECT_EQ(c.data(4, "/evil").fresh, 5);
  EXPECT_EQ(c.data(0, "PUT ").result, StreamResult::Different);
  EXPECT_EQ(c.seen[0], "GET /evil");
}

TEST(StreamLoss, LossyStreamsBelieveItWhenMoreComes) {
  Conversation c;
  c.options.lossy = true;
  c.handshake();
  c.data(0, "GET ");
  EXPECT_FALSE(c.ack(100'004).ack_of_unseen);
  EXPECT_EQ(c.seen[0], "GET ");
  EXPECT_EQ(c.data(100'004, "/next").fresh, 5);
  EXPECT_EQ(c.seen[0], "GET [100000]/next");
  EXPECT_EQ(c.last[0].offset, 100'004);
  EXPECT_EQ(c.counters.lost_bytes, 100'000);
}

// Captures of several queues: the acknowledgement stands before the data.
TEST(StreamLoss, AcknowledgementBeforeTheDataLosesNothing) {
  Conversation c;
  c.options.lossy = true;
  c.handshake();
  c.ack(5);
  EXPECT_EQ(c.data(0, "hello").fresh, 5);
  c.ack(14);
  EXPECT_EQ(c.data(5, " again").fresh, 6);
  EXPECT_EQ(c.data(11, "...").fresh, 3);
  EXPECT_EQ(c.seen[0], "hello again...");
  EXPECT_EQ(c.counters.lost_gaps, 0);
}

TEST(StreamLoss, LossyWithIslands) {
  Conversation c;
  c.options.lossy = true;
  c.handshake();
  c.data(10, "island");
  c.ack(100);
  EXPECT_EQ(c.seen[0], "[10]island");
  c.data(50, "late");
  EXPECT_EQ(c.seen[0], "[10]island");
  c.data(100, "behind");
  EXPECT_EQ(c.seen[0], "[10]island[34]late[46]behind");
}

TEST(StreamLoss, FinThatWasNotSeenIsNoLostByte) {
  Conversation c;
  c.options.lossy = true;
  c.handshake();
  c.data(0, "bye");
  c.ack(4);
  EXPECT_EQ(c.seen[0], "bye");
  EXPECT_EQ(c.counters.lost_gaps, 0);
}

TEST(StreamLoss, FinSeenAcknowledgedOverAGap) {
  Conversation c;
  c.handshake();
  c.data(10, "end", kTcpAck | kTcpFin);
  c.ack(14);
  EXPECT_EQ(c.seen[0], "[10]end");
  EXPECT_EQ(c.end[0], StreamEnd::Fin);
}

TEST(StreamLoss, OldAcknowledgementsDoNothing) {
  Conversation c;
  c.handshake();
  c.data(0, "0123456789");
  c.ack(8);
  c.ack(3);
  EXPECT_EQ(c.data(4, "????89").result, StreamResult::Duplicate);
}

TEST(StreamLoss, OneSidedCapture) {
  Conversation c;
  c.options.lossy = c.options.midstream = true;
  const std::string payload = text(300'000);
  for (size_t i = 0; i < payload.size(); i += 1000) {
    ASSERT_EQ(c.data(7777 + i, payload.substr(i, 1000)).fresh, 1000);
  }
  EXPECT_TRUE(c.seen[0] == payload);
  EXPECT_LE(c.stream.memory(), 64 * 1024);
  // Nobody can tell any more, and nobody can say that it was acknowledged.
  EXPECT_EQ(c.data(7777, payload.substr(0, 1000)).result, StreamResult::Old);
}

TEST(StreamLoss, GapOverTheDepth) {
  Conversation c;
  c.options.depth = 1000;
  c.options.lossy = true;
  c.handshake();
  c.data(0, "abc");
  c.ack(5000);
  EXPECT_EQ(c.data(5000, "xyz").result, StreamResult::Finished);
  EXPECT_EQ(c.seen[0], "abc[4997]");
  EXPECT_EQ(c.end[0], StreamEnd::Depth);
}

TEST(StreamLoss, DepthBehindAGap) {
  Conversation c;
  c.options.depth = 10;
  c.handshake();
  c.data(0, "abc");
  c.data(5, "fghijKLM");
  c.ack(13);
  EXPECT_EQ(c.seen[0], "abc[2]fghij");
  EXPECT_EQ(c.end[0], StreamEnd::Depth);
  EXPECT_EQ(c.counters.lost_bytes, 2);
  EXPECT_TRUE(c.stream.finished(Direction::Original));
}

// Refused, but let through by policy: what is then acknowledged is a gap.
TEST(StreamLoss, SegmentsThatPassUnread) {
  for (const bool passes : {false, true}) {
    Conversation c;
    c.handshake();
    c.data(0, "x");
    const std::string far = "far ahead";
    const StreamSegment segment{Direction::Original,
                                kTcpAck,
                                c.seq(Direction::Original, 100'000),
                                c.seq(Direction::Reply, 0),
                                {reinterpret_cast<const uint8_t*>(far.data()), far.size()}};
    EXPECT_EQ(c.feed(segment).result, StreamResult::OutOfWindow);
    if (passes) c.stream.passed(segment);
    EXPECT_EQ(c.ack(100'009).ack_of_unseen, !passes);
    EXPECT_EQ(c.seen[0], passes ? "x[100008]" : "x");
    EXPECT_EQ(c.data(100'009, "!").result,
              passes ? StreamResult::Taken : StreamResult::OutOfWindow);
  }
}

// A reader that does not ask misses what it could have read, and nothing else.
TEST(StreamLoss, GapIsPassedWhenNobodyReads) {
  Conversation c;
  c.handshake();
  const auto feed = [&](Direction d, uint64_t position, std::string_view bytes, uint64_t ack) {
    return c.stream.feed(c.context(),
                         {d,
                          kTcpAck,
                          c.seq(d, position),
                          c.seq(opposite(d), ack),
                          {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}});
  };
  feed(Direction::Original, 10, "b", 0);
  feed(Direction::Reply, 0, "", 11);
  EXPECT_EQ(feed(Direction::Original, 11, "c", 0).fresh, 1);
  EXPECT_EQ(c.window(), "bc");
}

}  // namespace
}  // namespace sluice
