// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/tls_reading.h"

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <string_view>

#include "stages/dpi/byte_reader.h"
#include "stages/dpi/protocol/tls_certificate.h"
#include "stages/dpi/protocol/tls_fingerprint.h"

namespace sluice {

namespace {

constexpr size_t kMaxName = 2048;  // bytes of a subject's or issuer's text
constexpr size_t kMaxSerial = 3 * 64;

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

template <typename Chars>
std::span<const uint8_t> chars(const Chars& text, size_t size) {
  return bytes_of({text.data(), size});
}

// One transaction while a message of `from` is read into it.
class Reading {
 public:
  Reading(ProtocolLane& lane, TlsTransaction& transaction, Direction from)
      : lane_(lane), transaction_(transaction), from_(from) {}

  bool wants(Buffer buffer) const { return (lane_.wanted & buffer_bit(buffer)) != 0; }

  void* allocate(size_t size) {
    void* memory = transaction_.memory.allocate(size, lane_.arena, kTlsMaxMemory);
    if (memory == nullptr) no_memory();
    return memory;
  }

  // A copy of `bytes` becomes the buffer. A second hello that says the same as
  // the first changes nothing; what it says otherwise is new to the rules.
  void set(Buffer buffer, std::span<const uint8_t> bytes) {
    BufferView& view = transaction_.view(buffer, from_);
    if (view.present() && same(view.bytes(), bytes)) return;
    const auto copied = copy(bytes);
    if (copied.data() == nullptr) return;
    view.scanned = 0;
    transaction_.set(buffer, from_, copied);
  }

  // Copies of `values` become the buffer: the first its view, the others `more`.
  void set_several(Buffer buffer, std::span<const std::span<const uint8_t>> values) {
    if (has(buffer, values)) return;
    auto& more = transaction_.more[static_cast<size_t>(from_)];
    const auto is_other = [&](const Transaction::More& m) { return m.buffer != buffer; };
    const auto others = static_cast<size_t>(std::count_if(more.begin(), more.end(), is_other));
    const size_t room = others + values.size() - 1;
    if (room > 0) {
      auto* items = static_cast<Transaction::More*>(allocate(room * sizeof(Transaction::More)));
      if (items == nullptr) return;
      auto* end = std::copy_if(more.begin(), more.end(), items, is_other);
      for (const auto value : values.subspan(1)) {
        const auto copied = copy(value);
        if (copied.data() == nullptr) break;
        BufferView view;
        view.data = copied.data();
        view.size = static_cast<uint32_t>(copied.size());
        view.complete = true;
        new (end++) Transaction::More{buffer, view};
      }
      more = {items, end};
    } else {
      more = {};
    }
    set(buffer, values.front());
    if (transaction_.view(buffer, from_).present()) {
      transaction_.fresh[static_cast<size_t>(from_)] |= buffer_bit(buffer);
    }
  }

  void no_memory() {
    transaction_.truncated = true;
    ++lane_.counters.no_memory;
  }
  void bound_reached() {
    transaction_.truncated = true;
    ++lane_.counters.truncated;
  }

  ProtocolLane& lane() { return lane_; }
  TlsTransaction& transaction() { return transaction_; }

 private:
  static bool same(std::span<const uint8_t> a, std::span<const uint8_t> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }
  // Whether the buffer is just these.
  bool has(Buffer buffer, std::span<const std::span<const uint8_t>> values) const {
    const BufferView& first = transaction_.view(buffer, from_);
    if (!first.present() || !same(first.bytes(), values.front())) return false;
    size_t at = 1;
    for (const auto& more : transaction_.more[static_cast<size_t>(from_)]) {
      if (more.buffer != buffer) continue;
      if (at == values.size() || !same(more.view.bytes(), values[at])) return false;
      ++at;
    }
    return at == values.size();
  }
  std::span<const uint8_t> copy(std::span<const uint8_t> bytes) {
    const auto copied = transaction_.memory.copy(bytes, lane_.arena, kTlsMaxMemory);
    if (copied.data() == nullptr) no_memory();
    return copied;
  }

