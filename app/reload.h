// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Reloads: the file is read and compiled by a thread of low priority beside the
// running policy, then put into force by the control thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/command.h"
#include "app/settings.h"
#include "chain/policy.h"

namespace sluice {

struct EveNames;
struct Runtime;

// Keys in which the two differ although a running appliance cannot change
// them: "port[0].mtu", "flowtable.capacity".
std::vector<std::string> restart_needed(const Config& running, const Config& wanted);

class Reloader {
 public:
  // `runtime` outlives the reloader.
  explicit Reloader(Runtime& runtime);
  ~Reloader();
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  // ---- control thread ----

  // Starts a reload; false if one is under way.
  bool request();
  // Takes the compiled policy to the workers; called now and then.
  void turn();
  bool busy() const { return state_ != State::Idle; }
  // Of the last reload that ended; counts them, so that a waiter knows its own.
  const CommandResult& last_result() const { return last_result_; }
  unsigned finished() const { return finished_; }

 private:
  enum class State : uint8_t { Idle, Compiling, Adopting };
  struct Work {
    uint16_t generation = 0;
    std::vector<MacAddress> macs;  // the devices', as the control thread knows them
    std::unique_ptr<Settings> settings;
    std::unique_ptr<Policy> policy;  // null: `errors` says why
    std::shared_ptr<const EveNames> names;
    std::string errors;
  };

  void run();  // the compiler thread
  void compile(Work& work);
  void put_into_force(Work& work);
  void finish(CommandResult result);

  Runtime& runtime_;
  State state_ = State::Idle;
  std::unique_ptr<Settings> settings_;  // of the last reload in force
  uint64_t adopting_since_ms_ = 0;
  uint16_t generation_ = 0;
  CommandResult last_result_;
  unsigned finished_ = 0;

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::optional<Work> to_do_;
  std::optional<Work> done_;
  bool stop_ = false;

  std::thread thread_;
};

}  // namespace sluice
