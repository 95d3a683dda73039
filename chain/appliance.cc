// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/appliance.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "chain/lane.h"

namespace sluice {

namespace {

constexpr unsigned kLaneRingSize = 4096;
constexpr size_t kMaxOldPolicies = 2;

// Names in EAL's registries are one space for the whole process.
std::string unique_prefix(const std::string& name) {
  static std::atomic<unsigned> next{0};
  return name.substr(0, 8) + std::to_string(next++);
}

}  // namespace

struct Appliance::Impl {
  explicit Impl(const ApplianceOptions& o) : options(o), reasons(o.line) {}

  struct Installed {
    std::unique_ptr<Policy> policy;
    bool unlinked = false;             // no lane is asked to leave it any more
    std::vector<uint64_t> heartbeats;  // of the workers when it was unlinked
  };

  ApplianceOptions options;
  ReasonTable reasons;
  TscClock clock;
  WorkerControl control;
  std::vector<std::vector<RingPtr>> lane_rings;  // [from][to]; null on the diagonal
  std::vector<std::unique_ptr<Lane>> lanes;
  std::vector<Worker*> workers;
  std::vector<EventQueue*> queues;
  std::vector<Installed> policies;  // oldest first; the last is in force

  // idle() compares with what it saw at its last call.
  struct {
    std::vector<uint64_t> heartbeats;
    uint64_t busy = 0;
  } mutable seen;

  bool all_rings_empty() const {
    for (const auto& from : lane_rings) {
      for (const RingPtr& ring : from) {
        if (ring && !rte_ring_empty(ring.get())) return false;
      }
    }
    return std::all_of(lanes.begin(), lanes.end(),
                       [](const auto& lane) { return lane->rings_empty(); });
  }

  std::vector<uint64_t> heartbeats() const {
    std::vector<uint64_t> out;
    for (const Worker* w : workers) out.push_back(w->heartbeat());
    return out;
  }

  // Every worker polled at least twice since, so that what it saw then it has
  // finished with; a worker that left run() counts as having done so.
  bool moved_on(const std::vector<uint64_t>& since) const {
    for (size_t i = 0; i < workers.size(); ++i) {
      if (!workers[i]->stopped() && workers[i]->heartbeat() < since[i] + 2) return false;
    }
    return true;
  }

  // Nothing found work over two polls of every worker, and no ring holds any.
  bool at_standstill() const {
    uint64_t busy = 0;
    for (const Worker* w : workers) busy += w->busy_polls();
    const bool quiet = seen.heartbeats.size() == workers.size() && busy == seen.busy;
    if (!quiet || !all_rings_empty()) {
      seen.heartbeats = heartbeats();
      seen.busy = busy;
      return false;
    }
    return moved_on(seen.heartbeats);
  }

