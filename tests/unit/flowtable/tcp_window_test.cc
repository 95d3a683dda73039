// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tcp_conversation.h"

namespace sluice {
namespace {

using namespace test;
using enum FlowState;
constexpr auto kOk = TcpTrack::Ok;
constexpr auto kOut = TcpTrack::OutOfWindow;

class TcpWindow : public Tcp {};
INSTANTIATE_TEST_SUITE_P(BothFamilies, TcpWindow, kSettings);

TEST_P(TcpWindow, FollowsDataBothWays) {
  establish();
  uint32_t sent[2] = {1, 1};
  for (int i = 0; i < 20000; ++i) {  // ten megabytes each way: 1000 windows
    go_on({{kOriginal, kTcpAck, sent[0], sent[1], 500, kOk, Established},
           {kReply, kTcpAck, sent[1], sent[0] + 500, 500, kOk, Established}});
    sent[0] += 500;
    sent[1] += 500;
  }
}

TEST_P(TcpWindow, AdmitsWhatThePeerHasGrantedAndNoMore) {
  establish();
  go_on({{kOriginal, kTcpAck, 1, 1, 500, kOk, Established},
         {kOriginal, kTcpAck, 501, 1, 500, kOk, Established},
         {kOriginal, kTcpAck, 1002, 1, 1, kOut, Established},
         {kOriginal, kTcpAck, 50000, 1, 1, kOut, Established},
         {kReply, kTcpAck, 1, 1001, 0, kOk, Established},
         {kOriginal, kTcpAck, 1001, 1, 500, kOk, Established}});
}

TEST_P(TcpWindow, AdmitsRetransmissionsOfOneWindow) {
  establish();
  for (uint32_t i = 0; i < 5; ++i) {
    go_on({{kOriginal, kTcpAck, 1 + i * 1000, 1, 1000, kOk, Established},
           {kReply, kTcpAck, 1, 1001 + i * 1000, 0, kOk, Established}});
  }
  go_on({{kOriginal, kTcpAck, 4001, 1, 1000, kOk, Established},
         {kOriginal, kTcpAck, 3501, 1, 500, kOk, Established},
         {kOriginal, kTcpAck, 1, 1, 1000, kOut, Established}});
}

TEST_P(TcpWindow, ChecksAcknowledgements) {
  establish();
  go_on({{kReply, kTcpAck, 1, 1, 300, kOk, Established},
         {kOriginal, kTcpAck, 1, 302, 0, kOut, Established},
         {kOriginal, kTcpAck, 1, 900000000, 0, kOut, Established},
         {kOriginal, kTcpAck, 1, 0U - 70000, 0, kOut, Established},
         {kOriginal, kTcpAck, 1, 301, 0, kOk, Established},
         {kOriginal, kTcpAck, 1, 1, 0, kOk, Established}});  // an old one, overtaken
}

TEST_P(TcpWindow, AdmitsKeepAlives) {
  establish();
  go_on({{kOriginal, kTcpAck, 1, 1, 100, kOk, Established},
         {kReply, kTcpAck, 1, 101, 0, kOk, Established},
         {kOriginal, kTcpAck, 100, 1, 0, kOk, Established},
         {kReply, kTcpAck, 1, 101, 0, kOk, Established},
         {kOriginal, kTcpAck, 100, 1, 1, kOk, Established},
         {kReply, kTcpAck, 0, 101, 0, kOk, Established}});
}

TEST_P(TcpWindow, AdmitsProbesOfAZeroWindow) {
  establish();
  go_on({{kOriginal, kTcpAck, 1, 1, 1000, kOk, Established},
         {kReply, kTcpAck, 1, 1001, 0, kOk, Established, 0},
         {kOriginal, kTcpAck, 1001, 1, 1, kOk, Established},
         {kReply, kTcpAck, 1, 1001, 0, kOk, Established, 0},
         {kOriginal, kTcpAck, 1000, 1, 0, kOk, Established},
         {kOriginal, kTcpAck, 1002, 1, 1, kOut, Established},
         {kReply, kTcpAck, 1, 1001, 0, kOk, Established, 2000},
         {kOriginal, kTcpAck, 1001, 1, 1400, kOk, Established}});
}

TEST_P(TcpWindow, ScalesWindowsWhenBothSynsAgree) {
  play({{kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent, 1000, 7},
        {kReply, kSynAck, 0, 1, 0, kOk, SynReceived, 1000, 3},
        {kOriginal, kTcpAck, 1, 1, 0, kOk, Established, 1000}});
  EXPECT_NE(flow.flags & kFlowWindowScaling, 0);
  EXPECT_EQ(flow.window_scale[0], 7);
  EXPECT_EQ(flow.window_scale[1], 3);
  go_on({{kReply, kTcpAck, 128002, 1, 1, kOut, Established},
         {kReply, kTcpAck, 127001, 1, 1000, kOk, Established, 1000},
         {kOriginal, kTcpAck, 8002, 1, 1, kOut, Established},
         {kOriginal, kTcpAck, 7001, 1, 1000, kOk, Established}});
}

TEST_P(TcpWindow, DoesNotScaleTheWindowOfASyn) {
  play({{kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent, 1000, 14},
        {kReply, kSynAck, 0, 1, 0, kOk, SynReceived, 1000, 14},
        {kOriginal, kTcpAck, 1002, 1, 1, kOut, SynReceived},
        {kReply, kTcpAck, 1002, 1, 1, kOut, SynReceived}});
}

TEST_P(TcpWindow, DoesNotScaleUnlessBothSynsCarryTheOption) {
  for (const auto& [a, b] : {std::pair<uint8_t, uint8_t>{7, kNoWindowScale},
                             std::pair<uint8_t, uint8_t>{kNoWindowScale, 7}}) {
    play({{kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent, 1000, a},
          {kReply, kSynAck, 0, 1, 0, kOk, SynReceived, 1000, b},
          {kOriginal, kTcpAck, 1, 1, 0, kOk, Established}});
    EXPECT_EQ(flow.flags & kFlowWindowScaling, 0);
    go_on({{kReply, kTcpAck, 1002, 1, 1, kOut, Established},
           {kOriginal, kTcpAck, 1002, 1, 1, kOut, Established}});
  }
}

TEST_P(TcpWindow, HoldsAWindowScaleBeyondFourteenForFourteen) {
  play({{kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent, 1000, 200},
        {kReply, kSynAck, 0, 1, 0, kOk, SynReceived, 1000, 15}});
  EXPECT_EQ(flow.window_scale[0], 14);
  EXPECT_EQ(flow.window_scale[1], 14);
}

TEST_P(TcpWindow, ASynOnALiveConnectionChangesNothing) {
  establish();
  const Flow before = flow;
  go_on({{kOriginal, kTcpSyn, 123456, 0, 0, kOk, Established},
         {kReply, kTcpSyn, 1, 0, 0, kOk, Established},
         {kReply, kSynAck, 777, 1, 0, kOk, Established}});
  EXPECT_EQ(std::memcmp(&before, &flow, sizeof(Flow)), 0);
  go_on({{kOriginal, kTcpAck, 1, 1, 500, kOk, Established}});
}

TEST_P(TcpWindow, PicksUpMidStreamLenientlyUntilBothWindowsAreKnown) {
  play({{kOriginal, kTcpAck, 5000, 9000, 1400, kOk, PickedUp, 229},
        {kOriginal, kTcpAck, 6400, 9000, 1400, kOk, PickedUp, 229},
        {kOriginal, kTcpAck, 200000, 9000, 1400, kOk, PickedUp, 229},
        {kReply, kTcpAck, 9000, 6400, 0, kOk, Established, 501},
        {kReply, kTcpAck, 9000, 201400, 60000, kOk, Established, 501},
        {kOriginal, kTcpAck, 201400, 69000, 60000, kOk, Established, 229}},
       true);
  EXPECT_NE(flow.flags & kFlowPickedUp, 0);
  EXPECT_EQ(flow.flags & (kFlowLiberalOriginal | kFlowLiberalReply), 0);
  // Known windows bind, at the largest scale there is.
  go_on({{kReply, kTcpAck, 69000 + (230U << 14) + 70000, 261400, 10, kOut, Established},
         {kOriginal, kTcpAck, 261400, 4000000, 10, kOut, Established},
         {kReply, kTcpAck, 69000, 261400, 1000, kOk, Established}});
}

TEST_P(TcpWindow, PicksUpFromASynAckOrAFin) {
  play({{kOriginal, kSynAck, 0, 1, 0, kOk, PickedUp, 64000, 7},
        {kReply, kTcpAck, 1, 1, 0, kOk, Established, 500},
        {kReply, kTcpAck, 1, 1, 500, kOk, Established, 500},
        {kOriginal, kTcpAck, 1, 501, 64000, kOk, Established, 500}},
       true);
  play({{kOriginal, kFinAck, 700, 900, 0, kOk, FinWait, 229},
        {kReply, kFinAck, 900, 701, 0, kOk, Closing, 229},
        {kOriginal, kTcpAck, 701, 901, 0, kOk, TimeWait, 229}},
       true);
}

}  // namespace
}  // namespace sluice
