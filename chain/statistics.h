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

#ifdef SLUICE_COUNT_NOTHING
// For the one build that shows what counting costs (bench/run.sh): counts, histograms
// and the reading of clocks for them vanish. What stays is no counting: a flow's own
// packets and bytes, which its record tells (the bare look-up has them, too), and the
// signs of life for the watchdog.
inline constexpr bool kCounting = false;
struct Count {
  uint64_t none = 0;  // as large as a count, for who goes by offsets
  Count& operator+=(uint64_t) noexcept { return *this; }
  Count& operator-=(uint64_t) noexcept { return *this; }
  Count& operator++() noexcept { return *this; }
  operator uint64_t() const noexcept { return 0; }
};
#else
inline constexpr bool kCounting = true;
using Count = uint64_t;
#endif

struct StageStatistics {
  Count packets{};          // given to the stage's process()
  Count skipped{};          // of settled flows or of chains without the stage
  Count dropped{};          // by the stage's verdict, cached or fresh
  Count sampled_packets{};  // one burst in 16 is timed
  Count sampled_cycles{};   // TSC cycles of those
  Histogram latency;        // ns a burst in process(), of the timed bursts
};

struct WorkerStatistics {
  // Conservation, summed over a lane's workers:
  // received + generated = transmitted + sum of dropped + held.
  Count received{};  // from devices or passed over by another lane
  Count received_bytes{};
  Count generated{};       // frames that Sluice made
  Count rejected{};        // of `dropped`: by the verdict Reject
  Count rejects_silent{};  // rejected packets that nobody was told of: reject_rate, no mbuf
  Count transmitted{};     // accepted by a device or passed over to another lane
  Count transmitted_bytes{};
  Count passed_over{};               // of `transmitted`: to another lane
  Count taken_over{};                // of `received`: from another lane
  uint64_t held = 0;                 // now: fragments waiting for the rest (gauge)
  std::array<Count, 256> dropped{};  // by Reason
  uint64_t polls = 0, busy_polls = 0;
  Count busy_cycles{};                // TSC cycles of polls that found work
  Count events_ended{};               // end-of-flow events that passed here
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
