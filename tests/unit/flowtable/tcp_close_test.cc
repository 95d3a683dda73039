// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tcp_conversation.h"

namespace sluice {
namespace {

using namespace test;
using enum FlowState;
constexpr auto kOk = TcpTrack::Ok;
constexpr auto kOut = TcpTrack::OutOfWindow;
constexpr auto kReopened = TcpTrack::Reopened;

class TcpClose : public Tcp {};
INSTANTIATE_TEST_SUITE_P(BothFamilies, TcpClose, kSettings);

TEST_P(TcpClose, OriginatorFirst) {
  establish();
  go_on({{kOriginal, kFinAck, 1, 1, 0, kOk, FinWait},
         {kReply, kTcpAck, 1, 2, 0, kOk, FinWait},
         {kReply, kTcpAck, 1, 2, 400, kOk, FinWait},
         {kOriginal, kTcpAck, 2, 401, 0, kOk, FinWait},
         {kReply, kFinAck, 401, 2, 0, kOk, Closing},
         {kOriginal, kTcpAck, 2, 402, 0, kOk, TimeWait}});
}

TEST_P(TcpClose, ResponderFirst) {
  establish();
  go_on({{kReply, kFinAck, 1, 1, 10, kOk, FinWait},
         {kOriginal, kFinAck, 1, 12, 0, kOk, Closing},
         {kReply, kTcpAck, 12, 2, 0, kOk, TimeWait}});
}

TEST_P(TcpClose, BothAtOnce) {
  establish();
  go_on({{kOriginal, kFinAck, 1, 1, 0, kOk, FinWait},
         {kReply, kFinAck, 1, 1, 0, kOk, Closing},
         {kOriginal, kTcpAck, 2, 2, 0, kOk, Closing},
         {kReply, kTcpAck, 2, 2, 0, kOk, TimeWait}});
}

TEST_P(TcpClose, BearsRetransmittedFins) {
  establish();
  go_on({{kOriginal, kFinAck, 1, 1, 0, kOk, FinWait},
         {kOriginal, kFinAck, 1, 1, 0, kOk, FinWait},
         {kReply, kFinAck, 1, 2, 0, kOk, Closing},
         {kReply, kFinAck, 1, 2, 0, kOk, Closing},
         {kOriginal, kTcpAck, 2, 2, 0, kOk, TimeWait},
         {kReply, kFinAck, 1, 2, 0, kOk, TimeWait},
         {kOriginal, kTcpAck, 2, 2, 0, kOk, TimeWait}});
}

TEST_P(TcpClose, AFinThatOvertookDataLeavesRoomForIt) {
  establish();
  go_on({{kOriginal, kFinAck, 501, 1, 0, kOk, FinWait},
         {kOriginal, kTcpAck, 1, 1, 500, kOk, FinWait},
         {kReply, kTcpAck, 1, 502, 0, kOk, FinWait},
         {kOriginal, kTcpAck, 502, 1, 1, kOut, FinWait}});  // nothing follows a FIN
}

TEST_P(TcpClose, AFinMayCompleteTheHandshake) {
  play({{kOriginal, kTcpSyn, 0, 0, 0, kOk, SynSent},
        {kReply, kSynAck, 0, 1, 0, kOk, SynReceived},
        {kOriginal, kFinAck, 1, 1, 100, kOk, FinWait},
        {kReply, kFinAck, 1, 102, 0, kOk, Closing},
        {kOriginal, kTcpAck, 102, 2, 0, kOk, TimeWait}});
}

TEST_P(TcpClose, ABlindFinIsIgnored) {
  establish();
  go_on({{kOriginal, kFinAck, 5000, 1, 0, kOut, Established},
         {kOriginal, kFinAck, 0U - 5000, 1, 0, kOut, Established},
         {kOriginal, kFinAck, 1, 50000, 0, kOut, Established},
         {kReply, kFinAck, 1U << 31, 1, 0, kOut, Established}});
}

TEST_P(TcpClose, ARstInsideTheWindowResets) {
  establish();
  go_on({{kReply, kTcpRst, 1, 0, 0, kOk, Reset}});
  establish();
  go_on({{kOriginal, kRstAck, 1, 1, 0, kOk, Reset},
         {kReply, kTcpAck, 1, 1, 100, kOk, Reset}});  // was under way
  establish();
  go_on({{kOriginal, kTcpAck, 1, 1, 600, kOk, Established},
         {kOriginal, kTcpRst, 601, 0, 0, kOk, Reset}});
}

TEST_P(TcpClose, ABlindRstIsIgnored) {
  establish();
  for (uint32_t seq : {1002U, 70000U, 1U << 30, (1U << 31) + 1, 0U - 1001}) {
    go_on({{kOriginal, kTcpRst, seq, 0, 0, kOut, Established},
           {kReply, kTcpRst, seq, 0, 0, kOut, Established},
           {kReply, kRstAck, seq, 1, 0, kOut, Established}});
  }
  go_on({{kOriginal, kTcpAck, 1, 1, 100, kOk, Established}});
}

TEST_P(TcpClose, ABlindRstOnAPickedUpFlowIsIgnored) {
  play({{kOriginal, kTcpAck, 5000, 9000, 100, kOk, PickedUp, 10},
        {kOriginal, kTcpRst, 5101, 0, 0, kOut, PickedUp},
        {kOriginal, kTcpRst, 1U << 30, 0, 0, kOut, PickedUp},
        {kReply, kTcpRst, 1U << 30, 0, 0, kOut, PickedUp},
        {kReply, kTcpRst, 9000, 0, 0, kOk, Reset}},
       true);
}

TEST_P(TcpClose, ASynReopensWhatIsClosedAndNothingElse) {
  establish();
  go_on({{kOriginal, kFinAck, 1, 1, 0, kOk, FinWait},
         {kOriginal, kTcpSyn, 90000, 0, 0, kOk, FinWait},
         {kReply, kFinAck, 1, 2, 0, kOk, Closing},
         {kOriginal, kTcpSyn, 90000, 0, 0, kReopened, Closing},
         {kReply, kTcpSyn, 90000, 0, 0, kReopened, Closing},
         {kReply, kSynAck, 90000, 0, 0, kOk, Closing},
         {kOriginal, kTcpAck, 2, 2, 0, kOk, TimeWait},
         {kOriginal, kTcpSyn, 90000, 0, 0, kReopened, TimeWait}});
  establish();
  go_on({{kReply, kTcpRst, 1, 0, 0, kOk, Reset},
         {kOriginal, kTcpSyn, 90000, 0, 0, kReopened, Reset}});
}

TEST_P(TcpClose, ARstAfterTheCloseChangesNothing) {
  establish();
  go_on({{kOriginal, kFinAck, 1, 1, 0, kOk, FinWait},
         {kReply, kFinAck, 1, 2, 0, kOk, Closing},
         {kOriginal, kTcpAck, 2, 2, 0, kOk, TimeWait},
         {kReply, kTcpRst, 2, 0, 0, kOk, TimeWait}});
}

}  // namespace
}  // namespace sluice
