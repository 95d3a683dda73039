// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/live_eal.h"

#include <rte_config.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "app/host.h"
#include "app/port.h"

namespace sluice {

namespace {

constexpr unsigned kPolicyRoomMb = 256;  // rule and route tables, two policies
constexpr unsigned kLaneRoomMb = 64;     // rings, event records, copies of datagrams

std::set<unsigned> worker_lcores(const Config& config) {
  std::set<unsigned> out;
  for (const LaneConfig& lane : config.lanes) {
    for (const WorkerConfig& worker : lane.workers) out.insert(worker.lcore);
  }
  return out;
}

// The main lcore runs the control loop: on CPUs that no worker has, if there
// are any; else it shares.
std::string main_lcore_map(const HostFacts& host, const std::set<unsigned>& workers,
                           bool mapped_by_hand, unsigned& lcore) {
  std::vector<unsigned> spare;
  for (const unsigned cpu : host.cpus) {
    if (!workers.contains(cpu)) spare.push_back(cpu);
  }
  if (spare.empty() || mapped_by_hand) spare = host.cpus;
  lcore = 0;
  while (workers.contains(lcore)) ++lcore;
  // The same number as its CPU, where that can be, reads best in dpdk-proc-info.
  for (const unsigned cpu : spare) {
    if (cpu < RTE_MAX_LCORE && !workers.contains(cpu)) {
      lcore = cpu;
      break;
    }
  }
  return std::to_string(lcore) + "@(" + format_cpu_list(spare) + ")";
}

std::string worker_map(const HostFacts& host, const std::set<unsigned>& workers) {
  std::string out;
  for (const unsigned lcore : workers) {
    if (std::find(host.cpus.begin(), host.cpus.end(), lcore) == host.cpus.end()) {
      throw std::runtime_error("lcore " + std::to_string(lcore) +
                               ": the CPUs of this process are " + format_cpu_list(host.cpus) +
                               " (choose another lcore, or map it with --lcores)");
    }
    out += std::to_string(lcore) + '@' + std::to_string(lcore) + ',';
  }
  return out;
}

}  // namespace

HostFacts HostFacts::read() {
  HostFacts facts;
  facts.cpus = allowed_cpus();
  const HugePages pages = huge_pages();
  if (!pages.mount.empty()) facts.free_huge_bytes = pages.free_bytes;
  return facts;
}

unsigned eal_memory_mb(const Config& config, uint64_t pool_bytes) {
  if (config.memory_mb != 0) return config.memory_mb;
  return static_cast<unsigned>((pool_bytes >> 20) + 1) + kPolicyRoomMb +
         kLaneRoomMb * static_cast<unsigned>(config.lanes.size());
}

unsigned eal_memory_mb(const Config& config) {
  const uint64_t mbuf = sizeof(rte_mbuf) + RTE_PKTMBUF_HEADROOM + mbuf_data_room(config) + 128;
  return eal_memory_mb(config, mbuf * mbufs_needed(config) * 11 / 10);
}

unsigned least_eal_memory_mb(const Config& config) {
  const unsigned all = eal_memory_mb(config);
  return config.memory_mb != 0 ? all : all - kPolicyRoomMb;
}

LiveEalPlan plan_live_eal(const Config& config, const HostFacts& host,
                          const LiveEalOptions& options) {
  LiveEalPlan plan;
  const std::set<unsigned> workers = worker_lcores(config);
  const bool by_hand = !options.lcores.empty();
  const std::string main = main_lcore_map(host, workers, by_hand, plan.main_lcore);
  const std::string lcores = (by_hand ? options.lcores + ',' : worker_map(host, workers)) + main;
  plan.arguments = {"--file-prefix", config.instance, "--lcores",
                    lcores,          "--main-lcore",  std::to_string(plan.main_lcore)};

  plan.memory_mb = eal_memory_mb(config);
  const uint64_t needed = uint64_t{plan.memory_mb} << 20;
  const uint64_t least = uint64_t{least_eal_memory_mb(config)} << 20;
  // Some pages that another program has left are worse than none: DPDK would find no
  // room for the first mempool, and has no way back.
  plan.huge_pages = !options.no_huge && host.free_huge_bytes >= least;
  if (plan.huge_pages) {
    if (config.memory_mb != 0) {
      plan.arguments.insert(plan.arguments.end(), {"-m", std::to_string(plan.memory_mb)});
    }
    if (host.free_huge_bytes < needed) {
      plan.remarks.push_back("huge pages: " + std::to_string(host.free_huge_bytes >> 20) +
                             " MiB free, about " + std::to_string(plan.memory_mb) +
                             " MiB will be asked for");
    }
  } else {
    plan.arguments.insert(plan.arguments.end(),
                          {"--no-huge", "-m", std::to_string(plan.memory_mb), "--iova-mode=va"});
    const std::string free = host.free_huge_bytes == 0
                                 ? "no huge pages are free"
                                 : "too few huge pages are free (" +
                                       std::to_string(host.free_huge_bytes >> 20) + " MiB)";
    plan.remarks.push_back((options.no_huge ? "huge pages are not wanted" : free) +
                           ": going on with " + std::to_string(plan.memory_mb) +
                           " MiB of ordinary memory, which is slower");
  }

  bool pci = false;
  for (const PortConfig& port : config.ports) {
    if (port.is_pci) {
      plan.arguments.insert(plan.arguments.end(), {"-a", port.device});
      pci = true;
    } else {
      plan.arguments.push_back("--vdev=" + vdev_string(port, config.lanes.size()));
    }
  }
  if (!pci) plan.arguments.push_back("--no-pci");
  return plan;
}

}  // namespace sluice
