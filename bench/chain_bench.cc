// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The whole chain in this process, scenario by scenario. Prints JSON.

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <stdexcept>

#include "app/eal.h"
#include "bench/frame_pool.h"
#include "bench/scenario.h"
#include "chain/packet_meta.h"

namespace sluice::bench {
namespace {

using Scenario = json (*)(const Settings&, rte_mempool*);

const std::map<std::string, Scenario> kScenarios = {{"established", run_established},
                                                    {"rules", run_rules},
                                                    {"latency", run_latency},
                                                    {"newflows", run_newflows},
                                                    {"handover", run_handover},
                                                    {"lanes", run_lanes}};

int run(int argc, char** argv) {
  CLI::App cli(
      "What the chain costs. Scenarios: established (cycles a packet of decided flows beside "
      "their floors), rules (the same flows under policies of different size), latency (in-box, at half load), newflows (connections a second), handover "
      "(pinned pipeline beside run to completion), lanes (two cores beside one)");
  Settings s;
  std::string scenario = "established";
  cli.add_option("scenario", scenario, "which one")->check(CLI::IsMember(kScenarios));
  cli.add_option("--flows", s.flows, "numbers of flows")->delimiter(',');
  cli.add_option("--sizes", s.sizes, "frame lengths with FCS, 64..1518; 0: IMIX")->delimiter(',');
  cli.add_option("--rules", s.rules, "numbers of firewall rules")->delimiter(',');
  cli.add_option("--families", s.families, "ipv4, ipv6")->delimiter(',');
  cli.add_option("--placements", s.placements, "run-to-completion, pinned-pipeline")
      ->delimiter(',');
  cli.add_option("--rounds", s.rounds, "interleaved repetitions; the median is reported");
  cli.add_option("--ms", s.ms, "milliseconds a repetition");
  cli.add_option("--memory", s.memory_mb, "MiB for DPDK (rte_hash of many flows needs more)");
  cli.add_flag("!--no-floors", s.floors, "without look-up and rte_hash");
  CLI11_PARSE(cli, argc, argv);

  start_private_eal(s.memory_mb);
  register_packet_meta();
  const FramePool frames(8191);
  json result = kScenarios.at(scenario)(s, frames.get());
  result["tsc_hz"] = rte_get_tsc_hz();
  std::cout << result.dump(2) << "\n";
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
