// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tcp_conversation.h"

namespace sluice {
namespace {

using namespace test;
using enum FlowState;
constexpr auto kOk = TcpTrack::Ok;
constexpr auto kOut = TcpTrack::OutOfWindow;
constexpr auto kBad = TcpTrack::BadFlags;

class TcpHandshake : public Tcp {};
INSTANTIATE_TEST_SUITE_P(BothFamilies, TcpHandshake, kSettings);

TEST_P(TcpHandshake, EstablishesByThreeSegments) {
  establish();
  EXPECT_EQ(flow.flags, 0);
  EXPECT_EQ(flow.tcp_flags[0], kTcpSyn | kTcpAck);
  EXPECT_EQ(flow.tcp_flags[1], kTcpSyn | kTcpAck);
}

TEST_P(TcpHandshake, BearsRetransmissionsOfEveryStep) {
  play({{kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent},
        {kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent},
        {kReply, kSynAck, 0, 1, 0, kOk, SynReceived},
        {kOriginal, kTcpSyn, 0, 0, 0, kOk, SynReceived},
        {kReply, kSynAck, 0, 1, 0, kOk, SynReceived},
        {kOriginal, kTcpAck, 1, 1, 0, kOk, Established},
        {kReply, kSynAck, 0, 1, 0, kOk, Established},
        {kOriginal, kTcpAck, 1, 1, 0, kOk, Established}});
}

TEST_P(TcpHandshake, WantsTheExactAcknowledgementOfBothSyns) {
  play({{kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent},
        {kReply, kSynAck, 0, 0, 0, kOut, SynSent},
        {kReply, kSynAck, 0, 2, 0, kOut, SynSent},
        {kReply, kSynAck, 0, 77777, 0, kOut, SynSent},
        {kReply, kSynAck, 0, 1, 0, kOk, SynReceived},
        {kOriginal, kTcpAck, 1, 0, 0, kOut, SynReceived},
        {kOriginal, kTcpAck, 1, 2, 0, kOut, SynReceived},
        {kOriginal, kTcpAck, 1, 1, 10, kOk, Established}});
}

TEST_P(TcpHandshake, LetsTheResponderSpeakBeforeTheLastAck) {
  play({{kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent},
        {kReply, kSynAck, 0, 1, 0, kOk, SynReceived},
        {kReply, kTcpAck, 1, 1, 500, kOk, SynReceived},
        {kReply, kTcpAck, 1002, 1, 500, kOut, SynReceived},
        {kOriginal, kTcpAck, 1, 501, 0, kOk, Established}});
}

TEST_P(TcpHandshake, TakesDataInTheSynAsTcpFastOpenSendsIt) {
  for (uint32_t acked : {1U, 101U}) {
    play({{kOriginal, kTcpSyn, 0, 0, 100, kOk, SynSent},
          {kReply, kSynAck, 0, 102, 0, kOut, SynSent},
          {kReply, kSynAck, 0, acked, 0, kOk, SynReceived},
          {kOriginal, kTcpAck, acked, 1, 100, kOk, Established}});
  }
}

TEST_P(TcpHandshake, SimultaneousOpenEstablishesWhenBothHaveAcknowledged) {
  play({{kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent},
        {kReply, kTcpSyn, 0, 0, 0, kOk, SynReceived},
        {kOriginal, kSynAck, 0, 7, 0, kOk, SynReceived},  // wrong number: changes nothing
        {kOriginal, kSynAck, 0, 1, 0, kOk, SynReceived},
        {kReply, kSynAck, 0, 1, 0, kOk, Established},
        {kOriginal, kTcpAck, 1, 1, 50, kOk, Established},
        {kReply, kTcpAck, 1, 51, 0, kOk, Established}});
}

TEST_P(TcpHandshake, TheNewestSynCountsWhileNobodyHasAnswered) {
  play({{kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent},
        {kOriginal, kTcpSyn, 5000, 0, 0, kOk, SynSent},
        {kReply, kSynAck, 0, 1, 0, kOut, SynSent},
        {kReply, kSynAck, 0, 5001, 0, kOk, SynReceived},
        {kOriginal, kTcpAck, 5001, 1, 0, kOk, Established}});
}

TEST_P(TcpHandshake, ARefusalMustAcknowledgeTheSyn) {
  play({{kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent},
        {kReply, kTcpRst, 0, 0, 0, kOut, SynSent},
        {kReply, kRstAck, 0, 0, 0, kOut, SynSent},
        {kReply, kRstAck, 0, 5, 0, kOut, SynSent},
        {kReply, kRstAck, 0, 1, 0, kOk, Reset},
        {kOriginal, kTcpSyn, 9000, 0, 0, TcpTrack::Reopened, Reset}});
}

TEST_P(TcpHandshake, TheOriginatorMayGiveUp) {
  play({{kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent},
        {kOriginal, kTcpRst, 7, 0, 0, kOut, SynSent},
        {kOriginal, kTcpRst, 1, 0, 0, kOk, Reset}});
  play({{kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent},
        {kReply, kSynAck, 0, 1, 0, kOk, SynReceived},
        {kOriginal, kTcpRst, 1, 0, 0, kOk, Reset}});
}

// RFC 9293 section 3.5.1: the responder still has an older connection, asks,
// and is told by a RST; then the SYN is sent again.
TEST_P(TcpHandshake, AHalfOpenConnectionIsClearedThroughTheBox) {
  play({{kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent},
        {kOriginal, kTcpRst, 70000, 0, 0, kOut, SynSent},
        {kReply, kTcpAck, 300, 70000, 0, kOk, SynSent},
        {kOriginal, kTcpRst, 70000, 0, 0, kOk, SynSent},
        {kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent},
        {kReply, kSynAck, 9, 1, 0, kOk, SynReceived},
        {kOriginal, kTcpAck, 1, 10, 0, kOk, Established}});
}

TEST_P(TcpHandshake, NothingButAHandshakeFollowsASyn) {
  play({{kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent},
        {kOriginal, kTcpAck, 1, 1, 0, kOut, SynSent},
        {kReply, kTcpAck, 1, 1, 100, kOut, SynSent},
        {kReply, kFinAck, 1, 1, 0, kOut, SynSent},
        {kOriginal, kSynAck, 0, 1, 0, kOut, SynSent}});
}

TEST_P(TcpHandshake, RefusesFlagsThatNoStackSends) {
  const std::initializer_list<uint8_t> bad = {0,
                                              kTcpFin,
                                              kTcpPsh,
                                              kTcpUrg,
                                              kTcpFin | kTcpPsh | kTcpUrg,
                                              kTcpSyn | kTcpFin,
                                              kTcpSyn | kTcpRst,
                                              kTcpSyn | kTcpFin | kTcpAck,
                                              kTcpRst | kTcpFin,
                                              0x3f,
                                              0xc0};
  for (uint8_t flags : bad) {
    Flow fresh{};
    EXPECT_FALSE(tcp_open(fresh, segment({kOriginal, flags, 0, 0, 0, kOk, New}), true)) << +flags;
    EXPECT_EQ(fresh.state, New);
    establish();
    go_on({{kOriginal, flags, 1, 1, 0, kBad, Established},
           {kReply, flags, 1, 1, 0, kBad, Established}});
  }
  establish();
  go_on({{kOriginal, kTcpAck | 0xc0, 1, 1, 0, kOk, Established}});  // ECN
}

TEST_P(TcpHandshake, OnlyASynOpensAFlowUnlessPickingUpIsAllowed) {
  for (uint8_t flags : std::initializer_list<uint8_t>{kTcpAck, kSynAck, kFinAck}) {
    Flow fresh{};
    const TcpSegment s = segment({kOriginal, flags, 10, 10, 0, kOk, New});
    EXPECT_FALSE(tcp_open(fresh, s, false)) << +flags;
    EXPECT_EQ(fresh.tcp_flags[0], 0);
    EXPECT_TRUE(tcp_open(fresh, s, true)) << +flags;
    EXPECT_NE(fresh.flags & kFlowPickedUp, 0);
  }
  for (uint8_t flags : std::initializer_list<uint8_t>{kTcpRst, kRstAck}) {
    Flow fresh{};
    EXPECT_FALSE(tcp_open(fresh, segment({kOriginal, flags, 1, 1, 0, kOk, New}), true));
  }
}

}  // namespace
}  // namespace sluice
