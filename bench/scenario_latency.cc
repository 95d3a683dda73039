// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// In-box latency at half of the maximum rate: from a burst's receipt to its
// being handed to transmit. Decided flows alone, then with new flows that nDPI
// looks at in the same lane.

#include <iostream>

#include "bench/chain_rig.h"
#include "bench/scenario.h"

namespace sluice::bench {

namespace {

constexpr unsigned kFlows = 100'000;
constexpr unsigned kNewFlows = 1000;  // a second

json stage_latencies(const Appliance& appliance) {
  json stages = json::array();
  const WorkerStatistics sum = appliance.total();
  for (size_t i = 0; i < appliance.line().size(); ++i) {
    const Histogram& h = sum.stage[i].latency;
    stages.push_back({{"stage", appliance.line()[i]->name},
                      {"p50_us", static_cast<double>(h.percentile(50)) / 1e3},
                      {"p99_us", static_cast<double>(h.percentile(99)) / 1e3}});
  }
  return stages;
}

}  // namespace

json run_latency(const Settings& settings, rte_mempool* pool) {
  RigOptions options;
  options.flows = kFlows;
  options.room = 1 << 17;
  ChainRig rig(options, pool);
  const std::chrono::milliseconds time(settings.ms);
  std::vector<double> most;
  for (unsigned i = 0; i < settings.rounds; ++i) most.push_back(rig.measure(64, time).mpps);
  const double max_mpps = median(most);
  const double load = max_mpps / 2;
  Histogram decided, mixed;
  double offered = 0;
  for (unsigned i = 0; i < settings.rounds; ++i) {
    std::cerr << "latency at " << load << " Mpps, round " << i + 1 << "\n";
    const Sample s = rig.measure(64, 5 * time, load);
    decided.add(s.counted.chain_latency);
    offered += s.mpps / settings.rounds;
    rig.set_new_flows(kNewFlows);
    mixed.add(rig.measure(64, 5 * time, load).counted.chain_latency);
    rig.set_new_flows(0);
  }
  json with_new = latency_json(mixed);
  with_new["new_flows_per_second"] = kNewFlows;
  return {{"latency",
           {{"load_mpps", offered},
            {"max_mpps", max_mpps},
            {"decided", latency_json(decided)},
            {"with_new_flows", with_new},
            {"stages", stage_latencies(rig.appliance())}}}};
}

}  // namespace sluice::bench
