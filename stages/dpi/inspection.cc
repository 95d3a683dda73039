// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/inspection.h"

#include <sys/mman.h>

#include <cstring>
#include <new>

#include "stages/dpi/ndpi_engine.h"

#ifdef SLUICE_SANITIZE
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)
#define ASAN_UNPOISON_MEMORY_REGION(address, size)
#endif

namespace sluice {

namespace {

constexpr size_t kLine = 64;
constexpr size_t kHeadSize = (sizeof(Inspection) + kLine - 1) / kLine * kLine;

size_t state_end() {
  return kHeadSize + NdpiEngine::flow_size();
}

}  // namespace

InspectionPool::InspectionPool(uint32_t capacity, bool prefault)
    // At least one byte of each stride is nobody's: overruns meet it.
    : stride_((state_end() + kLine) / kLine * kLine), capacity_(capacity) {
  memory_bytes_ = stride_ * capacity_;
  void* memory =
      mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<std::byte*>(memory);
  (void)madvise(memory, memory_bytes_, MADV_HUGEPAGE);
  if (prefault) {
    for (size_t i = 0; i < memory_bytes_; i += 4096) memory_[i] = std::byte{0};
  }
  ASAN_POISON_MEMORY_REGION(memory_, memory_bytes_);
}

InspectionPool::~InspectionPool() {
  ASAN_UNPOISON_MEMORY_REGION(memory_, memory_bytes_);
  munmap(memory_, memory_bytes_);
}

Inspection* InspectionPool::take() noexcept {
  std::byte* slot;
  if (free_ != nullptr) {
    slot = reinterpret_cast<std::byte*>(free_);
    ASAN_UNPOISON_MEMORY_REGION(slot, state_end());
    free_ = free_->next;
  } else if (fresh_ < capacity_) {
    slot = memory_ + stride_ * fresh_++;
    ASAN_UNPOISON_MEMORY_REGION(slot, state_end());
  } else {
    return nullptr;
  }
  ++in_use_;
  std::memset(slot, 0, state_end());
  auto* inspection = new (slot) Inspection{};
  inspection->ndpi = reinterpret_cast<ndpi_flow_struct*>(slot + kHeadSize);
  return inspection;
}

void InspectionPool::give_back(Inspection* inspection) noexcept {
  --in_use_;
  inspection->next = free_;
  free_ = inspection;
  ASAN_POISON_MEMORY_REGION(inspection, state_end());
}

}  // namespace sluice
