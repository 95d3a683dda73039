// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

namespace sluice {

namespace {

struct alignas(16) BlockHeader {
  Arena* owner;  // null: from the heap
  uint64_t size : 56;
  uint64_t order : 8;
};
static_assert(sizeof(BlockHeader) == 16);

constexpr uint8_t kFree = 0x80;

thread_local Arena* current_arena = nullptr;
thread_local size_t heap_bytes = 0;

BlockHeader* header_of(void* block) {
  return static_cast<BlockHeader*>(block) - 1;
}

}  // namespace

Arena::Arena(size_t bytes, bool prefault)
    : capacity_((std::max<size_t>(bytes, 1) + kMaxBlock - 1) / kMaxBlock * kMaxBlock) {
#ifdef SLUICE_SANITIZE
  // The sanitizer's own allocator guards each block; only the bound is kept.
  (void)prefault;
#else
  void* memory =
      mmap(nullptr, capacity_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<std::byte*>(memory);
  // Advice: whether there are huge pages to be had changes speed, not function.
  (void)madvise(memory, capacity_, MADV_HUGEPAGE);
  if (prefault) {
    for (size_t i = 0; i < capacity_; i += 4096) memory_[i] = std::byte{0};
  }
  const size_t units = capacity_ / kMinBlock;
  state_ = std::make_unique<uint8_t[]>(units);
  const size_t largest = kMaxBlock / kMinBlock;
  for (size_t unit = units; unit >= largest; unit -= largest) link(unit - largest, kOrders - 1);
#endif
}

Arena::~Arena() {
  if (memory_ != nullptr) munmap(memory_, capacity_);
}

unsigned Arena::order_of(size_t total) noexcept {
  return static_cast<unsigned>(std::bit_width((std::max(total, kMinBlock) - 1) / kMinBlock));
}

void* Arena::allocate(size_t size) noexcept {
  const size_t total = size + sizeof(BlockHeader);
  if (total > kMaxBlock || total < size) {
    ++exhausted_;
    return nullptr;
  }
  const unsigned order = order_of(total);
  const size_t block_size = kMinBlock << order;
#ifdef SLUICE_SANITIZE
  std::byte* block =
      in_use_ + block_size <= capacity_ ? static_cast<std::byte*>(std::malloc(total)) : nullptr;
#else
  std::byte* block = take(order);
#endif
  if (block == nullptr) {
    ++exhausted_;
    return nullptr;
  }
  in_use_ += block_size;
  peak_ = std::max(peak_, in_use_);
  auto* header = new (block) BlockHeader{this, size, order};
  return header + 1;
}

bool Arena::has_reserve() const noexcept {
#ifdef SLUICE_SANITIZE
  return capacity_ - in_use_ >= kMaxBlock;
#else
  return free_[kOrders - 1] != nullptr;
#endif
}

std::byte* Arena::take(unsigned order) noexcept {
  unsigned from = order;
  while (from < kOrders && free_[from] == nullptr) ++from;
  if (from == kOrders) return nullptr;
  const size_t unit =
      static_cast<size_t>(reinterpret_cast<std::byte*>(free_[from]) - memory_) / kMinBlock;
  unlink(unit, from);
  while (from > order) {
    --from;
    link(unit + (size_t{1} << from), from);
  }
  return at(unit);
}

void Arena::give_back(std::byte* block, unsigned order) noexcept {
  size_t unit = static_cast<size_t>(block - memory_) / kMinBlock;
  while (order + 1 < kOrders) {
    const size_t buddy = unit ^ (size_t{1} << order);
    if (state_[buddy] != (kFree | order)) break;
    unlink(buddy, order);
    unit = std::min(unit, buddy);
    ++order;
  }
  link(unit, order);
}

void Arena::link(size_t unit, unsigned order) noexcept {
  auto* block = new (at(unit)) FreeBlock{free_[order], nullptr};
  if (block->next != nullptr) block->next->prev = block;
  free_[order] = block;
  state_[unit] = static_cast<uint8_t>(kFree | order);
}

void Arena::unlink(size_t unit, unsigned order) noexcept {
  auto* block = reinterpret_cast<FreeBlock*>(at(unit));
  if (block->next != nullptr) block->next->prev = block->prev;
  if (block->prev != nullptr) {
    block->prev->next = block->next;
  } else {
    free_[order] = block->next;
  }
  state_[unit] = 0;
}

ArenaScope::ArenaScope(Arena* arena) noexcept : before_(current_arena) {
  current_arena = arena;
}

ArenaScope::~ArenaScope() {
  current_arena = before_;
}

void* arena_malloc(size_t size) noexcept {
  if (current_arena != nullptr) return current_arena->allocate(size);
  if (size > SIZE_MAX - sizeof(BlockHeader)) return nullptr;
  void* block = std::malloc(size + sizeof(BlockHeader));
  if (block == nullptr) return nullptr;
  heap_bytes += size + sizeof(BlockHeader);
  return new (block) BlockHeader{nullptr, size, 0} + 1;
}

void* arena_realloc(void* block, size_t size) noexcept {
  if (block == nullptr) return arena_malloc(size);
  if (size == 0) {
    arena_free(block);
    return nullptr;
  }
  void* moved = arena_malloc(size);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, block, std::min<size_t>(size, header_of(block)->size));
  arena_free(block);
  return moved;
}

void arena_free(void* block) noexcept {
  if (block == nullptr) return;
  BlockHeader* header = header_of(block);
  Arena* owner = header->owner;
  if (owner == nullptr) {
    heap_bytes -= header->size + sizeof(BlockHeader);
    std::free(header);
    return;
  }
  const auto order = static_cast<unsigned>(header->order);
  owner->in_use_ -= Arena::kMinBlock << order;
#ifdef SLUICE_SANITIZE
  std::free(header);
#else
  owner->give_back(reinterpret_cast<std::byte*>(header), order);
#endif
}

size_t arena_heap_bytes() noexcept {
  return heap_bytes;
}

}  // namespace sluice
