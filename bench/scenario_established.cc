// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Established, decided flows: cycles a packet of the chain beside its floors:
// the ports alone, the bare look-up of the flow, rte_hash.

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include <iostream>
#include <memory>

#include "bench/bare_lookup.h"
#include "bench/chain_rig.h"
#include "bench/established_row.h"
#include "bench/scenario.h"

namespace sluice::bench {
namespace {

using std::chrono::milliseconds;

// TSC cycles a packet of `work` on bursts as the rig's ports give them.
template <typename Work>
double floor_cycles(ChainRig& rig, uint16_t size, milliseconds time, Work work) {
  return rig.with_ports(size, [&](const auto& inputs, const auto& outputs) {
    uint64_t packets = 0, cycles = 0;
    const uint64_t end =
        rte_rdtsc() + rte_get_tsc_hz() / 1000 * static_cast<uint64_t>(time.count());
    for (unsigned side = 0; rte_rdtsc() < end; side ^= 1) {
      rte_mbuf* pkts[32];
      const uint16_t n = inputs[side]->receive(pkts, 32);
      const uint64_t begin = rte_rdtsc();
      work(pkts, n);
      cycles += rte_rdtsc() - begin;
      outputs[side]->transmit(pkts, n);
      packets += n;
    }
    return static_cast<double>(cycles) / static_cast<double>(packets);
  });
}

json measure(const RigOptions& options, const Settings& settings, rte_mempool* pool) {
  ChainRig rig(options, pool);
  const std::vector<Tuple>& tuples = rig.tuples(0);
  std::unique_ptr<BareLookup> bare;
  std::unique_ptr<HashLookup> hash;
  if (settings.floors) {
    bare = std::make_unique<BareLookup>(tuples, options.family);
    hash = std::make_unique<HashLookup>(tuples, options.family);
  }
  const milliseconds time(settings.ms);
  json rows = json::array();
  for (const unsigned size : settings.sizes) {
    const auto frame = static_cast<uint16_t>(size);
    EstablishedRow measured;
    std::vector<double> bare_cycles, hash_cycles;
    for (unsigned round = 0; round < settings.rounds; ++round) {
      measured.add(rig.measure(frame, time));
      if (!settings.floors) continue;
      bare_cycles.push_back(floor_cycles(
          rig, frame, time / 2, [&](rte_mbuf** pkts, uint16_t n) { bare->look_up(pkts, n); }));
      hash_cycles.push_back(floor_cycles(
          rig, frame, time / 2, [&](rte_mbuf** pkts, uint16_t n) { hash->look_up(pkts, n); }));
    }
    rig.check_settled();
    json row = measured.to_json(rig, size);
    if (settings.floors) {
      row["lookup"] = spread(bare_cycles);
      row["rte_hash"] = spread(hash_cycles);
      row["ratio"] = measured.cycles() / median(bare_cycles);
    }
    rows.push_back(row);
  }
  return rows;
}

}  // namespace

json run_established(const Settings& s, rte_mempool* pool) {
  json results = json::array();
  for (const std::string& placement : s.placements) {
    for (const std::string& family : s.families) {
      for (const unsigned rules : s.rules) {
        for (const unsigned flows : s.flows) {
          std::cerr << "measuring " << placement << ", " << family << ", " << flows << " flows, "
                    << rules << " rules\n";
          RigOptions options;
          options.placement = placement == "run-to-completion" ? Placement::RunToCompletion
                                                               : Placement::PinnedPipeline;
          options.family = family == "ipv6" ? Family::Ipv6 : Family::Ipv4;
          options.flows = flows;
          options.rules = rules;
          for (json& row : measure(options, s, pool)) results.push_back(std::move(row));
        }
      }
    }
  }
  return {{"chain", results}};
}

}  // namespace sluice::bench
