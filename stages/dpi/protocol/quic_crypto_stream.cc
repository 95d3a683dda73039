// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/quic_crypto_stream.h"

#include <algorithm>
#include <cstring>

namespace sluice {

// Pieces are sorted and never touch: the first one, if it begins at 0, is what
// can be read.
QuicCryptoStream::Result QuicCryptoStream::insert(uint64_t offset, std::span<const uint8_t> bytes,
                                                  Arena& arena) noexcept {
  if (offset < consumed_) {
    bytes = bytes.subspan(std::min<uint64_t>(consumed_ - offset, bytes.size()));
    offset = consumed_;
  }
  if (bytes.empty()) return Result::Taken;
  offset -= consumed_;
  if (offset > kMaxBytes || bytes.size() > kMaxBytes - offset) return Result::TooLong;
  const auto from = static_cast<uint32_t>(offset);
  const auto to = static_cast<uint32_t>(offset + bytes.size());
  // The pieces that the new one overlaps or touches: they become one with it.
  uint32_t first = 0;
  while (first < count_ && pieces_[first].to < from) ++first;
  uint32_t last = first;
  while (last < count_ && pieces_[last].from <= to) ++last;
  if (first == last && count_ == kMaxPieces) return Result::TooManyPieces;
  if (!grow(to, arena)) return Result::NoMemory;

  // Only what is missing is copied: between the pieces, before and behind them.
  uint32_t at = from;
  for (uint32_t i = first; i <= last && at < to; ++i) {
    const uint32_t until = i < last ? std::clamp<uint32_t>(pieces_[i].from, at, to) : to;
    std::memcpy(bytes_ + at, bytes.data() + (at - from), until - at);
    at = i < last ? std::max<uint32_t>(until, pieces_[i].to) : to;
  }
  Piece joined{static_cast<uint16_t>(from), static_cast<uint16_t>(to)};
  if (first < last) {
    joined.from = std::min(joined.from, pieces_[first].from);
    joined.to = std::max(joined.to, pieces_[last - 1].to);
    std::move(pieces_.begin() + last, pieces_.begin() + count_, pieces_.begin() + first + 1);
    count_ -= last - first - 1;
  } else {
    std::move_backward(pieces_.begin() + first, pieces_.begin() + count_,
                       pieces_.begin() + count_ + 1);
    ++count_;
  }
  pieces_[first] = joined;
  return Result::Taken;
}

std::span<const uint8_t> QuicCryptoStream::beginning() const noexcept {
  if (count_ == 0 || pieces_[0].from != 0) return {};
  return {bytes_, pieces_[0].to};
}

void QuicCryptoStream::consume(size_t bytes) noexcept {
  consumed_ += bytes;
  if (bytes < pieces_[0].to) {
    pieces_[0].from = static_cast<uint16_t>(bytes);
  } else {
    std::move(pieces_.begin() + 1, pieces_.begin() + count_, pieces_.begin());
    if (--count_ == 0) {
      release_memory();
      return;
    }
  }
  std::memmove(bytes_, bytes_ + bytes, pieces_[count_ - 1].to - bytes);
  for (uint32_t i = 0; i < count_; ++i) {
    pieces_[i].from = static_cast<uint16_t>(pieces_[i].from - bytes);
    pieces_[i].to = static_cast<uint16_t>(pieces_[i].to - bytes);
  }
}

void QuicCryptoStream::release() noexcept {
  release_memory();
  consumed_ = 0;
}

void QuicCryptoStream::release_memory() noexcept {
  arena_free(bytes_);
  bytes_ = nullptr;
  room_ = count_ = 0;
}

bool QuicCryptoStream::grow(size_t size, Arena& arena) noexcept {
  if (size <= room_) return true;
  static constexpr uint32_t kArenaHeader = 16;  // so that blocks fill powers of two
  uint32_t block = 2048;
  while (block - kArenaHeader < size) block *= 2;
  auto* larger = static_cast<uint8_t*>(arena.allocate(block - kArenaHeader));
  if (larger == nullptr) return false;
  if (room_ > 0) std::memcpy(larger, bytes_, room_);
  arena_free(bytes_);
  bytes_ = larger;
  room_ = block - kArenaHeader;
  return true;
}

}  // namespace sluice
