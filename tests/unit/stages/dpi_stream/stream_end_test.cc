// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// FIN and RST, in their place and out of it.

#include <gtest/gtest.h>

#include "conversation.h"

namespace sluice {
namespace {

using namespace test;

TEST(StreamEnd, FinBehindTheLastByteEndsTheStream) {
  Conversation c;
  c.handshake();
  c.data(0, "bye", kTcpAck | kTcpFin);
  EXPECT_EQ(c.seen[0], "bye");
  EXPECT_EQ(c.end[0], StreamEnd::Fin);
  EXPECT_EQ(c.end[1], StreamEnd::No);
}

TEST(StreamEnd, FinAloneIsToldOnce) {
  Conversation c;
  c.handshake();
  c.data(0, "bye");
  EXPECT_EQ(c.end[0], StreamEnd::No);
  StreamOutcome o = c.data(3, "", kTcpAck | kTcpFin);
  EXPECT_TRUE(o.readable[0]);
  EXPECT_EQ(o.fresh, 0);
  EXPECT_EQ(c.end[0], StreamEnd::Fin);
  o = c.data(3, "", kTcpAck | kTcpFin);
  EXPECT_FALSE(o.readable[0]);
  EXPECT_EQ(o.result, StreamResult::Duplicate);
}

TEST(StreamEnd, FinBeforeAGapClosesEndsWhenItHasClosed) {
  Conversation c;
  c.handshake();
  c.data(4, "two", kTcpAck | kTcpFin);
  EXPECT_EQ(c.end[0], StreamEnd::No);
  c.data(0, "one ");
  EXPECT_EQ(c.seen[0], "one two");
  EXPECT_EQ(c.end[0], StreamEnd::Fin);
}

// Once a FIN has passed, no byte behind it gets through: whether the FIN itself
// arrives (a small TTL) does not matter.
TEST(StreamEnd, DataBehindAFinIsRefused) {
  for (const bool gap : {false, true}) {
    Conversation c;
    c.handshake();
    if (!gap) c.data(0, "abc");
    c.data(3, "", kTcpAck | kTcpFin);
    EXPECT_EQ(c.data(3, "evil").result, StreamResult::BeyondFin);
    EXPECT_EQ(c.data(0, "abcevil").result, StreamResult::BeyondFin);
    EXPECT_EQ(c.data(3000, "evil").result, StreamResult::BeyondFin);
    if (gap) c.data(0, "abc");
    EXPECT_EQ(c.seen[0], "abc");
    EXPECT_EQ(c.end[0], StreamEnd::Fin);
    EXPECT_EQ(c.counters.beyond_fin, 3);
  }
}

// Also when everything before it has been acknowledged, but not the FIN.
TEST(StreamEnd, FinThatIsNotAcknowledgedStillEndsTheStream) {
  Conversation c;
  c.handshake();
  c.data(0, "abc");
  c.ack(3);
  c.data(3, "", kTcpAck | kTcpFin);
  EXPECT_EQ(c.end[0], StreamEnd::Fin);
  c.ack(3);
  EXPECT_FALSE(c.stream.finished(Direction::Original));
  EXPECT_EQ(c.data(3, "evil").result, StreamResult::BeyondFin);
}

TEST(StreamEnd, FinElsewhereIsDifferent) {
  Conversation c;
  c.handshake();
  c.data(0, "abcdef");
  c.data(10, "island");
  EXPECT_EQ(c.data(0, "abc", kTcpAck | kTcpFin).result, StreamResult::Different);
  EXPECT_EQ(c.data(6, "ghij", kTcpAck | kTcpFin).result, StreamResult::Different);
  EXPECT_EQ(c.data(12, "", kTcpAck | kTcpFin).result, StreamResult::Different);
  EXPECT_EQ(c.data(16, "", kTcpAck | kTcpFin).result, StreamResult::Taken);
  EXPECT_EQ(c.data(8, "", kTcpAck | kTcpFin).result, StreamResult::Different);
  EXPECT_EQ(c.data(17, "", kTcpAck | kTcpFin).result, StreamResult::BeyondFin);
  c.data(6, "ghij");
  EXPECT_EQ(c.seen[0], "abcdefghijisland");
  EXPECT_EQ(c.end[0], StreamEnd::Fin);
}

TEST(StreamEnd, MemoryGoesWhenTheFinIsAcknowledged) {
  Conversation c;
  const size_t before = c.arena.in_use();
  c.handshake();
  c.data(0, "bye", kTcpAck | kTcpFin);
  EXPECT_GT(c.arena.in_use(), before);
  EXPECT_FALSE(c.stream.finished(Direction::Original));
  c.ack(4);
  EXPECT_TRUE(c.stream.finished(Direction::Original));
  c.data(4, "");
  EXPECT_EQ(c.arena.in_use(), before);
  EXPECT_EQ(c.data(0, "bye", kTcpAck | kTcpFin).result, StreamResult::Finished);
  EXPECT_EQ(c.counters.lost_gaps, 0);
}

// RFC 5961: anything but the exact number is answered with a challenge.
TEST(StreamEnd, RstIsToldWhereItMayBeExact) {
  Conversation c;
  c.handshake();
  c.data(0, "0123456789");
  c.ack(5);
  const auto rst = [&](uint64_t position) { return c.data(position, "", kTcpRst).reset; };
  EXPECT_TRUE(rst(10));
  EXPECT_TRUE(rst(5));
  EXPECT_FALSE(rst(4));
  EXPECT_FALSE(rst(11));
  EXPECT_FALSE(rst(20'000));
}

// An RST that does not reach the receiver must not end the inspection.
TEST(StreamEnd, WhatFollowsAnRstIsRead) {
  Conversation c;
  c.handshake();
  c.data(0, "GET ");
  c.data(9, "HTTP");
  c.data(4, "ignored", kTcpRst);
  c.data(4, "", kTcpRst | kTcpAck);
  c.data(4, "/evil");
  EXPECT_EQ(c.seen[0], "GET /evilHTTP");
}

TEST(StreamEnd, RstInAnswerToASyn) {
  Conversation c;
  c.syn();
  c.acked[1] = 0;
  EXPECT_TRUE(c.segment(Direction::Reply, 0, "", kTcpRst | kTcpAck).reset);
}

TEST(StreamEnd, FinishedByTheReader) {
  Conversation c;
  c.handshake();
  c.data(0, "abc");
  c.segment(Direction::Reply, 0, "xyz");
  c.stream.finish(Direction::Original);
  EXPECT_EQ(c.data(3, "def").result, StreamResult::Finished);
  EXPECT_EQ(c.segment(Direction::Reply, 3, "uvw").fresh, 3);
  EXPECT_EQ(c.seen[0] + c.seen[1], "abcxyzuvw");
  c.stream.release();
  EXPECT_EQ(c.stream.memory(), 0);
}

}  // namespace
}  // namespace sluice
