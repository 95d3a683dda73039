// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/lane_tail.h"

#include "chain/fragments.h"
#include "chain/reject.h"

namespace sluice {

LaneTail::LaneTail(const std::vector<Output*>& outputs, StageRunner& runner, rte_mempool* mempool,
                   uint32_t reject_rate, WorkerStatistics& statistics)
    : ports_(static_cast<unsigned>(outputs.size())),
      queues_(std::make_unique<Queue[]>(outputs.size())),
      runner_(runner),
      mempool_(mempool),
      reject_limit_(reject_rate),
      statistics_(statistics) {
  for (unsigned port = 0; port < ports_; ++port) queues_[port].output = outputs[port];
}

namespace {

uint64_t length_of(rte_mbuf* const* pkts, unsigned n) noexcept {
  uint64_t bytes = 0;
  for (unsigned i = 0; i < n; ++i) bytes += pkts[i]->pkt_len;
  return bytes;
}

}  // namespace

inline LaneTail::Queue* LaneTail::queue_of(rte_mbuf* m) noexcept {
  const unsigned egress = meta(m).egress;
  if (egress >= ports_ || !queues_[egress].output) [[unlikely]] {
    drop_packet(m, reason(CoreReason::NoEgress), statistics_);
    return nullptr;
  }
  Queue& queue = queues_[egress];
  if (queue.full()) [[unlikely]]
    flush(queue);
  return &queue;
}

// Decided packets that all leave by one port, as on a wire they do, need no queue.
bool LaneTail::transmit_together(Burst& burst) noexcept {
  if (burst.decided != burst.size) return false;
  const PacketMeta& first = meta(burst.pkts[0]);
  if (first.egress >= ports_ || !queues_[first.egress].output) return false;
  unsigned odd = 0;
  for (rte_mbuf* m : burst) {
    const PacketMeta& p = meta(m);
    odd |= static_cast<unsigned>(p.egress ^ first.egress) | static_cast<unsigned>(p.verdict) |
           (p.flags & (kMetaReassembled | kMetaResized));
  }
  if (odd != 0) return false;
  const uint64_t bytes = burst.bytes ? burst.bytes : length_of(burst.pkts, burst.size);
  send_out(*queues_[first.egress].output, burst.pkts, burst.size, bytes);
  return true;
}

void LaneTail::transmit(Burst& burst) noexcept {
  if (transmit_together(burst)) [[likely]]
    return;
  Burst answers;
  answers.now_ns = burst.now_ns;
  for (rte_mbuf* m : burst) {
    const PacketMeta& p = meta(m);
    if (p.verdict == Verdict::Reject) [[unlikely]] {
      reject(m, burst.now_ns, answers);
      if (answers.size + 2u > Burst::kCapacity) send(answers);
      continue;
    }
    if ((p.flags & (kMetaDecided | kMetaReassembled)) == kMetaDecided) [[likely]] {
      if (Queue* queue = queue_of(m)) queue->push(m);
      continue;
    }
    // A packet that turned round has reached nobody.
    if (p.flow && p.egress != m->port) {
      FlowContext& c = context(*p.flow);
      if (!c.passed) c.passed = 1;
    }
    enqueue(m);
  }
  if (!answers.empty()) send(answers);
  for (unsigned port = 0; port < ports_; ++port) {
    if (queues_[port].size != 0) flush(queues_[port]);
  }
}

void LaneTail::reject(rte_mbuf* m, uint64_t now_ns, Burst& answers) noexcept {
  rte_mbuf* frames[2];
  const unsigned n = reject_limit_.take(now_ns) ? build_reject(m, mempool_, frames) : 0;
  for (unsigned i = 0; i < n; ++i) answers.push(frames[i]);
  statistics_.generated += n;
  ++statistics_.rejected;
  if (n == 0) ++statistics_.rejects_silent;
  drop_packet(m, meta(m).reason, statistics_);
}

// Frames of our own find their way by the line's last stage.
void LaneTail::send(Burst& answers) noexcept {
  runner_.run_last(answers);
  for (rte_mbuf* answer : answers) enqueue(answer);
  answers.size = 0;
}

void LaneTail::enqueue(rte_mbuf* m) noexcept {
  Queue* queue = queue_of(m);
  if (!queue) return;
  if (!(meta(m).flags & kMetaReassembled)) return queue->push(m);
  for_each_frame(m, [&](rte_mbuf* fragment) {
    if (queue->full()) flush(*queue);
    queue->push(fragment);
  });
  rte_pktmbuf_free(m);  // the flat copy alone: its fragments are on their way
}

// What the device refuses is dropped: holding it back would only add latency.
void LaneTail::send_out(Output& output, rte_mbuf** pkts, unsigned n, uint64_t bytes) noexcept {
  const uint16_t sent = output.transmit(pkts, static_cast<uint16_t>(n));
  statistics_.transmitted += sent;
  if (sent < n) [[unlikely]] {
    statistics_.dropped[output.refusal()] += n - sent;
    for (unsigned i = sent; i < n; ++i) {
      bytes -= pkts[i]->pkt_len;
      rte_pktmbuf_free(pkts[i]);
    }
  }
  statistics_.transmitted_bytes += bytes;
}

void LaneTail::flush(Queue& queue) noexcept {
  send_out(*queue.output, queue.pkts, queue.size, length_of(queue.pkts, queue.size));
  queue.size = 0;
}

}  // namespace sluice
