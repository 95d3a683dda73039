// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "bench/appliance_runner.h"

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "chain/worker.h"
#include "stages/registry.h"

namespace sluice::bench {

namespace {

constexpr auto kTick = std::chrono::milliseconds(1);

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what);
}

}  // namespace

void pin(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu % std::max(1u, std::thread::hardware_concurrency()), &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

ApplianceRunner::ApplianceRunner(const RunnerOptions& options)
    : threaded_(options.threads), rule_files_(options.rule_files) {
  ConfigErrors errors;
  document_ = ConfigDocument::parse(options.toml, "bench.toml", errors);
  if (!document_) fail(errors.to_string());
  ConfigVocabulary vocabulary;
  for (const StageType* type : stage_types()) vocabulary.stages.emplace_back(type->name);
  config_ = read_config(document_->root(errors), vocabulary);
  if (!errors.empty()) fail(errors.to_string());
  for (const std::string& name : config_.line) line_.push_back(find_stage_type(name));

  ApplianceOptions appliance;
  appliance.config = &config_;
  appliance.line = line_;
  appliance.directory = &directory_;
  appliance.inputs = options.inputs;
  appliance.outputs = options.outputs;
  appliance.mempool = options.pool;
  appliance.name = "bench";
  appliance_ = std::make_unique<Appliance>(appliance);

  install(*document_);
  if (!threaded_) return;
  for (Worker* worker : appliance_->workers()) {
    threads_.emplace_back([this, worker] { work(*worker); });
  }
  // Somebody takes the events, as the event writer would.
  drain_ = std::thread([this] {
    while (!done_) {
      if (drain_events() == 0) std::this_thread::sleep_for(kTick);
    }
  });
}

// What the constructor has read stays; stages' sections are read anew.
void ApplianceRunner::install(const std::string& toml) {
  ConfigErrors errors;
  const std::unique_ptr<ConfigDocument> document = ConfigDocument::parse(toml, "bench.toml", errors);
  if (!document) fail(errors.to_string());
  install(*document);
}

void ApplianceRunner::install(ConfigDocument& document) {
  ConfigErrors errors;
  CompileContext context{.config = config_,
                         .directory = directory_,
                         .port_macs = std::vector<MacAddress>(config_.ports.size()),
                         .base_dir = "",
                         .replay = false,
                         .extra_rules = rule_files_};
  auto policy =
      compile_policy(line_, document.root(errors), context, appliance_->next_generation());
  if (!policy) fail(errors.to_string());
  std::string error;
  if (!appliance_->install(std::move(policy), error)) fail(error);
}

void ApplianceRunner::work(Worker& worker) {
  pin(worker.lcore());
  rte_thread_register();
  uint64_t tsc = rte_rdtsc();
  while (!worker.stopped()) {
    if (worker.poll(tsc) && !held_.load(std::memory_order_relaxed)) continue;
    held_.wait(true, std::memory_order_relaxed);
    tsc = rte_rdtsc();
  }
  rte_thread_unregister();
}

ApplianceRunner::~ApplianceRunner() {
  rest();
  pause();
  resume_polling();
  appliance_->request_shutdown();
  for (Worker* worker : appliance_->workers()) {
    while (!worker->stopped()) advance();
  }
  for (std::thread& t : threads_) t.join();
  done_ = true;
  if (drain_.joinable()) drain_.join();
}

void ApplianceRunner::advance() {
  if (threaded_) {
    std::this_thread::sleep_for(kTick);
    return;
  }
  for (unsigned i = 0; i < 64; ++i) {
    for (Worker* worker : appliance_->workers()) worker->poll();
  }
  drain_events();
}

void ApplianceRunner::pause() {
  appliance_->pause();
  while (!appliance_->paused()) advance();
  held_ = true;
}

void ApplianceRunner::resume() {
  resume_polling();
  appliance_->resume();
}

void ApplianceRunner::resume_polling() {
  held_ = false;
  held_.notify_all();
}

void ApplianceRunner::rest() {
  uint64_t seen;
  do {
    seen = appliance_->total().transmitted;
    for (unsigned i = 0; i < 5; ++i) advance();
  } while (appliance_->total().transmitted != seen);
}

unsigned ApplianceRunner::drain_events() {
  unsigned taken = 0;
  for (EventQueue* queue : appliance_->event_queues()) {
    Event* events[64];
    const unsigned n = queue->take(events, 64);
    for (unsigned i = 0; i < n; ++i) EventQueue::recycle(events[i]);
    taken += n;
  }
  return taken;
}

}  // namespace sluice::bench
