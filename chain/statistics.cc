// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/statistics.h"

#include <numeric>

namespace sluice {

namespace {

// Visits every counting field of two statistics side by side.
template <typename F>
void for_each_counter(WorkerStatistics& a, const WorkerStatistics& b, F&& f) noexcept {
  f(a.received, b.received);
  f(a.received_bytes, b.received_bytes);
  f(a.generated, b.generated);
  f(a.rejected, b.rejected);
  f(a.rejects_silent, b.rejects_silent);
  f(a.transmitted, b.transmitted);
  f(a.transmitted_bytes, b.transmitted_bytes);
  f(a.passed_over, b.passed_over);
  f(a.taken_over, b.taken_over);
  for (size_t i = 0; i < a.dropped.size(); ++i) f(a.dropped[i], b.dropped[i]);
  f(a.polls, b.polls);
  f(a.busy_polls, b.busy_polls);
  f(a.busy_cycles, b.busy_cycles);
  f(a.events_ended, b.events_ended);
  for (size_t i = 0; i < kMaxStages; ++i) {
    StageStatistics& s = a.stage[i];
    const StageStatistics& o = b.stage[i];
    f(s.packets, o.packets);
    f(s.skipped, o.skipped);
    f(s.dropped, o.dropped);
    f(s.sampled_packets, o.sampled_packets);
    f(s.sampled_cycles, o.sampled_cycles);
  }
}

}  // namespace

void add(WorkerStatistics& sum, const WorkerStatistics& other) noexcept {
  for_each_counter(sum, other, [](auto& a, uint64_t b) { a += b; });
  sum.held += other.held;
  sum.chain_latency.add(other.chain_latency);
  for (size_t i = 0; i < kMaxStages; ++i) sum.stage[i].latency.add(other.stage[i].latency);
}

void subtract(WorkerStatistics& later, const WorkerStatistics& earlier) noexcept {
  for_each_counter(later, earlier, [](auto& a, uint64_t b) { a -= b; });
  later.chain_latency.subtract(earlier.chain_latency);
  for (size_t i = 0; i < kMaxStages; ++i) later.stage[i].latency.subtract(earlier.stage[i].latency);
}

uint64_t dropped_total(const WorkerStatistics& statistics) noexcept {
  return std::accumulate(statistics.dropped.begin(), statistics.dropped.end(), uint64_t{0});
}

bool is_conserved(const WorkerStatistics& lane) noexcept {
  return lane.received + lane.generated == lane.transmitted + dropped_total(lane) + lane.held;
}

}  // namespace sluice
