// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Asks packets, streams and transactions for the rules of a set.
//
// Theory of operation: a scan of fresh bytes with the place's prefilter gives
// candidates; only they are evaluated, in the set's order. What a candidate still
// lacks (a later buffer, more of the stream) makes it pending on its flow; it is
// asked again when something new comes, until it fires or cannot any more.
#pragma once

#include <hs/hs_common.h>
#include <hs/hs_runtime.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "stages/dpi/arena.h"
#include "stages/dpi/detection/packet_facts.h"
#include "stages/dpi/detection/rule_state.h"
#include "stages/dpi/detection/rule_set.h"
#include "stages/dpi/detection/threshold_table.h"

namespace sluice::rules {

// A rule that has matched.
struct Fired {
  uint32_t rule;
  Direction direction;
  const Transaction* transaction;  // null: a packet or the stream
  bool alert;                      // an event is due (no threshold holds it back)
  bool whole_flow;                 // what it says holds for what follows, too
};

struct DetectorCounters {
  uint64_t scanned_bytes = 0;
  uint64_t candidates = 0;      // evaluated
  uint64_t pending_lost = 0;    // could not be remembered: no memory, or too many
  uint64_t state_lost = 0;      // a flow bit that could not be kept
  uint64_t matches_lost = 0;    // more than kMaxFired in one packet
  uint64_t thresholds_lost = 0; // no room in the table: fired as without a threshold
};

// One a lane part. Built on the compiler thread, used by one worker.
class Detector {
 public:
  static constexpr size_t kMaxFired = 64;     // of one packet
  static constexpr uint32_t kMaxPending = 512;  // of one flow

  // Throws std::runtime_error, std::bad_alloc.
  Detector(std::shared_ptr<const RuleSet> set, const Directory& directory);

  const RuleSet& set() const noexcept { return *set_; }
  const DetectorCounters& counters() const noexcept { return counters_; }

  // ---- worker; no allocation. begin(), then what the packet brought, then fired() ----

  // All of them must be good until the next begin(). `state` may be null: nothing
  // is remembered then (ICMP errors); else what it remembers lies in `arena`.
  void begin(const PacketFacts& packet, const FlowFacts& flow, RuleState* state,
             Arena* arena) noexcept;
  // The packet by itself.
  void packet() noexcept;
  // What rules on transactions find in the stream beside them, until the next call.
  void show(Direction of, const BufferView& window) noexcept {
    payload_[static_cast<size_t>(of)] = window;
  }
  // What is readable of a direction's stream; bytes from `seen` on are fresh.
  void stream(Direction of, const BufferView& window, uint32_t seen) noexcept;
  // A transaction has advanced: transaction.fresh. Sets `scanned` of its views.
  void transaction(Transaction& transaction) noexcept;
  void finished(const Transaction& transaction) noexcept;
  // Rules that match, in the order of the set. Ends with the first `pass`.
  std::span<const Fired> fired() noexcept;

 private:
  enum class Result : uint8_t { No, Later, Yes };
  struct Place {
    RuleScope scope;
    Direction side;            // of the bytes in which the fast pattern stands
    Transaction* transaction;  // null: none
  };
  struct FreeScratch {
    void operator()(hs_scratch_t* scratch) const noexcept { hs_free_scratch(scratch); }
  };

  void evaluate(const Place& place) noexcept;
  void evaluate_pending(const Place& place) noexcept;
  Result ask(const CompiledRule& rule, const Place& place) noexcept;
  bool fits(const CompiledRule& rule, const Place& place) const noexcept;
  bool fits_tls(const CompiledRule& rule, const Place& place) const noexcept;
  bool fits_context(const CompiledRule& rule) const noexcept;
  Result ask_parts(const CompiledRule& rule, const Place& place) noexcept;
  Result ask_part(const RulePart& part, const Place& place) noexcept;
  bool state_holds(const CompiledRule& rule) noexcept;
  void change_state(const CompiledRule& rule) noexcept;
  void fire(uint32_t index, const Place& place) noexcept;
  void remember(uint32_t index, const Place& place, bool fired = false) noexcept;

  bool flowbit(uint32_t bit) const noexcept;
  void set_flowbit(uint32_t bit, bool value) noexcept;
  int64_t flowint(uint32_t number) const noexcept;
  bool flowint_holds(const CompiledFlowint& test) const noexcept;
  void change_flowint(const CompiledFlowint& change) noexcept;

  std::shared_ptr<const RuleSet> set_;
  const Directory& directory_;
  std::unique_ptr<hs_scratch_t, FreeScratch> scratch_;
  MatchScratch match_;
  Candidates candidates_;
  ThresholdTable thresholds_;
  XbitTable xbits_;
  DetectorCounters counters_;

  const PacketFacts* packet_ = nullptr;
  const FlowFacts* flow_ = nullptr;
  RuleState* state_ = nullptr;
  Arena* arena_ = nullptr;  // where there is a state
  BufferView payload_[2];  // by Direction: the stream's window, or the packet's payload
  std::array<Fired, kMaxFired> fired_;
  size_t fired_count_ = 0;
  bool passed_ = false;
};

}  // namespace sluice::rules
