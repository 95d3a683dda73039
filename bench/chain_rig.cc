// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "bench/chain_rig.h"

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <sched.h>

#include <algorithm>
#include <stdexcept>

#include "chain/worker.h"
#include "stages/registry.h"

namespace sluice::bench {

namespace {

constexpr auto kSettleTime = std::chrono::milliseconds(20);
constexpr auto kTick = std::chrono::milliseconds(1);

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what);
}

std::string placement_toml(const RigOptions& o) {
  const std::string first = std::to_string(o.first_lcore);
  if (o.placement == Placement::RunToCompletion) return "[[lane]]\nlcore = " + first + "\n";
  return "[[lane]]\nworkers = [{ lcore = " + first +
         ", stages = [\"identity\", \"dpi\"] }, { lcore = " +
         std::to_string(o.first_lcore == 0 ? 1 : 0) +
         ", stages = [\"firewall\", \"forwarding\"] }]\n";
}

std::string rules_toml(unsigned rules) {
  std::string toml;
  for (unsigned i = 1; i < rules; ++i) {
    toml += "[[stage.firewall.rule]]\nname = \"r" + std::to_string(i) + "\"\nto = [\"172." +
            std::to_string(16 + i % 16) + "." + std::to_string(i / 16 % 256) + "." +
            std::to_string(i / 4096 % 256) + "\"]\nprotocol = [\"tcp\"]\nport = [\"" +
            std::to_string(1 + i % 60000) + "\"]\naction = \"drop\"\n";
  }
  return toml + R"([[stage.firewall.rule]]
name = "inside-out"
from = ["group:inside"]
action = "allow"
)";
}

std::string rig_toml(const RigOptions& o) {
  return placement_toml(o) + "[flowtable]\ncapacity = " +
         std::to_string(std::max(1024u, o.flows + o.flows / 20)) + R"(
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
)" + rules_toml(o.rules);
}

}  // namespace

