// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/reload.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>

#include "app/logging.h"
#include "app/runtime.h"

namespace sluice {

namespace {

constexpr uint64_t kAdoptWaitMs = 2000;

uint64_t monotonic_ms() {
  using namespace std::chrono;
  return static_cast<uint64_t>(
      duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}

// Names the differing members of one table.
class Differences {
 public:
  explicit Differences(std::string prefix, std::vector<std::string>& out)
      : prefix_(std::move(prefix)), out_(out) {}

  template <typename T>
  Differences& compare(const char* key, const T& a, const T& b) {
    if (!(a == b)) out_.push_back(prefix_ + key);
    return *this;
  }

 private:
  const std::string prefix_;
  std::vector<std::string>& out_;
};

bool same(const std::vector<InterfaceAddress>& a, const std::vector<InterfaceAddress>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!(a[i].address == b[i].address) || a[i].length != b[i].length) return false;
  }
  return true;
}

void compare_port(const std::string& prefix, const PortConfig& a, const PortConfig& b,
                  std::vector<std::string>& out) {
  Differences differences(prefix, out);
  differences.compare("name", a.name, b.name)
      .compare("device", a.device, b.device)
      .compare("peer", a.peer, b.peer)
      .compare("addresses", same(a.addresses, b.addresses), true)
      .compare("mac", a.mac, b.mac)
      .compare("zone", a.zone, b.zone)
      .compare("zone_per_vlan", a.zone_per_vlan, b.zone_per_vlan)
      .compare("mtu", a.mtu, b.mtu)
      .compare("rx_descriptors", a.rx_descriptors, b.rx_descriptors)
      .compare("tx_descriptors", a.tx_descriptors, b.tx_descriptors)
      .compare("promiscuous", a.promiscuous, b.promiscuous)
      .compare("vlans", a.vlans, b.vlans)
      .compare("link_follow", a.link_follow, b.link_follow)
      .compare("split_horizon", a.split_horizon, b.split_horizon)
      .compare("verify_checksum", a.verify_checksum, b.verify_checksum);
}

bool same(const LaneConfig& a, const LaneConfig& b) {
  if (a.workers.size() != b.workers.size()) return false;
  for (size_t i = 0; i < a.workers.size(); ++i) {
    if (a.workers[i].lcore != b.workers[i].lcore || a.workers[i].stages != b.workers[i].stages) {
      return false;
    }
  }
  return true;
}

void compare_flowtable(const FlowTableConfig& a, const FlowTableConfig& b,
                       std::vector<std::string>& out) {
  Differences("flowtable.", out)
      .compare("capacity", a.capacity, b.capacity)
      .compare("midstream", a.midstream, b.midstream)
      .compare("midstream_window_s", a.midstream_window_s, b.midstream_window_s)
      .compare("tcp_window", a.tcp_window_strict, b.tcp_window_strict)
      .compare("fragments", a.fragments, b.fragments)
      .compare("fragment_datagrams", a.fragment_datagrams, b.fragment_datagrams)
      .compare("fragment_max", a.fragment_max, b.fragment_max)
      .compare("fragment_timeout_ms", a.fragment_timeout_ms, b.fragment_timeout_ms);
  const auto& s = a.timeouts;
  const auto& t = b.timeouts;
  Differences("flowtable.timeouts.", out)
      .compare("udp_new", s.udp_new, t.udp_new)
      .compare("udp_replied", s.udp_replied, t.udp_replied)
      .compare("tcp_syn_sent", s.tcp_syn_sent, t.tcp_syn_sent)
      .compare("tcp_syn_received", s.tcp_syn_received, t.tcp_syn_received)
      .compare("tcp_established", s.tcp_established, t.tcp_established)
      .compare("tcp_picked_up", s.tcp_picked_up, t.tcp_picked_up)
      .compare("tcp_fin_wait", s.tcp_fin_wait, t.tcp_fin_wait)
      .compare("tcp_closing", s.tcp_closing, t.tcp_closing)
      .compare("tcp_time_wait", s.tcp_time_wait, t.tcp_time_wait)
      .compare("tcp_reset", s.tcp_reset, t.tcp_reset)
      .compare("icmp", s.icmp, t.icmp)
      .compare("other", s.other, t.other);
}

}  // namespace

