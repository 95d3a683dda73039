// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/control_loop.h"

#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include "app/commands.h"
#include "app/eve_stats.h"
#include "app/json_writer.h"
#include "app/runtime.h"
#include "app/service_manager.h"
#include "chain/worker.h"

namespace sluice {

namespace {

constexpr int kTurnMs = 50;
constexpr int kBusyTurnMs = 5;  // while somebody waits for an answer
constexpr uint64_t kWatchMs = 200;
constexpr uint64_t kStallMs = 1000;

uint64_t monotonic_ms() {
  using namespace std::chrono;
  return static_cast<uint64_t>(
      duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}

uint64_t wall_ns() {
  using namespace std::chrono;
  return static_cast<uint64_t>(
      duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count());
}

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  return set;
}

// Devices' counters since the start, whatever resets they have had, and what
// became of each port.
void write_ports(JsonWriter& json, const Runtime& runtime) {
  json.begin_object("port");
  for (unsigned i = 0; i < runtime.ports->size(); ++i) {
    const Port& port = (*runtime.ports)[i];
    const rte_eth_stats stats = port.statistics();
    const PortCounts& counts = runtime.keeper->counts(i);
    json.begin_object(port.config().name)
        .field("state", to_string(runtime.keeper->state(i)))
        .field("link", port.link_up() ? "up" : "down")
        .field("rx_packets", stats.ipackets)
        .field("rx_bytes", stats.ibytes)
        .field("rx_missed", stats.imissed)
        .field("rx_nombuf", stats.rx_nombuf)
        .field("rx_errors", stats.ierrors)
        .field("tx_packets", stats.opackets)
        .field("tx_bytes", stats.obytes)
        .field("tx_errors", stats.oerrors)
        .field("resets", counts.resets)
        .field("recoveries", counts.recoveries)
        .field("failed_recoveries", counts.failures)
        .field("removals", counts.removals)
        .field("link_changes", counts.link_changes)
        .end_object();
  }
  json.end_object();
}

}  // namespace

void block_signals() {
  const sigset_t set = handled_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

ControlLoop::ControlLoop(Runtime& runtime, const std::string& socket_path, std::atomic<bool>& stop)
    : runtime_(runtime),
      console_(console_commands(runtime)),
      socket_(socket_path, console_),
      hearts_(runtime.appliance->workers().size()),
      stop_(stop) {
  const sigset_t set = handled_signals();
  signal_fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signal_fd_ < 0) throw std::runtime_error(std::string("signalfd: ") + std::strerror(errno));
}

ControlLoop::~ControlLoop() {
  close(signal_fd_);
}

bool ControlLoop::run() {
  const uint64_t start_ms = monotonic_ms();
  for (Heart& heart : hearts_) heart.since_ms = start_ms;
  next_stats_ms_ = start_ms + runtime_.settings->config.log.stats_interval_s * 1000ull;
  runtime_.keeper->on_change = [this](unsigned port, std::string_view what,
                                      const std::string& detail) {
    write_port_change(port, what, detail);
  };
  std::vector<pollfd> extra = {{signal_fd_, POLLIN, 0}};
  while (!stop_.load(std::memory_order_acquire)) {
    const bool busy = runtime_.reloader->busy() || runtime_.keeper->busy();
    socket_.serve(busy ? kBusyTurnMs : kTurnMs, extra);
    if (extra[0].revents & POLLIN) take_signal();
    runtime_.reloader->turn();
    const uint64_t now_ms = monotonic_ms();
    runtime_.keeper->turn(now_ms);
    if (runtime_.keeper->all_gone()) {
      spdlog::critical("nothing can pass any more, as devices are gone: ending");
      useless_ = true;
      stop_.store(true, std::memory_order_release);
    }
    if (now_ms >= next_watch_ms_) {
      next_watch_ms_ = now_ms + kWatchMs;
      // A service manager that asks for signs of life gets them while all workers live.
      if (watch_hearts(now_ms)) notify_service_manager("WATCHDOG=1");
      for (const std::string& warning : events_.turn(event_trouble(runtime_), now_ms)) {
        spdlog::warn("{}", warning);
      }
      for (const std::string& warning : wires_.turn(runtime_.appliance->wire_disputes(),
                                                    runtime_.start_settings->config, now_ms)) {
        spdlog::warn("{}", warning);
      }
      runtime_.appliance->reclaim();
    }
    write_stats(now_ms);
  }
  runtime_.keeper->on_change = nullptr;
  return !useless_;
}

void ControlLoop::take_signal() {
  signalfd_siginfo info;
  while (read(signal_fd_, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo != SIGHUP) {
      spdlog::info("{}: ending", strsignal(static_cast<int>(info.ssi_signo)));
      stop_.store(true, std::memory_order_release);
      continue;
    }
    if (runtime_.eve) runtime_.eve->request_reopen();
    if (!runtime_.reloader->request()) spdlog::warn("SIGHUP: a reload is under way already");
  }
}

bool ControlLoop::watch_hearts(uint64_t now_ms) {
  bool all_live = true;
  const auto& workers = runtime_.appliance->workers();
  const auto& line = runtime_.appliance->line();
  for (size_t i = 0; i < workers.size(); ++i) {
    const Worker& worker = *workers[i];
    Heart& heart = hearts_[i];
    const uint64_t beat = worker.heartbeat();
    if (beat != heart.beat) {
      if (heart.stalled) {
        spdlog::info("lane {} lcore {}: works again after {} ms", worker.lane(), worker.lcore(),
                     now_ms - heart.since_ms);
      }
      heart = {beat, now_ms, false};
    } else if (!heart.stalled && !worker.stopped() && now_ms - heart.since_ms >= kStallMs) {
      heart.stalled = true;
      const unsigned stage = worker.running_stage();
      spdlog::critical("lane {} lcore {}: stalled for {} ms in {}, policy {}", worker.lane(),
                       worker.lcore(), now_ms - heart.since_ms,
                       stage < line.size() ? line[stage]->name : "no stage", worker.generation());
    }
    all_live = all_live && !heart.stalled;
  }
  return all_live;
}

void ControlLoop::write_stats(uint64_t now_ms) {
  const unsigned interval_s = runtime_.settings->config.log.stats_interval_s;
  if (interval_s == 0 || now_ms < next_stats_ms_) return;
  next_stats_ms_ = now_ms + interval_s * 1000ull;
  if (!runtime_.eve || !runtime_.eve->wants("stats")) return;
  const auto up_s = std::chrono::duration_cast<std::chrono::seconds>(
                        std::chrono::system_clock::now() - runtime_.started_at)
                        .count();
  runtime_.eve->write_line(
      "stats", eve_stats_line(*runtime_.appliance, wall_ns(), static_cast<uint64_t>(up_s),
                              StatsDetail::Everything, runtime_.eve->failed_lines(),
                              [this](JsonWriter& json) { write_ports(json, runtime_); }));
}

void ControlLoop::write_port_change(unsigned port, std::string_view what,
                                    const std::string& detail) {
  if (!runtime_.eve || !runtime_.eve->wants("port")) return;
  const PortConfig& config = (*runtime_.ports)[port].config();
  runtime_.eve->write_line(
      "port", eve_port_line(
                  wall_ns(),
                  {.port = config.name, .device = config.device, .what = what, .detail = detail}));
}

}  // namespace sluice
