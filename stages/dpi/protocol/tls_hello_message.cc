// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/tls_hello_message.h"

#include <algorithm>
#include <array>

#include "stages/dpi/byte_reader.h"

namespace sluice {

namespace {

// The random by which a ServerHello is a HelloRetryRequest (RFC 8446 section 4.1.3).
constexpr std::array<uint8_t, 32> kRetryRandom = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

void first(std::span<const uint8_t>& field, std::span<const uint8_t> value) {
  if (field.data() == nullptr) field = value;
}

// A list with two bytes of length in front, as far as it is there.
std::span<const uint8_t> list16(ByteReader extension) {
  const size_t size = extension.u16();
  return extension.take(std::min<size_t>(size, extension.left()));
}

std::span<const uint8_t> list8(ByteReader extension) {
  const size_t size = extension.u8();
  return extension.take(std::min<size_t>(size, extension.left()));
}

// RFC 6066 section 3.
std::span<const uint8_t> host_name(std::span<const uint8_t> names) {
  ByteReader list(names);
  while (list.left() > 0) {
    const uint8_t type = list.u8();
    const auto name = list.take(list.u16());
    if (list.failed()) break;
    if (type == 0) return name;
  }
  return {};
}

void client_extension(uint16_t type, std::span<const uint8_t> value, TlsClientHello& hello,
                      bool& versions_seen) {
  const ByteReader reader(value);
  switch (type) {
    case kTlsServerName:
      if (!hello.has_server_name) hello.server_name = host_name(list16(reader));
      hello.has_server_name = true;
      break;
    case kTlsSupportedGroups:
      first(hello.groups, list16(reader));
      break;
    case kTlsPointFormats:
      first(hello.point_formats, list8(reader));
      break;
    case kTlsSignatureAlgorithms:
      first(hello.signature_algorithms, list16(reader));
      break;
    case kTlsAlpn:
      first(hello.alpn, list16(reader));
      break;
    case kTlsSupportedVersions:
      if (!versions_seen) {
        if (const uint16_t highest = tls_highest_version(list8(reader)); highest != 0) {
          hello.version = highest;
        }
      }
      versions_seen = true;
      break;
    default:
      break;
  }
}

void server_extension(uint16_t type, std::span<const uint8_t> value, TlsServerHello& hello,
                      bool& version_seen) {
  ByteReader reader(value);
  switch (type) {
    case kTlsAlpn:
      first(hello.alpn, list16(reader));
      break;
    case kTlsPreSharedKey:
      hello.pre_shared_key = true;
      break;
    case kTlsSupportedVersions:
      if (const uint16_t version = reader.u16(); !reader.failed() && !version_seen) {
        hello.version = version;
        version_seen = true;
      }
      break;
    default:
      break;
  }
}

// Calls `each(type, value)` for whole extensions. Returns their bytes.
template <typename Each>
std::span<const uint8_t> read_extensions(std::span<const uint8_t> bytes, bool& broken,
                                         const Each& each) {
  ByteReader reader(bytes);
  size_t whole = 0;
  while (reader.left() > 0) {
    const uint16_t type = reader.u16();
    const auto value = reader.take(reader.u16());
    if (reader.failed()) {
      broken = true;
      break;
    }
    each(type, value);
    whole = bytes.size() - reader.left();
  }
  return bytes.first(whole);
}

}  // namespace

uint16_t tls_highest_version(std::span<const uint8_t> versions) noexcept {
  ByteReader list(versions);
  uint16_t highest = 0;
  while (list.left() >= 2) {
    const uint16_t version = list.u16();
    if (!tls_is_grease(version)) highest = std::max(highest, version);
  }
  return highest;
}

bool parse_tls_client_hello(std::span<const uint8_t> body, TlsClientHello& hello) noexcept {
  hello = {};
  ByteReader reader(body);
  hello.version = hello.legacy_version = reader.u16();
  hello.random = reader.take(32);
  if (reader.failed()) return false;
  reader.skip(reader.u8());  // session ID
  const uint16_t cipher_bytes = reader.u16();
  hello.ciphers = reader.take(cipher_bytes);
  reader.skip(reader.u8());  // compression methods
  if (reader.failed()) return true;
  // Extensions came with TLS 1.0 (RFC 3546): they may be missing altogether.
  hello.complete = true;
  if (reader.left() == 0) return true;
  const size_t size = reader.u16();
  bool broken = reader.failed() || size > reader.left();
  bool versions_seen = false;
  hello.extensions = read_extensions(
      reader.take(std::min(size, reader.left())), broken,
      [&](uint16_t type, auto value) { client_extension(type, value, hello, versions_seen); });
  hello.complete = !broken;
  return true;
}

bool parse_tls_server_hello(std::span<const uint8_t> body, TlsServerHello& hello) noexcept {
  hello = {};
  ByteReader reader(body);
  hello.version = hello.legacy_version = reader.u16();
  hello.random = reader.take(32);
  if (reader.failed()) return false;
  hello.retry = std::equal(hello.random.begin(), hello.random.end(), kRetryRandom.begin());
  // Drafts 18 to 21 of TLS 1.3 name it here, and leave out what follows.
  const bool draft = hello.legacy_version >> 8 == 0x7f && (hello.legacy_version & 0xff) <= 21;
  if (!draft) reader.skip(reader.u8());  // session ID
  hello.cipher = reader.u16();
  if (!draft) reader.skip(1);  // compression method
  if (reader.failed()) return true;
  hello.complete = true;
  if (reader.left() == 0) return true;
  const size_t size = reader.u16();
  bool broken = reader.failed() || size > reader.left();
  bool version_seen = false;
  hello.extensions = read_extensions(
      reader.take(std::min(size, reader.left())), broken,
      [&](uint16_t type, auto value) { server_extension(type, value, hello, version_seen); });
  hello.complete = !broken;
  return true;
}

}  // namespace sluice
