// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/inspection.h"

#include <cstddef>
#include <new>

#include "stages/dpi/ndpi_engine.h"

namespace sluice {

namespace {

constexpr size_t kLine = 64;
constexpr size_t kHeadSize = (sizeof(Inspection) + kLine - 1) / kLine * kLine;

}  // namespace

InspectionPool::InspectionPool(uint32_t capacity, bool prefault)
    : slab_(kHeadSize + NdpiEngine::flow_size(), capacity, prefault) {}

Inspection* InspectionPool::take() noexcept {
  void* block = slab_.take();
  if (block == nullptr) return nullptr;
  auto* inspection = new (block) Inspection{};
  inspection->ndpi =
      reinterpret_cast<ndpi_flow_struct*>(static_cast<std::byte*>(block) + kHeadSize);
  return inspection;
}

}  // namespace sluice
