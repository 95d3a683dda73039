// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The beginning of a lane: receives, parses, collects fragments, passes over
// what another lane owns, and finds or opens the flow of the rest.
#pragma once

#include <rte_ring.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "chain/binding_epochs.h"
#include "chain/burst.h"
#include "chain/clock.h"
#include "chain/fragments.h"
#include "chain/lane_hash.h"
#include "chain/parse.h"
#include "chain/policy.h"
#include "chain/port_io.h"
#include "chain/split_horizon.h"
#include "chain/statistics.h"
#include "flowtable/flow_table.h"

namespace sluice {

struct LaneHeadOptions {
  unsigned lane = 0;
  unsigned stages = 0;       // of the line
  uint8_t every_packet = 0;  // bit i: the line's i-th stage sees decided flows, too
  const Config* config = nullptr;
  RssMode rss = RssMode::Auto;  // Auto: by the devices
  std::vector<Input*> inputs;
  std::vector<ZoneRule> zones;        // by port
  std::vector<rte_ring*> from_lanes;  // [lane], null for the own one
  std::vector<rte_ring*> to_lanes;
  const BindingEpochs* epochs = nullptr;
  const TscClock* clock = nullptr;
  uint64_t seed = 0;  // nobody outside can guess it
  bool replay = false;
  bool live_clock = false;  // time goes on where no packets come
};

class LaneHead {
 public:
  LaneHead(const LaneHeadOptions& options, FlowTable& table, FragmentTable& fragments,
           WorkerStatistics& statistics);

  // ---- first worker ----

  void adopt(const Policy& policy) noexcept { policy_ = &policy; }

  // Sources: the devices' queues, then the other lanes.
  unsigned devices() const noexcept { return static_cast<unsigned>(options_.inputs.size()); }
  unsigned sources() const noexcept {
    return devices() + static_cast<unsigned>(options_.from_lanes.size());
  }

  // Receives from one source; `out` (empty before) gets the packets that go to
  // the stages. Returns how many were received. `tsc`: the present time.
  unsigned receive(unsigned source, uint64_t tsc, Burst& out) noexcept;

  // A step of ageing.
  void age(uint64_t tsc) noexcept;

  // No device will ever give anything again.
  bool exhausted() const noexcept;

  uint64_t now_ns() const noexcept { return now_ns_; }

  // ---- any thread ----

  std::vector<WireDisputes> wire_disputes() const;  // of each wire with a split horizon

 private:
  struct Pending;

  unsigned take(unsigned source, uint64_t tsc, rte_mbuf** pkts, uint64_t& bytes) noexcept;
  void build_horizons();
  unsigned keep_within_horizon(rte_mbuf** pkts, unsigned n, unsigned port) noexcept;
  void sort(rte_mbuf* m, const ParseOptions& options, Pending& pending, Burst& out) noexcept;
  void pass_over(rte_mbuf* m, unsigned lane) noexcept;
  void drop(rte_mbuf* m, CoreReason why) noexcept;
  void admit_all(const Pending& pending, const uint64_t* hashes, Flow* const* flows,
                 Burst& out) noexcept;
  bool is_decided(const rte_mbuf* m, const ParsedPacket& parsed, const Flow* flow) const noexcept;
  bool admit_decided(rte_mbuf* m, const ParsedPacket& parsed, uint64_t hash, Flow* flow) noexcept;
  bool admit(rte_mbuf* m, const ParsedPacket& parsed, uint64_t hash, Flow* flow) noexcept;
  void enter(rte_mbuf* m, const ParsedPacket& parsed, Flow& flow, Direction direction,
             bool is_new) noexcept;
  bool admit_icmp_error(rte_mbuf* m, const ParsedPacket& parsed, Flow* flow) noexcept;
  Flow* open(rte_mbuf* m, const ParsedPacket& parsed, uint64_t hash) noexcept;
  bool track(rte_mbuf* m, const ParsedPacket& parsed, Flow*& flow, Direction direction,
             uint64_t hash) noexcept;
  bool give_up_blocked(rte_mbuf* m, const ParsedPacket& parsed, Flow*& flow, Direction direction,
                       uint64_t hash) noexcept;
  bool may_pick_up() const noexcept;
  bool blocked(const Flow& flow) const noexcept;
  bool decided(const Flow& flow) const noexcept;
  FlowClass value_of(const Flow& flow) const noexcept;
  void refresh(Flow& flow) noexcept;

  // A wire's end, where its split horizon is asked for.
  struct Horizon {
    SplitHorizon* table = nullptr;
    unsigned side = 0;
  };

  static constexpr unsigned kAgeBudget = 32;  // entries a poll

  LaneHeadOptions options_;
  std::vector<ParseOptions> parse_options_;       // by port, for the devices
  std::vector<ParseOptions> parse_options_lane_;  // by port, for what was checked already
  std::vector<std::unique_ptr<SplitHorizon>> wires_;
  std::vector<Horizon> horizons_;  // by port
  LaneHash lane_hash_;
  const bool by_software_;  // every packet's lane is looked up, not only the odd ones'
  const uint16_t burst_;    // packets received at once
  FlowTable& table_;
  FragmentTable& fragments_;
  WorkerStatistics& statistics_;
  const Policy* policy_ = nullptr;
  uint64_t now_ns_ = 0;         // newest packet received
  uint64_t flow_clock_ns_ = 0;  // newest packet admitted to its flow
  uint64_t pick_up_until_ns_ = 0;
};

}  // namespace sluice
