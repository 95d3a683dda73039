// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// How `run` starts DPDK's environment: worked out from the configuration and
// from what the host has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"

namespace sluice {

struct HostFacts {
  std::vector<unsigned> cpus;    // that this process may use
  uint64_t free_huge_bytes = 0;  // 0 as well where hugetlbfs is not mounted
  static HostFacts read();
};

struct LiveEalOptions {
  bool no_huge = false;
  std::string lcores;  // EAL's map for the workers ("2@0,3@(0-1)"); empty: lcore n on CPU n
};

struct LiveEalPlan {
  std::vector<std::string> arguments;  // for start_eal()
  unsigned main_lcore = 0;             // none of the workers'
  bool huge_pages = true;
  unsigned memory_mb = 0;            // that EAL will hand out
  std::vector<std::string> remarks;  // for the log
};

// Throws std::runtime_error if a worker's lcore has no CPU.
LiveEalPlan plan_live_eal(const Config& config, const HostFacts& host,
                          const LiveEalOptions& options);

// MiB that EAL hands out: mempools, rings, tables of policies (two at once
// during a reload).
unsigned eal_memory_mb(const Config& config);
// The same for mempools of another size than those of ports.
unsigned eal_memory_mb(const Config& config, uint64_t pool_bytes);
// Of these, what is taken before the first packet: with less free in huge pages `run`
// takes ordinary memory for all.
unsigned least_eal_memory_mb(const Config& config);

}  // namespace sluice
