// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Where a stream begins: SYN, data with it, beginnings that were not seen.

#include <gtest/gtest.h>

#include "conversation.h"

namespace sluice {
namespace {

using namespace test;

TEST(StreamBegin, NoBytesNoMemory) {
  Conversation c;
  const size_t before = c.arena.in_use();
  c.handshake();
  for (int i = 0; i < 10; ++i) c.data(0, "");
  EXPECT_EQ(c.arena.in_use(), before);
  EXPECT_EQ(c.stream.memory(), 0);
}

// RFC 7413: data of the SYN is the stream's first.
TEST(StreamBegin, DataOfASynIsTheStreamsFirst) {
  Conversation c;
  c.syn("GET /");
  EXPECT_EQ(c.seen[0], "GET /");
  c.syn_ack(5);
  c.data(5, "evil");
  EXPECT_EQ(c.seen[0], "GET /evil");
}

// A server without TFO takes nothing of the SYN; the client sends it again.
TEST(StreamBegin, DataOfASynThatWasNotTaken) {
  Conversation c;
  c.syn("GET /");
  c.syn_ack(0);
  EXPECT_EQ(c.data(0, "PUT /evil").result, StreamResult::Different);
  EXPECT_EQ(c.data(0, "GET /evil").fresh, 4);
  EXPECT_EQ(c.seen[0], "GET /evil");
}

TEST(StreamBegin, RetransmittedSynChangesNothing) {
  Conversation c;
  c.syn();
  c.syn();
  c.syn_ack();
  c.syn_ack();
  c.data(0, "a");
  c.syn();
  c.syn_ack();
  c.data(1, "b");
  EXPECT_EQ(c.seen[0], "ab");
  EXPECT_EQ(c.counters.different, 0);
}

TEST(StreamBegin, NewestSynCountsUntilItIsAnswered) {
  Conversation c;
  c.syn();
  c.isn[0] += 100'000;
  c.syn();
  c.syn_ack();
  EXPECT_EQ(c.data(0, "data").fresh, 4);
  // From here on a SYN is answered with a challenge and its data is not read.
  const uint8_t junk[] = {'j', 'u', 'n', 'k'};
  const auto late = c.feed({Direction::Original, kTcpSyn, c.isn[0] + 4, 0, junk});
  EXPECT_EQ(late.result, StreamResult::NoStream);
  c.data(4, "!");
  EXPECT_EQ(c.seen[0], "data!");
}

// The server never saw the newer one: it expired on its way.
TEST(StreamBegin, TheAnswerSaysWhichSynCounts) {
  Conversation c;
  c.syn();
  c.isn[0] += 1'000'000;
  c.syn();
  c.isn[0] -= 1'000'000;
  c.syn_ack();
  EXPECT_EQ(c.data(0, "data").fresh, 4);
  EXPECT_EQ(c.data(0, "evil").result, StreamResult::Different);
  EXPECT_EQ(c.seen[0], "data");
}

TEST(StreamBegin, AnAnswerToAnotherSynThanTheOneWithDataIsDifferent) {
  Conversation c;
  c.syn("GET /");
  EXPECT_EQ(c.seen[0], "GET /");
  c.isn[0] += 1000;
  const auto answer = c.feed(
      {Direction::Reply, kTcpSyn | kTcpAck, c.isn[1], c.seq(Direction::Original, 0), {}});
  EXPECT_EQ(answer.result, StreamResult::Different);
}

// What comes in from the other side says nothing of what has been received.
TEST(StreamBegin, AcknowledgesOnlyFromItsSide) {
  Conversation c;
  c.handshake();
  c.data(0, "clean");
  StreamSegment forged{Direction::Reply, kTcpAck, c.seq(Direction::Reply, 0),
                       c.seq(Direction::Original, 5), {}};
  forged.may_acknowledge = false;
  c.feed(forged);
  EXPECT_EQ(c.data(0, "evil!").result, StreamResult::Different);
  c.ack(5);
  EXPECT_EQ(c.data(0, "evil!").result, StreamResult::Old);
}

// The originator would take whichever reaches it first.
TEST(StreamBegin, SecondSynAckWithAnotherNumberIsDifferent) {
  for (const int32_t shift : {-100, -1, 1, 100}) {
    Conversation c;
    c.syn();
    c.syn_ack();
    const auto other = c.feed({Direction::Reply,
                               kTcpSyn | kTcpAck,
                               c.isn[1] + static_cast<uint32_t>(shift),
                               c.seq(Direction::Original, 0),
                               {}});
    EXPECT_EQ(other.result, StreamResult::Different);
    c.data(0, "");
    EXPECT_EQ(c.segment(Direction::Reply, 0, "hello").fresh, 5);
    EXPECT_EQ(c.seen[1], "hello");
  }
}

TEST(StreamBegin, SimultaneousOpen) {
  Conversation c;
  c.syn();
  c.feed({Direction::Reply, kTcpSyn, c.isn[1], 0, {}});
  c.feed({Direction::Original, kTcpSyn | kTcpAck, c.isn[0], c.isn[1] + 1, {}});
  c.feed({Direction::Reply, kTcpSyn | kTcpAck, c.isn[1], c.isn[0] + 1, {}});
  c.data(0, "ping");
  c.segment(Direction::Reply, 0, "pong");
  EXPECT_EQ(c.seen[0], "ping");
  EXPECT_EQ(c.seen[1], "pong");
}

TEST(StreamBegin, DataWithoutAckIsReadByNobody) {
  Conversation c;
  c.handshake();
  EXPECT_EQ(c.data(0, "junk", kTcpPsh).result, StreamResult::NoStream);
  EXPECT_EQ(c.data(0, "real").fresh, 4);
}

TEST(StreamBegin, MidstreamIsNoStreamUnlessAllowed) {
  Conversation c;
  EXPECT_EQ(c.data(1000, "hello").result, StreamResult::NoStream);
  EXPECT_EQ(c.segment(Direction::Reply, 500, "hello").result, StreamResult::NoStream);
  EXPECT_EQ(c.counters.no_stream, 2);
  EXPECT_EQ(c.seen[0] + c.seen[1], "");
}

TEST(StreamBegin, MidstreamBeginsWithTheFirstData) {
  Conversation c;
  c.options.midstream = true;
  c.acked[0] = 500;
  c.data(1000, "");
  EXPECT_EQ(c.data(1000, "hello").fresh, 5);
  EXPECT_EQ(c.last[0].offset, 0);
  c.acked[1] = 1005;
  EXPECT_EQ(c.segment(Direction::Reply, 500, "world").fresh, 5);
  EXPECT_EQ(c.data(1005, "!").fresh, 1);
  EXPECT_EQ(c.seen[0], "hello!");
  EXPECT_EQ(c.seen[1], "world");
}

// What the receiver is known to have is not read again.
TEST(StreamBegin, MidstreamBeginsBehindWhatIsAcknowledged) {
  Conversation c;
  c.options.midstream = true;
  c.ack(1003);
  EXPECT_EQ(c.data(900, "old data").result, StreamResult::Old);
  EXPECT_EQ(c.data(1000, "hello").fresh, 2);
  EXPECT_EQ(c.seen[0], "lo");
}

// Sent before the first that was seen, and not acknowledged: the receiver will
// read it, and it was not seen in its place.
TEST(StreamBegin, MidstreamSegmentsFromBeforeAreUnverified) {
  for (const bool ack_known : {true, false}) {
    Conversation c;
    c.options.midstream = true;
    if (ack_known) c.ack(990);
    c.data(1000, "world");
    EXPECT_EQ(c.data(995, "hello").result, StreamResult::Unverified);
    EXPECT_EQ(c.data(1005, "!").fresh, 1);
  }
}

// Data in front of a SYN+ACK would move the beginning to where no client reads.
TEST(StreamBegin, DataBeforeTheSynAckBeginsNothing) {
  Conversation c;
  c.options.midstream = true;
  c.syn();
  EXPECT_EQ(c.segment(Direction::Reply, 50, "junk").result, StreamResult::NoStream);
  c.syn_ack();
  c.data(0, "");
  EXPECT_EQ(c.segment(Direction::Reply, 0, "hello").fresh, 5);
  EXPECT_EQ(c.seen[1], "hello");
}

TEST(StreamBegin, SynAckAloneTellsBothBeginnings) {
  Conversation c;
  c.syn_ack();
  EXPECT_EQ(c.data(0, "hello").fresh, 5);
  EXPECT_EQ(c.segment(Direction::Reply, 0, "world").fresh, 5);
  EXPECT_EQ(c.last[0].offset, 0);
}

TEST(StreamBegin, LossyWithoutSynAckBeginsAtTheFirstAcknowledgement) {
  Conversation c;
  c.options.lossy = true;
  c.syn();
  c.data(0, "");
  EXPECT_EQ(c.segment(Direction::Reply, 5, "world").result, StreamResult::Held);
  EXPECT_EQ(c.segment(Direction::Reply, 0, "hello").fresh, 10);
}

TEST(StreamBegin, UrgentBytesCountAsAnyOther) {
  Conversation c;
  c.handshake();
  c.data(0, "GE");
  c.data(2, "T", kTcpAck | kTcpUrg);
  EXPECT_EQ(c.seen[0], "GET");
  EXPECT_EQ(c.counters.urgent, 1);
}

}  // namespace
}  // namespace sluice
