// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Finds out by a flow's first bytes which application protocol it speaks, on
// whatever port, and hands its bytes to that protocol's parser.
#pragma once

#include <cstdint>
#include <span>

#include "flowtable/flow_key.h"
#include "stages/dpi/protocol/http_transaction.h"
#include "stages/dpi/protocol/protocol_lane.h"
#include "stages/dpi/protocol/transaction.h"

namespace sluice {

// What a lane's parsers share. Outlives them.
struct DissectorLane {
  HttpLane http;
  ProtocolLane protocols;
};

// One flow. All zero is a fresh one; end() or forget() before its memory goes.
// The parser lies in the lane's arena. dpi's worker only.
class Dissector {
 public:
  AppProtocol protocol() const noexcept { return protocol_; }
  // A stream's bytes from here on are encrypted: nobody can read them.
  bool encrypted() const noexcept { return encrypted_ && finished(); }
  // Of TLS its transaction tells: a server has answered a hello with one.
  void note_encrypted() noexcept { encrypted_ = true; }
  // Nothing more will be learnt from that direction.
  bool finished(Direction of) const noexcept { return finished_[static_cast<size_t>(of)]; }
  bool finished() const noexcept { return finished_[0] && finished_[1]; }

  // Whether a stream's first bytes that were seen, from that side, are a server's
  // where a client was expected, or the other way round.
  static bool looks_reversed(Direction from, std::span<const uint8_t> bytes) noexcept;

  // What is readable and not consumed of a TCP stream; see HttpParser::consume.
  // Returns the bytes that it is done with.
  size_t bytes(DissectorLane& lane, Direction from, std::span<const uint8_t> readable, bool end,
               TransactionSink& sink) noexcept;
  // So many bytes of the stream are lost; what was not consumed before them is, too.
  void gap(Direction from, uint64_t bytes, TransactionSink& sink) noexcept;
  // A datagram's payload.
  void datagram(DissectorLane& lane, Direction from, std::span<const uint8_t> payload,
                TransactionSink& sink) noexcept;
  // The flow is over, or is not looked at any more: what is pending is finished.
  void end(TransactionSink& sink) noexcept;
  // The same without a word.
  void forget() noexcept;

 private:
  template <typename Parser, typename Lane>
  bool take(AppProtocol protocol, Lane& lane) noexcept;
  template <typename Parser>
  Parser& parser() noexcept {
    return *static_cast<Parser*>(parser_);
  }
  void recognise(DissectorLane& lane, Direction from, std::span<const uint8_t> beginning,
                 bool end) noexcept;
  void give_up(Direction of) noexcept { finished_[static_cast<size_t>(of)] = true; }
  void give_up() noexcept { finished_[0] = finished_[1] = true; }
  void note_tls() noexcept;

  void* parser_ = nullptr;
  AppProtocol protocol_ = AppProtocol::None;
  bool encrypted_ = false;
  bool finished_[2] = {false, false};
  bool unknown_[2] = {false, false};  // that direction's first bytes are of no known protocol
};

}  // namespace sluice
