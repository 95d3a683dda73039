// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Tells the log of events that did not reach their file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

struct Runtime;

// Since the start.
struct EventTrouble {
  uint64_t lost = 0;         // found no free record: the writer does not keep up
  uint64_t failed = 0;       // the file did not take them
  bool open_failed = false;  // now: the file cannot be opened anew
  std::string why{};         // of `failed` and `open_failed`
};

EventTrouble event_trouble(const Runtime& runtime);

// Control thread.
class EventWatch {
 public:
  static constexpr uint64_t kQuietMs = 10'000;

  // Warnings of what has come since the last ones, which are kQuietMs ago at
  // least.
  std::vector<std::string> turn(const EventTrouble& now, uint64_t now_ms);

 private:
  EventTrouble told_;
  std::optional<uint64_t> told_ms_;
};

}  // namespace sluice
