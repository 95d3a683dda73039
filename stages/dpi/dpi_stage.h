// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// dpi on a worker: hands a flow's first packets to nDPI, reads what it says with
// SessionReader, tells the flow context what was found.
#pragma once

#include <array>
#include <cstdint>

#include "chain/stage.h"
#include "stages/dpi/dpi_counters.h"
#include "stages/dpi/dpi_policy.h"
#include "stages/dpi/flow_reporter.h"
#include "stages/dpi/session_reader.h"

namespace sluice {

class DpiStage : public Stage {
 public:
  static constexpr size_t kMaxApplications = 512;

  explicit DpiStage(const StageResources& resources);

  void process(Burst& burst, const StagePolicy& policy, LanePart* part) noexcept override;
  void flow_ended(Flow& flow, Event* record) noexcept override;
  void release_references(LanePart& old, unsigned budget) noexcept override;
  const void* counters() const noexcept override { return &counters_; }

  // ---- any thread: snapshots ----
  // Decided flows by nDPI's number of the application.
  const std::array<uint64_t, kMaxApplications>& flows_by_application() const noexcept {
    return applications_;
  }
  const Arena& host_memory() const noexcept { return reporter_.host_memory(); }

 private:
  // A flow's private state.
  struct Slot {
    // The session's address in cache lines (the pool cuts whole ones, and user
    // space ends at 2^47).
    uint64_t place : 41;
    // What the rules of that policy say of the flow; 0: they were not asked.
    uint64_t wanted : 1;   // a rule may fit its packets
    uint64_t late : 1;     // and its packets' headers where they are encrypted
    uint64_t blocked : 1;  // a rule has stopped it
    uint64_t generation : 16;
    uint64_t alerted : 1;    // a rule has matched, under any policy
    uint64_t read_before : 1;  // a session has ended before: the next begins in the middle

    Session* session() const noexcept {
      return reinterpret_cast<Session*>(uintptr_t{place} << 6);
    }
    void read_by(const Session* session) noexcept {
      place = reinterpret_cast<uintptr_t>(session) >> 6;
    }
  };
  static_assert(sizeof(Slot) == 8);

  void visit(rte_mbuf* m, Flow& flow, DpiPart& part, uint16_t generation) noexcept;
  void ask_of_stray(rte_mbuf* m, DpiPart& part) noexcept;
  void ask_of_tunnelled(rte_mbuf* m, Flow* flow, const rules::PacketFacts& outer,
                        DpiPart& part) noexcept;
  void ask_alone(rte_mbuf* m, Flow* flow, const rules::PacketFacts& packet, DpiPart& part) noexcept;
  void ask_rules(Slot& state, const Flow& flow, const DpiPart& part, uint16_t generation) noexcept;
  // False if the packet was dropped.
  bool classify(rte_mbuf* m, Session& session, DpiPart& part) noexcept;
  Inspection* begin(Flow& flow, DpiPart& part) noexcept;
  void evict(Inspection& inspection) noexcept;
  void end_closed(DpiPart& part, const Session* but) noexcept;
  Session* begin_session(Flow& flow, DpiPart& part) noexcept;
  void end_session(Session& session, DpiPart& part, bool rules) noexcept;
  bool overloaded(rte_mbuf* m, Flow& flow, OnOverload action) noexcept;
  // Carries out what the session's reader says of the packet.
  void rule(rte_mbuf* m, Flow& flow, const Ruling& ruling) noexcept;
  void block(Flow& flow, DpiPart& part, uint16_t generation) noexcept;

  // Within the arena scope of the inspection's part.
  void give_up(Flow& flow, Inspection& inspection) noexcept;
  void decide(Flow& flow, Inspection& inspection, const Classification& found) noexcept;
  void tell(Flow& flow, const Classification& found, AppProgress progress) noexcept;
  void abandon(Flow& flow, Inspection& inspection) noexcept;

  DpiCounters counters_;
  std::array<uint64_t, kMaxApplications> applications_{};
  FlowReporter reporter_;
  SessionReader reader_;
};

}  // namespace sluice
