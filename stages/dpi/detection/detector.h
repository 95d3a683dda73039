// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Asks packets, streams and transactions for the rules of a set.
//
// Theory of operation: a scan of fresh bytes with the place's prefilter gives
// candidates; only they are evaluated, in the set's order. What a candidate still
// lacks (a later buffer, more of the stream, the protocol's name) makes it
// pending on its flow; it is asked again when that comes, until it fires or
// cannot any more. In one packet a rule fires once, a transaction's rule once a
// transaction.
#pragma once

#include <hs/hs_common.h>
#include <hs/hs_runtime.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

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
};

// Help texts stand in dpi.cc.
struct DetectorCounters {
  uint64_t scanned_bytes = 0;
  uint64_t candidates = 0;
  uint64_t pending_lost = 0;
  uint64_t state_lost = 0;
  uint64_t matches_lost = 0;
  uint64_t thresholds_lost = 0;
  uint64_t budget_exceeded = 0;
  uint64_t cut_short = 0;
};

struct DetectorLimits {
  // Of all evaluations of one packet, as MatchScratch::begin_packet() counts.
  uint64_t packet_budget = uint64_t{16} << 20;
};

// One a lane part. Built on the compiler thread, used by one worker.
class Detector {
 public:
  static constexpr size_t kMaxFired = 64;     // of one packet
  static constexpr uint32_t kMaxPending = 512;  // of one flow

  // Throws std::runtime_error, std::bad_alloc.
  Detector(std::shared_ptr<const RuleSet> set, const Directory& directory,
           DetectorLimits limits = {});

  const RuleSet& set() const noexcept { return *set_; }

  // ---- worker; no allocation. begin(), then what the packet brought, then fired() ----

  // All of them must be good until the next begin(). `state` may be null: nothing
  // is remembered then (ICMP errors); else what it remembers lies in `arena`.
  void begin(const PacketFacts& packet, const FlowFacts& flow, RuleState* state, Arena* arena,
             DetectorCounters& counters) noexcept;
  // The packet by itself; once.
  void packet() noexcept;
  // What is kept of a direction's stream; rules on transactions may ask for it.
  void show(Direction of, const BufferView& window) noexcept {
    payload_[static_cast<size_t>(of)] = window;
  }
  // What is readable of a direction's stream; bytes from `seen` on are fresh. To be
  // called before the transactions that those bytes are part of are told, once the
  // protocol is known: a rule on the stream may set what one on them asks for.
  void stream(Direction of, const BufferView& window, uint32_t seen) noexcept;
  // A transaction has advanced: transaction.fresh. Sets `scanned` of its views.
  void transaction(Transaction& transaction) noexcept;
  void finished(const Transaction& transaction) noexcept;

  // Rules that match, in the order of the set; of more than kMaxFired the first.
  // Ends with the first `pass`, which is there only if it is to be told of.
  std::span<const Fired> fired() const noexcept { return {fired_.data(), fired_count_}; }
  // A rule that says so for what follows of the flow, too, has stopped the packet.
  bool blocks() const noexcept { return blocks_ && !passed_; }
  // A rule that might have stopped the packet could not be asked to the end.
  bool overloaded() const noexcept { return overloaded_ && !passed_; }

 private:
  enum class Result : uint8_t { No, Later, Yes };
  struct Place {
    RuleScope scope;           // Packet, Stream or Transaction
    Direction side;            // of the bytes in which the fast pattern stands
    Transaction* transaction;  // null: none
  };
  struct FreeScratch {
    void operator()(hs_scratch_t* scratch) const noexcept { hs_free_scratch(scratch); }
  };
  // What asking has shown, for a rule that has to be remembered.
  struct Progress {
    uint64_t lacking = 0;
    uint64_t matched = 0;
    bool undecided = false;
  };

