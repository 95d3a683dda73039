// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/run.h"

#include <rte_eal.h>
#include <rte_launch.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <thread>

#include "app/attach.h"
#include "app/commands.h"
#include "app/control_loop.h"
#include "app/eal.h"
#include "app/event_watch.h"
#include "app/host.h"
#include "app/logging.h"
#include "app/runtime.h"
#include "app/service_manager.h"
#include "app/text_table.h"
#include "chain/packet_meta.h"
#include "chain/worker.h"

namespace sluice {

namespace {

using namespace std::chrono_literals;

constexpr auto kEndPatience = 10s;  // for workers that do not come to rest

struct BadConfiguration {};

// Prints every error of the file, those of the stages' sections too (which
// needs DPDK's environment, for their tables).
[[noreturn]] void refuse(const Settings* settings, ConfigErrors& errors) {
  if (settings) {
    start_private_eal(256);
    Directory directory;
    compile_settings(*settings, directory, std::vector<MacAddress>(settings->config.ports.size()),
                     1, errors);
  }
  std::fputs((errors.to_string() + count_errors(errors) + "; nothing was started\n").c_str(),
             stderr);
  throw BadConfiguration();
}

void warn_of_offloads(const Config& config) {
  for (const PortConfig& port : config.ports) {
    const auto name = kernel_interface(port.device);
    if (!name) continue;
    const auto offloads = harmful_offloads(*name);
    if (!offloads || offloads->empty()) continue;
    spdlog::warn(
        "port {}: the kernel's offloads hand over frames that were never on the wire; run `{}`, "
        "and the same on the other end of a veth pair",
        port.name, turn_off_command(*name, *offloads));
  }
}

class RunningAppliance {
 public:
  explicit RunningAppliance(const RunOptions& options) : options_(options) {}
  ~RunningAppliance() {
    if (launched_) end_workers();  // serve() failed
  }
  RunningAppliance(const RunningAppliance&) = delete;
  RunningAppliance& operator=(const RunningAppliance&) = delete;

  void set_up();
  bool serve();    // false if it ended by itself: nothing could pass any more
  bool wind_up();  // false if anything is unaccounted for

 private:
  void load();
  void start_environment();
  void compile();
  void launch();
  std::string socket_path() const;
  void attend_terminal();  // a thread of its own
  void end_workers();
  bool conserved() const;
  void report_events() const;

