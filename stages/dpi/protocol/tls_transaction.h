// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What is read of a TLS handshake.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "stages/dpi/protocol/transaction.h"
#include "stages/dpi/protocol/transaction_memory.h"

namespace sluice {

// Messages of a handshake that have been seen; the bits are those of the
// keyword ssl_state.
enum TlsState : uint8_t {
  kTlsClientHello = 1,
  kTlsServerHello = 2,
  kTlsClientKeyExchange = 4,
  kTlsServerKeyExchange = 8,
};

// One a flow, from its first hello to the end of what is readable.
//
// At the side that said it: TlsVersion, TlsRandom (32 bytes), TlsAlpn (what the
// client offers, several; what the server has chosen), TlsCertificate and what
// is read of the first one: TlsSubject, TlsIssuer, TlsSerial, TlsFingerprint,
// TlsSubjectAltName. Of the client TlsSni, Ja3Hash, Ja3String, Ja4; of the
// server Ja3sHash, Ja3sString.
//
// Where a server asks for a second ClientHello (HelloRetryRequest), the views
// are the second one's once it is there, the fingerprints remain the first's.
// In QUIC's transactions QuicSni and QuicVersion stand in for TlsSni and TlsVersion.
struct TlsTransaction : Transaction {
  // Of the server's first certificate; seconds since 1970, both 0 where none
  // was read.
  int64_t not_before = 0;
  int64_t not_after = 0;
  uint16_t client_version = 0;  // the highest offered, GREASE aside; 0: no ClientHello
  uint16_t version = 0;         // chosen by the server; 0: no ServerHello
  uint16_t cipher = 0;          // chosen by the server, if `version` is not 0
  uint8_t states = 0;           // TlsState
  // The server took up an earlier session: no certificate (TLS 1.2 and before),
  // or its PSK (TLS 1.3).
  bool resumed = false;
  bool hello_retry = false;             // the server has asked for a second ClientHello
  bool certificate_unreadable = false;  // the server's first certificate is no X.509

  // The parser's own.
  TransactionMemory memory{};
};

struct QuicTransaction : TlsTransaction {
  uint32_t quic_version = 0;  // of the client's latest Initial
};

// "TLS 1.3", of old "TLSv1", "SSLv3", "TLS 1.3 draft-28": as Suricata's logs
// have it, "UNDETERMINED" for 0 and what is no version. `room` is written only
// where the name is no constant.
std::string_view tls_version_name(uint16_t version, std::array<char, 24>& room) noexcept;
// As the buffer TlsVersion has it: "1.3", "ssl3"; empty for what is no version.
std::string_view tls_version_number(uint16_t version) noexcept;

// "1", "2", "draft-29", else eight hexadecimal digits: the buffer QuicVersion.
std::string_view quic_version_name(uint32_t version, std::array<char, 16>& room) noexcept;

}  // namespace sluice
