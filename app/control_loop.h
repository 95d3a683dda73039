// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What the control thread does while the workers work: console clients,
// signals, heartbeats, links, reloads, statistics. It waits for none of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/console.h"
#include "app/control_socket.h"
#include "app/event_watch.h"
#include "app/wire_watch.h"

namespace sluice {

struct Runtime;

// SIGINT, SIGTERM (end), SIGHUP (reload, log files anew), blocked for this
// thread and all that it starts. Before the EAL starts.
void block_signals();

class ControlLoop {
 public:
  // Opens the socket; throws std::runtime_error. `runtime` and `stop` outlive
  // the loop.
  ControlLoop(Runtime& runtime, const std::string& socket_path, std::atomic<bool>& stop);
  ~ControlLoop();
  ControlLoop(const ControlLoop&) = delete;
  ControlLoop& operator=(const ControlLoop&) = delete;

  // Until `stop` is set: by whoever has it, by a signal, or because the devices are
  // gone. False for the last: whoever started it may start it anew.
  bool run();

 private:
  struct Heart {
    uint64_t beat = 0;
    uint64_t since_ms = 0;
    bool stalled = false;
  };

  void take_signal();
  // Reports who stands still and who works again; whether all work.
  bool watch_hearts(uint64_t now_ms);
  void write_stats(uint64_t now_ms);
  void write_port_change(unsigned port, std::string_view what, const std::string& detail);

  Runtime& runtime_;
  Console console_;
  ControlSocket socket_;
  int signal_fd_ = -1;
  std::vector<Heart> hearts_;
  uint64_t next_watch_ms_ = 0;
  uint64_t next_stats_ms_ = 0;
  EventWatch events_;
  WireWatch wires_;
  std::atomic<bool>& stop_;
  bool useless_ = false;
};

}  // namespace sluice
