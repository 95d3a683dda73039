// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <algorithm>
#include <cstdint>

#include "stages/dpi/byte_reader.h"

namespace sluice {

// A number of 1, 2, 4 or 8 bytes (RFC 9000 section 16).
inline uint64_t read_quic_number(ByteReader& reader) noexcept {
  const uint8_t first = reader.u8();
  uint64_t value = first & 0x3f;
  for (int more = (1 << (first >> 6)) - 1; more > 0; --more) value = value << 8 | reader.u8();
  return reader.failed() ? 0 : value;
}

// Takes as many bytes as a number from the wire says; fails where there are fewer.
inline std::span<const uint8_t> take_quic_bytes(ByteReader& reader, uint64_t count) noexcept {
  return reader.take(static_cast<size_t>(std::min<uint64_t>(count, SIZE_MAX)));
}

}  // namespace sluice
