// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// One worker's consecutive stages: gives each the packets that want it, applies
// settled verdicts for the others, and frees what was dropped.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "chain/burst.h"
#include "chain/clock.h"
#include "chain/event.h"
#include "chain/policy.h"
#include "chain/stage.h"
#include "chain/statistics.h"

namespace sluice {

// Counts the packet (and, for a flat copy, its fragments) under its reason and
// frees it. Worker.
void drop_packet(rte_mbuf* m, Reason reason, WorkerStatistics& statistics) noexcept;

class StageRunner {
 public:
  // `first`: position in the line of the first of `stages`.
  StageRunner(unsigned lane, unsigned first, std::vector<std::unique_ptr<Stage>> stages,
              const std::vector<const StageType*>& line, const ReasonTable& reasons,
              const TscClock& clock, EventQueue& events, WorkerStatistics& statistics);

  // ---- worker ----

  void adopt(const Policy& policy) noexcept;
  const Policy* policy() const noexcept { return policy_; }

  // Takes the burst through all stages. What they dropped is gone from it
  // afterwards; rejected packets stay, for the lane's last worker. `timed`:
  // stages' cycles are taken (one burst in 16).
  void run(Burst& burst, bool timed) noexcept;

  // Takes frames that Sluice made through the last stage alone, so that they
  // find their way out.
  void run_last(Burst& burst) noexcept;

  void flow_ended(Flow& flow, Event* record) noexcept;
  void release_references(const Policy& old, unsigned budget) noexcept;

  // Position in the line of the stage at work, for who watches a stalled
  // worker; kMaxStages: none. Any thread.
  unsigned running() const noexcept { return running_.load(std::memory_order_relaxed); }

  const Stage& stage(unsigned index) const { return *stages_[index - first_]; }
  unsigned first() const noexcept { return first_; }
  unsigned end() const noexcept { return first_ + static_cast<unsigned>(stages_.size()); }

 private:
  void note_chains(Burst& burst) noexcept;
  void gather(Burst& burst, unsigned index, Burst& wanted) noexcept;
  void process(Burst& wanted, unsigned index, bool timed) noexcept;
  void reap(Burst& burst, unsigned index) noexcept;
  void log_drop(rte_mbuf* m, unsigned index) noexcept;

  struct OwnReasons {
    unsigned first;
    unsigned end;
  };

  const unsigned lane_;
  const unsigned first_;
  std::vector<std::unique_ptr<Stage>> stages_;
  std::vector<uint8_t> every_packet_, strays_, icmp_errors_;  // by stage of this worker
  std::vector<OwnReasons> own_reasons_;
  const TscClock& clock_;
  EventQueue& events_;
  WorkerStatistics& statistics_;
  const Policy* policy_ = nullptr;
  unsigned in_all_chains_ = 0;  // bit i: every chain has the line's i-th stage
  std::atomic<unsigned> running_{kMaxStages};
};

}  // namespace sluice
