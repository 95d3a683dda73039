// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/lane_tail.h"

#include "chain/fragments.h"
#include "chain/reject.h"

namespace sluice {

LaneTail::LaneTail(std::vector<Output*> outputs, StageRunner& runner, rte_mempool* mempool,
                   uint32_t reject_rate, WorkerStatistics& statistics)
    : outputs_(std::move(outputs)),
      queues_(outputs_.size()),
      runner_(runner),
      mempool_(mempool),
      reject_limit_(reject_rate),
      statistics_(statistics) {}

void LaneTail::transmit(Burst& burst) noexcept {
  Burst answers;
  answers.now_ns = burst.now_ns;
  for (rte_mbuf* m : burst) {
    const PacketMeta& p = meta(m);
    if (p.verdict == Verdict::Reject) {
      reject(m, burst.now_ns, answers);
      if (answers.size + 2u > Burst::kCapacity) {
        runner_.run_last(answers);
        for (rte_mbuf* answer : answers) enqueue(answer);
        answers.size = 0;
      }
      continue;
    }
    if (p.flow) {
      FlowContext& c = context(*p.flow);
      if (!c.passed) c.passed = 1;
    }
    enqueue(m);
  }
  if (!answers.empty()) {
    runner_.run_last(answers);
    for (rte_mbuf* answer : answers) enqueue(answer);
  }
  for (unsigned port = 0; port < queues_.size(); ++port) {
    if (queues_[port].size != 0) flush(port);
  }
}

void LaneTail::reject(rte_mbuf* m, uint64_t now_ns, Burst& answers) noexcept {
  rte_mbuf* frames[2];
  const unsigned n = reject_limit_.take(now_ns) ? build_reject(m, mempool_, frames) : 0;
  for (unsigned i = 0; i < n; ++i) answers.push(frames[i]);
  statistics_.generated += n;
  if (n == 0) ++statistics_.rejects_silent;
  drop_packet(m, meta(m).reason, statistics_);
}

void LaneTail::enqueue(rte_mbuf* m) noexcept {
  const uint16_t egress = meta(m).egress;
  if (egress >= outputs_.size() || !outputs_[egress]) {
    drop_packet(m, reason(CoreReason::NoEgress), statistics_);
    return;
  }
  if (!(meta(m).flags & kMetaReassembled)) {
    enqueue_frame(m, egress);
    return;
  }
  for_each_frame(m, [&](rte_mbuf* fragment) { enqueue_frame(fragment, egress); });
  rte_pktmbuf_free(m);  // the flat copy alone: its fragments are on their way
}

void LaneTail::enqueue_frame(rte_mbuf* m, uint16_t egress) noexcept {
  Queue& queue = queues_[egress];
  if (queue.size == std::size(queue.pkts)) flush(egress);
  queue.pkts[queue.size++] = m;
}

// What the device refuses is dropped: holding it back would only add latency.
void LaneTail::flush(unsigned port) noexcept {
  Queue& queue = queues_[port];
  uint64_t bytes = 0;
  for (unsigned i = 0; i < queue.size; ++i) bytes += queue.pkts[i]->pkt_len;
  const uint16_t sent = outputs_[port]->transmit(queue.pkts, queue.size);
  statistics_.transmitted += sent;
  const Reason why =
      reason(outputs_[port]->link_up() ? CoreReason::TxFull : CoreReason::TxPortDown);
  for (unsigned i = sent; i < queue.size; ++i) {
    bytes -= queue.pkts[i]->pkt_len;
    statistics_.dropped[why] += 1;
    rte_pktmbuf_free(queue.pkts[i]);
  }
  statistics_.transmitted_bytes += bytes;
  queue.size = 0;
}

}  // namespace sluice
