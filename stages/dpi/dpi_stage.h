// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// dpi on a worker: hands a flow's first packets to nDPI, scans payloads for
// signatures, tells the flow context what it found.
#pragma once

#include <array>
#include <cstdint>

#include "chain/stage.h"
#include "stages/dpi/dpi_counters.h"
#include "stages/dpi/dpi_policy.h"
#include "stages/dpi/flow_reporter.h"

namespace sluice {

enum class DpiReason : uint8_t { Signature, Overload };

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
  // What the slot holds: nothing (0), an inspection, or (odd) the number of
  // packets of DNS that are still read for queries.
  struct Slot {
    uintptr_t value;

    Inspection* inspection() const noexcept {
      return (value & 1) != 0 ? nullptr : reinterpret_cast<Inspection*>(value);
    }
    bool watches_dns() const noexcept { return (value & 1) != 0; }
  };
  static_assert(sizeof(Slot) == 8);

  void visit(rte_mbuf* m, Flow& flow, DpiPart& part, uint16_t generation) noexcept;
  // False if the packet was dropped.
  bool classify(rte_mbuf* m, Flow& flow, DpiPart& part) noexcept;
  Inspection* begin(Flow& flow, DpiPart& part) noexcept;
  void evict(Inspection& inspection) noexcept;
  bool overloaded(rte_mbuf* m, Flow& flow, OnOverload action) noexcept;
  void watch_dns(rte_mbuf* m, Flow& flow) noexcept;
  // True if a signature has dropped the packet.
  bool scan(rte_mbuf* m, Flow& flow, SignatureScanner& scanner, uint16_t generation) noexcept;

  // Within the arena scope of the inspection's part.
  void give_up(Flow& flow, Inspection& inspection) noexcept;
  void decide(Flow& flow, Inspection& inspection, const Classification& found) noexcept;
  void tell(Flow& flow, const Classification& found, AppProgress progress) noexcept;
  void abandon(Flow& flow, Inspection& inspection) noexcept;

  DpiCounters counters_;
  std::array<uint64_t, kMaxApplications> applications_{};
  FlowReporter reporter_;
};

}  // namespace sluice
