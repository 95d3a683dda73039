// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a packet of an established, decided flow costs in the whole chain,
// beside its floors: the ports alone, the bare look-up of its flow, rte_hash.
// Prints JSON.

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "app/eal.h"
#include "bench/bare_lookup.h"
#include "bench/chain_rig.h"
#include "chain/packet_meta.h"

namespace sluice::bench {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

struct Settings {
  std::vector<unsigned> flows = {1'000, 100'000, 1'000'000};
  std::vector<unsigned> sizes = {64};
  std::vector<unsigned> rules = {1};
  std::vector<std::string> families = {"ipv4"};
  std::vector<std::string> placements = {"run-to-completion"};
  unsigned rounds = 5;
  unsigned ms = 200;
  bool floors = true;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

json spread(const std::vector<double>& values) {
  return {{"cycles", median(values)},
          {"min", *std::min_element(values.begin(), values.end())},
          {"max", *std::max_element(values.begin(), values.end())}};
}

// TSC cycles a packet of `work` on bursts as the rig's ports give them.
template <typename Work>
double floor_cycles(ChainRig& rig, uint16_t size, milliseconds time, Work work) {
  return rig.with_ports(size, [&](const auto& inputs, const auto& outputs) {
    uint64_t packets = 0, cycles = 0;
    const uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 1000 * static_cast<uint64_t>(time.count());
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
  const auto tuples = make_tuples(options.flows);
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
    std::vector<double> chain, io, mpps, bare_cycles, hash_cycles;
    for (unsigned round = 0; round < settings.rounds; ++round) {
      const Sample s = rig.measure(frame, time);
      chain.push_back(s.chain_cycles);
      io.push_back(s.io_cycles);
      mpps.push_back(s.mpps);
      if (!settings.floors) continue;
      bare_cycles.push_back(floor_cycles(rig, frame, time / 2, [&](rte_mbuf** pkts, uint16_t n) {
        bare->look_up(pkts, n);
      }));
      hash_cycles.push_back(floor_cycles(rig, frame, time / 2, [&](rte_mbuf** pkts, uint16_t n) {
        hash->look_up(pkts, n);
      }));
    }
    rig.check_settled();
    json row = {{"placement", options.placement == Placement::RunToCompletion ? "run-to-completion"
                                                                             : "pinned-pipeline"},
                {"family", options.family == Family::Ipv4 ? "ipv4" : "ipv6"},
                {"flows", options.flows},
                {"rules", options.rules},
                {"frame", size == kImix ? json("IMIX") : json(size)},
                {"chain", spread(chain)},
                {"io", spread(io)},
                {"mpps", median(mpps)}};
    if (settings.floors) {
      row["lookup"] = spread(bare_cycles);
      row["rte_hash"] = spread(hash_cycles);
      row["ratio"] = median(chain) / median(bare_cycles);
    }
    const FlowTable& table = rig.appliance().flow_table(0);
    row["bytes_per_flow"] = static_cast<double>(table.memory_bytes()) / table.capacity();
    row["huge_pages"] = table.uses_huge_pages();
    json stages = json::array();
    const WorkerStatistics sum = rig.appliance().total();
    for (size_t i = 0; i < rig.appliance().line().size(); ++i) {
      const StageStatistics& s = sum.stage[i];
      const auto seen = static_cast<double>(s.packets + s.skipped);
      stages.push_back({{"stage", rig.appliance().line()[i]->name},
                        {"settled", seen > 0 ? static_cast<double>(s.skipped) / seen : 0},
                        {"cycles", s.sampled_packets ? static_cast<double>(s.sampled_cycles) /
                                                           static_cast<double>(s.sampled_packets)
                                                     : 0}});
    }
    row["stages"] = stages;
    rows.push_back(row);
  }
  return rows;
}

int run(int argc, char** argv) {
  CLI::App cli("Cycles a packet of the whole chain, established flows, beside its floors");
  Settings s;
  unsigned memory_mb = 1024;
  cli.add_option("--flows", s.flows, "numbers of flows")->delimiter(',');
  cli.add_option("--sizes", s.sizes, "frame lengths with FCS, 64..1518; 0: IMIX")->delimiter(',');
  cli.add_option("--rules", s.rules, "numbers of firewall rules")->delimiter(',');
  cli.add_option("--families", s.families, "ipv4, ipv6")->delimiter(',');
  cli.add_option("--placements", s.placements, "run-to-completion, pinned-pipeline")
      ->delimiter(',');
  cli.add_option("--rounds", s.rounds, "interleaved repetitions; the median is reported");
  cli.add_option("--ms", s.ms, "milliseconds a repetition");
  cli.add_option("--memory", memory_mb, "MiB for DPDK (rte_hash of many flows needs more)");
  cli.add_flag("!--no-floors", s.floors, "without look-up and rte_hash");
  CLI11_PARSE(cli, argc, argv);

  start_private_eal(memory_mb);
  register_packet_meta();
  rte_mempool* pool = rte_pktmbuf_pool_create("bench", 8191, 0, 0, 2048, SOCKET_ID_ANY);
  if (!pool) throw std::runtime_error("no memory for frames");

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
  std::cout << json{{"tsc_hz", rte_get_tsc_hz()}, {"chain", results}}.dump(2) << "\n";
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  try {
    return sluice::bench::run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << "chain_bench: " << e.what() << "\n";
    return 1;
  }
}