  const ScanGroup& group(Direction of) const noexcept;
  void scan(const Prefilter& prefilter, const BufferView& view, size_t seen,
            uint8_t mark) noexcept;
  void gather_packet(uint32_t fresh) noexcept;
  void gather_pending(Direction of) noexcept;
  void gather_pending(const Transaction& transaction) noexcept;
  void evaluate_payload(Direction of) noexcept;
  uint64_t found_at(Direction side) const noexcept;
  bool ask_stream(uint32_t index, Direction side) noexcept;
  void ask_packet(uint32_t index) noexcept;
  void ask_transaction(uint32_t index, Direction side, Transaction& transaction) noexcept;
  void note_announced(uint32_t index, Direction side, bool in_stream) noexcept;
  void forget(std::optional<Direction> of) noexcept;

  Result ask(const CompiledRule& rule, const Place& place, Progress& progress) noexcept;
  Result fits(const CompiledRule& rule, const Place& place) const noexcept;
  bool fits_tls(const CompiledRule& rule, const Place& place) const noexcept;
  bool fits_context(const CompiledRule& rule) const noexcept;
  Result ask_parts(const CompiledRule& rule, const Place& place, Progress& progress) noexcept;
  Result ask_part(const CompiledRule& rule, const RulePart& part, const Place& place) noexcept;
  MatchResult match(const CompiledRule& rule, const RulePart& part, const BufferView& view) noexcept;
  // False if the packet's budget is used up.
  bool may_ask(const CompiledRule& rule) noexcept;
  void could_not_ask(const CompiledRule& rule) noexcept;
  void note_budget() noexcept;

  bool fire(uint32_t index, const Place& place) noexcept;
  void tell(uint32_t index, const Fired& fired) noexcept;
  PendingRule* find_pending(uint32_t index, const Place& place) noexcept;
  void remember(uint32_t index, const Place& place, const Progress& progress) noexcept;
  void remember_fired(uint32_t index, const Place& place) noexcept;
  bool keep_pending(const PendingRule& waiting) noexcept;
  void note_pending(uint32_t at) noexcept;

  bool state_holds(const CompiledRule& rule) noexcept;
  void change_state(const CompiledRule& rule) noexcept;
  bool fired_before(uint32_t index) const noexcept;
  bool flowbit(uint32_t bit) const noexcept;
  void set_flowbit(uint32_t bit, bool value) noexcept;
  int64_t flowint(uint32_t number) const noexcept;
  bool flowint_holds(const CompiledFlowint& test) const noexcept;
  void change_flowint(const CompiledFlowint& change) noexcept;

  // The last firing of a rule: two places of one packet must not make two of it.
  struct Stamp {
    uint32_t packet;
    uint32_t transaction;  // its number and 1
  };

  std::shared_ptr<const RuleSet> set_;
  const Directory& directory_;
  const DetectorLimits limits_;
  std::unique_ptr<hs_scratch_t, FreeScratch> scratch_;
  MatchScratch match_;
  Candidates candidates_;
  std::vector<Stamp> stamps_;         // by rule
  std::vector<uint32_t> pending_at_;  // by rule and side: where in the flow's list it may stand
  ThresholdTable thresholds_;
  XbitTable xbits_;

  DetectorCounters* counters_ = nullptr;
  const PacketFacts* packet_ = nullptr;
  const FlowFacts* flow_ = nullptr;
  RuleState* state_ = nullptr;
  Arena* arena_ = nullptr;  // where there is a state
  PacketEnds ends_[2];      // by Direction of who is the source
  BufferView payload_[2];   // by Direction: the stream's window, or the packet's payload
  uint32_t serial_ = 0;     // of the packet
  bool packet_gathered_ = false;
  bool budget_told_ = false;
  bool passed_ = false;
  bool blocks_ = false;
  bool overloaded_ = false;
  // Rules on transactions whose pattern the packet's own payload has.
  std::array<uint32_t, kMaxFired> announced_;
  size_t announced_count_ = 0;
  size_t fired_count_ = 0;
  std::array<Fired, kMaxFired> fired_;
};

}  // namespace sluice::rules
