// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/dissector.h"

#include <new>

#include "stages/dpi/protocol/dns_parser.h"
#include "stages/dpi/protocol/http_parser.h"
#include "stages/dpi/protocol/quic_parser.h"
#include "stages/dpi/protocol/ssh_parser.h"
#include "stages/dpi/protocol/tls_parser.h"

namespace sluice {

namespace {

constexpr size_t kMaxUnrecognised = 64;  // bytes after which no recogniser waits for more

}  // namespace

template <typename Parser, typename Lane>
bool Dissector::take(AppProtocol protocol, Lane& lane) noexcept {
  void* memory = lane.arena.allocate(sizeof(Parser));
  if (memory == nullptr) {
    give_up();
    return false;
  }
  parser_ = new (memory) Parser(lane);
  protocol_ = protocol;
  return true;
}

void Dissector::recognise(DissectorLane& lane, Direction from, std::span<const uint8_t> beginning,
                          bool end) noexcept {
  const struct {
    AppProtocol protocol;
    Recognition found;
  } kAsked[] = {
      {AppProtocol::Http, HttpParser::looks_like(from, beginning)},
      {AppProtocol::Tls, TlsParser::looks_like(from, beginning)},
      {AppProtocol::Ssh, SshParser::looks_like(from, beginning)},
      {AppProtocol::Dns, DnsParser::stream_looks_like(from, beginning)},
  };
  bool waits = false;
  for (const auto& one : kAsked) {
    waits = waits || one.found == Recognition::NeedMore;
    if (one.found != Recognition::Yes) continue;
    switch (one.protocol) {
      case AppProtocol::Http:
        take<HttpParser>(one.protocol, lane.http);
        return;
      case AppProtocol::Tls:
        take<TlsParser>(one.protocol, lane.protocols);
        return;
      case AppProtocol::Ssh:
        take<SshParser>(one.protocol, lane.protocols);
        return;
      default:
        take<DnsParser>(one.protocol, lane.protocols);
        return;
    }
  }
  if (waits && !end && beginning.size() < kMaxUnrecognised) return;
  unknown_[static_cast<size_t>(from)] = true;
  // A server that speaks first may still be followed by a client that is known.
  if (unknown_[0] && unknown_[1]) give_up();
}

bool Dissector::looks_reversed(Direction from, std::span<const uint8_t> bytes) noexcept {
  const auto known = [bytes](Direction d) {
    return HttpParser::looks_like(d, bytes) == Recognition::Yes ||
           TlsParser::looks_like(d, bytes) == Recognition::Yes;
  };
  const Direction other = from == Direction::Original ? Direction::Reply : Direction::Original;
  return !known(from) && known(other);
}

size_t Dissector::bytes(DissectorLane& lane, Direction from, std::span<const uint8_t> readable,
                        bool end, TransactionSink& sink) noexcept {
  if (finished(from)) return readable.size();
  if (protocol_ == AppProtocol::None) {
    if (unknown_[static_cast<size_t>(from)]) return readable.size();
    recognise(lane, from, readable, end);
    if (protocol_ == AppProtocol::None) {
      return finished(from) || unknown_[static_cast<size_t>(from)] ? readable.size() : 0;
    }
  }
  Consumed consumed;
  switch (protocol_) {
    case AppProtocol::Http:
      consumed = parser<HttpParser>().consume(from, readable, end, sink);
      break;
    case AppProtocol::Tls:
      consumed = parser<TlsParser>().consume(from, readable, end, sink);
      note_tls();
      break;
    case AppProtocol::Ssh:
      consumed = parser<SshParser>().consume(from, readable, end, sink);
      encrypted_ = parser<SshParser>().finished(Direction::Original) &&
                   parser<SshParser>().finished(Direction::Reply);
      break;
    case AppProtocol::Dns:
      consumed = parser<DnsParser>().consume(from, readable, end, sink);
      break;
    case AppProtocol::None:
    case AppProtocol::Quic:
      return readable.size();
  }
  if (consumed.finished) give_up(from);
  return finished(from) ? readable.size() : consumed.bytes;
}

void Dissector::note_tls() noexcept {
  for (const Direction of : {Direction::Original, Direction::Reply}) {
    if (parser<TlsParser>().finished(of)) give_up(of);
  }
}

void Dissector::gap(Direction from, uint64_t bytes, TransactionSink& sink) noexcept {
  if (protocol_ == AppProtocol::Http) {
    if (!parser<HttpParser>().gap(from, bytes, sink)) give_up(from);
    return;
  }
  give_up(from);
}

void Dissector::datagram(DissectorLane& lane, Direction from, std::span<const uint8_t> payload,
                         TransactionSink& sink) noexcept {
  if (payload.empty() || finished()) return;
  if (protocol_ == AppProtocol::None) {
    if (DnsParser::looks_like(from, payload) == Recognition::Yes) {
      if (!take<DnsParser>(AppProtocol::Dns, lane.protocols)) return;
    } else if (QuicParser::looks_like(from, payload) == Recognition::Yes) {
      if (!take<QuicParser>(AppProtocol::Quic, lane.protocols)) return;
    } else {
      unknown_[static_cast<size_t>(from)] = true;
      if (unknown_[0] && unknown_[1]) give_up();
      return;
    }
  }
  const bool goes_on = protocol_ == AppProtocol::Dns
                           ? parser<DnsParser>().message(from, payload, sink)
                           : parser<QuicParser>().datagram(from, payload, sink);
  if (goes_on) return;
  encrypted_ = protocol_ == AppProtocol::Quic;
  give_up();
}

void Dissector::end(TransactionSink& sink) noexcept {
  switch (protocol_) {
    case AppProtocol::Http:
      parser<HttpParser>().end(sink);
      break;
    case AppProtocol::Tls:
      parser<TlsParser>().end(sink);
      break;
    case AppProtocol::Ssh:
      parser<SshParser>().end(sink);
      break;
    case AppProtocol::Dns:
      parser<DnsParser>().end(sink);
      break;
    case AppProtocol::Quic:
      parser<QuicParser>().end(sink);
      break;
    case AppProtocol::None:
      break;
  }
  forget();
}

void Dissector::forget() noexcept {
  if (parser_ == nullptr) return;
  switch (protocol_) {
    case AppProtocol::Http:
      parser<HttpParser>().~HttpParser();
      break;
    case AppProtocol::Tls:
      parser<TlsParser>().~TlsParser();
      break;
    case AppProtocol::Ssh:
      parser<SshParser>().~SshParser();
      break;
    case AppProtocol::Dns:
      parser<DnsParser>().~DnsParser();
      break;
    case AppProtocol::Quic:
      parser<QuicParser>().~QuicParser();
      break;
    case AppProtocol::None:
      break;
  }
  arena_free(parser_);
  parser_ = nullptr;
  protocol_ = AppProtocol::None;
  give_up();
}

}  // namespace sluice
