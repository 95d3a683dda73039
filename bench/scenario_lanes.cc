// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Two lanes on two cores beside one, and what the bare look-up scales to in the
// same run: what both lose is the machine's.

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include <atomic>
#include <iostream>
#include <thread>

#include "bench/bare_lookup.h"
#include "bench/chain_rig.h"
#include "bench/scenario.h"

namespace sluice::bench {

namespace {

constexpr unsigned kFlows = 100'000;

// Millions a second of bare look-ups on `cores` cores, each with a table and
// ports of its own.
double floor_mpps(unsigned cores, std::chrono::milliseconds time, rte_mempool* pool) {
  struct Core {
    Core(unsigned number, rte_mempool* pool)
        : tuples(make_tuples(kFlows, number)),
          input(tuples, Family::Ipv4, false, pool, 256),
          output(input),
          lookup(tuples, Family::Ipv4) {}
    std::vector<Tuple> tuples;
    TrafficInput input;
    TrafficOutput output;
    BareLookup lookup;
    uint64_t packets = 0;
  };
  std::vector<std::unique_ptr<Core>> all;
  for (unsigned i = 0; i < cores; ++i) all.push_back(std::make_unique<Core>(i, pool));
  std::atomic<bool> begun{false}, done{false};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < cores; ++i) {
    threads.emplace_back([&, i] {
      Core& core = *all[i];
      pin(i + 1);
      core.input.set_endless(true);
      while (!begun) {
      }
      while (!done) {
        rte_mbuf* pkts[32];
        const uint16_t n = core.input.receive(pkts, 32);
        core.lookup.look_up(pkts, n);
        core.output.transmit(pkts, n);
        core.packets += n;
      }
    });
  }
  begun = true;
  const uint64_t begin = rte_rdtsc();
  std::this_thread::sleep_for(time);
  done = true;
  const auto cycles = static_cast<double>(rte_rdtsc() - begin);
  for (std::thread& t : threads) t.join();
  uint64_t packets = 0;
  for (const auto& core : all) packets += core->packets;
  return static_cast<double>(packets) / cycles * static_cast<double>(rte_get_tsc_hz()) / 1e6;
}

}  // namespace

json run_lanes(const Settings& settings, rte_mempool* pool) {
  const std::chrono::milliseconds time(settings.ms);
  RigOptions options;
  options.flows = kFlows;
  std::vector<double> one, two, floor_one, floor_two, speedup, floor_speedup;
  for (unsigned i = 0; i < settings.rounds; ++i) {
    std::cerr << "lanes, round " << i + 1 << "\n";
    for (const unsigned lanes : {1u, 2u}) {
      options.lanes = lanes;
      ChainRig rig(options, pool);
      (lanes == 1 ? one : two).push_back(rig.measure(64, time).mpps);
    }
    floor_one.push_back(floor_mpps(1, time, pool));
    floor_two.push_back(floor_mpps(2, time, pool));
    speedup.push_back(two.back() / one.back());
    floor_speedup.push_back(floor_two.back() / floor_one.back());
  }
  return {{"lanes",
           {{"one_mpps", median(one)},
            {"two_mpps", median(two)},
            {"speedup", median(speedup)},
            {"floor_one_mpps", median(floor_one)},
            {"floor_two_mpps", median(floor_two)},
            {"floor_speedup", median(floor_speedup)}}}};
}

}  // namespace sluice::bench
