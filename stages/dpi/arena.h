// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Memory for libraries that allocate while they look at packets. A worker that
// is inside such a library has an Arena for its thread; malloc and free as
// handed to the library (arena_malloc and the others) take from it, and from
// the heap on threads that have none. Blocks name their origin in front of
// them, so a block may be given back anywhere.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace sluice {

// A bounded region cut by halves (a buddy allocator): blocks are powers of two
// and join again when both halves are free, so that "one largest block is
// free" promises that any sequence of allocations that sums up to less
// succeeds. That promise is what libraries get that do not check for null.
// One thread at a time.
class Arena {
 public:
  static constexpr size_t kMinBlock = 64;
  static constexpr size_t kMaxBlock = size_t{1} << 20;

  // `bytes` is rounded up to whole kMaxBlock. With `prefault` the pages are
  // there from the start. Throws std::bad_alloc. Off the data path.
  Arena(size_t bytes, bool prefault);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Aligned to 16; null (and counted) when there is no room or `size` exceeds
  // kMaxBlock less the header. A size of 0 gets a block too.
  void* allocate(size_t size) noexcept;

  // Whether kMaxBlock may be allocated in any mix.
  bool has_reserve() const noexcept;

  size_t capacity() const noexcept { return capacity_; }
  size_t in_use() const noexcept { return in_use_; }  // bytes in whole blocks
  size_t peak() const noexcept { return peak_; }
  uint64_t exhausted() const noexcept { return exhausted_; }  // allocations refused

 private:
  friend void arena_free(void*) noexcept;
  static constexpr unsigned kOrders = 15;  // 64 B .. 1 MiB
  static_assert(kMinBlock << (kOrders - 1) == kMaxBlock);

  struct FreeBlock {
    FreeBlock* next;
    FreeBlock* prev;
  };

  static unsigned order_of(size_t total) noexcept;
  std::byte* take(unsigned order) noexcept;
  void give_back(std::byte* block, unsigned order) noexcept;
  void link(size_t unit, unsigned order) noexcept;
  void unlink(size_t unit, unsigned order) noexcept;
  std::byte* at(size_t unit) noexcept { return memory_ + unit * kMinBlock; }

  size_t capacity_;
  size_t in_use_ = 0;
  size_t peak_ = 0;
  uint64_t exhausted_ = 0;
  std::byte* memory_ = nullptr;
  std::unique_ptr<uint8_t[]>
      state_;  // by unit of kMinBlock: kFree | order where a free block begins
  std::array<FreeBlock*, kOrders> free_{};
};

// While one of these is alive, the thread's library allocations come from `arena`.
class ArenaScope {
 public:
  explicit ArenaScope(Arena* arena) noexcept;
  ~ArenaScope();
  ArenaScope(const ArenaScope&) = delete;
  ArenaScope& operator=(const ArenaScope&) = delete;

 private:
  Arena* before_;
};

// What libraries get for malloc, realloc and free. Any thread.
void* arena_malloc(size_t size) noexcept;
void* arena_realloc(void* block, size_t size) noexcept;
void arena_free(void* block) noexcept;

// Bytes that this thread has taken from the heap through arena_malloc, less
// what it has given back: how large a library's state is, measured around its
// construction.
size_t arena_heap_bytes() noexcept;

}  // namespace sluice
