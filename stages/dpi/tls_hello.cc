// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/tls_hello.h"

#include <algorithm>

#include "stages/dpi/byte_reader.h"

namespace sluice {

namespace {

constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kClientHello = 1;
constexpr uint8_t kServerHello = 2;
constexpr uint16_t kServerNameExtension = 0;
constexpr uint16_t kAlpnExtension = 16;
constexpr uint16_t kSupportedVersionsExtension = 43;

// RFC 8701: values that clients sprinkle in to keep servers tolerant.
bool is_grease(uint16_t value) {
  return (value & 0x0f0f) == 0x0a0a && (value >> 8) == (value & 0xff);
}

void read_server_name(ByteReader extension, TlsHello& hello) {
  ByteReader list = extension.part(extension.u16());
  while (list.left() > 0) {
    const uint8_t type = list.u8();
    const std::string_view name = list.text(list.u16());
    if (list.failed()) return;
    if (type == 0) {
      hello.server_name = name;
      return;
    }
  }
}

void read_alpn(ByteReader extension, TlsHello& hello) {
  ByteReader list = extension.part(extension.u16());
  while (list.left() > 0) {
    const std::string_view protocol = list.text(list.u8());
    if (list.failed()) return;
    const bool grease = protocol.size() == 2 &&
                        is_grease(static_cast<uint16_t>(static_cast<uint8_t>(protocol[0]) << 8 |
                                                        static_cast<uint8_t>(protocol[1])));
    if (!grease) {
      hello.alpn = protocol;
      return;
    }
  }
}

void read_versions(ByteReader extension, TlsHello& hello) {
  if (hello.server) {
    const uint16_t version = extension.u16();
    if (!extension.failed()) hello.version = version;
    return;
  }
  ByteReader list = extension.part(extension.u8());
  while (list.left() > 0) {
    const uint16_t version = list.u16();
    if (!list.failed() && !is_grease(version)) hello.version = std::max(hello.version, version);
  }
}

}  // namespace

bool parse_tls_hello(std::span<const uint8_t> payload, TlsHello& hello) noexcept {
  hello = {};
  ByteReader reader(payload);
  if (reader.u8() != kHandshakeRecord || reader.u8() != 3) return false;
  reader.skip(1);
  ByteReader record = reader.part(reader.u16());
  const uint8_t type = record.u8();
  if (type != kClientHello && type != kServerHello) return false;
  hello.server = type == kServerHello;
  const uint32_t length = record.u24();
  if (record.failed()) return false;
  ByteReader body = record.part(length);

  hello.version = body.u16();
  if (hello.version >> 8 != 3) return false;
  body.skip(32);         // random
  body.skip(body.u8());  // session id
  if (hello.server) {
    body.skip(2 + 1);  // cipher suite, compression
  } else {
    body.skip(body.u16());
    body.skip(body.u8());
  }
  if (body.failed() || body.left() == 0) {
    hello.complete = !body.failed() && !record.failed();
    return true;
  }
  ByteReader extensions = body.part(body.u16());
  while (extensions.left() > 0) {
    const uint16_t extension_type = extensions.u16();
    const uint16_t extension_length = extensions.u16();
    ByteReader extension = extensions.part(extension_length);
    if (extensions.failed()) break;
    switch (extension_type) {
      case kServerNameExtension:
        read_server_name(extension, hello);
        break;
      case kAlpnExtension:
        read_alpn(extension, hello);
        break;
      case kSupportedVersionsExtension:
        read_versions(extension, hello);
        break;
      default:
        break;
    }
  }
  hello.complete = !record.failed() && !body.failed() && !extensions.failed();
  return true;
}

std::string_view tls_version_name(uint16_t version) noexcept {
  switch (version) {
    case 0x0300:
      return "SSLv3";
    case 0x0301:
      return "TLSv1";  // Suricata's word
    case 0x0302:
      return "TLS 1.1";
    case 0x0303:
      return "TLS 1.2";
    case 0x0304:
      return "TLS 1.3";
    case 0xfeff:
      return "DTLS 1.0";
    case 0xfefd:
      return "DTLS 1.2";
    case 0xfefc:
      return "DTLS 1.3";
    default:
      return (version >> 8) == 0x7f ? "TLS 1.3" : "";  // drafts of 1.3
  }
}

}  // namespace sluice
