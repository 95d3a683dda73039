// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/counters.h"

#include <cstring>

#include "app/port.h"
#include "chain/appliance.h"

namespace sluice {

namespace {

WorkerStatistics difference(WorkerStatistics now, const WorkerStatistics& then) {
  subtract(now, then);
  return now;
}

}  // namespace

Counters::Counters(const Appliance& appliance, const Ports& ports)
    : appliance_(appliance),
      ports_(ports),
      since_(std::chrono::steady_clock::now()),
      base_lanes_(appliance.lanes()),
      base_workers_(appliance.workers().size()),
      base_ports_(ports.size()) {
  for (size_t i = 0; i < appliance.line().size(); ++i) {
    base_stages_.emplace_back(appliance.line()[i]->counters.size());
  }
}

void Counters::clear() {
  since_ = std::chrono::steady_clock::now();
  base_total_ = appliance_.total();
  for (unsigned i = 0; i < base_lanes_.size(); ++i) base_lanes_[i] = appliance_.total(i);
  for (unsigned i = 0; i < base_workers_.size(); ++i) {
    base_workers_[i] = appliance_.worker_statistics(i);
  }
  for (unsigned i = 0; i < base_ports_.size(); ++i) base_ports_[i] = ports_[i].statistics();
  for (unsigned i = 0; i < base_stages_.size(); ++i) base_stages_[i] = stage_now(i);
}

double Counters::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since_).count();
}

WorkerStatistics Counters::total() const {
  return difference(appliance_.total(), base_total_);
}

WorkerStatistics Counters::lane(unsigned lane) const {
  return difference(appliance_.total(lane), base_lanes_[lane]);
}

WorkerStatistics Counters::worker(unsigned worker) const {
  return difference(appliance_.worker_statistics(worker), base_workers_[worker]);
}

rte_eth_stats Counters::port(unsigned port) const {
  rte_eth_stats now = ports_[port].statistics();
  const rte_eth_stats& then = base_ports_[port];
  now.ipackets -= then.ipackets;
  now.opackets -= then.opackets;
  now.ibytes -= then.ibytes;
  now.obytes -= then.obytes;
  now.imissed -= then.imissed;
  now.ierrors -= then.ierrors;
  now.oerrors -= then.oerrors;
  now.rx_nombuf -= then.rx_nombuf;
  return now;
}

std::vector<uint64_t> Counters::stage(unsigned index) const {
  std::vector<uint64_t> out = stage_now(index);
  for (size_t i = 0; i < out.size(); ++i) out[i] -= base_stages_[index][i];
  return out;
}

std::vector<uint64_t> Counters::stage_now(unsigned index) const {
  const auto table = appliance_.line()[index]->counters;
  std::vector<uint64_t> out(table.size());
  for (unsigned lane = 0; lane < appliance_.lanes(); ++lane) {
    const auto* counters = static_cast<const std::byte*>(appliance_.stage(lane, index).counters());
    if (!counters) continue;
    for (size_t i = 0; i < table.size(); ++i) {
      uint64_t value;
      std::memcpy(&value, counters + table[i].offset, sizeof value);
      out[i] += value;
    }
  }
  return out;
}

}  // namespace sluice
