// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/quic_parser.h"

#include <new>

#include "stages/dpi/protocol/quic_reader.h"
#include "stages/dpi/protocol/tls_hello_message.h"
#include "stages/dpi/protocol/tls_reading.h"

namespace sluice {

namespace {

constexpr uint8_t kLongHeader = 0x80;
constexpr uint8_t kFixedBit = 0x40;
constexpr size_t kSmallestDatagram = 1200;  // with a client's Initial: RFC 9000 section 14.1

// RFC 9000 section 19; others have no place in an Initial.
enum FrameType : uint8_t {
  kPadding = 0x00,
  kPing = 0x01,
  kAck = 0x02,
  kAckEcn = 0x03,
  kCrypto = 0x06,
  kConnectionClose = 0x1c,
};

constexpr size_t kMessageHeader = 4;  // of TLS's handshake
constexpr uint8_t kClientHello = 1;
constexpr uint8_t kServerHello = 2;

size_t message_size(std::span<const uint8_t> header) {
  return kMessageHeader + (static_cast<size_t>(header[1]) << 16 | header[2] << 8 | header[3]);
}

void skip_ack(ByteReader& reader, bool ecn) {
  read_quic_number(reader);  // largest
  read_quic_number(reader);  // delay
  const uint64_t ranges = read_quic_number(reader);
  read_quic_number(reader);  // first range
  for (uint64_t i = 0; i < ranges && !reader.failed(); ++i) {
    read_quic_number(reader);
    read_quic_number(reader);
  }
  for (int i = 0; ecn && i < 3; ++i) read_quic_number(reader);
}

}  // namespace

QuicParser::~QuicParser() {
  give_up(Direction::Original);
  give_up(Direction::Reply);
  if (transaction_ != nullptr) {
    transaction_->memory.release();
    arena_free(transaction_);
  }
}

Recognition QuicParser::looks_like(Direction from, std::span<const uint8_t> datagram) noexcept {
  QuicLongHeader header;
  if (datagram.empty() || (datagram[0] & (kLongHeader | kFixedBit)) != (kLongHeader | kFixedBit) ||
      !parse_quic_long_header(datagram, header) || header.type != QuicPacket::Initial) {
    return Recognition::No;
  }
  // A client makes up at least eight bytes of connection ID (RFC 9000 section 7.2).
  const bool client = from == Direction::Original;
  if (client && (datagram.size() < kSmallestDatagram || header.destination.size < 8)) {
    return Recognition::No;
  }
  return Recognition::Yes;
}

bool QuicParser::datagram(Direction from, std::span<const uint8_t> payload,
                          TransactionSink& sink) noexcept {
  if (over_) return false;
  Side& s = side(from);
  if (++s.datagrams > kMaxDatagrams) {
    finish(sink);
    return false;
  }
  // Packets of several kinds may stand in one datagram (RFC 9000 section 12.2).
  auto rest = payload;
  QuicLongHeader header;
  while (!over_ && !rest.empty() && (rest[0] & kLongHeader) != 0) {
    if (!parse_quic_long_header(rest, header)) break;
    packet(from, header, rest.first(header.size), sink);
    rest = rest.subspan(header.size);
  }
  // What has a short header has application keys: a server that has them has
  // said its hello.
  const bool is_short = !payload.empty() && (payload[0] & kLongHeader) == 0;
  const bool heard = side(Direction::Original).done && transaction_ != nullptr;
  if ((is_short && heard && from == Direction::Reply) || (heard && side(Direction::Reply).done))
    finish(sink);
  return !over_;
}

void QuicParser::end(TransactionSink& sink) noexcept {
  for (const Direction from : {Direction::Original, Direction::Reply}) {
    if (!over_ && !side(from).done) read_hello(from, false, sink);
  }
  finish(sink);
}

void QuicParser::packet(Direction from, const QuicLongHeader& header,
                        std::span<const uint8_t> bytes, TransactionSink& sink) noexcept {
  switch (header.type) {
    case QuicPacket::Retry:
    case QuicPacket::VersionNegotiation:
      if (from == Direction::Reply) restarted_ = true;
      break;
    case QuicPacket::Initial: {
      QuicPlain plain;
      if (!open(from, header, bytes, plain, sink)) {
        ++lane_->counters.quic_undecryptable;
      } else if (!side(from).done) {
        frames(from, plain.view());
        read_hello(from, true, sink);
      }
      break;
    }
    default:
      break;
  }
}

// A client's Initial carries what its keys follow from, unless the server has
// answered; a server's never does.
bool QuicParser::open(Direction from, const QuicLongHeader& header, std::span<const uint8_t> bytes,
                      QuicPlain& plain, TransactionSink& sink) noexcept {
  Side& s = side(from);
  if (s.keys.version == header.version &&
      open_quic_initial(lane_->crypto, s.keys, header, bytes, plain)) {
    return true;
  }
  QuicKeys keys;
  if (from == Direction::Reply) {
    if (version_ == 0 || s.keys.version == header.version) return false;
    if (!derive_quic_keys(header.version, destination_, from, keys) ||
        !open_quic_initial(lane_->crypto, keys, header, bytes, plain)) {
      return false;
    }
    s.keys = keys;
    answered_ = true;
    return true;
  }
  if (version_ == header.version && destination_ == header.destination) return false;
  if (!derive_quic_keys(header.version, header.destination, from, keys) ||
      !open_quic_initial(lane_->crypto, keys, header, bytes, plain)) {
    return false;
  }
  begin_connection(header, keys, sink);
  return !over_;
}

// The client says something that other keys than before seal: the first of its
// Initials, an answer to Retry or version negotiation, or another connection
// from the same port.
void QuicParser::begin_connection(const QuicLongHeader& header, const QuicKeys& keys,
                                  TransactionSink& sink) noexcept {
  if (version_ == 0) ++lane_->counters.quic_flows;
  if (transaction_ != nullptr && !restarted_) {
    if (numbers_ == kMaxConnections) {
      finish(sink);
      return;
    }
    transaction_->complete[0] = transaction_->complete[1] = true;
    sink.finished(*transaction_);
    transaction_->memory.release();
    arena_free(transaction_);
    transaction_ = nullptr;
  }
  for (Side& s : sides_) {
    s.crypto.release();
    s.keys = {};
    s.done = false;
  }
  side(Direction::Original).keys = keys;
  destination_ = header.destination;
  version_ = header.version;
  restarted_ = false;
}

void QuicParser::frames(Direction from, std::span<const uint8_t> payload) noexcept {
  Side& s = side(from);
  ByteReader reader(payload);
  while (reader.left() > 0 && !s.done) {
    const uint8_t type = reader.u8();
    switch (type) {
      case kPadding:
      case kPing:
        break;
      case kAck:
      case kAckEcn:
        skip_ack(reader, type == kAckEcn);
        break;
      case kCrypto: {
        const uint64_t offset = read_quic_number(reader);
        const auto bytes = take_quic_bytes(reader, read_quic_number(reader));
        if (reader.failed()) return;
        const auto result = s.crypto.insert(offset, bytes, lane_->arena);
        if (result == QuicCryptoStream::Result::Taken) break;
        if (result == QuicCryptoStream::Result::NoMemory) {
          ++lane_->counters.no_memory;
          give_up(from);
        } else {
          ++lane_->counters.truncated;
        }
        if (transaction_ != nullptr) transaction_->truncated = true;
        break;
      }
      default:
        return;  // kConnectionClose, or nonsense
    }
  }
}

// Reads that side's hello once it is whole, or as far as it goes.
void QuicParser::read_hello(Direction from, bool whole, TransactionSink& sink) noexcept {
  Side& s = side(from);
  const auto stream = s.crypto.beginning();
  if (stream.size() < kMessageHeader) return;
  const bool client = from == Direction::Original;
  if (stream[0] != (client ? kClientHello : kServerHello)) {
    give_up(from);
    return;
  }
  const size_t size = message_size(stream);
  if (size > QuicCryptoStream::kMaxBytes) {
    ++lane_->counters.truncated;
    whole = false;
  } else if (whole && stream.size() < size) {
    return;
  }
  const auto message = stream.first(std::min(size, stream.size()));
  const auto body = message.subspan(kMessageHeader);
  bool parsed;
  bool again = false;  // the server asks for a second hello
  if (client) {
    TlsClientHello hello;
    parsed = parse_tls_client_hello(body, hello);
    hello.complete = hello.complete && whole;
    if (parsed && begin()) read_client_hello(*lane_, hello, *transaction_);
  } else {
    TlsServerHello hello;
    parsed = parse_tls_server_hello(body, hello);
    hello.complete = hello.complete && whole;
    if (parsed && begin()) {
      again = hello.retry && whole && !transaction_->hello_retry;
      read_server_hello(*lane_, hello, *transaction_);
    }
  }
  if (!parsed || transaction_ == nullptr) {
    give_up(from);
    return;
  }
  s.crypto.consume(message.size());
  s.done = !again;
  if (again) side(Direction::Original).done = false;
  transaction_->complete[0] = side(Direction::Original).done;
  transaction_->complete[1] = side(Direction::Reply).done;
  sink.advanced(*transaction_, from);
  transaction_->fresh[0] = transaction_->fresh[1] = 0;
}

// Makes sure that there is a transaction, and that it has the client's version.
bool QuicParser::begin() noexcept {
  if (transaction_ == nullptr) {
    void* memory = lane_->arena.allocate(sizeof(QuicTransaction));
    if (memory == nullptr) {
      ++lane_->counters.no_memory;
      return false;
    }
    transaction_ = new (memory) QuicTransaction;
    transaction_->protocol = AppProtocol::Quic;
    transaction_->number = numbers_++;
  }
  if (transaction_->quic_version != version_) {
    std::array<char, 16> room;
    const std::string_view name = quic_version_name(version_, room);
    const auto kept = transaction_->memory.copy(
        {reinterpret_cast<const uint8_t*>(name.data()), name.size()}, lane_->arena, kTlsMaxMemory);
    if (kept.data() == nullptr) {
      ++lane_->counters.no_memory;
      transaction_->truncated = true;
    } else {
      transaction_->set(Buffer::QuicVersion, Direction::Original, kept);
    }
    transaction_->quic_version = version_;
  }
  return true;
}

void QuicParser::give_up(Direction of) noexcept {
  side(of).done = true;
  side(of).crypto.release();
}

void QuicParser::finish(TransactionSink& sink) noexcept {
  over_ = true;
  give_up(Direction::Original);
  give_up(Direction::Reply);
  if (transaction_ == nullptr) return;
  transaction_->complete[0] = transaction_->complete[1] = true;
  sink.finished(*transaction_);
  transaction_->memory.release();
  arena_free(transaction_);
  transaction_ = nullptr;
}

}  // namespace sluice
