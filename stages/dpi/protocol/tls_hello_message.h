// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The two messages with which a TLS handshake begins (RFC 8446 section 4.1), as
// they stand in TLS and in QUIC.
#pragma once

#include <cstdint>
#include <span>

namespace sluice {

// RFC 8701: values that clients sprinkle in to keep servers tolerant.
constexpr bool tls_is_grease(uint16_t value) noexcept {
  return (value & 0x0f0f) == 0x0a0a && (value >> 8) == (value & 0xff);
}

enum TlsExtension : uint16_t {
  kTlsServerName = 0,
  kTlsSupportedGroups = 10,
  kTlsPointFormats = 11,
  kTlsSignatureAlgorithms = 13,
  kTlsAlpn = 16,
  kTlsPreSharedKey = 41,
  kTlsSupportedVersions = 43,
};

// Spans point into the message. A span with a null pointer: not there.
struct TlsClientHello {
  uint16_t legacy_version = 0;
  uint16_t version = 0;                           // the highest offered, GREASE aside
  std::span<const uint8_t> random;                // 32 bytes
  std::span<const uint8_t> ciphers;               // two bytes each
  std::span<const uint8_t> extensions;            // type, length, value; only whole ones
  std::span<const uint8_t> server_name;           // the first host name
  std::span<const uint8_t> alpn;                  // protocols, a byte of length before each
  std::span<const uint8_t> groups;                // two bytes each
  std::span<const uint8_t> point_formats;         // a byte each
  std::span<const uint8_t> signature_algorithms;  // two bytes each
  bool has_server_name = false;                   // the extension, whatever is in it
  bool complete = false;                          // read to its end
};

struct TlsServerHello {
  uint16_t legacy_version = 0;
  uint16_t version = 0;  // chosen
  uint16_t cipher = 0;
  std::span<const uint8_t> random;
  std::span<const uint8_t> extensions;
  std::span<const uint8_t> alpn;  // as above
  bool retry = false;             // a HelloRetryRequest
  bool pre_shared_key = false;    // chosen
  bool complete = false;
};

// `body` is the message behind its four bytes of header. False if there is no
// random; of a hello that is cut off or breaks off in nonsense, what stands
// before is given. Of an extension that is there twice the first one counts.
bool parse_tls_client_hello(std::span<const uint8_t> body, TlsClientHello& hello) noexcept;
bool parse_tls_server_hello(std::span<const uint8_t> body, TlsServerHello& hello) noexcept;

// The version of a list (the client's supported_versions) that counts as highest.
uint16_t tls_highest_version(std::span<const uint8_t> versions) noexcept;

}  // namespace sluice
