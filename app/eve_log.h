// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The event writer: the thread that takes events from the workers' queues and
// writes them down. Workers never wait for it but in replay.
#pragma once

#include <atomic>
#include <bitset>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "app/eve_json.h"
#include "chain/event.h"

namespace sluice {

// Sees every event before it is written; on the writer's thread.
class EventObserver {
 public:
  virtual ~EventObserver() = default;
  virtual void observe(const Event& event, EveFormatter& formatter) = 0;
};

struct EveLogOptions {
  std::string file;                // empty: nothing is written
  std::vector<std::string> types;  // of eve_event_types(); empty: all
  bool append = true;              // false: the file is replaced
};

class EveLog {
 public:
  // Opens the file; throws std::runtime_error if it can't. `queues` and
  // `observer` (may be null) outlive the log.
  EveLog(const EveLogOptions& options, std::vector<EventQueue*> queues,
         std::shared_ptr<const EveNames> names, EventObserver* observer = nullptr);
  ~EveLog();
  EveLog(const EveLog&) = delete;
  EveLog& operator=(const EveLog&) = delete;

  // ---- control thread ----
  void start();
  // Writes what the queues still hold, then ends the thread.
  void stop();
  // Opens the file anew, for log rotation (done by the writer's thread soon, and
  // tried every second until it succeeds; meanwhile the old file serves).
  void request_reopen() noexcept { reopen_.store(true, std::memory_order_release); }
  // Behind a reload: new chains, new applications.
  void set_names(std::shared_ptr<const EveNames> names);
  // Whether events of that type are written: of eve_event_types().
  bool wants(std::string_view type) const noexcept;
  // A finished line of such a type, with its line end; dropped if it is not wanted.
  void write_line(std::string_view type, std::string line);

  // ---- any thread ----
  uint64_t lines() const noexcept { return lines_.load(std::memory_order_relaxed); }
  // Lines that the file did not take (disk full, ...), and why.
  uint64_t failed_lines() const noexcept { return failed_lines_.load(std::memory_order_relaxed); }
  // The file could not be opened anew; last_error() says why.
  bool open_failed() const noexcept { return open_failed_.load(std::memory_order_acquire); }
  std::string last_error() const;

 private:
  void run();
  unsigned take_some();
  void take_requests();
  bool open(bool append);
  void flush() noexcept;
  size_t write_out(std::string_view bytes) noexcept;
  void keep_error() noexcept;
  bool wants(EventType type) const noexcept { return wanted_[static_cast<size_t>(type)]; }

  const EveLogOptions options_;
  const std::vector<EventQueue*> queues_;
  EventObserver* const observer_;
  std::bitset<16> wanted_;  // by position in eve_event_types()

  // The writer's thread.
  EveFormatter formatter_;
  int fd_ = -1;
  bool torn_ = false;                                // the last line written lacks its end
  std::chrono::steady_clock::time_point next_open_;  // if open_failed_
  std::string buffer_;
  uint64_t buffered_lines_ = 0;

  std::thread thread_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> reopen_{false};
  std::atomic<uint64_t> lines_{0};
  std::atomic<uint64_t> failed_lines_{0};
  std::atomic<bool> open_failed_{false};

  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<const EveNames> new_names_;
  std::vector<std::string> control_lines_;
  std::string last_error_;
};

}  // namespace sluice
