// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Long headers of QUIC (RFC 9000 section 17.2) and the protection of Initial
// packets (RFC 9001 section 5).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "flowtable/flow_key.h"
#include "stages/dpi/protocol/protocol_crypto.h"

namespace sluice {

inline constexpr uint32_t kQuicVersion1 = 0x00000001;
inline constexpr uint32_t kQuicVersion2 = 0x6b3343cf;

struct QuicConnectionId {
  static constexpr size_t kMax = 20;
  std::array<uint8_t, kMax> bytes{};
  uint8_t size = 0;

  std::span<const uint8_t> view() const noexcept { return {bytes.data(), size}; }
  bool operator==(const QuicConnectionId&) const noexcept = default;
};

enum class QuicPacket : uint8_t { Initial, ZeroRtt, Handshake, Retry, VersionNegotiation, Unknown };

struct QuicLongHeader {
  QuicPacket type = QuicPacket::Unknown;
  uint32_t version = 0;
  QuicConnectionId destination, source;
  size_t number_at = 0;  // offset of the packet number; packets with one only
  size_t size = 0;       // of the packet, from its first byte to the next one's
};

// Whether the Initials of a version can be decrypted.
bool quic_version_known(uint32_t version) noexcept;

// The packet at the front of `bytes`. False if it has no long header, or one
// that is cut off or malformed. Of an unknown version only `version` and the
// connection IDs are read (RFC 8999).
bool parse_quic_long_header(std::span<const uint8_t> bytes, QuicLongHeader& header) noexcept;

// Of one sender's Initials.
struct QuicKeys {
  std::array<uint8_t, 16> key{};
  std::array<uint8_t, 12> iv{};
  std::array<uint8_t, 16> header{};
  uint32_t version = 0;      // 0: no keys yet
  uint64_t next_number = 0;  // behind the highest packet number that was opened
};

// `destination` is that of the client's first Initial (after a Retry: of its
// answer to it). False if the version is unknown.
bool derive_quic_keys(uint32_t version, const QuicConnectionId& destination, Direction sender,
                      QuicKeys& keys) noexcept;

// Room for the payload of a decrypted packet.
struct QuicPlain {
  static constexpr size_t kMax = 16 * 1024;
  std::array<uint8_t, kMax> bytes;
  size_t size = 0;
  std::span<const uint8_t> view() const noexcept { return {bytes.data(), size}; }
};

// `packet` is as long as its header says. False if it is too short or not
// sealed with these keys.
bool open_quic_initial(ProtocolCrypto& crypto, QuicKeys& keys, const QuicLongHeader& header,
                       std::span<const uint8_t> packet, QuicPlain& plain) noexcept;

}  // namespace sluice
