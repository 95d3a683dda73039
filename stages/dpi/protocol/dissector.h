// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Finds out by a flow's first bytes which application protocol it speaks, on
// whatever port, and hands its bytes to that protocol's parser.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

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
  // Whether protocol() is the last word: None means none of those that are known.
  bool decided() const noexcept {
    return protocol_ != AppProtocol::None || finished() || (unknown_[0] && unknown_[1]);
  }
  // A stream's bytes from here on are encrypted: nobody can read them.
  bool encrypted() const noexcept { return encrypted_ && finished(); }
  // Of TLS its transaction tells: a server has answered a hello with one.
  void note_encrypted() noexcept { encrypted_ = true; }
  // Nothing more will be learnt from that direction.
  bool finished(Direction of) const noexcept { return finished_[static_cast<size_t>(of)]; }
  bool finished() const noexcept { return finished_[0] && finished_[1]; }
  // More may be learnt: a parser reads, or something is to be read behind another's tunnel.
  bool reads() const noexcept {
    return !finished() && (protocol_ != AppProtocol::None || tunnelled_);
  }

  // Whose the first bytes that were seen of a stream are.
  enum class Speaker : uint8_t { Unknown, Client, Server };
  static Speaker who_says(std::span<const uint8_t> bytes) noexcept;

  // What is readable and not consumed of a TCP stream; see HttpParser::consume.
  // Returns the bytes that it is done with. Where one side's beginning says nothing
  // it is not consumed, for a while: the other side's may tell what it was.
  size_t bytes(DissectorLane& lane, Direction from, std::span<const uint8_t> readable, bool end,
               TransactionSink& sink) noexcept;
  // By bytes() a parser was found for that side, and it has consumed nothing yet: what
  // the other one has left unconsumed is to be handed to bytes() before it.
  bool other_waits() noexcept { return std::exchange(other_waits_, false); }
  // A flow that was picked up in its middle: what begins now may be a beginning.
  void try_again() noexcept;
  // So many bytes of the stream are lost; what was not consumed before them is, too.
  void gap(Direction from, uint64_t bytes, TransactionSink& sink) noexcept;
  // A datagram's payload. Each stands for itself: as long as nobody has answered in a
  // protocol, any may be another one's.
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
  size_t hold(Direction from, size_t readable, bool end) const noexcept;
  void datagram_of_dns(DissectorLane& lane, Direction from, std::span<const uint8_t> payload,
                       TransactionSink& sink) noexcept;
  void datagram_of_quic(DissectorLane& lane, Direction from, std::span<const uint8_t> payload,
                        TransactionSink& sink) noexcept;
  bool try_quic(DissectorLane& lane, Direction from, std::span<const uint8_t> payload,
                TransactionSink& sink) noexcept;
  void end_parser(TransactionSink& sink) noexcept;
  void free_parser() noexcept;
  void give_up(Direction of) noexcept { finished_[static_cast<size_t>(of)] = true; }
  void give_up() noexcept { finished_[0] = finished_[1] = true; }
  void note_tls() noexcept;

  void* parser_ = nullptr;
  AppProtocol protocol_ = AppProtocol::None;
  bool encrypted_ = false;
  bool finished_[2] = {false, false};
  bool unknown_[2] = {false, false};  // that direction's first bytes are of no known protocol
  uint16_t held_[2] = {0, 0};         // how many of them have been left unconsumed
  bool other_waits_ = false;
  bool tunnelled_ = false;  // by HTTP: what follows begins anew
};

}  // namespace sluice
