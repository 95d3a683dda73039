// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/worker.h"

#include <rte_cycles.h>
#include <rte_pause.h>
#include <rte_prefetch.h>
#include <sched.h>

#include <algorithm>

#include "chain/ring_message.h"

namespace sluice {

namespace {
constexpr unsigned kTimedBursts = 16;                   // stages are timed on one burst in so many
constexpr unsigned kEndsPerPoll = 32;                   // end-of-flow events sent by one poll
constexpr uint64_t kWriterPatience_ns = 2'000'000'000;  // then events are lost, counted
constexpr unsigned kReservedInRing = kEndsPerPoll + 1;
constexpr unsigned kReleaseBudget = 16;  // flows let go of an old policy by one poll
}  // namespace

Worker::Worker(const WorkerOptions& options) : options_(options) {}

void Worker::run() noexcept {
  uint64_t tsc = rte_rdtsc();
  while (!stopped()) {
    if (poll(tsc)) continue;
    if (options_.replay) sched_yield();
    tsc = rte_rdtsc();
  }
}

bool Worker::poll() noexcept {
  uint64_t tsc = rte_rdtsc();
  return poll(tsc);
}

bool Worker::poll(uint64_t& tsc) noexcept {
  const uint64_t begin = tsc;
  const uint32_t grace = options_.control->grace.load(std::memory_order_acquire);
  if (grace != grace_.load(std::memory_order_relaxed)) [[unlikely]] {
    grace_.store(grace, std::memory_order_release);
  }
  const bool busy = head_ ? poll_sources(tsc) : poll_ring(tsc);
  if (const Policy* leaving = options_.lane->leaving_policy.load(std::memory_order_acquire)) {
    runner_->release_references(*leaving, kReleaseBudget);
  }
  ++statistics_.polls;
  if (busy) {
    ++statistics_.busy_polls;
    // Without a gap: what comes behind the last reading is the next poll's.
    if (tsc == begin) tsc = rte_rdtsc();
    statistics_.busy_cycles += tsc - begin;
    busy_polls_.store(statistics_.busy_polls, std::memory_order_release);
  }
  heartbeat_.store(statistics_.polls, std::memory_order_release);
  return busy;
}

// ---- the lane's first worker ----

bool Worker::poll_sources(uint64_t& tsc) noexcept {
  adopt_next_policy();
  bool busy = options_.lane->returns && take_returns();
  if (!runner_->policy()) return busy;
  if (options_.control->shutdown.load(std::memory_order_acquire)) return wind_down() || busy;

  const bool paused = options_.control->pause.load(std::memory_order_acquire);
  // In replay nothing is lost for want of a flow entry: wait until enough are back.
  if (!options_.replay || has_room_for_ends()) {
    const unsigned begin_source = paused ? head_->devices() : 0;
    for (unsigned source = begin_source; source < head_->sources(); ++source) {
      Burst burst;
      if (head_->receive(source, tsc, burst) == 0) continue;
      busy = true;
      tsc = burst.empty() ? rte_rdtsc() : handle(burst, tsc);
    }
  }
  if (busy || !options_.replay) head_->age(tsc);
  busy |= send_ended(kEndsPerPoll);
  if (at_rest_.load(std::memory_order_relaxed) != paused) {
    at_rest_.store(paused, std::memory_order_release);
  }
  if (!busy && head_->exhausted() != exhausted_.load(std::memory_order_relaxed)) {
    exhausted_.store(head_->exhausted(), std::memory_order_release);
  }
  return busy;
}

void Worker::adopt_next_policy() noexcept {
  const Policy* next = options_.lane->next_policy.load(std::memory_order_acquire);
  if (next == runner_->policy()) return;
  if (options_.out) {
    if (rte_ring_free_count(options_.out) == 0) return;  // at the next poll, then
    send(RingMessage::policy_mark(next));
  }
  head_->adopt(*next);
  adopt(*next);
}

void Worker::adopt(const Policy& policy) noexcept {
  runner_->adopt(policy);
  generation_.store(policy.generation, std::memory_order_release);
}

bool Worker::take_returns() noexcept {
  void* flows[64];
  const unsigned n =
      rte_ring_sc_dequeue_burst(options_.lane->returns, flows, std::size(flows), nullptr);
  for (unsigned i = 0; i < n; ++i) options_.lane->table->release(*static_cast<Flow*>(flows[i]));
  return n != 0;
}

bool Worker::has_room_for_ends() const noexcept {
  const FlowTable& table = *options_.lane->table;
  return table.pending() + Burst::kCapacity <= table.entries() - table.capacity();
}

// Flows that ended leave as events, behind the packets that came before.
bool Worker::send_ended(unsigned most) noexcept {
  Flow* flows[kEndsPerPoll];
  const unsigned room = options_.out ? rte_ring_free_count(options_.out) : kEndsPerPoll;
  const unsigned n =
      options_.lane->table->take_ended(std::span(flows, std::min({room, kEndsPerPoll, most})));
  for (unsigned i = 0; i < n; ++i) {
    Event* record = events_->allocate(EventType::Flow);
    if (record) {
      record->flow = flows[i];
      record->lane = static_cast<uint16_t>(lane());
      record->time_ns = flows[i]->last_seen_ns;
    }
    end_flow(*flows[i], record);
  }
  return n != 0;
}

// All first workers rest before anything is ended here, so no packet comes from
// another lane any more.
bool Worker::wind_down() noexcept {
  FlowTable& table = *options_.lane->table;
  if (!ended_all_) {
    options_.lane->fragments->drop_all(reason(CoreReason::Shutdown), head_->now_ns());
    statistics_.held = 0;
    table.end_all();
    ended_all_ = true;
    last_sent_tsc_ = rte_rdtsc();
  }
  // Nobody waits for us any more, so the event writer may take its time; but not
  // all the time if it has none.
  const uint64_t now_tsc = rte_rdtsc();
  const bool stalled = options_.clock->to_ns(now_tsc - last_sent_tsc_) > kWriterPatience_ns;
  if (send_ended(stalled ? kEndsPerPoll : events_->free_flow_records())) {
    if (!stalled) last_sent_tsc_ = now_tsc;
    return true;
  }
  if (table.pending() != 0) return false;
  if (options_.out) {
    if (rte_ring_free_count(options_.out) == 0) return false;
    send(RingMessage::stop());
  }
  stopped_.store(true, std::memory_order_release);
  return true;
}

// ---- a later worker ----

bool Worker::poll_ring(uint64_t& tsc) noexcept {
  // As many messages as there is room for behind: events are never lost, and a
  // queue grows where the slow worker is, in front of it.
  const rte_ring* behind = options_.out ? options_.out : options_.lane->returns;
  void* messages[Burst::kCapacity];
  const unsigned room = std::min<unsigned>(rte_ring_free_count(behind), std::size(messages));
  const unsigned n = rte_ring_sc_dequeue_burst(options_.in, messages, room, nullptr);
  if (n == 0) return false;
  // The other core has written both lines of each mbuf: fetch them side by side.
  for (unsigned i = 0; i < n; ++i) {
    if (RingMessage::kind(messages[i]) != MessageKind::Packet) continue;
    auto* m = RingMessage::pointer<rte_mbuf>(messages[i]);
    rte_prefetch0(m);
    rte_prefetch0(&meta(m));
  }
  Burst burst;
  for (unsigned i = 0; i < n; ++i) handle_message(messages[i], burst, tsc);
  if (!burst.empty()) tsc = handle(burst, tsc);
  return true;
}

void Worker::handle_message(void* message, Burst& burst, uint64_t begin_tsc) noexcept {
  const MessageKind kind = RingMessage::kind(message);
  if (kind == MessageKind::Packet) {
    auto* m = RingMessage::pointer<rte_mbuf>(message);
    burst.push(m);
    burst.decided += (meta(m).flags & kMetaDecided) != 0;
    burst.now_ns = std::max(burst.now_ns, meta(m).time_ns);
    return;
  }
  // Everything else takes effect behind the packets that came before it.
  if (!burst.empty()) handle(burst, begin_tsc);
  burst = {};
  switch (kind) {
    case MessageKind::FlowEnd:
      end_flow(*RingMessage::pointer<Flow>(message), nullptr);
      break;
    case MessageKind::FlowEndRecord: {
      auto* record = RingMessage::pointer<Event>(message);
      end_flow(*record->flow, record);
      break;
    }
    default: {
      if (options_.out) send(message);
      const auto* policy = RingMessage::pointer<const Policy>(message);
      if (policy) {
        adopt(*policy);
      } else {
        stopped_.store(true, std::memory_order_release);
      }
    }
  }
}

// ---- every worker ----

uint64_t Worker::handle(Burst& burst, uint64_t begin_tsc) noexcept {
  runner_->run(burst, kCounting && bursts_++ % kTimedBursts == 0);
  if (burst.empty()) return rte_rdtsc();
  if (options_.out) {
    hand_over(burst);
    return kCounting ? rte_rdtsc() : begin_tsc;
  }
  const uint16_t packets = burst.size;
  const uint64_t first_ns = meta(burst.pkts[0]).time_ns;
  tail_->transmit(burst);
  if (!kCounting) return begin_tsc;
  const uint64_t now_tsc = rte_rdtsc();
  // Behind a ring the time of receipt is known from the packet alone, and in
  // replay that is the capture's: there the latency is this worker's own.
  uint64_t latency_ns = options_.clock->to_ns(now_tsc - begin_tsc);
  if (!head_ && !options_.replay) {
    const uint64_t now_ns = options_.clock->now_ns(now_tsc);
    latency_ns = now_ns - std::min(now_ns, first_ns);
  }
  statistics_.chain_latency.record(latency_ns, packets);
  return now_tsc;
}

// Packets leave room for what else travels in the ring: a policy's mark, the
// ends of flows.
void Worker::hand_over(Burst& burst) noexcept {
  const unsigned free = rte_ring_free_count(options_.out);
  const unsigned room = free > kReservedInRing ? free - kReservedInRing : 0;
  unsigned sent = rte_ring_sp_enqueue_burst(options_.out, reinterpret_cast<void**>(burst.pkts),
                                            std::min<unsigned>(room, burst.size), nullptr);
  while (sent < burst.size && options_.replay) {
    if (head_) take_returns();
    sched_yield();
    sent += rte_ring_sp_enqueue_burst(options_.out, reinterpret_cast<void**>(burst.pkts + sent),
                                      burst.size - sent, nullptr);
  }
  for (unsigned i = sent; i < burst.size; ++i) {
    drop_packet(burst.pkts[i], reason(CoreReason::WorkerRingFull), statistics_);
  }
}

// The caller has made sure that there is room.
void Worker::send(void* message) noexcept {
  [[maybe_unused]] const int result = rte_ring_sp_enqueue(options_.out, message);
  RTE_ASSERT(result == 0);
}

// The end-of-flow event at this worker: its stages let go, then it goes on, or
// home to the flow table.
void Worker::end_flow(Flow& flow, Event* record) noexcept {
  runner_->flow_ended(flow, record);
  ++statistics_.events_ended;
  if (options_.out) {
    send(record ? RingMessage::flow_end(record) : RingMessage::flow_end(&flow));
    return;
  }
  if (record) {
    describe_flow(*record, flow);
    for (unsigned i = 0; i < runner_->end(); ++i) {
      const StageState s = read_stage_state(flow, i);
      if (s.verdict == Verdict::Pass) continue;
      record->action = s.verdict;
      record->reason = s.reason;
      break;
    }
    events_->publish(record);
  }
  if (options_.lane->returns) {
    rte_ring_sp_enqueue(options_.lane->returns, &flow);
  } else {
    options_.lane->table->release(flow);
  }
}

}  // namespace sluice