  const RunOptions& options_;
  Runtime runtime_;
  std::atomic<bool> stop_{false};  // outlives the control loop, as the terminal's thread does
  std::unique_ptr<ControlLoop> control_;
  std::unique_ptr<Policy> first_policy_;
  bool launched_ = false;
};

void RunningAppliance::load() {
  ConfigErrors errors;
  runtime_.start_settings = load_settings(options_.config_file, options_.overrides, errors);
  if (!errors.empty()) refuse(runtime_.start_settings.get(), errors);
  runtime_.settings = runtime_.start_settings.get();
  open_log(runtime_.settings->config.log);
}

void RunningAppliance::start_environment() {
  const Config& config = runtime_.settings->config;
  const LiveEalPlan plan = plan_live_eal(config, HostFacts::read(), options_.eal);
  for (const std::string& remark : plan.remarks) spdlog::warn("{}", remark);
  runtime_.huge_pages = plan.huge_pages;
  block_signals();
  start_eal({.arguments = plan.arguments});
  register_packet_meta();
}

void RunningAppliance::compile() {
  ConfigErrors errors;
  first_policy_ = compile_settings(*runtime_.settings, runtime_.directory, runtime_.ports->macs(),
                                   runtime_.appliance->next_generation(), errors);
  if (!first_policy_) {
    std::fputs((errors.to_string() + count_errors(errors) + "; nothing was started\n").c_str(),
               stderr);
    throw BadConfiguration();
  }
}

void RunningAppliance::set_up() {
  load();
  start_environment();
  const Config& config = runtime_.settings->config;
  spdlog::info("{}, instance {}, configuration {}", version_text(), config.instance,
               options_.config_file);
  warn_of_offloads(config);
  runtime_.ports = std::make_unique<Ports>(config);

  ApplianceOptions appliance;
  appliance.config = &config;
  appliance.line = runtime_.settings->line;
  appliance.directory = &runtime_.directory;
  appliance.inputs = runtime_.ports->inputs();
  appliance.outputs = runtime_.ports->outputs();
  appliance.mempool = runtime_.ports->pool();
  appliance.rss = runtime_.ports->rss();
  appliance.name = config.instance;
  appliance.huge_pages = runtime_.huge_pages;
  appliance.events = !config.log.eve_file.empty();
  appliance.alert_payload = config.log.alert_payload;
  for (const LaneConfig& lane : config.lanes) {
    appliance.socket_ids.push_back(
        static_cast<int>(rte_lcore_to_socket_id(lane.workers.front().lcore)));
  }
  runtime_.appliance = std::make_unique<Appliance>(appliance);
  compile();
  std::string error;
  if (!runtime_.appliance->install(std::move(first_policy_), error)) {
    throw std::runtime_error(error);
  }
  runtime_.names = eve_names(config, runtime_.directory, runtime_.appliance->reasons());
  if (appliance.events) {
    runtime_.eve = std::make_unique<EveLog>(
        EveLogOptions{.file = config.log.eve_file, .types = config.log.eve_types},
        runtime_.appliance->event_queues(), runtime_.names);
  }
  runtime_.counters = std::make_unique<Counters>(*runtime_.appliance, *runtime_.ports);
  runtime_.started_at = std::chrono::system_clock::now();
  runtime_.reloader = std::make_unique<Reloader>(runtime_);
  control_ = std::make_unique<ControlLoop>(runtime_, socket_path(), stop_);
  runtime_.ports->start();
  runtime_.keeper = std::make_unique<PortKeeper>(*runtime_.ports, *runtime_.appliance);
  if (!runtime_.ports->why_software().empty()) {
    spdlog::info("flows are spread over the lanes by software: {}", runtime_.ports->why_software());
  }
  for (unsigned i = 0; i < runtime_.ports->size(); ++i) {
    Port& port = (*runtime_.ports)[i];
    for (const std::string& remark : port.take_remarks()) {
      spdlog::warn("port {}: {}", port.config().name, remark);
    }
    spdlog::info("port {}: {}, {}, link {}", port.config().name, port.config().device,
                 to_string(port.mac()), port.link_up() ? "up" : "down");
  }
}

void RunningAppliance::launch() {
  if (runtime_.eve) runtime_.eve->start();
  launched_ = true;
  for (Worker* worker : runtime_.appliance->workers()) {
    const auto run_worker = [](void* w) {
      static_cast<Worker*>(w)->run();
      return 0;
    };
    if (rte_eal_remote_launch(run_worker, worker, worker->lcore()) != 0) {
      throw std::runtime_error("lcore " + std::to_string(worker->lcore()) + " does not start");
    }
    spdlog::info("lane {}: worker on lcore {}", worker->lane(), worker->lcore());
  }
}

std::string RunningAppliance::socket_path() const {
  return options_.socket.empty() ? control_socket_path(runtime_.start_settings->config.instance)
                                 : options_.socket;
}

// The same way in as from another terminal, so that this one can stall nothing.
// Whoever only let it stand still (Ctrl-S) is attached again, and ends nothing.
void RunningAppliance::attend_terminal() {
  while (!stop_.load(std::memory_order_acquire)) {
    const SessionEnd end = attach_terminal(socket_path());
    if (stop_.load(std::memory_order_acquire)) return;
    if (end == SessionEnd::Asked) {
      stop_.store(true, std::memory_order_release);
    } else if (end == SessionEnd::NoAnswer) {
      spdlog::warn("this terminal has no console any more; the appliance goes on");
      return;
    } else {
      spdlog::warn("the console's session was cut off (too much text, taken too slowly)");
      std::this_thread::sleep_for(1s);
    }
  }
}

bool RunningAppliance::serve() {
  launch();
  std::thread terminal;
  if (options_.console && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
    terminal = std::thread([this] { attend_terminal(); });
  }
  spdlog::info("ready");
  notify_service_manager("READY=1");
  const bool asked = control_->run();
  notify_service_manager("STOPPING=1");
  control_.reset();  // ends the terminal's session too
  if (terminal.joinable()) terminal.join();
  return asked;
}

void RunningAppliance::end_workers() {
  Appliance& appliance = *runtime_.appliance;
  // A million events take the disk a while: patience is with who gets on.
  const auto flows_left = [&] {
    uint64_t sum = 0;
    for (unsigned lane = 0; lane < appliance.lanes(); ++lane) {
      const FlowTable& table = appliance.flow_table(lane);
      sum += uint64_t{table.size()} + table.pending();
    }
    return sum;
  };
  const auto wait_for = [&](const char* what, const auto& condition) {
    auto deadline = std::chrono::steady_clock::now() + kEndPatience;
    uint64_t left = flows_left();
    while (!condition()) {
      if (const uint64_t now = flows_left(); now != left) {
        left = now;
        deadline = std::chrono::steady_clock::now() + kEndPatience;
      }
      if (std::chrono::steady_clock::now() > deadline) {
        spdlog::critical("a worker does not come to rest ({}); giving up", what);
        spdlog::shutdown();
        std::_Exit(1);
      }
      std::this_thread::sleep_for(1ms);
    }
  };
  appliance.pause();
  wait_for("pause", [&] { return appliance.paused(); });
  appliance.request_shutdown();
  wait_for("end of flows", [&] {
    const auto& workers = appliance.workers();
    return std::all_of(workers.begin(), workers.end(),
                       [](const Worker* w) { return w->stopped(); });
  });
  for (const Worker* worker : appliance.workers()) rte_eal_wait_lcore(worker->lcore());
  launched_ = false;
}

bool RunningAppliance::conserved() const {
  bool holds = true;
  const Appliance& appliance = *runtime_.appliance;
  for (unsigned lane = 0; lane < appliance.lanes(); ++lane) {
    const WorkerStatistics s = appliance.total(lane);
    uint64_t dropped = 0;
    for (const uint64_t n : s.dropped) dropped += n;
    const bool ok = s.received + s.generated == s.transmitted + dropped + s.held;
    spdlog::log(ok ? spdlog::level::info : spdlog::level::critical,
                "lane {}: received {} + generated {} = transmitted {} + dropped {} + held {}: {}",
                lane, s.received, s.generated, s.transmitted, dropped, s.held,
                ok ? "holds" : "VIOLATED");
    holds = holds && ok;
  }
  return holds;
}

void RunningAppliance::report_events() const {
  const EventTrouble events = event_trouble(runtime_);
  if (events.lost != 0) spdlog::warn("{} events were lost in all", events.lost);
  if (events.failed != 0) {
    spdlog::warn("{} events were not written in all: {}", events.failed, events.why);
  }
}

bool RunningAppliance::wind_up() {
  runtime_.reloader.reset();
  runtime_.keeper.reset();
  if (launched_) end_workers();
  if (runtime_.eve) runtime_.eve->stop();
  report_events();
  runtime_.ports->close();
  bool good = conserved();
  for (unsigned i = 0; i < runtime_.ports->size(); ++i) {
    const Port& port = (*runtime_.ports)[i];
    const rte_eth_stats s = port.statistics();
    spdlog::info("port {}: received {}, transmitted {}; lost by the device: missed {}, no mbuf {}",
                 port.config().name, s.ipackets, s.opackets, s.imissed, s.rx_nombuf);
  }
  if (const unsigned missing = runtime_.ports->mbufs_missing(); missing != 0) {
    spdlog::critical("{} mbufs are not back in their pools", missing);
    good = false;
  } else {
    spdlog::info("every mbuf is back in its pool");
  }
  return good;
}

}  // namespace

int run(const RunOptions& options) {
  int exit_code = 1;
  try {
    RunningAppliance appliance(options);
    appliance.set_up();
    const bool asked = appliance.serve();
    exit_code = appliance.wind_up() && asked ? 0 : 1;
  } catch (const BadConfiguration&) {
    return 2;
  } catch (const std::exception& e) {
    spdlog::critical("{}", e.what());
    return 1;
  }
  rte_eal_cleanup();
  return exit_code;
}

}  // namespace sluice
