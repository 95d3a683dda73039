// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/eve_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace sluice {

namespace {

constexpr unsigned kBatch = 64;
constexpr size_t kFlushBytes = 256 * 1024;
// Those of the control thread are few; more of them wait only where the disk hangs.
constexpr size_t kMaxControlLines = 64;
constexpr auto kOpenAgain = std::chrono::seconds(1);

}  // namespace

EveLog::EveLog(const EveLogOptions& options, std::vector<EventQueue*> queues,
               std::shared_ptr<const EveNames> names, EventObserver* observer)
    : options_(options),
      queues_(std::move(queues)),
      observer_(observer),
      formatter_(std::move(names)) {
  const auto types = eve_event_types();
  assert(types.size() <= wanted_.size());
  for (size_t i = 0; i < types.size(); ++i) {
    wanted_[i] = options_.types.empty() || std::find(options_.types.begin(), options_.types.end(),
                                                     types[i]) != options_.types.end();
  }
  if (options_.file.empty()) return;
  if (!open(options_.append)) {
    throw std::runtime_error("event log " + last_error_);
  }
}

EveLog::~EveLog() {
  stop();
  if (fd_ >= 0) close(fd_);
}

bool EveLog::open(bool append) {
  const int fd = ::open(options_.file.c_str(),
                        O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0666);
  open_failed_.store(fd < 0, std::memory_order_release);
  if (fd < 0) {
    keep_error();
    next_open_ = std::chrono::steady_clock::now() + kOpenAgain;
    return false;
  }
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
  struct stat status {};
  if (fstat(fd, &status) != 0 || status.st_size == 0) torn_ = false;
  return true;
}

void EveLog::keep_error() noexcept {
  const int error = errno;
  const std::lock_guard lock(mutex_);
  last_error_ = options_.file + ": " + std::strerror(error);
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

bool EveLog::wants(std::string_view type) const noexcept {
  const auto types = eve_event_types();
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i] == type) return !options_.file.empty() && wanted_[i];
  }
  return false;
}

void EveLog::write_line(std::string_view type, std::string line) {
  if (!wants(type)) return;
  const std::lock_guard lock(mutex_);
  if (control_lines_.size() < kMaxControlLines) control_lines_.push_back(std::move(line));
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
    for (const std::string& line : control_lines_) buffer_ += line;
    buffered_lines_ += control_lines_.size();
    control_lines_.clear();
  }
  if (options_.file.empty()) return;
  if (reopen_.exchange(false, std::memory_order_acq_rel)) {
    flush();
    open(true);
  } else if (open_failed() && std::chrono::steady_clock::now() >= next_open_) {
    open(true);
  }
}

// Bytes written; fewer than given if the file takes no more.
size_t EveLog::write_out(std::string_view bytes) noexcept {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd_, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

void EveLog::flush() noexcept {
  if (buffer_.empty()) return;
  // What follows must not become part of a line that a full disk cut.
  if (torn_) torn_ = write_out("\n") == 0;
  const size_t done = torn_ ? 0 : write_out(buffer_);
  uint64_t whole = buffered_lines_;
  if (done < buffer_.size()) {
    keep_error();
    whole = static_cast<uint64_t>(std::count(buffer_.data(), buffer_.data() + done, '\n'));
    torn_ = torn_ || (done > 0 && buffer_[done - 1] != '\n');
  }
  lines_.fetch_add(whole, std::memory_order_relaxed);
  failed_lines_.fetch_add(buffered_lines_ - whole, std::memory_order_relaxed);
  buffer_.clear();
  buffered_lines_ = 0;
}

}  // namespace sluice
