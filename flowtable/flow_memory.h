// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Zeroed memory of fixed size, from huge pages where there are any.
#pragma once

#include <cstddef>

namespace sluice {

class FlowMemory {
 public:
  // `huge_pages`: 2 MiB pages are tried first and taken at once; otherwise, or
  // where the host has too few, plain pages that the kernel is asked to merge
  // and that are taken when they are first written. `socket_id`: NUMA node
  // preferred, -1 any. Throws std::bad_alloc.
  FlowMemory(size_t size, bool huge_pages, int socket_id);
  ~FlowMemory();
  FlowMemory(const FlowMemory&) = delete;
  FlowMemory& operator=(const FlowMemory&) = delete;

  std::byte* data() const noexcept { return data_; }  // 2 MiB aligned
  size_t size() const noexcept { return size_; }      // as asked for, rounded up to pages
  bool huge() const noexcept { return huge_; }

 private:
  bool map_huge(size_t size, int socket_id) noexcept;
  void map_plain(size_t size, int socket_id);

  std::byte* data_ = nullptr;
  size_t size_ = 0;
  void* map_ = nullptr;
  size_t map_size_ = 0;
  bool huge_ = false;
};

}  // namespace sluice
