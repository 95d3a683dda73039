// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/stage_runner.h"

#include <rte_cycles.h>

#include <algorithm>

#include "chain/fragments.h"

namespace sluice {

void drop_packet(rte_mbuf* m, Reason reason, WorkerStatistics& statistics) noexcept {
  statistics.dropped[reason] += frame_count(m);
  free_packet(m);
}

StageRunner::StageRunner(unsigned lane, unsigned first, std::vector<std::unique_ptr<Stage>> stages,
                         const std::vector<const StageType*>& line, const ReasonTable& reasons,
                         const TscClock& clock, EventQueue& events, WorkerStatistics& statistics)
    : lane_(lane),
      first_(first),
      stages_(std::move(stages)),
      clock_(clock),
      events_(events),
      statistics_(statistics) {
  for (unsigned i = first_; i < end(); ++i) {
    every_packet_.push_back(line[i]->every_packet);
    strays_.push_back(line[i]->strays || line[i]->every_packet);
    icmp_errors_.push_back(line[i]->icmp_errors);
    const Reason first_reason = reasons.first_of_stage(i);
    own_reasons_.push_back({first_reason, first_reason + unsigned(line[i]->drop_reasons.size())});
  }
}

void StageRunner::adopt(const Policy& policy) noexcept {
  policy_ = &policy;
  in_all_chains_ = 0xff;
  for (const ChainEntry& chain : policy.chains) in_all_chains_ &= chain.stages;
}

void StageRunner::run(Burst& burst, bool timed) noexcept {
  burst.generation = policy_->generation;
  const bool all_decided = burst.decided == burst.size;
  for (unsigned index = first_; index < end() && !burst.empty(); ++index) {
    if (all_decided && !every_packet_[index - first_]) {
      statistics_.stage[index].skipped += burst.size;
      continue;
    }
    if (all_decided && ((in_all_chains_ >> index) & 1)) {
      process(burst, index, timed);
    } else {
      Burst wanted;
      gather(burst, index, wanted);
      if (!wanted.empty()) process(wanted, index, timed);
      if (index == 0) note_chains(wanted);
    }
    reap(burst, index);
  }
}

// identity may have bound the flow to another chain.
void StageRunner::note_chains(Burst& burst) noexcept {
  for (rte_mbuf* m : burst) {
    if (meta(m).flow) meta(m).chain = meta(m).flow->chain;
  }
}

void StageRunner::run_last(Burst& burst) noexcept {
  burst.generation = policy_->generation;
  process(burst, end() - 1, false);
  reap(burst, end() - 1);
}

// Which packets this stage gets: those whose flow isn't settled here. Settled
// flows take the verdict that the stage left with them.
void StageRunner::gather(Burst& burst, unsigned index, Burst& wanted) noexcept {
  const bool every_packet = every_packet_[index - first_];
  const bool strays = strays_[index - first_];
  const bool icmp_errors = icmp_errors_[index - first_];
  const uint16_t generation = policy_->generation;
  uint64_t skipped = 0;
  wanted.generation = generation;
  wanted.now_ns = burst.now_ns;
  for (rte_mbuf* m : burst) {
    PacketMeta& p = meta(m);
    if (p.verdict != Verdict::Pass) continue;
    if (!p.flow) {
      if (strays) wanted.push(m);
      continue;
    }
    if (!(policy_->chains[p.chain].stages & (1u << index))) {
      ++skipped;
      continue;
    }
    if (p.flags & kMetaDecided) {
      if (every_packet) {
        wanted.push(m);
      } else {
        ++skipped;
      }
      continue;
    }
    const StageState& s = stage_state(*p.flow, index);
    if (is_settled(*p.flow, index, s, generation)) {
      if (s.verdict != Verdict::Pass) {
        give_verdict(m, s.verdict, s.reason);
        ++skipped;
        continue;
      }
      if (!every_packet && !(icmp_errors && (p.flags & kMetaIcmpError))) {
        ++skipped;
        continue;
      }
    }
    wanted.push(m);
  }
  statistics_.stage[index].skipped += skipped;
}

void StageRunner::process(Burst& wanted, unsigned index, bool timed) noexcept {
  StageStatistics& statistics = statistics_.stage[index];
  statistics.packets += wanted.size;
  const uint16_t packets = wanted.size;
  LanePart* part = policy_->parts[lane_][index].get();
  running_.store(index, std::memory_order_relaxed);
  if (timed) {
    const uint64_t begin = rte_rdtsc();
    stages_[index - first_]->process(wanted, *policy_->stages[index], part);
    const uint64_t cycles = rte_rdtsc() - begin;
    statistics.sampled_packets += packets;
    statistics.sampled_cycles += cycles;
    statistics.latency.record(clock_.to_ns(cycles));
  } else {
    stages_[index - first_]->process(wanted, *policy_->stages[index], part);
  }
  running_.store(kMaxStages, std::memory_order_relaxed);
}

// Frees what this stage dropped and closes the gaps.
void StageRunner::reap(Burst& burst, unsigned index) noexcept {
  StageStatistics& statistics = statistics_.stage[index];
  const OwnReasons own = own_reasons_[index - first_];
  if (std::none_of(burst.begin(), burst.end(),
                   [](rte_mbuf* m) { return meta(m).verdict != Verdict::Pass; })) {
    return;
  }
  burst.bytes = 0;
  uint16_t kept = 0;
  for (rte_mbuf* m : burst) {
    const PacketMeta& p = meta(m);
    if (p.verdict != Verdict::Pass && p.reason >= own.first && p.reason < own.end) {
      ++statistics.dropped;
      log_drop(m, index);
    }
    if (p.verdict == Verdict::Drop) {
      drop_packet(m, p.reason, statistics_);
    } else {
      burst.pkts[kept++] = m;
    }
  }
  burst.size = kept;
}

// One drop event a flow and reason.
void StageRunner::log_drop(rte_mbuf* m, unsigned index) noexcept {
  const PacketMeta& p = meta(m);
  if (!p.flow) return;
  StageState& s = stage_state(*p.flow, index);
  if (s.logged == p.reason) return;
  s.logged = p.reason;
  Event* event = events_.allocate(EventType::Drop);
  if (!event) return;
  describe_flow(*event, *p.flow);
  event->lane = static_cast<uint16_t>(lane_);
  event->time_ns = p.time_ns;
  event->direction = direction(p);
  event->ingress = m->port;
  event->action = p.verdict;
  event->reason = p.reason;
  events_.publish(event);
}

void StageRunner::flow_ended(Flow& flow, Event* record) noexcept {
  for (const auto& stage : stages_) stage->flow_ended(flow, record);
}

void StageRunner::release_references(const Policy& old, unsigned budget) noexcept {
  for (unsigned index = first_; index < end(); ++index) {
    LanePart* part = old.parts[lane_][index].get();
    if (part && part->references() != 0) stages_[index - first_]->release_references(*part, budget);
  }
}

}  // namespace sluice
