// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A stream of CRYPTO frames (RFC 9000 section 19.6), put
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

  // Bytes that are there already stay as they are, those that were consumed are
  // left away.
  Result insert(uint64_t offset, std::span<const uint8_t> bytes, Arena& arena) noexcept;
  // What is there without a gap from where consume() has left off.
  std::span<const uint8_t> beginning() const noexcept;
  // Done with so many bytes of beginning(). Memory goes when nothing is left.
  void consume(size_t bytes) noexcept;
  void release() noexcept;

 private:
  struct Piece {
    uint16_t from, to;
  };
  bool grow(size_t size, Arena& arena) noexcept;

  void release_memory() noexcept;

  uint8_t* bytes_;
  uint64_t consumed_;  // position of bytes_[0] in the whole stream
  uint32_t room_;
  uint32_t count_;
  std::array<Piece, kMaxPieces> pieces_;  // sorted, apart
};

}  // namespace sluice
