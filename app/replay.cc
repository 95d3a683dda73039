// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/replay.h"

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "app/capture_link.h"
#include "app/capture_port.h"
#include "app/capture_reader.h"
#include "app/capture_writer.h"
#include "app/eal.h"
#include "app/eve_log.h"
#include "app/eve_stats.h"
#include "app/live_eal.h"
#include "app/replay_default.h"
#include "app/replay_report.h"
#include "app/settings.h"
#include "chain/appliance.h"
#include "chain/packet_meta.h"
#include "chain/worker.h"

namespace sluice {

namespace {

// Packets enter one at a time; the others lie in the workers' mempool caches.
constexpr unsigned kPacketsUnderWay = 1024;
constexpr unsigned kPacketsAWorkerKeeps = 256;
constexpr unsigned kGeneratedFrames = 1023;
constexpr uint64_t kFrameBytes = sizeof(rte_mbuf) + 192;  // the frames themselves are elsewhere
constexpr uint64_t kGeneratedBytes = kFrameBytes + RTE_MBUF_DEFAULT_BUF_SIZE;

struct PoolFree {
  void operator()(rte_mempool* pool) const noexcept { rte_mempool_free(pool); }
};
using Pool = std::unique_ptr<rte_mempool, PoolFree>;

// The configuration did not pass; its errors have been collected.
struct BadConfiguration : std::exception {};

std::string placement_of(const Config& config) {
  const size_t lanes = config.lanes.size();
  std::string text = lanes == 1 ? "" : std::to_string(lanes) + " lanes of ";
  const std::vector<WorkerConfig>& workers = config.lanes.front().workers;
  if (workers.size() == 1) return text + "one worker";
  text += std::to_string(workers.size()) + " workers:";
  for (size_t i = 0; i < workers.size(); ++i) {
    text += i == 0 ? " " : " | ";
    for (size_t s = 0; s < workers[i].stages.size(); ++s) {
      text += (s == 0 ? "" : "+") + workers[i].stages[s];
    }
  }
  return text;
}

// Says on a terminal how far a long capture has come.
class Progress {
 public:
  Progress(const CaptureReader& reader, const CaptureInput& input)
      : total_(reader.size_bytes()), input_(input), enabled_(isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void turn() {
    const auto now = std::chrono::steady_clock::now();
    if (!enabled_ || now < next_) return;
    next_ = now + std::chrono::milliseconds(250);
    const double share =
        total_ == 0 ? 0
                    : static_cast<double>(input_.position_bytes()) / static_cast<double>(total_);
    std::fprintf(stderr, "\r%3.0f %%  %llu packets", 100 * std::min(share, 1.0),
                 static_cast<unsigned long long>(input_.frames()));
    shown_ = true;
  }

 private:
  const uint64_t total_;
  const CaptureInput& input_;
  const bool enabled_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(1);
};

// Held fragments keep their frames, and only packets move a capture's clock.
unsigned frames_needed(const Config& config) {
  const FlowTableConfig& table = config.flowtable;
  size_t n = kPacketsUnderWay;
  for (const LaneConfig& lane : config.lanes) {
    n += lane.workers.size() * kPacketsAWorkerKeeps;
    n += size_t{table.fragment_datagrams} * table.fragment_max;
  }
  return static_cast<unsigned>(n);
}

class Replay {
 public:
  explicit Replay(const ReplayOptions& options) : options_(options) {}

  ExitCode run();  // throws BadConfiguration and std::runtime_error
  const ConfigErrors& errors() const { return errors_; }

 private:
  void load();
  uint16_t ingress_port();
  void set_up();
  void compile();
  void run_workers();
  void write_final_stats();
  ReplayReport report() const;
  bool pools_are_full() const;

