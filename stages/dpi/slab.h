// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A fixed number of blocks of one size, for what dpi keeps of each flow that it
// looks at.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

// One thread at a time.
class Slab {
 public:
  // Blocks of `size` bytes, each on cache lines of its own. Throws
  // std::bad_alloc. Off the data path.
  Slab(size_t size, uint32_t capacity, bool prefault);
  ~Slab();
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  void* take() noexcept;  // zeroed; null when all are taken
  void give_back(void* block) noexcept;

  uint32_t capacity() const noexcept { return capacity_; }
  uint32_t in_use() const noexcept { return in_use_; }
  size_t memory_bytes() const noexcept { return memory_bytes_; }

 private:
  struct Free {
    Free* next;
  };

  size_t size_;
  size_t stride_;
  size_t memory_bytes_;
  std::byte* memory_;
  uint32_t capacity_;
  uint32_t fresh_ = 0;  // never taken yet: from here on
  uint32_t in_use_ = 0;
  Free* free_ = nullptr;
};

}  // namespace sluice