void ChainRig::pin(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu % std::max(1u, std::thread::hardware_concurrency()), &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

ChainRig::ChainRig(const RigOptions& options, rte_mempool* pool)
    : options_(options),
      tuples_(make_tuples(options.flows)),
      from_a_(tuples_, options.family, false, pool, options.mbufs),
      from_b_(tuples_, options.family, true, pool, options.mbufs),
      to_b_(from_a_),
      to_a_(from_b_) {
  from_b_.port = 1;
  ConfigErrors errors;
  document_ = ConfigDocument::parse(rig_toml(options), "bench.toml", errors);
  if (!document_) fail(errors.to_string());
  ConfigVocabulary vocabulary;
  for (const StageType* type : stage_types()) vocabulary.stages.emplace_back(type->name);
  config_ = read_config(document_->root(errors), vocabulary);
  std::vector<const StageType*> line;
  for (const std::string& name : config_.line) line.push_back(find_stage_type(name));

  ApplianceOptions appliance;
  appliance.config = &config_;
  appliance.line = line;
  appliance.directory = &directory_;
  appliance.inputs = {{&from_a_, &from_b_}};
  appliance.outputs = {{&to_a_, &to_b_}};
  appliance.mempool = pool;
  appliance.name = "bench";
  appliance_ = std::make_unique<Appliance>(appliance);

  CompileContext context{.config = config_,
                         .directory = directory_,
                         .port_macs = {{}, {}},
                         .base_dir = "",
                         .replay = false,
                         .extra_rules = {}};
  auto policy =
      compile_policy(line, document_->root(errors), context, appliance_->next_generation());
  if (!policy) fail(errors.to_string());
  std::string error;
  if (!appliance_->install(std::move(policy), error)) fail(error);
  for (Worker* worker : appliance_->workers()) {
    if (!options.threads) break;
    threads_.emplace_back([worker] {
      pin(worker->lcore());
      rte_thread_register();
      worker->run();
      rte_thread_unregister();
    });
  }
  // Somebody takes the events, as the event writer would.
  if (options.threads) {
    drain_ = std::thread([this] {
      while (!done_) {
        if (drain_events() == 0) std::this_thread::sleep_for(kTick);
      }
    });
  }
  warm_up();
}

ChainRig::~ChainRig() {
  rest();
  pause();
  appliance_->request_shutdown();
  for (std::thread& t : threads_) t.join();
  done_ = true;
  if (drain_.joinable()) drain_.join();
  for (Worker* worker : appliance_->workers()) {
    while (!worker->stopped()) advance();
  }
}

// Lets the workers get on: theirs is the time, or this thread.
void ChainRig::advance() {
  if (options_.threads) {
    std::this_thread::sleep_for(kTick);
    return;
  }
  for (unsigned i = 0; i < 64; ++i) {
    for (Worker* worker : appliance_->workers()) worker->poll();
  }
  drain_events();
}

void ChainRig::poll(unsigned polls) {
  start_traffic(64);
  for (unsigned i = 0; i < polls; ++i) {
    for (Worker* worker : appliance_->workers()) worker->poll();
  }
  stop_traffic();
}

Sample ChainRig::measure(uint16_t frame_size, std::chrono::milliseconds time) {
  rest();
  start_traffic(frame_size);
  std::this_thread::sleep_for(kSettleTime);
  const auto io = [this] { return from_a_.io_cycles() + from_b_.io_cycles(); };
  const WorkerStatistics before = appliance_->total();
  const uint64_t io_before = io(), begin = rte_rdtsc();
  std::this_thread::sleep_for(time);
  const WorkerStatistics after = appliance_->total();
  const uint64_t io_after = io(), end = rte_rdtsc();
  rest();
  if (dropped_total(after) != dropped_total(before)) fail("packets were dropped while measuring");

  Sample s;
  s.packets = after.transmitted - before.transmitted;
  const auto packets = static_cast<double>(s.packets);
  s.io_cycles = static_cast<double>(io_after - io_before) / packets;
  s.chain_cycles =
      static_cast<double>(after.busy_cycles - before.busy_cycles) / packets - s.io_cycles;
  s.mpps = packets / static_cast<double>(end - begin) * static_cast<double>(rte_get_tsc_hz()) / 1e6;
  return s;
}

void ChainRig::check_settled() const {
  const WorkerStatistics sum = appliance_->total();
  for (size_t i = 0; i < appliance_->line().size(); ++i) {
    if (appliance_->line()[i]->every_packet) continue;
    const StageStatistics& s = sum.stage[i];
    if (s.packets > 20 * uint64_t{options_.flows}) {
      fail(std::string(appliance_->line()[i]->name) + " looked at packets of decided flows");
    }
  }
}

void ChainRig::start_traffic(uint16_t frame_size) {
  for (TrafficInput* input : {&from_a_, &from_b_}) {
    input->set_size(frame_size);
    input->set_endless(true);
  }
}

void ChainRig::stop_traffic() {
  from_a_.set_endless(false);
  from_b_.set_endless(false);
}

void ChainRig::pause() {
  appliance_->pause();
  while (!appliance_->paused()) advance();
}

void ChainRig::rest() {
  stop_traffic();
  uint64_t seen;
  do {
    seen = appliance_->total().transmitted;
    for (unsigned i = 0; i < 5; ++i) advance();
  } while (appliance_->total().transmitted != seen);
}

unsigned ChainRig::drain_events() {
  unsigned taken = 0;
  for (EventQueue* queue : appliance_->event_queues()) {
    Event* events[64];
    const unsigned n = queue->take(events, 64);
    for (unsigned i = 0; i < n; ++i) EventQueue::recycle(events[i]);
    taken += n;
  }
  return taken;
}

// Two packets each way: the first opens the flow, the answer lets dpi and the
// firewall decide, the later ones find it decided.
void ChainRig::warm_up() {
  for (unsigned round = 0; round < 2; ++round) {
    for (TrafficInput* input : {&from_a_, &from_b_}) {
      input->begin_warm_up();
      while (!input->warm()) advance();
      rest();
    }
  }
  const FlowTable& table = appliance_->flow_table(0);
  if (table.size() != options_.flows) {
    fail(std::to_string(table.size()) + " flows live of " + std::to_string(options_.flows));
  }
}

}  // namespace sluice::bench
