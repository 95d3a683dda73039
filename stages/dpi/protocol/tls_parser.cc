// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/tls_parser.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "stages/dpi/byte_reader.h"
#include "stages/dpi/protocol/tls_hello_message.h"
#include "stages/dpi/protocol/tls_reading.h"

namespace sluice {

namespace {

// RFC 8446 section 5.1.
enum RecordType : uint8_t {
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
  kHeartbeat = 24,
};
constexpr size_t kRecordHeader = 5;
constexpr size_t kMaxRecord = (1 << 14) + 2048;  // RFC 5246 section 6.2.3

// RFC 5246 section 7.4.
enum HandshakeType : uint8_t {
  kClientHello = 1,
  kServerHello = 2,
  kCertificate = 11,
  kServerKeyExchange = 12,
  kServerHelloDone = 14,
  kClientKeyExchange = 16,
};
constexpr size_t kMessageHeader = 4;

constexpr uint8_t kCloseNotify = 0;
constexpr uint8_t kFatal = 2;

// What OpenSSL bears with, too.
constexpr uint8_t kMaxEmptyRecords = 32;
// Early data (RFC 8446 section 2.3) that may stand before a second ClientHello;
// servers commonly allow 16 KiB.
constexpr uint32_t kMaxEarlyBytes = 64 * 1024;

constexpr uint8_t kSsl2ClientHello = 1;
constexpr uint8_t kSsl2ServerHello = 4;

bool is_tls13(uint16_t version) {
  const uint16_t major = version >> 8;
  return version == 0x0304 || major == 0x7f || major == 0xfb;
}

bool is_ssl2(std::span<const uint8_t> bytes, uint8_t message) {
  return bytes.size() >= 3 && (bytes[0] & 0x80) != 0 && bytes[2] == message;
}

uint32_t message_size(std::span<const uint8_t> header) {
  return static_cast<uint32_t>(kMessageHeader) +
         (static_cast<uint32_t>(header[1]) << 16 | header[2] << 8 | header[3]);
}

}  // namespace

TlsParser::~TlsParser() {
  finish_both();
  if (transaction_ != nullptr) {
    transaction_->memory.release();
    arena_free(transaction_);
  }
}

Recognition TlsParser::looks_like(Direction from, std::span<const uint8_t> bytes) noexcept {
  const auto matches = [&](size_t at, auto&& test) {
    return bytes.size() <= at || test(bytes[at]);
  };
  if (bytes.empty()) return Recognition::NeedMore;
  const bool client = from == Direction::Original;
  if (client && (bytes[0] & 0x80) != 0) {
    // The hello of SSL 2: length, type, version, and three lengths that add up.
    if (!matches(2, [](uint8_t b) { return b == kSsl2ClientHello; })) return Recognition::No;
    if (bytes.size() < 11) return Recognition::NeedMore;
    ByteReader reader(bytes);
    const size_t length = reader.u16() & 0x7fff;
    reader.skip(1);
    const uint16_t version = reader.u16();
    const size_t ciphers = reader.u16(), session = reader.u16(), challenge = reader.u16();
    const bool fits = ciphers % 3 == 0 && ciphers > 0 && (session == 0 || session == 16) &&
                      challenge >= 16 && challenge <= 32 &&
                      length == 9 + ciphers + session + challenge;
    const bool known = version == 0x0002 || (version >= 0x0300 && version <= 0x0304);
    return fits && known ? Recognition::Yes : Recognition::No;
  }
  const bool is_alert = !client && bytes[0] == kAlert;
  if (bytes[0] != kHandshake && !is_alert) return Recognition::No;
  if (!matches(1, [](uint8_t b) { return b == 3; }) ||
      !matches(2, [](uint8_t b) { return b <= 4; })) {
    return Recognition::No;
  }
  if (bytes.size() < kRecordHeader + 1) return Recognition::NeedMore;
  const size_t length = static_cast<size_t>(bytes[3] << 8 | bytes[4]);
  if (length == 0 || length > kMaxRecord) return Recognition::No;
  if (is_alert) {
    return length == 2 && (bytes[5] == 1 || bytes[5] == kFatal) ? Recognition::Yes
                                                                : Recognition::No;
  }
  return bytes[5] == (client ? kClientHello : kServerHello) ? Recognition::Yes : Recognition::No;
}

Consumed TlsParser::consume(Direction from, std::span<const uint8_t> readable, bool end,
                            TransactionSink& sink) noexcept {
  Side& s = side(from);
  size_t at = 0;
  while (!s.finished && at < readable.size()) {
    const size_t read = read_record(from, readable.subspan(at), sink);
    if (read == 0) break;
    at += read;
  }
  if (end && !s.finished) {
    rest_of_hello(from, readable.subspan(at), sink);
    finish_side(from);
    at = readable.size();
  }
  settle(from, sink);
  return {at, s.finished};
}

void TlsParser::end(TransactionSink& sink) noexcept {
  for (const Direction from : {Direction::Original, Direction::Reply}) {
    if (!finished(from)) rest_of_hello(from, {}, sink);
  }
  finish_both();
  settle(Direction::Original, sink);
}

// Returns how many bytes it is done with; 0: more are needed.
size_t TlsParser::read_record(Direction from, std::span<const uint8_t> readable,
                              TransactionSink& sink) noexcept {
  Side& s = side(from);
  if (s.record_skip > 0) {
    const size_t skipped = std::min<size_t>(s.record_skip, readable.size());
    s.record_skip -= static_cast<uint32_t>(skipped);
    return skipped;
  }
  if (!s.any && (readable[0] & 0x80) != 0) return read_ssl2(from, readable, sink);
  if (readable[0] < kChangeCipherSpec || readable[0] > kHeartbeat ||
      (readable.size() > 1 && readable[1] != 3)) {
    broken(from);
    return 0;
  }
  if (readable.size() < kRecordHeader) return 0;
  const auto type = static_cast<RecordType>(readable[0]);
  const size_t length = static_cast<size_t>(readable[3] << 8 | readable[4]);
  if (length > kMaxRecord) {
    broken(from);
    return 0;
  }
  const bool read_whole =
      type == kHandshake || type == kChangeCipherSpec || (type == kAlert && length == 2);
  if (read_whole && readable.size() < kRecordHeader + length) return 0;
  s.any = true;
  s.empty_records = length == 0 ? static_cast<uint8_t>(s.empty_records + 1) : 0;
  if (s.empty_records > kMaxEmptyRecords) {
    broken(from);
    return 0;
  }
  const auto fragment = readable.subspan(kRecordHeader, read_whole ? length : 0);
  switch (type) {
    case kHandshake:
      handshake(from, fragment, sink);
      return kRecordHeader + length;
    case kChangeCipherSpec:
      if (length != 1 || fragment[0] != 1) {
        broken(from);
        return 0;
      }
      change_cipher_spec(from);
      return kRecordHeader + length;
    case kAlert:
      if (!read_whole) break;
      alert(from, fragment[0], fragment[1]);
      return kRecordHeader + length;
    case kApplicationData:
      return application_data(from, length);
    case kHeartbeat:
      break;
  }
  s.record_skip = static_cast<uint32_t>(length);
  return kRecordHeader;
}

// RFC 5246 appendix E.2: such a hello stands for a ClientHello and is followed
// by records of TLS; a server that chooses SSL 2 answers in its form.
size_t TlsParser::read_ssl2(Direction from, std::span<const uint8_t> readable,
                            TransactionSink& sink) noexcept {
  if (readable.size() < 3) return 0;
  const size_t size = 2 + static_cast<size_t>((readable[0] & 0x7f) << 8 | readable[1]);
  const bool client = from == Direction::Original;
  if (!is_ssl2(readable, client ? kSsl2ClientHello : kSsl2ServerHello) || size < 11) {
    broken(from);
    return 0;
  }
  if (readable.size() < size) return 0;
  if (!begin()) return 0;
  side(from).any = true;
  ByteReader reader(readable);
  reader.skip(client ? 3 : 5);
  const uint16_t version = reader.u16();
  const auto number = tls_version_number(version);
  if (client) {
    transaction_->states |= kTlsClientHello;
    transaction_->client_version = version;
    ++side(from).hellos;
  } else {
    transaction_->states |= kTlsServerHello;
    transaction_->version = version;
    ++side(from).hellos;
    finish_both();
  }
  if (!number.empty()) {
    transaction_->set(Buffer::TlsVersion, from,
                      {reinterpret_cast<const uint8_t*>(number.data()), number.size()});
  }
  tell(from, sink);
  return size;
}

size_t TlsParser::application_data(Direction from, size_t length) noexcept {
  Side& s = side(from);
  if (from == Direction::Original && s.hellos > 0 && !server_has_spoken()) {
    s.early_bytes += static_cast<uint32_t>(kRecordHeader + length);
    if (s.early_bytes <= kMaxEarlyBytes) {
      s.record_skip = static_cast<uint32_t>(length);
      return kRecordHeader;
    }
  }
  finish_side(from);
  return 0;
}

void TlsParser::handshake(Direction from, std::span<const uint8_t> fragment,
                          TransactionSink& sink) noexcept {
  Side& s = side(from);
  while (!fragment.empty() && !s.finished) {
    if (s.message_skip > 0) {
      const size_t skipped = std::min<size_t>(s.message_skip, fragment.size());
      s.message_skip -= static_cast<uint32_t>(skipped);
      fragment = fragment.subspan(skipped);
      continue;
    }
    if (s.message_used == 0 && fragment.size() >= kMessageHeader) {
      const uint32_t size = message_size(fragment);
      if (size <= fragment.size()) {
        message(from, fragment.first(size), sink);
        fragment = fragment.subspan(size);
        continue;
      }
      if (size > kMaxMessage) {
        pass_over_message(s, size);
        continue;
      }
    }
    // Of a held message: its header first, then as much as that says.
    const size_t known = s.message_used < kMessageHeader
                             ? kMessageHeader
                             : message_size({s.message, kMessageHeader});
    const size_t taken = std::min(known - s.message_used, fragment.size());
    if (!hold(s, fragment.first(taken))) {
      if (transaction_ != nullptr) transaction_->truncated = true;
      ++lane_->counters.no_memory;
      finish_side(from);
      return;
    }
    fragment = fragment.subspan(taken);
    if (s.message_used < kMessageHeader) continue;
    const uint32_t size = message_size({s.message, kMessageHeader});
    if (size > kMaxMessage) {
      pass_over_message(s, size - s.message_used);
    } else if (s.message_used == size) {
      message(from, {s.message, size}, sink);
      drop_message(s);
    }
  }
}

void TlsParser::message(Direction from, std::span<const uint8_t> whole,
                        TransactionSink& sink) noexcept {
  const bool client = from == Direction::Original;
  const auto body = whole.subspan(kMessageHeader);
  const uint8_t type = whole[0];
  if (type == kClientHello && client) {
    client_hello(body, true, sink);
    return;
  }
  if (type == kServerHello && !client) {
    server_hello(body, true, sink);
    return;
  }
  if (transaction_ == nullptr) return;
  if (type == kCertificate && !side(from).certificate) {
    side(from).certificate = true;
    read_certificates(*lane_, from, body, *transaction_);
  } else if (type == kServerKeyExchange && !client) {
    transaction_->states |= kTlsServerKeyExchange;
  } else if (type == kClientKeyExchange && client) {
    transaction_->states |= kTlsClientKeyExchange;
  } else if (type == kServerHelloDone && !client) {
    server_done_ = true;
    return;
  } else {
    return;
  }
  tell(from, sink);
}

void TlsParser::client_hello(std::span<const uint8_t> body, bool whole,
                             TransactionSink& sink) noexcept {
  Side& s = side(Direction::Original);
  // A second one only at the server's request.
  const bool asked = transaction_ != nullptr && transaction_->hello_retry;
  if (s.hellos > (asked ? 1 : 0)) return;
  TlsClientHello hello;
  if (!parse_tls_client_hello(body, hello) || hello.legacy_version >> 8 == 0) {
    if (whole) broken(Direction::Original);
    return;
  }
  if (!begin()) return;
  ++s.hellos;
  if (!whole) hello.complete = false;
  read_client_hello(*lane_, hello, *transaction_);
  tell(Direction::Original, sink);
}

void TlsParser::server_hello(std::span<const uint8_t> body, bool whole,
                             TransactionSink& sink) noexcept {
  Side& s = side(Direction::Reply);
  const bool asked = transaction_ != nullptr && transaction_->hello_retry;
  if (s.hellos > (asked ? 1 : 0)) return;
  TlsServerHello hello;
  if (!parse_tls_server_hello(body, hello)) {
    if (whole) broken(Direction::Reply);
    return;
  }
  if (!begin()) return;
  ++s.hellos;
  if (!whole) hello.complete = false;
  read_server_hello(*lane_, hello, *transaction_);
  // What follows in TLS 1.3 is encrypted, in both directions.
  if (is_tls13(hello.version) && !hello.retry) finish_both();
  tell(Direction::Reply, sink);
}

void TlsParser::change_cipher_spec(Direction from) noexcept {
  if (from == Direction::Original) {
    // TLS 1.3 has one that means nothing behind the first ClientHello (RFC 8446
    // appendix D.4): a second hello may follow.
    const bool keys_exchanged =
        transaction_ != nullptr && (transaction_->states & kTlsClientKeyExchange) != 0;
    if (server_has_spoken() || keys_exchanged) finish_side(from);
    return;
  }
  if (transaction_ == nullptr || (transaction_->states & kTlsServerHello) == 0) return;
  // The same of a server behind its HelloRetryRequest.
  if (!server_has_spoken()) return;
  transaction_->resumed = !server_done_ && !side(from).certificate;
  finish_side(from);
}

void TlsParser::alert(Direction from, uint8_t level, uint8_t description) noexcept {
  // A warning, as of a name that the server does not know, changes nothing.
  if (level != kFatal && description != kCloseNotify) return;
  if (from == Direction::Reply) {
    finish_both();
  } else {
    finish_side(from);
  }
}

// The server has chosen a version and will hear no other hello.
bool TlsParser::server_has_spoken() const noexcept {
  const Side& server = sides_[static_cast<size_t>(Direction::Reply)];
  if (server.finished) return true;
  return transaction_ != nullptr && server.hellos > (transaction_->hello_retry ? 1 : 0);
}

// The direction is over in the middle of a hello: what there is of it is read.
// A message that spans records is held; one that doesn't stands unread in its record.
void TlsParser::rest_of_hello(Direction from, std::span<const uint8_t> unread,
                              TransactionSink& sink) noexcept {
  Side& s = side(from);
  std::span<const uint8_t> begun{s.message, s.message_used};
  if (s.message_skip > 0 || s.record_skip > 0) return;
  if (unread.size() > kRecordHeader && unread[0] == kHandshake) {
    const auto more = unread.subspan(kRecordHeader);
    if (begun.empty()) {
      begun = more;
    } else if (begun.size() + more.size() <= kMaxMessage && hold(s, more)) {
      begun = {s.message, s.message_used};
    }
  }
  if (begun.size() <= kMessageHeader) return;
  const auto body = begun.subspan(kMessageHeader);
  if (begun[0] == kClientHello && from == Direction::Original) client_hello(body, false, sink);
  if (begun[0] == kServerHello && from == Direction::Reply) server_hello(body, false, sink);
}

// Appends to the message in hand. Memory grows with what has come, not with what
// is announced.
bool TlsParser::hold(Side& s, std::span<const uint8_t> bytes) noexcept {
  static constexpr uint32_t kArenaHeader = 16;  // so that blocks fill powers of two
  const uint32_t needed = s.message_used + static_cast<uint32_t>(bytes.size());
  if (needed > s.message_room) {
    uint32_t block = 512;
    while (block - kArenaHeader < needed) block *= 2;
    auto* larger = static_cast<uint8_t*>(lane_->arena.allocate(block - kArenaHeader));
    if (larger == nullptr) return false;
    if (s.message_used > 0) std::memcpy(larger, s.message, s.message_used);
    arena_free(s.message);
    s.message = larger;
    s.message_room = block - kArenaHeader;
  }
  std::memcpy(s.message + s.message_used, bytes.data(), bytes.size());
  s.message_used = needed;
  return true;
}

void TlsParser::pass_over_message(Side& s, uint32_t bytes) noexcept {
  drop_message(s);
  s.message_skip = bytes;
  if (transaction_ != nullptr) transaction_->truncated = true;
  ++lane_->counters.truncated;
}

void TlsParser::drop_message(Side& s) noexcept {
  arena_free(s.message);
  s.message = nullptr;
  s.message_used = s.message_room = 0;
}

bool TlsParser::begin() noexcept {
  if (transaction_ != nullptr) return true;
  void* memory = lane_->arena.allocate(sizeof(TlsTransaction));
  if (memory == nullptr) {
    ++lane_->counters.no_memory;
    finish_both();
    return false;
  }
  transaction_ = new (memory) TlsTransaction;
  transaction_->protocol = AppProtocol::Tls;
  ++lane_->counters.tls_flows;
  return true;
}

void TlsParser::tell(Direction by, TransactionSink& sink) noexcept {
  sink.advanced(*transaction_, by);
  transaction_->fresh[0] = transaction_->fresh[1] = 0;
}

void TlsParser::finish_side(Direction of) noexcept {
  Side& s = side(of);
  s.finished = true;
  drop_message(s);
}

void TlsParser::finish_both() noexcept {
  finish_side(Direction::Original);
  finish_side(Direction::Reply);
}

// No TLS, or not any more. A server that speaks something else has not
// understood its client, whose words then mean nothing either.
void TlsParser::broken(Direction from) noexcept {
  ++lane_->counters.tls_broken;
  if (from == Direction::Reply || transaction_ == nullptr) {
    finish_both();
  } else {
    finish_side(from);
  }
}

// Tells the sink which sides have become complete, and of the end.
void TlsParser::settle(Direction by, TransactionSink& sink) noexcept {
  if (transaction_ == nullptr) return;
  bool changed = false;
  bool over = true;
  for (size_t i = 0; i < sides_.size(); ++i) {
    changed = changed || transaction_->complete[i] != sides_[i].finished;
    transaction_->complete[i] = sides_[i].finished;
    over = over && sides_[i].finished;
  }
  if (changed) tell(by, sink);
  if (!over) return;
  sink.finished(*transaction_);
  transaction_->memory.release();
  arena_free(transaction_);
  transaction_ = nullptr;
}

}  // namespace sluice
