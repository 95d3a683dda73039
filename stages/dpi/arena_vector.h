// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A small vector in an Arena, for what a flow holds while it is inspected.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "stages/dpi/arena.h"

namespace sluice {

// Trivial types only. 16 bytes; all zero is an empty one. Whoever holds it calls
// release(): the destructor does not, so that it may live in zeroed memory.
template <typename T>
class ArenaVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  static constexpr uint32_t kFirst = 8;

  // False, and nothing is changed, when the arena has no room or `max` is reached.
  bool push_back(const T& value, Arena& arena, uint32_t max) noexcept {
    if (size_ == capacity_) {
      if (size_ >= max) return false;
      const uint32_t larger = capacity_ == 0 ? kFirst : capacity_ * 2;
      auto* grown = static_cast<T*>(arena.allocate(larger * sizeof(T)));
      if (grown == nullptr) return false;
      if (size_ != 0) std::memcpy(static_cast<void*>(grown), items_, size_ * sizeof(T));
      release_memory();
      items_ = grown;
      capacity_ = larger;
    }
    items_[size_++] = value;
    return true;
  }
  // The order of the others is not kept.
  void remove(uint32_t at) noexcept { items_[at] = items_[--size_]; }
  void release() noexcept {
    release_memory();
    items_ = nullptr;
    size_ = capacity_ = 0;
  }

  T& operator[](uint32_t at) noexcept { return items_[at]; }
  uint32_t size() const noexcept { return size_; }
  std::span<T> items() noexcept { return {items_, size_}; }
  std::span<const T> items() const noexcept { return {items_, size_}; }

 private:
  void release_memory() noexcept {
    if (items_ != nullptr) arena_free(items_);
  }

  T* items_;
  uint32_t size_;
  uint32_t capacity_;
};

}  // namespace sluice
