// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/slab.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#ifdef SLUICE_SANITIZE
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)
#define ASAN_UNPOISON_MEMORY_REGION(address, size)
#endif

namespace sluice {

namespace {

constexpr size_t kLine = 64;
constexpr size_t kPage = 4096;

}  // namespace

Slab::Slab(size_t size, uint32_t capacity, bool prefault)
    : size_(std::max(size, sizeof(Free))),
      // At least one byte of each stride is nobody's: overruns meet it.
      stride_((size_ + kLine) / kLine * kLine),
      memory_bytes_(stride_ * capacity),
      capacity_(capacity) {
  void* memory =
      mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<std::byte*>(memory);
  (void)madvise(memory, memory_bytes_, MADV_HUGEPAGE);
  if (prefault) {
    for (size_t i = 0; i < memory_bytes_; i += kPage) memory_[i] = std::byte{0};
  }
  ASAN_POISON_MEMORY_REGION(memory_, memory_bytes_);
}

Slab::~Slab() {
  ASAN_UNPOISON_MEMORY_REGION(memory_, memory_bytes_);
  munmap(memory_, memory_bytes_);
}

void* Slab::take() noexcept {
  void* block = nullptr;
  if (free_ != nullptr) {
    block = free_;
    ASAN_UNPOISON_MEMORY_REGION(block, size_);
    free_ = free_->next;
  } else if (fresh_ < capacity_) {
    block = memory_ + stride_ * fresh_++;
    ASAN_UNPOISON_MEMORY_REGION(block, size_);
  } else {
    return nullptr;
  }
  ++in_use_;
  std::memset(block, 0, size_);
  return block;
}

void Slab::give_back(void* block) noexcept {
  --in_use_;
  free_ = new (block) Free{free_};
  ASAN_POISON_MEMORY_REGION(block, size_);
}

}  // namespace sluice
