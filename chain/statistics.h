// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What workers count, and sums of it for people. Each struct has one writing
// worker; readers see plain 64-bit words that may be a moment old.
#pragma once

#include <array>
#include <cstdint>

#include "chain/flow_context.h"
#include "chain/histogram.h"
#include "chain/verdict.h"

namespace sluice {

struct StageStatistics {
  uint64_t packets = 0;          // given to the stage's process()
  uint64_t skipped = 0;          // of settled flows or of chains without the stage
  uint64_t dropped = 0;          // by the stage's verdict, cached or fresh
  uint64_t sampled_packets = 0;  // one burst in 16 is timed
  uint64_t sampled_cycles = 0;   // TSC cycles of those
  Histogram latency;             // ns a burst in process(), of the timed bursts
};

struct WorkerStatistics {
  // Conservation, summed over a lane's workers:
  // received + generated = transmitted + sum of dropped + held.
  uint64_t received = 0;  // from devices or passed over by another lane
  uint64_t received_bytes = 0;
  uint64_t generated = 0;       // frames that Sluice made
  uint64_t rejects_silent = 0;  // rejected packets that nobody was told of: reject_rate, no mbuf
  uint64_t transmitted = 0;     // accepted by a device or passed over to another lane
  uint64_t transmitted_bytes = 0;
  uint64_t passed_over = 0;             // of `transmitted`: to another lane
  uint64_t taken_over = 0;              // of `received`: from another lane
  uint64_t held = 0;                    // now: fragments waiting for the rest (gauge)
  std::array<uint64_t, 256> dropped{};  // by Reason
  uint64_t polls = 0, busy_polls = 0;
  uint64_t busy_cycles = 0;           // TSC cycles of polls that found work
  uint64_t events_ended = 0;          // end-of-flow events that passed here
  Histogram chain_latency;            // ns from received to handed to transmit, each burst
  StageStatistics stage[kMaxStages];  // by position in the line; those of this worker
};

// Sums and differences, field by field; gauges and maxima are taken over as they
// are. `subtract` serves "since the last clear".
void add(WorkerStatistics& sum, const WorkerStatistics& other) noexcept;
void subtract(WorkerStatistics& later, const WorkerStatistics& earlier) noexcept;

// received + generated == transmitted + dropped + held.
bool is_conserved(const WorkerStatistics& lane) noexcept;
uint64_t dropped_total(const WorkerStatistics& statistics) noexcept;

}  // namespace sluice
