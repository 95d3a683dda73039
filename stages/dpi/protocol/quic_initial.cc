// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/quic_initial.h"

#include <algorithm>
#include <string_view>

#include "stages/dpi/protocol/quic_reader.h"

namespace sluice {

namespace {

using Salt = std::array<uint8_t, 20>;

// RFC 9001 section 5.2.
constexpr Salt kSalt1 = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                         0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
// RFC 9369 section 3.3.1.
constexpr Salt kSalt2 = {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
                         0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9};
// draft-ietf-quic-v2-00 to -04.
constexpr Salt kSalt2Draft = {0xa7, 0x07, 0xc2, 0x03, 0xa5, 0x9b, 0x47, 0x18, 0x4a, 0x1d,
                              0x62, 0xca, 0x57, 0x04, 0x06, 0xea, 0x7a, 0xe3, 0xe5, 0xd3};
// draft-ietf-quic-tls-29 to -32.
constexpr Salt kSaltDraft29 = {0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
                               0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99};
// draft-ietf-quic-tls-23 to -28.
constexpr Salt kSaltDraft23 = {0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
                               0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02};

constexpr uint32_t kDrafts = 0xff000000;
constexpr uint32_t kMvfst27 = 0xfaceb002;
constexpr uint32_t kVersion2Draft00 = 0xff020000;
constexpr uint32_t kVersion2Draft01 = 0x709a50c4;

bool is_version2(uint32_t version) {
  return version == kQuicVersion2 || version == kVersion2Draft00 || version == kVersion2Draft01;
}

const Salt* salt_of(uint32_t version) {
  switch (version) {
    case kQuicVersion1:
      return &kSalt1;
    case kQuicVersion2:
      return &kSalt2;
    case kVersion2Draft00:
    case kVersion2Draft01:
      return &kSalt2Draft;
    case kMvfst27:
      return &kSaltDraft23;
    default:
      break;
  }
  if (version <= kDrafts || version > kDrafts + 34) return nullptr;
  const uint32_t draft = version - kDrafts;
  if (draft >= 33) return &kSalt1;
  if (draft >= 29) return &kSaltDraft29;
  return draft >= 23 ? &kSaltDraft23 : nullptr;
}

QuicPacket packet_type(uint32_t version, uint8_t first) {
  static constexpr std::array<QuicPacket, 4> kTypes = {QuicPacket::Initial, QuicPacket::ZeroRtt,
                                                       QuicPacket::Handshake, QuicPacket::Retry};
  const unsigned bits = first >> 4 & 3;
  // RFC 9369 section 3.2 moves each on by one; its first draft did not.
  const bool moved = is_version2(version) && version != kVersion2Draft00;
  return kTypes[moved ? (bits + 3) & 3 : bits];
}

bool read_connection_id(ByteReader& reader, QuicConnectionId& id) {
  const size_t size = reader.u8();
  if (size > QuicConnectionId::kMax) return false;
  const auto bytes = reader.take(size);
  if (reader.failed()) return false;
  id.size = static_cast<uint8_t>(size);
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return true;
}

// RFC 9000 appendix A.3: the number nearest to the one expected.
uint64_t whole_number(uint64_t expected, uint64_t low, unsigned bits) {
  const uint64_t window = uint64_t{1} << bits;
  const uint64_t candidate = (expected & ~(window - 1)) | low;
  if (candidate + window / 2 <= expected && candidate < (uint64_t{1} << 62) - window) {
    return candidate + window;
  }
  if (candidate > expected + window / 2 && candidate >= window) return candidate - window;
  return candidate;
}

}  // namespace

bool quic_version_known(uint32_t version) noexcept {
  return salt_of(version) != nullptr;
}

bool parse_quic_long_header(std::span<const uint8_t> bytes, QuicLongHeader& header) noexcept {
  header = {};
  ByteReader reader(bytes);
  const uint8_t first = reader.u8();
  header.version = reader.u32();
  if (reader.failed() || (first & 0x80) == 0 || !read_connection_id(reader, header.destination) ||
      !read_connection_id(reader, header.source)) {
    return false;
  }
  header.size = bytes.size();
  if (header.version == 0) {
    header.type = QuicPacket::VersionNegotiation;
    return true;
  }
  if (!quic_version_known(header.version)) return true;
  header.type = packet_type(header.version, first);
  if (header.type == QuicPacket::Retry) return true;
  if (header.type == QuicPacket::Initial) take_quic_bytes(reader, read_quic_number(reader));
  const uint64_t length = read_quic_number(reader);
  if (reader.failed() || length > reader.left()) return false;
  header.number_at = bytes.size() - reader.left();
  header.size = header.number_at + static_cast<size_t>(length);
  return true;
}

bool derive_quic_keys(uint32_t version, const QuicConnectionId& destination, Direction sender,
                      QuicKeys& keys) noexcept {
  keys = {};
  const Salt* salt = salt_of(version);
  if (salt == nullptr) return false;
  const bool second = is_version2(version);
  ProtocolCrypto::Sha256 initial, secret;
  if (!ProtocolCrypto::hmac_sha256(*salt, destination.view(), initial) ||
      !ProtocolCrypto::hkdf_expand_label(
          initial, sender == Direction::Original ? "client in" : "server in", secret) ||
      !ProtocolCrypto::hkdf_expand_label(secret, second ? "quicv2 key" : "quic key", keys.key) ||
      !ProtocolCrypto::hkdf_expand_label(secret, second ? "quicv2 iv" : "quic iv", keys.iv) ||
      !ProtocolCrypto::hkdf_expand_label(secret, second ? "quicv2 hp" : "quic hp", keys.header)) {
    return false;
  }
  keys.version = version;
  return true;
}

bool open_quic_initial(ProtocolCrypto& crypto, QuicKeys& keys, const QuicLongHeader& header,
                       std::span<const uint8_t> packet, QuicPlain& plain) noexcept {
  constexpr size_t kSample = ProtocolCrypto::kAesBlockBytes;
  constexpr size_t kLongestNumber = 4;
  const size_t at = header.number_at;
  if (at == 0 || packet.size() < at + kLongestNumber + kSample) return false;
  std::array<uint8_t, kSample> mask;
  if (!crypto.aes_block(keys.header, packet.subspan(at + kLongestNumber).first<kSample>(), mask)) {
    return false;
  }
  // Bits of the first byte and the packet number are masked; both are part of
  // what the seal covers.
  const uint8_t first = packet[0] ^ (mask[0] & 0x0f);
  const size_t number_size = (first & 3u) + 1;
  std::array<uint8_t, kLongestNumber> number;
  uint64_t low = 0;
  for (size_t i = 0; i < number_size; ++i) {
    number[i] = packet[at + i] ^ mask[1 + i];
    low = low << 8 | number[i];
  }
  const uint64_t whole =
      whole_number(keys.next_number, low, static_cast<unsigned>(8 * number_size));
  std::array<uint8_t, ProtocolCrypto::kNonceBytes> nonce = keys.iv;
  for (size_t i = 0; i < 8; ++i) {
    nonce[nonce.size() - 1 - i] ^= static_cast<uint8_t>(whole >> 8 * i);
  }
  const auto sealed = packet.subspan(at + number_size);
  if (sealed.size() < ProtocolCrypto::kTagBytes ||
      sealed.size() - ProtocolCrypto::kTagBytes > plain.bytes.size()) {
    return false;
  }
  if (!crypto.aes_gcm_open(keys.key, nonce,
                           {{&first, 1}, packet.subspan(1, at - 1), {number.data(), number_size}},
                           sealed, plain.bytes)) {
    return false;
  }
  plain.size = sealed.size() - ProtocolCrypto::kTagBytes;
  keys.next_number = std::max(keys.next_number, whole + 1);
  return true;
}

}  // namespace sluice