  ProtocolLane& lane_;
  TlsTransaction& transaction_;
  Direction from_;
};

void set_protocols(Reading& reading, std::span<const uint8_t> list) {
  if (list.data() == nullptr) return;
  std::array<std::span<const uint8_t>, kTlsMaxProtocols> protocols;
  size_t count = 0;
  ByteReader reader(list);
  while (reader.left() > 0) {
    const auto protocol = reader.take(reader.u8());
    if (reader.failed()) break;
    const bool grease = protocol.size() == 2 &&
                        tls_is_grease(static_cast<uint16_t>(protocol[0] << 8 | protocol[1]));
    if (grease) continue;
    if (count == protocols.size()) {
      reading.bound_reached();
      break;
    }
    protocols[count++] = protocol;
  }
  if (count > 0) reading.set_several(Buffer::TlsAlpn, {protocols.data(), count});
}

void set_hash(Reading& reading, Buffer hash, Buffer string, const TlsFingerprintText& text) {
  if (text.overflowed()) {
    reading.bound_reached();
    return;
  }
  if (const auto digest = ja3_hash(text); digest && reading.wants(hash)) {
    reading.set(hash, chars(*digest, digest->size()));
  }
  if (reading.wants(string)) reading.set(string, text.bytes());
}

void set_client_fingerprints(Reading& reading, const TlsClientHello& hello, char transport) {
  if (reading.wants(Buffer::Ja3Hash) || reading.wants(Buffer::Ja3String)) {
    TlsFingerprintText text;
    ja3_text(hello, text);
    set_hash(reading, Buffer::Ja3Hash, Buffer::Ja3String, text);
  }
  if (reading.wants(Buffer::Ja4)) {
    if (const auto value = ja4(hello, transport)) {
      reading.set(Buffer::Ja4, chars(*value, value->size()));
    } else {
      reading.bound_reached();
    }
  }
}

void set_alt_names(Reading& reading, std::span<const uint8_t> names) {
  std::array<std::span<const uint8_t>, kTlsMaxAltNames> values;
  size_t count = 0;
  std::array<char, 48> room;
  std::string_view name;
  while (next_tls_alt_name(names, room, name)) {
    if (count == values.size()) {
      reading.bound_reached();
      break;
    }
    std::span<const uint8_t> value = bytes_of(name);
    if (name.data() == room.data()) {
      auto* kept = static_cast<uint8_t*>(reading.allocate(name.size()));
      if (kept == nullptr) break;
      std::copy(value.begin(), value.end(), kept);
      value = {kept, name.size()};
    }
    values[count++] = value;
  }
  if (count > 0) reading.set_several(Buffer::TlsSubjectAltName, {values.data(), count});
}

void set_leaf(Reading& reading, Direction from, std::span<const uint8_t> der) {
  if (reading.wants(Buffer::TlsFingerprint)) {
    ProtocolCrypto::Sha1 digest;
    ProtocolCrypto::sha1(der, digest);
    std::array<char, 3 * ProtocolCrypto::kSha1Bytes> text;
    reading.set(Buffer::TlsFingerprint, chars(text, tls_fingerprint_text(digest, text)));
  }
  TlsCertificate certificate;
  TlsTransaction& transaction = reading.transaction();
  if (!parse_tls_certificate(der, certificate)) {
    ++reading.lane().counters.tls_bad_certificates;
    if (from == Direction::Reply) transaction.certificate_unreadable = true;
    return;
  }
  ++reading.lane().counters.tls_certificates;
  if (from == Direction::Reply) {
    transaction.not_before = certificate.not_before;
    transaction.not_after = certificate.not_after;
  }
  std::array<char, kMaxName> text;
  if (reading.wants(Buffer::TlsSubject)) {
    reading.set(Buffer::TlsSubject, chars(text, tls_name_text(certificate.subject, text)));
  }
  if (reading.wants(Buffer::TlsIssuer)) {
    reading.set(Buffer::TlsIssuer, chars(text, tls_name_text(certificate.issuer, text)));
  }
  if (reading.wants(Buffer::TlsSerial)) {
    const std::span<char> room(text.data(), kMaxSerial);
    reading.set(Buffer::TlsSerial, chars(text, tls_serial_text(certificate.serial, room)));
  }
  if (reading.wants(Buffer::TlsSubjectAltName)) set_alt_names(reading, certificate.alt_names);
}

}  // namespace

void read_client_hello(ProtocolLane& lane, const TlsClientHello& hello,
                       TlsTransaction& transaction) noexcept {
  Reading reading(lane, transaction, Direction::Original);
  const bool quic = transaction.protocol == AppProtocol::Quic;
  const bool second = (transaction.states & kTlsClientHello) != 0;
  transaction.states |= kTlsClientHello;
  transaction.client_version = hello.version;
  if (!hello.complete) transaction.truncated = true;
  reading.set(Buffer::TlsRandom, hello.random);
  if (!quic) {
    if (const auto version = tls_version_number(hello.version); !version.empty()) {
      reading.set(Buffer::TlsVersion, bytes_of(version));
    }
  }
  if (hello.server_name.data() != nullptr) {
    reading.set(quic ? Buffer::QuicSni : Buffer::TlsSni, hello.server_name);
  }
  set_protocols(reading, hello.alpn);
  if (hello.complete && !second) set_client_fingerprints(reading, hello, quic ? 'q' : 't');
}

void read_server_hello(ProtocolLane& lane, const TlsServerHello& hello,
                       TlsTransaction& transaction) noexcept {
  Reading reading(lane, transaction, Direction::Reply);
  const bool quic = transaction.protocol == AppProtocol::Quic;
  const bool second = (transaction.states & kTlsServerHello) != 0;
  transaction.states |= kTlsServerHello;
  transaction.version = hello.version;
  transaction.cipher = hello.cipher;
  transaction.hello_retry = transaction.hello_retry || hello.retry;
  transaction.resumed = hello.pre_shared_key && !hello.retry;
  if (!hello.complete) transaction.truncated = true;
  reading.set(Buffer::TlsRandom, hello.random);
  if (!quic) {
    if (const auto version = tls_version_number(hello.version); !version.empty()) {
      reading.set(Buffer::TlsVersion, bytes_of(version));
    }
  }
  set_protocols(reading, hello.alpn);
  if (hello.complete && !second &&
      (reading.wants(Buffer::Ja3sHash) || reading.wants(Buffer::Ja3sString))) {
    TlsFingerprintText text;
    ja3s_text(hello, text);
    set_hash(reading, Buffer::Ja3sHash, Buffer::Ja3sString, text);
  }
}

void read_certificates(ProtocolLane& lane, Direction from, std::span<const uint8_t> body,
                       TlsTransaction& transaction) noexcept {
  Reading reading(lane, transaction, from);
  ByteReader message(body);
  const size_t size = message.u24();
  ByteReader list(message.take(std::min(size, message.left())));
  std::array<std::span<const uint8_t>, kTlsMaxCertificates> certificates;
  size_t count = 0;
  while (list.left() > 0) {
    const auto der = list.take(list.u24());
    if (list.failed()) break;
    if (count == certificates.size()) {
      reading.bound_reached();
      break;
    }
    certificates[count++] = der;
  }
  // A client without a certificate sends an empty list.
  if (count == 0) return;
  if (reading.wants(Buffer::TlsCertificate)) {
    reading.set_several(Buffer::TlsCertificate, {certificates.data(), count});
  }
  set_leaf(reading, from, certificates.front());
}

}  // namespace sluice
