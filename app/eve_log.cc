// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/eve_log.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

namespace sluice {

namespace {

constexpr unsigned kBatch = 64;
constexpr size_t kFlushBytes = 256 * 1024;
// Stats come once in many seconds; more of them wait only where the disk hangs.
constexpr size_t kMaxStatsLines = 64;
constexpr size_t kStatsType = 7;  // in eve_event_types()

}  // namespace

EveLog::EveLog(const EveLogOptions& options, std::vector<EventQueue*> queues,
               std::shared_ptr<const EveNames> names, EventObserver* observer)
    : options_(options),
      queues_(std::move(queues)),
      observer_(observer),
      formatter_(std::move(names)) {
  const auto types = eve_event_types();
  for (size_t i = 0; i < types.size(); ++i) {
    wanted_[i] = options_.types.empty() || std::find(options_.types.begin(), options_.types.end(),
                                                     types[i]) != options_.types.end();
  }
  if (options_.file.empty()) return;
  open(options_.append);
  if (!file_) {
    throw std::runtime_error("event log " + options_.file + ": " + std::strerror(errno));
  }
}

EveLog::~EveLog() {
  stop();
}

void EveLog::open(bool append) {
  file_.reset(std::fopen(options_.file.c_str(), append ? "ae" : "we"));
}

void EveLog::start() {
  thread_ = std::thread([this] { run(); });
}

void EveLog::stop() {
  if (!thread_.joinable()) return;
  stop_.store(true, std::memory_order_release);
  thread_.join();
}

void EveLog::set_names(std::shared_ptr<const EveNames> names) {
  const std::lock_guard lock(mutex_);
  new_names_ = std::move(names);
}

bool EveLog::wants_stats() const noexcept {
  return !options_.file.empty() && wanted_[kStatsType];
}

void EveLog::write_stats(std::string line) {
  if (!wants_stats()) return;
  const std::lock_guard lock(mutex_);
  if (stats_lines_.size() < kMaxStatsLines) stats_lines_.push_back(std::move(line));
}

std::string EveLog::last_error() const {
  const std::lock_guard lock(mutex_);
  return last_error_;
}

void EveLog::run() {
  for (;;) {
    // Read before the queues are: what was published before stop() is written.
    const bool last_round = stop_.load(std::memory_order_acquire);
    take_requests();
    if (take_some() != 0) {
      if (buffer_.size() >= kFlushBytes) flush();
      continue;
    }
    flush();
    if (last_round) return;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

unsigned EveLog::take_some() {
  unsigned total = 0;
  for (EventQueue* queue : queues_) {
    Event* events[kBatch];
    const unsigned taken = queue->take(events, kBatch);
    for (unsigned i = 0; i < taken; ++i) {
      if (observer_ != nullptr) observer_->observe(*events[i], formatter_);
      if (!options_.file.empty() && wants(events[i]->type)) {
        formatter_.format(*events[i], buffer_);
        ++buffered_lines_;
      }
      EventQueue::recycle(events[i]);
    }
    total += taken;
  }
  return total;
}

void EveLog::take_requests() {
  {
    const std::lock_guard lock(mutex_);
    if (new_names_) formatter_.set_names(std::move(new_names_));
    new_names_.reset();
    for (const std::string& line : stats_lines_) buffer_ += line;
    buffered_lines_ += stats_lines_.size();
    stats_lines_.clear();
  }
  if (!options_.file.empty() && reopen_.exchange(false, std::memory_order_acq_rel)) {
    flush();
    open(true);
    if (!file_) {
      const std::lock_guard lock(mutex_);
      last_error_ = options_.file + ": " + std::strerror(errno);
    }
  }
}

void EveLog::flush() noexcept {
  if (buffer_.empty()) return;
  const bool written =
      file_ && std::fwrite(buffer_.data(), 1, buffer_.size(), file_.get()) == buffer_.size() &&
      std::fflush(file_.get()) == 0;
  if (written) {
    lines_.fetch_add(buffered_lines_, std::memory_order_relaxed);
  } else {
    failed_lines_.fetch_add(buffered_lines_, std::memory_order_relaxed);
    if (file_) {
      const std::lock_guard lock(mutex_);
      last_error_ = options_.file + ": " + std::strerror(errno);
      std::clearerr(file_.get());
    }
  }
  buffer_.clear();
  buffered_lines_ = 0;
}

}  // namespace sluice
