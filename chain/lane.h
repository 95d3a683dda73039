// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// One lane: the flow table, the workers, and the rings between them. Built by
// the Appliance; holds what its workers share, and knows how stages are laid
// out in flow entries and over workers.
#pragma once

#include <rte_ring.h>

#include <memory>
#include <string>
#include <vector>

#include "chain/appliance.h"
#include "chain/fragments.h"
#include "chain/worker.h"
#include "flowtable/flow_table.h"

namespace sluice {

struct RingFree {
  void operator()(rte_ring* ring) const noexcept { rte_ring_free(ring); }
};
using RingPtr = std::unique_ptr<rte_ring, RingFree>;

// Throws std::runtime_error. Single producer, single consumer.
RingPtr make_ring(const std::string& name, unsigned size, int socket_id);

// Where each stage's slot lies in a flow's tail, and how long the tail gets.
// Slots of one worker are packed; another worker's start on a cache line of
// their own, so that two cores do not write one line.
struct SlotLayout {
  std::vector<size_t> offset;  // by position in the line
  size_t tail_size = 0;
};
SlotLayout lay_out_slots(const std::vector<const StageType*>& line, const LaneConfig& lane);

struct LaneOptions {
  unsigned index = 0;
  const ApplianceOptions* appliance = nullptr;
  std::string name;  // prefix in EAL's registries
  const ReasonTable* reasons = nullptr;
  const TscClock* clock = nullptr;
  const WorkerControl* control = nullptr;
  std::vector<rte_ring*> from_lanes, to_lanes;
};

class Lane {
 public:
  explicit Lane(const LaneOptions& options);  // throws std::runtime_error
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Control thread.
  std::vector<std::unique_ptr<Worker>>& workers() noexcept { return workers_; }
  const std::vector<std::unique_ptr<Worker>>& workers() const noexcept { return workers_; }
  FlowTable& table() noexcept { return *table_; }
  LaneShared& shared() noexcept { return shared_; }
  const std::vector<StageResources>& resources() const noexcept { return resources_; }
  const Stage& stage(unsigned index) const;
  bool rings_empty() const noexcept;
  bool copies_home() const noexcept { return fragments_->copies_home(); }

 private:
  void build_workers(const LaneOptions& options);

  std::unique_ptr<FlowTable> table_;
  std::unique_ptr<FragmentTable> fragments_;
  std::vector<RingPtr> rings_;  // between workers, then the returns
  LaneShared shared_;
  std::vector<StageResources> resources_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace sluice
