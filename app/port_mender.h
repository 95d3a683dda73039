// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The thread that does to a device what may take seconds: the control loop
// lends it a port, and looks later how it went.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace sluice {

class Port;

class PortMender {
 public:
  enum class Job : uint8_t {
    Recover,   // Port::recover()
    GiveBack,  // Port::give_back()
  };
  struct Result {
    Port* port;
    Job job;
    std::string error;  // empty: done
  };

  PortMender();
  ~PortMender();  // ends the job at work, forgets the others
  PortMender(const PortMender&) = delete;
  PortMender& operator=(const PortMender&) = delete;

  // ---- control thread ----

  // The port's gate is closed, a grace period is over, and it is lent until the
  // result has been taken.
  void give(Port& port, Job job);
  std::optional<Result> take();

 private:
  void run();

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<std::pair<Port*, Job>> to_do_;
  std::deque<Result> done_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace sluice
