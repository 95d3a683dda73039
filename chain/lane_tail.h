// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The end of a lane: transmits by port, and answers what was rejected.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "chain/burst.h"
#include "chain/clock.h"
#include "chain/port_io.h"
#include "chain/rate_limit.h"
#include "chain/stage_runner.h"
#include "chain/statistics.h"

struct rte_mempool;

namespace sluice {

class LaneTail {
 public:
  // `outputs`: by port; null where the port can't be left by.
  LaneTail(const std::vector<Output*>& outputs, StageRunner& runner, rte_mempool* mempool,
           uint32_t reject_rate, WorkerStatistics& statistics);

  // ---- last worker ----

  // Everything in the burst is sent or freed, and counted.
  void transmit(Burst& burst) noexcept;

 private:
  struct Queue {
    Output* output = nullptr;  // null: the port can't be left by
    unsigned size = 0;
    rte_mbuf* pkts[2 * Burst::kCapacity];

    bool full() const noexcept { return size == 2 * Burst::kCapacity; }
    void push(rte_mbuf* m) noexcept { pkts[size++] = m; }
  };

  void reject(rte_mbuf* m, uint64_t now_ns, Burst& answers) noexcept;
  void send(Burst& answers) noexcept;
  void enqueue(rte_mbuf* m) noexcept;
  // Null, and the packet is gone, where it can't leave.
  Queue* queue_of(rte_mbuf* m) noexcept;
  bool transmit_together(Burst& burst) noexcept;
  void send_out(Output& output, rte_mbuf** pkts, unsigned n, uint64_t bytes) noexcept;
  void flush(Queue& queue) noexcept;

  const unsigned ports_;
  std::unique_ptr<Queue[]> queues_;  // by port; empty between bursts
  StageRunner& runner_;
  rte_mempool* mempool_;
  RateLimit reject_limit_;
  WorkerStatistics& statistics_;
};

}  // namespace sluice
