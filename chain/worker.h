// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// One lcore's loop: start reading here. A lane has one worker that does
// everything (run to completion) or several joined by rings (pinned pipeline);
// both are this class, with or without a head and a tail.
#pragma once

#include <rte_ring.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "chain/clock.h"
#include "chain/event.h"
#include "chain/lane_head.h"
#include "chain/lane_tail.h"
#include "chain/policy.h"
#include "chain/stage_runner.h"
#include "chain/statistics.h"

namespace sluice {

// What the control thread asks of all workers.
struct WorkerControl {
  std::atomic<bool> pause{false};     // devices are not polled
  std::atomic<bool> shutdown{false};  // end all flows, then leave; only once all heads rest
  std::atomic<uint32_t> grace{0};     // number of the newest grace period
};

// What one lane's workers have in common.
struct LaneShared {
  unsigned lane = 0;
  std::atomic<const Policy*> next_policy{nullptr};     // control thread -> first worker
  std::atomic<const Policy*> leaving_policy{nullptr};  // waits for flows that refer to its parts
  FlowTable* table = nullptr;
  FragmentTable* fragments = nullptr;
  rte_ring* returns = nullptr;  // last -> first worker: entries to release; null: one worker
};

struct WorkerOptions {
  LaneShared* lane = nullptr;
  const WorkerControl* control = nullptr;
  const TscClock* clock = nullptr;
  unsigned lcore = 0;
  bool replay = false;
  rte_ring* in = nullptr;   // from the worker before; null: this is the first
  rte_ring* out = nullptr;  // to the worker behind; null: this is the last
};

class alignas(RTE_CACHE_LINE_SIZE) Worker {
 public:
  explicit Worker(const WorkerOptions& options);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // ---- set-up, before run() ----
  void set_stages(std::unique_ptr<StageRunner> runner) { runner_ = std::move(runner); }
  void set_head(std::unique_ptr<LaneHead> head) { head_ = std::move(head); }
  void set_tail(std::unique_ptr<LaneTail> tail) { tail_ = std::move(tail); }
  void set_events(std::unique_ptr<EventQueue> events) { events_ = std::move(events); }

  // ---- its own thread ----
  void run() noexcept;  // until shut down
  // One round: every source once. True if there was anything to do.
  bool poll() noexcept;
  // The same for who polls without a pause and reads no clock in between. `tsc`: the
  // time by the TSC, as good as now; afterwards, if there was anything to do, what it
  // was when that was done. Frames count as received at `tsc`.
  bool poll(uint64_t& tsc) noexcept;

  // ---- any thread ----
  unsigned lcore() const noexcept { return options_.lcore; }
  unsigned lane() const noexcept { return options_.lane->lane; }
  const StageRunner& stages() const noexcept { return *runner_; }
  EventQueue& events() noexcept { return *events_; }
  WorkerStatistics& statistics() noexcept { return statistics_; }
  const WorkerStatistics& statistics() const noexcept { return statistics_; }
  // Rises with every poll; one that stands still for long is a stall.
  uint64_t heartbeat() const noexcept { return heartbeat_.load(std::memory_order_acquire); }
  // Name index of the stage at work (kMaxStages: none), for who reports a stall.
  unsigned running_stage() const noexcept { return runner_->running(); }
  uint16_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }
  bool first() const noexcept { return head_ != nullptr; }
  const LaneHead* head() const noexcept { return head_.get(); }  // null: not the first
  bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire); }
  // First workers: paused, nothing of the devices under way.
  bool at_rest() const noexcept { return at_rest_.load(std::memory_order_acquire); }
  // First workers: the inputs are exhausted.
  bool exhausted() const noexcept { return exhausted_.load(std::memory_order_acquire); }
  // Polls that found work so far; acquire.
  uint64_t busy_polls() const noexcept { return busy_polls_.load(std::memory_order_acquire); }
  const rte_ring* input_ring() const noexcept { return options_.in; }
  // The newest grace period that it has seen begin, between two polls: whatever
  // was written before that period's begin it goes by from here on.
  uint32_t grace() const noexcept { return grace_.load(std::memory_order_acquire); }

 private:
  bool poll_sources(uint64_t& tsc) noexcept;
  bool poll_ring(uint64_t& tsc) noexcept;
  void adopt_next_policy() noexcept;
  void adopt(const Policy& policy) noexcept;
  // Returns the time at its end, in TSC cycles; what is not counted needs none.
  uint64_t handle(Burst& burst, uint64_t begin_tsc) noexcept;
  void hand_over(Burst& burst) noexcept;
  void handle_message(void* message, Burst& burst, uint64_t begin_tsc) noexcept;
  void end_flow(Flow& flow, Event* record) noexcept;
  bool send_ended(unsigned most) noexcept;
  bool take_returns() noexcept;
  bool has_room_for_ends() const noexcept;
  bool wind_down() noexcept;
  void send(void* message) noexcept;

  WorkerOptions options_;
  std::unique_ptr<StageRunner> runner_;
  std::unique_ptr<LaneHead> head_;
  std::unique_ptr<LaneTail> tail_;
  std::unique_ptr<EventQueue> events_;
  WorkerStatistics statistics_;
  unsigned bursts_ = 0;
  bool ended_all_ = false;
  uint64_t last_sent_tsc_ = 0;  // while winding down

  alignas(RTE_CACHE_LINE_SIZE) std::atomic<uint64_t> heartbeat_{0};
  std::atomic<uint64_t> busy_polls_{0};
  std::atomic<uint32_t> grace_{0};
  std::atomic<uint16_t> generation_{0};
  std::atomic<bool> stopped_{false};
  std::atomic<bool> at_rest_{false};
  std::atomic<bool> exhausted_{false};
};

}  // namespace sluice
