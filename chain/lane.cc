// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/lane.h"

#include <rte_errno.h>

#include <algorithm>
#include <random>
#include <stdexcept>

namespace sluice {

namespace {

constexpr unsigned kWorkerRingSize = 4096;
constexpr unsigned kReturnRingSize = 4096;
constexpr unsigned kFlowEvents = 4096;
constexpr unsigned kFlowEventsReplay = 1024;
constexpr unsigned kAlertEvents = 1024;
constexpr uint16_t kAlertPayload = 1024;  // bytes; leaves room for a transaction's texts
constexpr unsigned kNoEvents = 16;  // nobody listens
constexpr uint64_t kReplaySeed = 1;
constexpr uint64_t kNsPerSecond = 1'000'000'000;

FlowTimeouts timeouts_of(const FlowTableConfig::Timeouts& t) {
  FlowTimeouts out = FlowTimeouts::defaults();
  const std::pair<FlowState, unsigned> by_state[] = {
      {FlowState::New, t.udp_new},
      {FlowState::Replied, t.udp_replied},
      {FlowState::SynSent, t.tcp_syn_sent},
      {FlowState::SynReceived, t.tcp_syn_received},
      {FlowState::Established, t.tcp_established},
      {FlowState::PickedUp, t.tcp_picked_up},
      {FlowState::FinWait, t.tcp_fin_wait},
      {FlowState::Closing, t.tcp_closing},
      {FlowState::TimeWait, t.tcp_time_wait},
      {FlowState::Reset, t.tcp_reset},
  };
  static_assert(std::size(by_state) == kFlowStates);
  for (const auto& [state, seconds] : by_state) {
    out.by_state_ns[static_cast<size_t>(state)] = seconds * kNsPerSecond;
  }
  out.icmp_ns = t.icmp * kNsPerSecond;
  out.other_ns = t.other * kNsPerSecond;
  return out;
}

// Not to be guessed from outside: who knows the seed can fill single buckets.
uint64_t random_seed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

size_t align_up(size_t value, size_t to) {
  return (value + to - 1) / to * to;
}

// No port of any lane brings a clock of its own.
bool is_live(const std::vector<std::vector<Input*>>& inputs) {
  for (const auto& lane : inputs) {
    for (const Input* input : lane) {
      if (input->has_own_clock()) return false;
    }
  }
  return true;
}

}  // namespace

RingPtr make_ring(const std::string& name, unsigned size, int socket_id) {
  RingPtr ring(rte_ring_create(name.c_str(), size, socket_id, RING_F_SP_ENQ | RING_F_SC_DEQ));
  if (!ring) throw std::runtime_error("ring " + name + ": " + rte_strerror(rte_errno));
  return ring;
}

SlotLayout lay_out_slots(const std::vector<const StageType*>& line, const LaneConfig& lane) {
  SlotLayout layout;
  size_t at = sizeof(FlowContext) + line.size() * sizeof(StageState);
  size_t index = 0;
  for (const WorkerConfig& worker : lane.workers) {
    if (index != 0) at = align_up(at, RTE_CACHE_LINE_SIZE);
    for (size_t i = 0; i < worker.stages.size(); ++i, ++index) {
      const size_t size = line[index]->flow_slot_size;
      if (size != 0) at = align_up(at, size % 8 == 0 ? 8 : 4);
      layout.offset.push_back(at);
      at += size;
    }
  }
  // Where two cores write to tails, none shares a line with its neighbour.
  layout.tail_size = lane.workers.size() == 1 ? at : align_up(at, RTE_CACHE_LINE_SIZE);
  return layout;
}

Lane::Lane(const LaneOptions& options) {
  const ApplianceOptions& appliance = *options.appliance;
  const Config& config = *appliance.config;
  const LaneConfig& lane = config.lanes[options.index];
  const int socket_id =
      appliance.socket_ids.empty() ? SOCKET_ID_ANY : appliance.socket_ids[options.index];
  const SlotLayout layout = lay_out_slots(appliance.line, lane);

  FlowTableOptions table;
  table.capacity = config.flowtable.capacity;
  table.tail_size = layout.tail_size;
  table.timeouts = timeouts_of(config.flowtable.timeouts);
  table.huge_pages = appliance.huge_pages;
  table.socket_id = socket_id;
  table.seed = appliance.replay ? kReplaySeed : random_seed();
  try {
    table_ = std::make_unique<FlowTable>(table);
  } catch (const std::bad_alloc&) {
    throw std::runtime_error("no memory for a flow table of " + std::to_string(table.capacity) +
                             " flows; see flowtable.capacity");
  }

  FragmentOptions fragments;
  fragments.name = options.name.c_str();
  fragments.datagrams = config.flowtable.fragment_datagrams;
  fragments.max_fragments = config.flowtable.fragment_max;
  fragments.timeout_ns = config.flowtable.fragment_timeout_ms * uint64_t{1'000'000};
  fragments.socket_id = socket_id;
  fragments.wait_for_copy = appliance.replay;
  fragments_ = std::make_unique<FragmentTable>(fragments);

  for (size_t i = 0; i < appliance.line.size(); ++i) {
    StageResources r;
    r.lane = static_cast<uint16_t>(options.index);
    r.index = static_cast<unsigned>(i);
    r.first_reason = options.reasons->first_of_stage(r.index);
    r.slot_offset = layout.offset[i];
    r.socket_id = socket_id;
    r.flow_capacity = config.flowtable.capacity;
    r.directory = appliance.directory;
    r.replay = appliance.replay;
    resources_.push_back(r);
  }
  size_t stage = 0;
  for (size_t i = 0; i < lane.workers.size(); ++i) {
    const size_t hops = lane.workers.size() - 1 - i;
    for (size_t end = stage + lane.workers[i].stages.size(); stage < end; ++stage) {
      resources_[stage].under_way =
          static_cast<unsigned>(hops * (kWorkerRingSize + Burst::kCapacity));
    }
  }
  shared_.lane = options.index;
  shared_.table = table_.get();
  shared_.fragments = fragments_.get();
  for (size_t i = 1; i < lane.workers.size(); ++i) {
    rings_.push_back(
        make_ring(options.name + "_w" + std::to_string(i), kWorkerRingSize, socket_id));
  }
  if (lane.workers.size() > 1) {
    rings_.push_back(make_ring(options.name + "_ret", kReturnRingSize, socket_id));
    shared_.returns = rings_.back().get();
  }
  build_workers(options);
}

Lane::~Lane() = default;

void Lane::build_workers(const LaneOptions& options) {
  const ApplianceOptions& appliance = *options.appliance;
  const Config& config = *appliance.config;
  const LaneConfig& lane = config.lanes[options.index];
  const size_t count = lane.workers.size();
  unsigned first = 0;
  for (size_t i = 0; i < count; ++i) {
    WorkerOptions w;
    w.lane = &shared_;
    w.control = options.control;
    w.clock = options.clock;
    w.lcore = lane.workers[i].lcore;
    w.replay = appliance.replay;
    w.in = i == 0 ? nullptr : rings_[i - 1].get();
    w.out = i + 1 == count ? nullptr : rings_[i].get();
    auto worker = std::make_unique<Worker>(w);

    const std::string queue_name = options.name + "_e" + std::to_string(i);
    const unsigned flow_events = appliance.replay ? kFlowEventsReplay : kFlowEvents;
    auto events = std::make_unique<EventQueue>(
        queue_name.c_str(), appliance.events ? flow_events : kNoEvents,
        appliance.events ? kAlertEvents : kNoEvents, resources_[first].socket_id);
    events->wait_when_empty = appliance.replay && appliance.events;
    events->enabled = appliance.events;
    events->alert_payload = appliance.alert_payload ? kAlertPayload : 0;

    std::vector<std::unique_ptr<Stage>> stages;
    const auto end = first + static_cast<unsigned>(lane.workers[i].stages.size());
    for (unsigned s = first; s < end; ++s) {
      resources_[s].events = events.get();
      stages.push_back(appliance.line[s]->create(resources_[s]));
    }
    auto runner = std::make_unique<StageRunner>(options.index, first, std::move(stages),
                                                appliance.line, *options.reasons, *options.clock,
                                                *events, worker->statistics());
    if (i == 0) {
      LaneHeadOptions h;
      h.lane = options.index;
      h.stages = static_cast<unsigned>(appliance.line.size());
      for (unsigned s = 0; s < h.stages; ++s) {
        if (appliance.line[s]->every_packet) h.every_packet |= static_cast<uint8_t>(1u << s);
      }
      h.config = &config;
      h.rss = appliance.rss == RssMode::Auto ? config.rss : appliance.rss;
      h.inputs = appliance.inputs[options.index];
      for (const PortConfig& port : config.ports) {
        h.zones.push_back({port.first_zone, port.zone_per_vlan});
      }
      h.from_lanes = options.from_lanes;
      h.to_lanes = options.to_lanes;
      h.epochs = &appliance.directory->epochs;
      h.clock = options.clock;
      h.seed = appliance.replay ? kReplaySeed : random_seed();
      h.replay = appliance.replay;
      h.live_clock = is_live(appliance.inputs);
      worker->set_head(std::make_unique<LaneHead>(h, *table_, *fragments_, worker->statistics()));
    }
    if (i + 1 == count) {
      worker->set_tail(std::make_unique<LaneTail>(appliance.outputs[options.index], *runner,
                                                  appliance.mempool, config.reject_rate,
                                                  worker->statistics()));
    }
    worker->set_stages(std::move(runner));
    worker->set_events(std::move(events));
    workers_.push_back(std::move(worker));
    first = end;
  }
}

const Stage& Lane::stage(unsigned index) const {
  for (const auto& worker : workers_) {
    const StageRunner& stages = worker->stages();
    if (index >= stages.first() && index < stages.end()) return stages.stage(index);
  }
  throw std::out_of_range("stage " + std::to_string(index));
}

bool Lane::rings_empty() const noexcept {
  return std::all_of(rings_.begin(), rings_.end(),
                     [](const RingPtr& ring) { return rte_ring_empty(ring.get()) != 0; });
}

}  // namespace sluice
