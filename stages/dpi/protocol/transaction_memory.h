// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "stages/dpi/arena.h"

namespace sluice {

// What a transaction's views point to: small pieces cut from arena blocks that
// all go at once. All zero is empty; whoever holds it calls release().
class TransactionMemory {
 public:
  // Aligned to 8. Null when the arena has no room or `limit` bytes would be
  // exceeded in all. Never null for a size of 0.
  void* allocate(size_t size, Arena& arena, size_t limit) noexcept;
  // A copy; empty with a null pointer where allocate() gives null.
  std::span<const uint8_t> copy(std::span<const uint8_t> bytes, Arena& arena,
                                size_t limit) noexcept;
  void release() noexcept;

  // Whether two pieces of `size` bytes together stay below the limit.
  bool fits(size_t size, size_t limit) const noexcept {
    return size + 2 * 8 <= limit && in_use_ <= limit - size - 2 * 8;
  }
  size_t in_use() const noexcept { return in_use_; }

 private:
  struct Block {
    Block* older;
  };
  Block* newest_;
  uint8_t* free_;
  uint32_t left_;
  uint32_t in_use_;
};

}  // namespace sluice
