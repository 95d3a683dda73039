// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Decided flows through the whole chain in one thread, for callgrind: what it
// counts while `measured` runs, over the printed number of packets, are the
// instructions a packet costs. See bench/instructions.sh.

#include <rte_mbuf.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "app/eal.h"
#include "bench/chain_rig.h"
#include "bench/frame_pool.h"
#include "chain/packet_meta.h"

namespace sluice::bench {

[[gnu::noinline]] void measured(ChainRig& rig, unsigned polls) {
  rig.poll(polls);
}

int run(unsigned flows, unsigned polls) {
  start_private_eal(256);
  register_packet_meta();
  const FramePool frames(2047);
  RigOptions options;
  options.flows = flows;
  options.threads = false;
  ChainRig rig(options, frames.get());
  const uint64_t before = rig.appliance().total().transmitted;
  measured(rig, polls);
  const uint64_t packets = rig.appliance().total().transmitted - before;
  rig.check_settled();
  std::printf("%llu packets\n", static_cast<unsigned long long>(packets));
  return 0;
}

}  // namespace sluice::bench

int main(int argc, char** argv) {
  try {
    return sluice::bench::run(argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1000,
                              argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 1000);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "chain_instructions: %s\n", e.what());
    return 1;
  }
}
