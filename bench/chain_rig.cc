// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "bench/chain_rig.h"

#include <rte_cycles.h>

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "bench/firewall_rules.h"
#include "chain/worker.h"

namespace sluice::bench {

namespace {

constexpr auto kSettleTime = std::chrono::milliseconds(20);

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what);
}

std::string placement_toml(const RigOptions& o) {
  if (o.placement == Placement::PinnedPipeline) {
    return "[[lane]]\nworkers = [{ lcore = 1, stages = [\"identity\", \"dpi\"] }, "
           "{ lcore = 0, stages = [\"firewall\", \"forwarding\"] }]\n";
  }
  std::string toml = "[[lane]]\nlcore = 1\n";
  for (unsigned i = 1; i < o.lanes; ++i)
    toml += "[[lane]]\nlcore = " + std::to_string(i + 1) + "\n";
  return toml;
}

std::string rig_toml(const RigOptions& o) {
  return placement_toml(o) + "[flowtable]\ncapacity = " +
         std::to_string(std::max(4096u, o.flows + o.flows / 40 + o.room)) + R"(
[[port]]
name = "a"
device = "net_null0"
peer = "b"
[[port]]
name = "b"
device = "net_null1"
peer = "a"
[[stage.identity.binding]]
prefix = ["10.0.0.0/8", "fd00::/64"]
user = "clients"
groups = ["inside"]
[stage.firewall]
default = "deny"
)" + firewall_rules(o.rules);
}

}  // namespace

ChainRig::Lane::Lane(const RigOptions& options, unsigned number, rte_mempool* pool)
    : tuples(make_tuples(options.flows, number)),
      from_a(tuples, options.family, false, pool, options.mbufs),
      from_b(tuples, options.family, true, pool, options.mbufs),
      to_b(from_a),
      to_a(from_b) {
  from_b.port = 1;
}

ChainRig::ChainRig(const RigOptions& options, rte_mempool* pool) : options_(options) {
  RunnerOptions runner;
  runner.toml = rig_toml(options);
  runner.pool = pool;
  runner.threads = options.threads;
  for (unsigned i = 0; i < options.lanes; ++i) {
    lanes_.push_back(std::make_unique<Lane>(options, i, pool));
    Lane& lane = *lanes_.back();
    runner.inputs.push_back({&lane.from_a, &lane.from_b});
    runner.outputs.push_back({&lane.to_a, &lane.to_b});
  }
  runner_ = std::make_unique<ApplianceRunner>(runner);
  warm_up();
  opening_ = appliance().total();
}

ChainRig::~ChainRig() {
  stop_traffic();
  runner_.reset();
}

uint64_t ChainRig::io_cycles() const {
  uint64_t sum = 0;
  for (const auto& lane : lanes_) sum += lane->from_a.io_cycles() + lane->from_b.io_cycles();
  return sum;
}

uint64_t ChainRig::returned() const {
  uint64_t sum = 0;
  for (const auto& lane : lanes_) sum += lane->from_a.returned() + lane->from_b.returned();
  return sum;
}

// All of it at one time: a look during which this thread had to wait is taken again.
ChainRig::Moment ChainRig::now(std::chrono::milliseconds window) const {
  constexpr unsigned kTries = 100, kShare = 500;
  const uint64_t patience =
      rte_get_tsc_hz() / 1000 * static_cast<uint64_t>(window.count()) / kShare;
  Moment moment;
  for (unsigned i = 0; i < kTries; ++i) {
    const uint64_t begin = rte_rdtsc();
    moment = {appliance().total(), io_cycles(), returned(), rte_rdtsc()};
    if (moment.tsc - begin <= patience) return moment;
  }
  fail("the machine leaves the benchmark no time to look");
}

Sample ChainRig::measure(uint16_t frame_size, std::chrono::milliseconds time, double mpps) {
  stop_traffic();
  runner_->rest();
  start_traffic(frame_size, mpps);
  std::this_thread::sleep_for(kSettleTime);
  const Moment before = now(time);
  std::this_thread::sleep_for(time);
  const Moment after = now(time);
  stop_traffic();
  runner_->rest();

  Sample s;
  s.counted = after.counted;
  subtract(s.counted, before.counted);
  if (dropped_total(s.counted) != 0) fail("packets were dropped while measuring");
  s.packets = after.returned - before.returned;
  const auto packets = static_cast<double>(s.packets);
  const auto cycles = static_cast<double>(after.tsc - before.tsc);
  s.io_cycles = static_cast<double>(after.io_cycles - before.io_cycles) / packets;
  s.chain_cycles = static_cast<double>(s.counted.busy_cycles) / packets - s.io_cycles;
  s.wall_cycles = cycles / packets - s.io_cycles;
  s.mpps = packets / cycles * static_cast<double>(rte_get_tsc_hz()) / 1e6;
  return s;
}

void ChainRig::set_new_flows(unsigned a_second) {
  for (auto& lane : lanes_) lane->from_a.set_new_flows(a_second / options_.lanes);
}

void ChainRig::set_rules(unsigned rules) {
  stop_traffic();
  runner_->rest();
  options_.rules = rules;
  runner_->install(rig_toml(options_));
  warm_up();
}

void ChainRig::poll(unsigned polls) {
  start_traffic(64, 0);
  for (unsigned i = 0; i < polls; ++i) {
    for (Worker* worker : appliance().workers()) worker->poll();
  }
  stop_traffic();
}

void ChainRig::check_settled() const {
  WorkerStatistics sum = appliance().total();
  subtract(sum, cold_);
  for (size_t i = 0; i < appliance().line().size(); ++i) {
    if (appliance().line()[i]->every_packet) continue;
    if (sum.stage[i].packets > uint64_t{20} * options_.flows * options_.lanes) {
      fail(std::string(appliance().line()[i]->name) + " looked at packets of decided flows");
    }
  }
}

void ChainRig::start_traffic(uint16_t frame_size, double mpps) {
  const double each = mpps / (2.0 * static_cast<double>(lanes_.size()));
  for (auto& lane : lanes_) {
    for (TrafficInput* input : {&lane->from_a, &lane->from_b}) {
      input->set_size(frame_size);
      input->set_rate(each * 1e6);
      input->set_endless(true);
    }
  }
}

void ChainRig::stop_traffic() {
  for (auto& lane : lanes_) {
    lane->from_a.set_endless(false);
    lane->from_b.set_endless(false);
  }
}

// Two packets each way: the first opens the flow, the answer lets dpi and the
// firewall decide, the later ones find it decided.
void ChainRig::warm_up() {
  cold_ = appliance().total();
  for (unsigned round = 0; round < 2; ++round) {
    for (const bool replies : {false, true}) {
      for (auto& lane : lanes_) (replies ? lane->from_b : lane->from_a).begin_warm_up();
      for (auto& lane : lanes_) {
        while (!(replies ? lane->from_b : lane->from_a).warm()) runner_->advance();
      }
      runner_->rest();
    }
  }
  for (unsigned i = 0; i < options_.lanes; ++i) {
    const FlowTable& table = appliance().flow_table(i);
    if (table.size() != options_.flows) {
      fail(std::to_string(table.size()) + " flows live of " + std::to_string(options_.flows));
    }
  }
}

}  // namespace sluice::bench
