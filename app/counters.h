// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What the workers and devices have counted since `clear stats`. Their counters
// only ever rise and have one writer each, so that clearing is subtraction.
#pragma once

#include <rte_ethdev.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "chain/statistics.h"

namespace sluice {

class Appliance;
class Ports;

// Control thread. Both outlive the counters.
class Counters {
 public:
  Counters(const Appliance& appliance, const Ports& ports);

  void clear();
  double seconds() const;  // since the last clear()

  WorkerStatistics total() const;
  WorkerStatistics lane(unsigned lane) const;
  WorkerStatistics worker(unsigned worker) const;
  rte_eth_stats port(unsigned port) const;
  // Of one stage over all lanes, in the order of StageType::counters.
  std::vector<uint64_t> stage(unsigned index) const;

 private:
  std::vector<uint64_t> stage_now(unsigned index) const;

  const Appliance& appliance_;
  const Ports& ports_;
  std::chrono::steady_clock::time_point since_;
  WorkerStatistics base_total_;
  std::vector<WorkerStatistics> base_lanes_, base_workers_;
  std::vector<rte_eth_stats> base_ports_;
  std::vector<std::vector<uint64_t>> base_stages_;
};

}  // namespace sluice
