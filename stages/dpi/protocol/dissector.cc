// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/dissector.h"

#include <algorithm>
#include <new>

#include "stages/dpi/protocol/dns_parser.h"
#include "stages/dpi/protocol/http_parser.h"
#include "stages/dpi/protocol/quic_parser.h"
#include "stages/dpi/protocol/ssh_parser.h"
#include "stages/dpi/protocol/tls_parser.h"

namespace sluice {

namespace {

// Bytes of a beginning that stay unconsumed until the other side has said more. A
// stream keeps as many in view anyhow.
constexpr size_t kMaxHeld = 8 * 1024;

}  // namespace

template <typename Parser, typename Lane>
bool Dissector::take(AppProtocol protocol, Lane& lane) noexcept {
  void* memory = lane.arena.allocate(sizeof(Parser));
  if (memory == nullptr) {
    ++lane.counters.no_memory;
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
  if (waits && !end) return;  // each has a bound of its own
  unknown_[static_cast<size_t>(from)] = true;
  // A server that speaks first may still be followed by a client that is known.
  if (unknown_[0] && unknown_[1]) give_up();
}

Dissector::Speaker Dissector::who_says(std::span<const uint8_t> bytes) noexcept {
  const auto known = [bytes](Direction d) {
    return HttpParser::looks_like(d, bytes) == Recognition::Yes ||
           TlsParser::looks_like(d, bytes) == Recognition::Yes;
  };
  if (known(Direction::Original)) return Speaker::Client;
  return known(Direction::Reply) ? Speaker::Server : Speaker::Unknown;
}

size_t Dissector::bytes(DissectorLane& lane, Direction from, std::span<const uint8_t> readable,
                        bool end, TransactionSink& sink) noexcept {
  if (finished(from)) return readable.size();
  const auto side = static_cast<size_t>(from);
  if (protocol_ == AppProtocol::None) {
    // Nothing begins with an empty line, and servers pass over any number of them.
    const auto is_text = [](uint8_t c) { return c != '\r' && c != '\n'; };
    if (from == Direction::Original && std::none_of(readable.begin(), readable.end(), is_text)) {
      return readable.size();
    }
    if (!unknown_[side]) recognise(lane, from, readable, end);
    if (protocol_ == AppProtocol::None) {
      if (finished(from)) return readable.size();
      if (!unknown_[side]) return 0;
      const size_t done = hold(from, readable.size(), end);
      held_[side] = static_cast<uint16_t>(readable.size() - done);
      return done;
    }
    held_[side] = 0;
    other_waits_ = held_[1 - side] != 0;
    if (other_waits_) return 0;
  }
  // What was held is the beginning of what these read; to others it is none of theirs.
  size_t passed_over = std::exchange(held_[side], 0);
  if (protocol_ == AppProtocol::Http || protocol_ == AppProtocol::Ssh) passed_over = 0;
  readable = readable.subspan(std::min(passed_over, readable.size()));
  Consumed consumed;
  switch (protocol_) {
    case AppProtocol::Http:
      consumed = parser<HttpParser>().consume(from, readable, end, sink);
      if (parser<HttpParser>().tunnelled()) {
        end_parser(sink);
        tunnelled_ = true;
        try_again();
        return passed_over + consumed.bytes;
      }
      break;
    case AppProtocol::Tls:
      consumed = parser<TlsParser>().consume(from, readable, end, sink);
      note_tls();
      break;
    case AppProtocol::Ssh:
      consumed = parser<SshParser>().consume(from, readable, end, sink);
      // By the word of both: anybody may say one banner.
      encrypted_ = parser<SshParser>().greeted();
      break;
    case AppProtocol::Dns:
      consumed = parser<DnsParser>().consume(from, readable, end, sink);
      break;
    case AppProtocol::None:
    case AppProtocol::Quic:
      return passed_over + readable.size();
  }
  if (consumed.finished) give_up(from);
  return passed_over + (finished(from) ? readable.size() : consumed.bytes);
}

void Dissector::try_again() noexcept {
  if (parser_ != nullptr) return;
  for (size_t i = 0; i < 2; ++i) unknown_[i] = finished_[i] = false;
}

// How many of so many bytes of no known protocol are consumed: none as long as the
// other side may still say what they are.
size_t Dissector::hold(Direction from, size_t readable, bool end) const noexcept {
  const auto other = static_cast<size_t>(opposite(from));
  const bool waits = !end && !unknown_[other] && !finished_[other] && readable <= kMaxHeld;
  return waits ? 0 : readable;
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
  switch (protocol_) {
    case AppProtocol::Dns:
      return datagram_of_dns(lane, from, payload, sink);
    case AppProtocol::Quic:
      return datagram_of_quic(lane, from, payload, sink);
    default:
      break;
  }
  if (DnsParser::looks_like(from, payload) == Recognition::Yes) {
    if (take<DnsParser>(AppProtocol::Dns, lane.protocols)) {
      parser<DnsParser>().message(from, payload, sink);
    }
  } else if (!try_quic(lane, from, payload, sink)) {
    unknown_[static_cast<size_t>(from)] = true;
  }
}

// QUIC is what its keys open: an Initial's looks are easily had. False if it is none.
bool Dissector::try_quic(DissectorLane& lane, Direction from, std::span<const uint8_t> payload,
                         TransactionSink& sink) noexcept {
  if (QuicParser::looks_like(from, payload) != Recognition::Yes) return false;
  if (!take<QuicParser>(AppProtocol::Quic, lane.protocols)) return true;
  const bool goes_on = parser<QuicParser>().datagram(from, payload, sink);
  if (goes_on && parser<QuicParser>().opened()) return true;
  free_parser();
  return false;
}

void Dissector::datagram_of_dns(DissectorLane& lane, Direction from,
                                std::span<const uint8_t> payload, TransactionSink& sink) noexcept {
  DnsParser& dns = parser<DnsParser>();
  const bool is_other = !dns.answered() &&
                        QuicParser::looks_like(from, payload) == Recognition::Yes &&
                        DnsParser::looks_like(from, payload) != Recognition::Yes;
  if (!is_other) {
    dns.message(from, payload, sink);
    return;
  }
  end_parser(sink);
  try_quic(lane, from, payload, sink);
}

void Dissector::datagram_of_quic(DissectorLane& lane, Direction from,
                                 std::span<const uint8_t> payload, TransactionSink& sink) noexcept {
  QuicParser& quic = parser<QuicParser>();
  if (!quic.answered() && DnsParser::looks_like(from, payload) == Recognition::Yes) {
    end_parser(sink);
    if (take<DnsParser>(AppProtocol::Dns, lane.protocols)) {
      parser<DnsParser>().message(from, payload, sink);
    }
    return;
  }
  if (quic.datagram(from, payload, sink)) return;
  // Of a server that has never answered nobody knows what it speaks.
  if (quic.answered()) {
    encrypted_ = true;
    give_up();
  } else {
    end_parser(sink);
  }
}

void Dissector::end(TransactionSink& sink) noexcept {
  end_parser(sink);
  give_up();
}

void Dissector::end_parser(TransactionSink& sink) noexcept {
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
  free_parser();
}

void Dissector::forget() noexcept {
  free_parser();
  give_up();
}

void Dissector::free_parser() noexcept {
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
}

}  // namespace sluice
