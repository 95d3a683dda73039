// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Established, decided flows through an appliance: every lane between two ports
// of bench/traffic.h.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "bench/appliance_runner.h"
#include "bench/traffic.h"

namespace sluice::bench {

enum class Placement : uint8_t { RunToCompletion, PinnedPipeline };

struct RigOptions {
  Placement placement = Placement::RunToCompletion;
  Family family = Family::Ipv4;
  unsigned flows = 1000;  // a lane
  unsigned room = 0;      // for more flows than those
  unsigned rules = 1;     // of the firewall; the last one allows, no other matches
  unsigned mbufs = 256;   // frames in flight, a direction
  unsigned lanes = 1;     // on lcores 1, 0
  bool threads = true;    // false: the workers work when poll() is called
};

// One measurement, over all workers.
struct Sample {
  double chain_cycles;  // TSC cycles a packet, without the ports' own
  double wall_cycles;   // the same by the wall clock: of one busy worker
  double io_cycles;     // the ports' own
  double mpps;          // with them
  uint64_t packets;
  WorkerStatistics counted;  // by all workers meanwhile
};

class ChainRig {
 public:
  // Opens every flow, lets dpi decide it and answers it. Throws
  // std::runtime_error.
  ChainRig(const RigOptions& options, rte_mempool* pool);
  ~ChainRig();

  // Both directions for `time`; `mpps`: offered by all ports together, 0: all
  // that the workers take. Throws if a packet is dropped.
  Sample measure(uint16_t frame_size, std::chrono::milliseconds time, double mpps = 0);

  // Another policy, with so many rules, for the same flows. Throws std::runtime_error.
  void set_rules(unsigned rules);

  // From now on `a_second` packets of all that the rig offers open a new flow,
  // which nDPI has to look at.
  void set_new_flows(unsigned a_second);

  // Runs `work(inputs, outputs)` of lane 0's ports in the calling thread, on the
  // first worker's core, while the appliance rests.
  template <typename Work>
  auto with_ports(uint16_t frame_size, Work work) {
    stop_traffic();
    runner_->rest();
    runner_->pause();
    start_traffic(frame_size, 0);
    pin(1);
    Lane& lane = *lanes_[0];
    auto result = work(std::vector<TrafficInput*>{&lane.from_a, &lane.from_b},
                       std::vector<TrafficOutput*>{&lane.to_b, &lane.to_a});
    stop_traffic();
    runner_->resume();
    return result;
  }

  // Without threads: `polls` turns of every worker under full load.
  void poll(unsigned polls);

  // Throws if a stage that decides had to look at packets of decided flows since
  // the policy's first.
  void check_settled() const;

  const RigOptions& options() const noexcept { return options_; }
  // Counted while the flows were opened and decided, under the first policy.
  const WorkerStatistics& opening() const noexcept { return opening_; }
  const Appliance& appliance() const noexcept { return runner_->appliance(); }
  const std::vector<Tuple>& tuples(unsigned lane) const noexcept { return lanes_[lane]->tuples; }

 private:
  struct Lane {
    Lane(const RigOptions& options, unsigned number, rte_mempool* pool);
    std::vector<Tuple> tuples;
    TrafficInput from_a, from_b;
    TrafficOutput to_b, to_a;
  };

  // What has happened so far.
  struct Moment {
    WorkerStatistics counted;
    uint64_t io_cycles = 0, returned = 0, tsc = 0;
  };

  Moment now(std::chrono::milliseconds window) const;
  void start_traffic(uint16_t frame_size, double mpps);
  void stop_traffic();
  void warm_up();
  uint64_t io_cycles() const;
  uint64_t returned() const;

  RigOptions options_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::unique_ptr<ApplianceRunner> runner_;
  WorkerStatistics opening_, cold_;  // at the end of the first warm-up, before the last
};

}  // namespace sluice::bench