  bool referred_to(const Policy& policy) const {
    for (const auto& lane : policy.parts) {
      for (const auto& part : lane) {
        if (part && part->references() != 0) return true;
      }
    }
    return false;
  }
};

Appliance::Appliance(const ApplianceOptions& options) : impl_(std::make_unique<Impl>(options)) {
  Impl& a = *impl_;
  const size_t count = options.config->lanes.size();
  if (options.line.empty() || options.line.size() > kMaxStages) {
    throw std::runtime_error("a line has 1 to " + std::to_string(kMaxStages) + " stages");
  }
  a.options.name = unique_prefix(options.name);
  a.lane_rings.resize(count);
  for (size_t from = 0; from < count; ++from) {
    for (size_t to = 0; to < count; ++to) {
      RingPtr ring;
      if (from != to) {
        ring = make_ring(a.options.name + "_" + std::to_string(from) + "to" + std::to_string(to),
                         kLaneRingSize, SOCKET_ID_ANY);
      }
      a.lane_rings[from].push_back(std::move(ring));
    }
  }
  for (size_t i = 0; i < count; ++i) {
    LaneOptions lane;
    lane.index = static_cast<unsigned>(i);
    lane.appliance = &a.options;
    lane.name = a.options.name + "_l" + std::to_string(i);
    lane.reasons = &a.reasons;
    lane.clock = &a.clock;
    lane.control = &a.control;
    for (size_t other = 0; other < count; ++other) {
      lane.to_lanes.push_back(a.lane_rings[i][other].get());
      lane.from_lanes.push_back(a.lane_rings[other][i].get());
    }
    a.lanes.push_back(std::make_unique<Lane>(lane));
    for (const auto& worker : a.lanes.back()->workers()) {
      a.workers.push_back(worker.get());
      a.queues.push_back(&worker->events());
    }
  }
}

Appliance::~Appliance() = default;

bool Appliance::install(std::unique_ptr<Policy> policy, std::string& error) {
  Impl& a = *impl_;
  reclaim();
  if (a.policies.size() > kMaxOldPolicies) {
    const Policy* oldest = a.policies.front().policy.get();
    for (const auto& lane : a.lanes) {
      if (!a.policies.front().unlinked) {
        lane->shared().leaving_policy.store(oldest, std::memory_order_release);
      }
    }
    error = "policy generation " + std::to_string(oldest->generation) +
            " is still in use by flows under inspection; they are being started afresh, "
            "try again in a moment";
    return false;
  }
  std::vector<std::vector<StageResources>> resources;
  for (const auto& lane : a.lanes) resources.push_back(lane->resources());
  try {
    create_lane_parts(*policy, a.options.line, resources);
  } catch (const std::exception& e) {
    error = e.what();
    return false;
  }
  const Policy* next = policy.get();
  a.policies.push_back({std::move(policy), false, {}});
  for (const auto& lane : a.lanes) {
    lane->shared().next_policy.store(next, std::memory_order_release);
  }
  return true;
}

uint16_t Appliance::next_generation() const {
  if (impl_->policies.empty()) return 1;
  const uint16_t last = impl_->policies.back().policy->generation;
  return last == UINT16_MAX ? 1 : static_cast<uint16_t>(last + 1);
}

const Policy* Appliance::policy() const {
  return impl_->policies.empty() ? nullptr : impl_->policies.back().policy.get();
}

bool Appliance::adopted() const {
  const Policy* newest = policy();
  return newest && std::all_of(impl_->workers.begin(), impl_->workers.end(),
                               [&](Worker* w) { return w->generation() == newest->generation; });
}

unsigned Appliance::policies_alive() const {
  return static_cast<unsigned>(impl_->policies.size());
}

// In two steps: first no worker is pointed at the old policy any more, then, a
// poll of each later, it goes.
void Appliance::reclaim() {
  Impl& a = *impl_;
  while (a.policies.size() > 1 && adopted()) {
    Impl::Installed& oldest = a.policies.front();
    if (a.referred_to(*oldest.policy)) return;
    if (!oldest.unlinked) {
      for (const auto& lane : a.lanes) {
        lane->shared().leaving_policy.store(nullptr, std::memory_order_release);
      }
      oldest.unlinked = true;
      oldest.heartbeats = a.heartbeats();
    }
    if (!a.moved_on(oldest.heartbeats)) return;
    a.policies.erase(a.policies.begin());
  }
}

const std::vector<Worker*>& Appliance::workers() const {
  return impl_->workers;
}

void Appliance::pause() {
  impl_->control.pause.store(true, std::memory_order_release);
}
void Appliance::resume() {
  impl_->control.pause.store(false, std::memory_order_release);
}

bool Appliance::paused() const {
  const bool resting = std::all_of(impl_->workers.begin(), impl_->workers.end(),
                                   [](const Worker* w) { return !w->first() || w->at_rest(); });
  return resting && impl_->at_standstill();
}

uint32_t Appliance::begin_grace_period() {
  return impl_->control.grace.fetch_add(1, std::memory_order_release) + 1;
}

bool Appliance::grace_period_over(uint32_t number) const {
  return std::all_of(impl_->workers.begin(), impl_->workers.end(), [&](const Worker* w) {
    return w->stopped() || static_cast<int32_t>(w->grace() - number) >= 0;
  });
}

void Appliance::request_shutdown() {
  impl_->control.shutdown.store(true, std::memory_order_release);
}

bool Appliance::idle() const {
  const bool exhausted = std::all_of(impl_->workers.begin(), impl_->workers.end(),
                                     [](const Worker* w) { return !w->first() || w->exhausted(); });
  return exhausted && impl_->at_standstill();
}

const ReasonTable& Appliance::reasons() const {
  return impl_->reasons;
}
const std::vector<const StageType*>& Appliance::line() const {
  return impl_->options.line;
}
const std::vector<EventQueue*>& Appliance::event_queues() const {
  return impl_->queues;
}
unsigned Appliance::lanes() const {
  return static_cast<unsigned>(impl_->lanes.size());
}

const WorkerStatistics& Appliance::worker_statistics(unsigned worker) const {
  return impl_->workers[worker]->statistics();
}

const FlowTable& Appliance::flow_table(unsigned lane) const {
  return impl_->lanes[lane]->table();
}
FlowTable& Appliance::flow_table(unsigned lane) {
  return impl_->lanes[lane]->table();
}

const Stage& Appliance::stage(unsigned lane, unsigned index) const {
  return impl_->lanes[lane]->stage(index);
}

WorkerStatistics Appliance::total() const {
  WorkerStatistics sum;
  for (const Worker* w : impl_->workers) add(sum, w->statistics());
  return sum;
}

WorkerStatistics Appliance::total(unsigned lane) const {
  WorkerStatistics sum;
  for (const auto& w : impl_->lanes[lane]->workers()) add(sum, w->statistics());
  return sum;
}

std::vector<WireDisputes> Appliance::wire_disputes() const {
  std::vector<WireDisputes> out;
  for (const Worker* w : impl_->workers) {
    if (!w->head()) continue;
    const auto more = w->head()->wire_disputes();
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

}  // namespace sluice