std::vector<std::string> restart_needed(const Config& running, const Config& wanted) {
  std::vector<std::string> out;
  Differences("", out)
      .compare("line", running.line, wanted.line)
      .compare("rss", running.rss, wanted.rss)
      .compare("rss_ports", running.rss_ports, wanted.rss_ports)
      .compare("burst", running.burst, wanted.burst)
      .compare("reject_rate", running.reject_rate, wanted.reject_rate)
      .compare("instance", running.instance, wanted.instance)
      .compare("memory_mb", running.memory_mb, wanted.memory_mb)
      .compare("port (their number)", running.ports.size(), wanted.ports.size())
      .compare("lane (their number)", running.lanes.size(), wanted.lanes.size());
  for (size_t i = 0; i < std::min(running.ports.size(), wanted.ports.size()); ++i) {
    compare_port("port[" + std::to_string(i) + "].", running.ports[i], wanted.ports[i], out);
  }
  for (size_t i = 0; i < std::min(running.lanes.size(), wanted.lanes.size()); ++i) {
    if (!same(running.lanes[i], wanted.lanes[i])) out.push_back("lane[" + std::to_string(i) + "]");
  }
  compare_flowtable(running.flowtable, wanted.flowtable, out);
  Differences("log.", out)
      .compare("file", running.log.file, wanted.log.file)
      .compare("eve.file", running.log.eve_file, wanted.log.eve_file)
      .compare("eve.types", running.log.eve_types, wanted.log.eve_types);
  return out;
}

Reloader::Reloader(Runtime& runtime) : runtime_(runtime), thread_([this] { run(); }) {}

Reloader::~Reloader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool Reloader::request() {
  if (state_ != State::Idle) return false;
  state_ = State::Compiling;
  Work work;
  work.generation = runtime_.appliance->next_generation();
  work.macs = runtime_.ports->macs();
  {
    const std::lock_guard lock(mutex_);
    to_do_ = std::move(work);
  }
  wake_.notify_one();
  return true;
}

void Reloader::run() {
  // The least of this machine's time; the thread inherited the control loop's CPUs.
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 19);
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || to_do_; });
    if (stop_) return;
    Work work = std::move(*to_do_);
    to_do_.reset();
    lock.unlock();
    compile(work);
    lock.lock();
    done_ = std::move(work);
  }
}

void Reloader::compile(Work& work) {
  ConfigErrors errors;
  const Settings& running = *runtime_.start_settings;
  work.settings = load_settings(running.path, running.overrides, errors);
  if (work.settings && errors.empty()) {
    const auto keys = restart_needed(running.config, work.settings->config);
    if (!keys.empty()) {
      work.errors = "nothing was changed: these keys differ and need a restart:\n";
      for (const std::string& key : keys) work.errors += "  " + key + '\n';
      return;
    }
  }
  if (work.settings) {
    try {
      work.policy =
          compile_settings(*work.settings, runtime_.directory, work.macs, work.generation, errors);
      if (work.policy) {
        work.names =
            eve_names(work.settings->config, runtime_.directory, runtime_.appliance->reasons());
      }
    } catch (const std::exception& e) {
      work.policy.reset();
      work.errors = std::string("nothing was changed: ") + e.what() + '\n';
    }
  }
  if (!errors.empty()) {
    work.policy.reset();
    work.errors = errors.to_string() + "nothing was changed: " + count_errors(errors) + '\n';
  }
}

void Reloader::turn() {
  if (state_ == State::Compiling) {
    std::optional<Work> work;
    {
      const std::lock_guard lock(mutex_);
      work.swap(done_);
    }
    if (!work) return;
    if (!work->policy) {
      finish(CommandResult::failed(work->errors));
    } else {
      put_into_force(*work);
    }
  } else if (state_ == State::Adopting) {
    if (runtime_.appliance->adopted()) {
      finish(CommandResult::done("policy " + std::to_string(generation_) + " is in force\n"));
    } else if (monotonic_ms() - adopting_since_ms_ > kAdoptWaitMs) {
      finish(CommandResult::failed("policy " + std::to_string(generation_) +
                                   " was handed over, but not every worker has adopted it yet\n"));
    }
  }
}

void Reloader::put_into_force(Work& work) {
  std::string error;
  const uint16_t generation = work.policy->generation;
  bool installed = false;
  try {
    installed = runtime_.appliance->install(std::move(work.policy), error);
  } catch (const std::exception& e) {
    error = e.what();
  }
  if (!installed) {
    finish(CommandResult::failed("nothing was changed: " + error + '\n'));
    return;
  }
  generation_ = generation;
  settings_ = std::move(work.settings);
  runtime_.settings = settings_.get();
  runtime_.names = work.names;
  if (runtime_.eve) runtime_.eve->set_names(work.names);
  set_log_level(settings_->config.log);
  adopting_since_ms_ = monotonic_ms();
  state_ = State::Adopting;
}

void Reloader::finish(CommandResult result) {
  state_ = State::Idle;
  last_result_ = std::move(result);
  ++finished_;
  const bool done = last_result_.status == CommandStatus::Done;
  spdlog::log(done ? spdlog::level::info : spdlog::level::err, "reload of {}: {}",
              runtime_.start_settings->path,
              std::string_view(last_result_.text).substr(0, last_result_.text.size() - 1));
}

}  // namespace sluice
