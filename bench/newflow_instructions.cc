// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// TCP connections with an HTTP exchange through the whole chain in one thread,
// for callgrind; see bench/chain_instructions.cc.

#include <rte_mbuf.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "app/eal.h"
#include "bench/appliance_runner.h"
#include "bench/conversation.h"
#include "bench/frame_pool.h"
#include "chain/packet_meta.h"
#include "chain/worker.h"

namespace sluice::bench {

[[gnu::noinline]] void measured(Worker& worker, unsigned polls) {
  for (unsigned i = 0; i < polls; ++i) worker.poll();
}

int run(unsigned polls) {
  start_private_eal(256);
  register_packet_meta();
  const FramePool frames(2047);
  Conversations talk(frames.get());
  RunnerOptions options;
  options.toml = http_toml(true);
  options.pool = frames.get();
  options.inputs = {{&talk.client(), &talk.server()}};
  options.outputs = {{&talk.server(), &talk.client()}};
  options.threads = false;
  ApplianceRunner runner(options);
  talk.set_running(true);
  for (unsigned i = 0; i < 20; ++i) runner.advance();
  const uint64_t before = talk.connections();
  measured(*runner.appliance().workers()[0], polls);
  std::printf("%llu connections\n", static_cast<unsigned long long>(talk.connections() - before));
  talk.set_running(false);
  return 0;
}

}  // namespace sluice::bench

int main(int argc, char** argv) {
  try {
    return sluice::bench::run(argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1000);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "newflow_instructions: %s\n", e.what());
    return 1;
  }
}
