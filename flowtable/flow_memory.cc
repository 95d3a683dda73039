// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "flowtable/flow_memory.h"

#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdint>
#include <new>

namespace sluice {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kPage = 4096;

size_t round_up(size_t size, size_t unit) {
  return (size + unit - 1) / unit * unit;
}

// Preferred, not strict: a wrong node costs time, no page at all costs the process.
void prefer_node(void* data, size_t size, int socket_id) noexcept {
  std::array<unsigned long, 16> nodes{};
  constexpr unsigned kBits = sizeof(unsigned long) * CHAR_BIT;
  const auto node = static_cast<unsigned>(socket_id);
  if (socket_id < 0 || node >= nodes.size() * kBits) return;
  nodes[node / kBits] = 1UL << (node % kBits);
  syscall(SYS_mbind, data, size, MPOL_PREFERRED, nodes.data(), nodes.size() * kBits, 0U);
}

}  // namespace

FlowMemory::FlowMemory(size_t size, bool huge_pages, int socket_id) {
  if (huge_pages && map_huge(round_up(size, kHugePage), socket_id)) return;
  map_plain(round_up(size, kPage), socket_id);
}

FlowMemory::~FlowMemory() {
  munmap(map_, map_size_);
}

bool FlowMemory::map_huge(size_t size, int socket_id) noexcept {
  void* map = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (21 << MAP_HUGE_SHIFT), -1, 0);
  if (map == MAP_FAILED) return false;
  prefer_node(map, size, socket_id);
  // Unlike a write, this reports missing pages (a cgroup's limit) instead of raising SIGBUS.
  if (madvise(map, size, MADV_POPULATE_WRITE) != 0) {
    munmap(map, size);
    return false;
  }
  map_ = map;
  map_size_ = size;
  data_ = static_cast<std::byte*>(map);
  size_ = size;
  huge_ = true;
  return true;
}

void FlowMemory::map_plain(size_t size, int socket_id) {
  const size_t map_size = size + kHugePage;
  void* map = mmap(nullptr, map_size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) throw std::bad_alloc();
  map_ = map;
  map_size_ = map_size;
  const size_t skip =
      round_up(reinterpret_cast<uintptr_t>(map), kHugePage) - reinterpret_cast<uintptr_t>(map);
  data_ = static_cast<std::byte*>(map) + skip;
  size_ = size;
  madvise(data_, size, MADV_HUGEPAGE);
  prefer_node(data_, size, socket_id);
}

}  // namespace sluice
