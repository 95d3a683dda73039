// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/event_watch.h"

#include "app/runtime.h"

namespace sluice {

EventTrouble event_trouble(const Runtime& runtime) {
  EventTrouble trouble;
  if (!runtime.eve) return trouble;  // nobody listens
  for (const EventQueue* queue : runtime.appliance->event_queues()) trouble.lost += queue->lost();
  trouble.failed = runtime.eve->failed_lines();
  trouble.open_failed = runtime.eve->open_failed();
  if (trouble.failed != 0 || trouble.open_failed) trouble.why = runtime.eve->last_error();
  return trouble;
}

std::vector<std::string> EventWatch::turn(const EventTrouble& now, uint64_t now_ms) {
  std::vector<std::string> out;
  if (told_ms_ && now_ms - *told_ms_ < kQuietMs) return out;
  if (now.lost != told_.lost) {
    out.push_back(std::to_string(now.lost - told_.lost) +
                  " events were lost since the last report: the event log does not keep up");
  }
  if (now.failed != told_.failed) {
    out.push_back(std::to_string(now.failed - told_.failed) +
                  " events were not written since the last report: " + now.why);
  }
  if (now.open_failed && !told_.open_failed) {
    out.push_back("the event log cannot be opened anew: " + now.why + "; trying every second");
  }
  // An open that succeeds is no trouble, but the next failure is news again.
  told_ = now;
  if (!out.empty()) told_ms_ = now_ms;
  return out;
}

}  // namespace sluice
