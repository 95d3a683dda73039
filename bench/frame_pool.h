// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Frames as a machine with huge pages has them: close together. DPDK without
// them (the benchmarks' EAL) puts one on each 4-KiB page, so that all want the
// same few sets of L1: a cost that no deployment with NICs knows.
#pragma once

#include <rte_mbuf.h>

#include <memory>

#include "flowtable/flow_memory.h"

namespace sluice::bench {

class FramePool {
 public:
  // `size`: frames, each of one segment with 2,048 bytes, headroom included; on
  // 2-MiB pages where there are any. After EAL. Throws std::runtime_error,
  // std::bad_alloc.
  explicit FramePool(unsigned size);
  ~FramePool();  // no frame is in use any more
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  rte_mempool* get() const noexcept { return pool_; }

 private:
  rte_mempool* pool_;
  std::unique_ptr<FlowMemory> memory_;
};

}  // namespace sluice::bench