  const ReplayOptions& options_;
  ConfigErrors errors_;
  std::unique_ptr<Settings> settings_;
  std::unique_ptr<CaptureReader> reader_;
  std::unique_ptr<CaptureWriter> writer_;
  Pool capture_pool_, generated_pool_;
  std::unique_ptr<CaptureInput> input_;
  std::unique_ptr<CaptureOutput> output_;
  Directory directory_;
  std::unique_ptr<Policy> policy_;
  std::unique_ptr<Appliance> appliance_;
  ReplayCollector collector_;
  std::unique_ptr<EveLog> eve_;
};

void Replay::load() {
  settings_ =
      options_.config_file.empty()
          ? parse_settings(kDefaultReplayConfig, "built-in.toml", options_.overrides, errors_)
          : load_settings(options_.config_file, options_.overrides, errors_);
  if (!settings_) throw BadConfiguration();
  // A capture has no receive-side scaling: what lane a packet is of, is
  // computed.
  if (settings_->config.lanes.size() > 1) settings_->config.rss = RssMode::Software;
}

uint16_t Replay::ingress_port() {
  if (options_.ingress.empty()) return 0;
  const auto& ports = settings_->config.ports;
  std::string names;
  for (size_t i = 0; i < ports.size(); ++i) {
    if (ports[i].name == options_.ingress) return static_cast<uint16_t>(i);
    names += (i == 0 ? "" : ", ") + ports[i].name;
  }
  ConfigError error;
  error.where.file = "--ingress";
  error.key = "ingress";
  error.found = "port " + options_.ingress;
  error.allowed = "one of: " + names;
  errors_.add(std::move(error));
  throw BadConfiguration();
}

void Replay::compile() {
  const Config& config = settings_->config;
  std::vector<MacAddress> macs;
  for (size_t i = 0; i < config.ports.size(); ++i) {
    // No device to ask: a locally administered address, by position.
    const MacAddress made{{0x02, 0, 0, 0, 1, static_cast<uint8_t>(i)}};
    macs.push_back(config.ports[i].mac.value_or(made));
  }
  policy_ = compile_settings(*settings_, directory_, std::move(macs), 1, errors_,
                             {.replay = true, .extra_rules = options_.rules});
  if (!policy_) throw BadConfiguration();
}

void Replay::set_up() {
  const Config& config = settings_->config;
  const uint16_t ingress = ingress_port();
  capture_pool_.reset(create_capture_pool("replay_frames", frames_needed(config)));
  generated_pool_.reset(rte_pktmbuf_pool_create("replay_generated", kGeneratedFrames, 0, 0,
                                                RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY));
  if (!generated_pool_) {
    throw std::runtime_error(std::string("no memory for packets: ") + rte_strerror(rte_errno));
  }
  if (!options_.out_file.empty()) writer_ = std::make_unique<CaptureWriter>(options_.out_file);
  input_ = std::make_unique<CaptureInput>(*reader_, capture_pool_.get(), ingress);
  output_ = std::make_unique<CaptureOutput>(writer_.get());

  ApplianceOptions options;
  options.config = &config;
  options.line = settings_->line;
  options.directory = &directory_;
  options.inputs.resize(config.lanes.size());
  options.inputs.front().push_back(input_.get());
  options.outputs.assign(config.lanes.size(),
                         std::vector<Output*>(config.ports.size(), output_.get()));
  options.mempool = generated_pool_.get();
  options.name = "replay";
  options.replay = true;
  options.alert_payload = config.log.alert_payload;
  options.huge_pages = false;
  appliance_ = std::make_unique<Appliance>(options);
  input_->go_in_step_with(*appliance_);

  policy_->generation = appliance_->next_generation();
  std::string error;
  if (!appliance_->install(std::move(policy_), error)) throw std::runtime_error(error);

  EveLogOptions eve;
  eve.file = options_.eve_file;
  eve.types = config.log.eve_types;
  eve.append = false;
  eve_ =
      std::make_unique<EveLog>(eve, appliance_->event_queues(),
                               eve_names(config, directory_, appliance_->reasons()), &collector_);
}

void Replay::run_workers() {
  eve_->start();
  std::vector<std::thread> threads;
  std::atomic<bool> registered{true};
  for (Worker* worker : appliance_->workers()) {
    threads.emplace_back([worker, &registered] {
      // An lcore of its own gives the thread its mempool caches.
      if (rte_thread_register() != 0) registered.store(false);
      worker->run();
      rte_thread_unregister();
    });
  }
  {
    Progress progress(*reader_, *input_);
    while (!appliance_->idle()) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      progress.turn();
    }
  }
  appliance_->request_shutdown();
  for (std::thread& thread : threads) thread.join();
  write_final_stats();
  eve_->stop();
  if (!registered.load()) throw std::runtime_error("a worker's thread could not join the EAL");
}

void Replay::write_final_stats() {
  if (!eve_->wants("stats") || reader_->frames() == 0) return;
  const uint64_t duration_ns = input_->last_ns() - input_->first_ns();
  eve_->write_line("stats", eve_stats_line(*appliance_, input_->last_ns(),
                                           duration_ns / 1'000'000'000, StatsDetail::Packets));
}

ReplayReport Replay::report() const {
  ReplayReport report;
  CaptureFacts& capture = report.capture;
  capture.file = reader_->path();
  capture.link_type = link_type_name(reader_->link_type());
  capture.packets = reader_->frames();
  capture.bytes = input_->bytes();
  capture.cut_frames = reader_->cut_frames();
  if (capture.packets != 0) {
    capture.first_ns = input_->first_ns();
    capture.last_ns = input_->last_ns();
  }
  capture.damage = reader_->damage();

  report.total = appliance_->total();
  for (const StageType* type : settings_->line) report.line.emplace_back(type->name);
  const ReasonTable& reasons = appliance_->reasons();
  for (size_t r = 0; r < reasons.size(); ++r) {
    const auto reason = static_cast<Reason>(r);
    if (report.total.dropped[r] == 0) continue;
    report.drops.push_back(
        {reasons.name(reason), std::string(reasons.help(reason)), report.total.dropped[r]});
  }
  std::stable_sort(report.drops.begin(), report.drops.end(),
                   [](const auto& a, const auto& b) { return a.packets > b.packets; });
  report.placement = placement_of(settings_->config);
  for (const EventQueue* queue : appliance_->event_queues()) report.events_lost += queue->lost();
  report.eve_lines = eve_->lines();
  report.eve_file = options_.eve_file;
  report.out_file = options_.out_file;
  return report;
}

bool Replay::pools_are_full() const {
  return rte_mempool_full(capture_pool_.get()) == 1 && rte_mempool_full(generated_pool_.get()) == 1;
}

ExitCode Replay::run() {
  reader_ = std::make_unique<CaptureReader>(options_.in_file);
  load();
  const Config& config = settings_->config;
  start_private_eal(eal_memory_mb(
      config, frames_needed(config) * kFrameBytes + kGeneratedFrames * kGeneratedBytes));
  register_packet_meta();
  compile();
  set_up();
  run_workers();

  const ReplayReport done = report();
  const std::string text = options_.json
                               ? report_json(done, collector_)
                               : report_text(done, collector_, isatty(STDOUT_FILENO) == 1);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);

  ExitCode code = kExitOk;
  const auto fail = [&code](const std::string& message) {
    std::fprintf(stderr, "sluice: %s\n", message.c_str());
    code = kExitFailure;
  };
  if (const int64_t gap = conservation_gap(done.total); gap != 0) {
    fail("packets are not accounted for: " + std::to_string(gap) +
         " received or generated beyond those transmitted, dropped or held");
  }
  if (eve_->failed_lines() != 0) {
    fail(std::to_string(eve_->failed_lines()) + " events were not written: " + eve_->last_error());
  }
  if (done.events_lost != 0) {
    fail(std::to_string(done.events_lost) + " events were lost for want of room");
  }
  if (writer_ && !writer_->close()) fail("not all frames were written to " + options_.out_file);
  // Stages and lanes give back what they hold when they go.
  eve_.reset();
  appliance_.reset();
  if (!pools_are_full()) fail("packets were not given back to their pool");
  return code;
}

}  // namespace

ExitCode replay(const ReplayOptions& options) {
  Replay replay(options);
  try {
    return replay.run();
  } catch (const BadConfiguration&) {
    std::fputs(replay.errors().to_string().c_str(), stderr);
    return kExitUsage;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "sluice: %s\n", e.what());
    return kExitFailure;
  }
}

void add_replay_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* command = app.add_subcommand("replay",
                                         "take a capture through the chain: no NIC, no "
                                         "huge pages, no root; prints a summary");
  command->add_option("--in", options->in_file, "capture to read (pcap, pcapng)")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("-c,--config", options->config_file,
                   "configuration; without it all stages work, everything is allowed and logged")
      ->type_name("FILE");
  command->add_option("--rules", options->rules, "file of signatures, beside those configured")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command->add_option("--set", options->overrides, "override one key of the configuration")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--ingress", options->ingress, "port by which the frames enter (the first)")
      ->type_name("PORT");
  command->add_option("--out", options->out_file, "write what was transmitted as a capture")
      ->type_name("FILE");
  command->add_option("--eve", options->eve_file, "write events, one JSON object a line")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "summary as one JSON object");
  command->footer(
      "Examples:\n"
      "  sluice replay --in A.pcap\n"
      "  sluice replay --in A.pcap --rules local.rules --eve eve.json\n"
      "  sluice replay --in A.pcap -c sluice.toml --set stage.firewall.default=deny --out B.pcap");
  command->callback([options, &exit_code] { exit_code = replay(*options); });
}

}  // namespace sluice
