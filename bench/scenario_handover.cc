// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a hand-over costs: two workers beside one with the same stages, and the
// ring alone.

#include <rte_cycles.h>
#include <rte_ring.h>

#include <atomic>
#include <iostream>
#include <stdexcept>
#include <thread>

#include "bench/chain_rig.h"
#include "bench/scenario.h"

namespace sluice::bench {

namespace {

constexpr unsigned kFlows = 100'000;
constexpr unsigned kBurst = 32;

// TSC cycles a pointer, both sides' busy ones added, in bursts from core 1 to core 0.
double ring_cycles(std::chrono::milliseconds time) {
  rte_ring* ring =
      rte_ring_create("bench_handover", 4096, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (!ring) throw std::runtime_error("no memory for a ring");
  std::atomic<bool> done{false};
  uint64_t taken_cycles = 0, taken = 0, sent_cycles = 0, sent = 0;
  std::thread taker([&] {
    pin(0);
    void* objects[kBurst];
    while (!done) {
      const uint64_t begin = rte_rdtsc();
      const unsigned n = rte_ring_sc_dequeue_burst(ring, objects, kBurst, nullptr);
      if (n == 0) continue;
      taken_cycles += rte_rdtsc() - begin;
      taken += n;
    }
  });
  std::thread sender([&] {
    pin(1);
    void* objects[kBurst] = {};
    while (!done) {
      const uint64_t begin = rte_rdtsc();
      const unsigned n = rte_ring_sp_enqueue_burst(ring, objects, kBurst, nullptr);
      if (n == 0) continue;
      sent_cycles += rte_rdtsc() - begin;
      sent += n;
    }
  });
  std::this_thread::sleep_for(time);
  done = true;
  sender.join();
  taker.join();
  rte_ring_free(ring);
  return static_cast<double>(sent_cycles) / static_cast<double>(sent) +
         static_cast<double>(taken_cycles) / static_cast<double>(taken);
}

double p50_us(const Sample& s) {
  return static_cast<double>(s.counted.chain_latency.percentile(50)) / 1e3;
}

}  // namespace

json run_handover(const Settings& settings, rte_mempool* pool) {
  const std::chrono::milliseconds time(settings.ms);
  RigOptions options;
  options.flows = kFlows;
  std::vector<double> together, apart, ring, late, most;
  for (unsigned i = 0; i < settings.rounds; ++i) {
    std::cerr << "hand-over, round " << i + 1 << "\n";
    ring.push_back(ring_cycles(time));
    double load, alone_us;
    {
      options.placement = Placement::RunToCompletion;
      ChainRig rig(options, pool);
      const Sample full = rig.measure(64, time);
      together.push_back(full.chain_cycles);
      most.push_back(full.mpps);
      load = full.mpps / 2;
      alone_us = p50_us(rig.measure(64, time, load));
    }
    options.placement = Placement::PinnedPipeline;
    ChainRig rig(options, pool);
    apart.push_back(rig.measure(64, time).chain_cycles);
    late.push_back(p50_us(rig.measure(64, time, load)) - alone_us);
  }
  return {{"handover",
           {{"cycles", median(apart) - median(together)},
            {"ring_cycles", median(ring)},
            {"run_to_completion_cycles", median(together)},
            {"pipeline_cycles", median(apart)},
            {"added_latency_us", median(late)},
            {"run_to_completion_mpps", median(most)}}}};
}

}  // namespace sluice::bench
