// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The beginning of a stream of CRYPTO frames (RFC 9000 section 19.6), put
// together in whatever order they come.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "stages/dpi/arena.h"

namespace sluice {

// All zero is an empty one. Whoever holds it calls release().
class QuicCryptoStream {
 public:
  static constexpr size_t kMaxBytes = 16 * 1024 - 16;  // with the arena's header a whole block
  static constexpr size_t kMaxPieces = 32;

  enum class Result : uint8_t { Taken, TooLong, NoMemory, TooManyPieces };

  // Bytes that are there already stay as they are.
  Result insert(uint64_t offset, std::span<const uint8_t> bytes, Arena& arena) noexcept;
  // What is there from the start without a gap.
  std::span<const uint8_t> beginning() const noexcept;
  void release() noexcept;

 private:
  struct Piece {
    uint16_t from, to;
  };
  bool grow(size_t size, Arena& arena) noexcept;

  uint8_t* bytes_;
  uint32_t room_;
  uint32_t count_;
  std::array<Piece, kMaxPieces> pieces_;  // sorted, apart
};

}  // namespace sluice
