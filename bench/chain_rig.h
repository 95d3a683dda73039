// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A whole appliance in this process, its workers on threads of their own,
// between two ports of bench/traffic.h.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/traffic.h"
#include "chain/appliance.h"
#include "config/config.h"

namespace sluice::bench {

enum class Placement : uint8_t { RunToCompletion, PinnedPipeline };

struct RigOptions {
  Placement placement = Placement::RunToCompletion;
  Family family = Family::Ipv4;
  unsigned flows = 1000;
  unsigned rules = 1;       // of the firewall; the last one allows, no other matches
  unsigned mbufs = 256;     // frames in flight, a direction
  unsigned first_lcore = 1;
  bool threads = true;  // false: the workers work when poll() is called
};

// One measurement, over all workers.
struct Sample {
  double chain_cycles;  // TSC cycles a packet, without the ports' own
  double io_cycles;     // the ports' own
  double mpps;          // with them
  uint64_t packets;
};

class ChainRig {
 public:
  // Opens every flow, lets dpi decide it and answers it once. Throws
  // std::runtime_error.
  ChainRig(const RigOptions& options, rte_mempool* pool);
  ~ChainRig();
  ChainRig(const ChainRig&) = delete;
  ChainRig& operator=(const ChainRig&) = delete;

  // Both directions at full load for `time`. Throws if a packet is dropped.
  Sample measure(uint16_t frame_size, std::chrono::milliseconds time);

  // Runs `work(input, output)` in the calling thread, on the first worker's
  // core, while the appliance rests; its ports are free to use.
  template <typename Work>
  auto with_ports(uint16_t frame_size, Work work) {
    rest();
    pause();
    start_traffic(frame_size);
    pin(options_.first_lcore);
    auto result = work(std::vector<TrafficInput*>{&from_a_, &from_b_},
                       std::vector<TrafficOutput*>{&to_b_, &to_a_});
    stop_traffic();
    appliance_->resume();
    return result;
  }

  const Appliance& appliance() const noexcept { return *appliance_; }
  Appliance& appliance() noexcept { return *appliance_; }

  // Without threads: `polls` turns of every worker under full load.
  void poll(unsigned polls);

  // Throws if a stage that decides had to look at packets of decided flows.
  void check_settled() const;

  static void pin(unsigned cpu);

 private:
  void advance();
  void pause();
  void rest();
  void start_traffic(uint16_t frame_size);
  void stop_traffic();
  void warm_up();
  unsigned drain_events();

  const RigOptions options_;
  std::vector<Tuple> tuples_;
  TrafficInput from_a_, from_b_;
  TrafficOutput to_b_, to_a_;
  std::unique_ptr<ConfigDocument> document_;
  Config config_;
  Directory directory_;
  std::unique_ptr<Appliance> appliance_;
  std::vector<std::thread> threads_;
  std::thread drain_;
  std::atomic<bool> done_{false};
};

}  // namespace sluice::bench
