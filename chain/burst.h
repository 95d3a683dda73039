// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <rte_mbuf.h>

#include <cstdint>

namespace sluice {

// Packets that are worked on together; lives on a worker's stack.
struct Burst {
  static constexpr unsigned kCapacity = 64;

  rte_mbuf* pkts[kCapacity];
  uint16_t size = 0;
  uint16_t decided = 0;     // packets with kMetaDecided
  uint16_t generation = 0;  // of the policy that the burst meets
  uint64_t now_ns = 0;      // read once a burst: receive time of its newest packet
  uint64_t bytes = 0;       // of its frames as they were received; 0: nobody has added them up

  rte_mbuf** begin() noexcept { return pkts; }
  rte_mbuf** end() noexcept { return pkts + size; }
  bool empty() const noexcept { return size == 0; }
  bool full() const noexcept { return size == kCapacity; }
  void push(rte_mbuf* m) noexcept { pkts[size++] = m; }
};

}  // namespace sluice
