// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What dpi keeps of a flow that it reads: its streams, its protocol's parser,
// what the rules remember, and nDPI's state until that has decided.
#pragma once

#include <cstdint>

#include "flowtable/flow.h"
#include "stages/dpi/inspection.h"
#include "stages/dpi/protocol/dissector.h"
#include "stages/dpi/detection/rule_state.h"
#include "stages/dpi/stream/tcp_stream.h"

namespace sluice {

class DpiPart;

// What would be lost with a session, least first: that is who gives way first.
enum class SessionWorth : uint8_t {
  Closed,  // its connection has been reset
  Silent,  // no packet with payload has come
  Heard,
};

struct Session {
  DpiPart* part = nullptr;  // whose memory it uses, over reloads too
  Session* prev = nullptr;  // among those of the part of the same worth, youngest first
  Session* next = nullptr;
  Flow* flow = nullptr;
  Inspection* inspection = nullptr;  // null: nDPI has decided
  TcpStream stream;
  Dissector dissector;
  rules::RuleState rules{};
  uint8_t handshake = 0;       // kSeen*
  bool replied = false;        // the responder has spoken
  bool picked_up = false;      // reading began in the flow's middle
  bool resumed = false;        // by this stage itself: the beginning was read
  bool oriented = false;       // of a picked-up one it has been asked who asks whom
  bool reversed = false;       // the flow's responder is the client
  Direction spoke = Direction::Original;  // last, in the stream
  SessionWorth worth = SessionWorth::Silent;
  uint8_t ingress[2] = {Flow::kNoIngress, Flow::kNoIngress};  // by Direction: where it comes in
  uint16_t messages = 0;       // datagrams dissected
};

enum : uint8_t { kSeenSyn = 1, kSeenSynAck = 2, kSeenAck = 4, kSeenHandshake = 7 };

}  // namespace sluice
