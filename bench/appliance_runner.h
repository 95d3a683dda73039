// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// An appliance in this process between ports that a benchmark brings: its
// workers on threads of their own, or turned by hand.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "chain/appliance.h"
#include "config/config.h"

struct rte_mempool;

namespace sluice::bench {

struct RunnerOptions {
  std::string toml;
  std::vector<std::vector<Input*>> inputs;    // [lane]
  std::vector<std::vector<Output*>> outputs;  // [lane][port]
  std::vector<std::string> rule_files;        // for dpi
  rte_mempool* pool = nullptr;
  bool threads = true;  // false: the workers work when advance() is called
};

class ApplianceRunner {
 public:
  // Throws std::runtime_error.
  explicit ApplianceRunner(const RunnerOptions& options);
  // Ends all flows and joins the threads.
  ~ApplianceRunner();
  ApplianceRunner(const ApplianceRunner&) = delete;
  ApplianceRunner& operator=(const ApplianceRunner&) = delete;

  Appliance& appliance() noexcept { return *appliance_; }
  const Appliance& appliance() const noexcept { return *appliance_; }

  // Another policy; the workers take it up at their next poll. Throws std::runtime_error.
  void install(const std::string& toml);

  // Lets the workers get on for a moment: theirs is the time, or this thread.
  void advance();
  // Until resume() no worker does anything, not even poll: their cores are free.
  void pause();
  void resume();
  // Until nothing is transmitted any more.
  void rest();

 private:
  unsigned drain_events();
  void install(ConfigDocument& document);
  void work(Worker& worker);
  void resume_polling();

  const bool threaded_;
  const std::vector<std::string> rule_files_;
  std::vector<const StageType*> line_;
  std::atomic<bool> held_{false};
  std::unique_ptr<ConfigDocument> document_;
  Config config_;
  Directory directory_;
  std::unique_ptr<Appliance> appliance_;
  std::vector<std::thread> threads_;
  std::thread drain_;
  std::atomic<bool> done_{false};
};

void pin(unsigned cpu);

}  // namespace sluice::bench
