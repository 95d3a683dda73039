// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// One lane's flows: index, entries, ageing, eviction. Used by the lane's first
// worker alone; knows nothing of packets or stages.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "flowtable/flow.h"
#include "flowtable/flow_ageing.h"
#include "flowtable/flow_hash.h"
#include "flowtable/flow_index.h"
#include "flowtable/flow_lists.h"
#include "flowtable/flow_memory.h"

namespace sluice {

struct FlowTimeouts {
  // Nanoseconds of silence after which a flow in that state ends, by FlowState;
  // `icmp_ns` and `other_ns` replace New and Replied for ICMP and for protocols
  // other than TCP, UDP and ICMP.
  std::array<uint64_t, kFlowStates> by_state_ns;
  uint64_t icmp_ns;
  uint64_t other_ns;

  static FlowTimeouts defaults();
};

struct FlowTableOptions {
  uint32_t capacity = 1 << 20;  // flows that may live at once; 64 .. 2^28
  size_t tail_size = 128;       // bytes beside the 128-byte head; rounded up to 8
  FlowTimeouts timeouts = FlowTimeouts::defaults();
  bool huge_pages = true;  // tried first; plain memory where there are none
  int socket_id = -1;      // NUMA node, -1: any
  uint64_t seed = 0;       // key of the index's hash; random in production, fixed in replay
};

struct FlowTableCounters {
  uint64_t created;
  uint64_t ended_timeout;
  uint64_t ended_replaced;  // a SYN on a closed connection
  uint64_t ended_shutdown;
  uint64_t evicted_provisional;
  uint64_t evicted_half_open;
  uint64_t evicted_established;
  uint64_t create_failed;    // no free entry: every spare one still waits for its end-of-flow event
  uint64_t index_displaced;  // insertions that had to move other entries
};

// Theory of operation: see flowtable/README.md.
class FlowTable {
 public:
  static constexpr unsigned kMaxBurst = 64;

  // Throws std::bad_alloc where memory is missing, std::invalid_argument for
  // options out of range. Control thread.
  explicit FlowTable(const FlowTableOptions& options);
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  // ---- first worker only, none of these allocates except end_all() ----

  // Looks `n` <= kMaxBurst normalised keys up as a whole, memory prefetched;
  // `out[i]` is null on a miss, `hashes[i]` is filled for create(). A flow
  // whose time-out has passed at `now_ns` is ended (EndReason::Timeout) and
  // reported as a miss, however late the sweep is.
  // create(), promote() and end() for one packet of the burst may end the flow
  // found for another one: check kFlowEnded before using an older pointer. Two
  // packets of one new flow both miss: look the second up again.
  void lookup_bulk(const FlowKey* const* keys, unsigned n, uint64_t now_ns, uint64_t* hashes,
                   Flow** out) noexcept;

  Flow* lookup(const FlowKey& key, uint64_t now_ns) noexcept;  // one, for the slow paths

  // As lookup_bulk() fills it.
  uint64_t hash(const FlowKey& key) const noexcept { return hash_(key); }

  // Inserts a key that is not in the table. `originator_end` is the key's end
  // that sent the packet. The entry's head is initialised (class Provisional,
  // state New), its tail zeroed. Evicts ahead of need, so null is returned
  // (and counted) only while every spare entry waits to be released.
  Flow* create(const FlowKey& key, uint64_t hash, uint8_t originator_end, uint64_t now_ns) noexcept;

  // Takes the flow out of the index at once and queues it for take_ended().
  void end(Flow& flow, EndReason reason) noexcept;

  // Flows that ended since the last call (by whatever way), at most
  // out.size(), in the order in which they ended. The caller sends their
  // end-of-flow events; each must come back to release().
  unsigned take_ended(std::span<Flow*> out) noexcept;

  // The end-of-flow event has come back: the entry may be used again.
  void release(Flow& flow) noexcept;

  // Moves the flow to another eviction class. All but 1/64 of the capacity may
  // be Established; the one beyond costs the oldest Established flow that has
  // been silent (never `flow`): established flows give way to established
  // flows, a flood of new ones cannot reach them.
  void promote(Flow& flow, FlowClass value) noexcept;

  // To be called when a state change may have shortened the flow's time-out,
  // so that the sweep does not come late; cheap, harmless otherwise.
  void touch_deadline(Flow& flow) noexcept;

  // Ends flows whose time-out has passed; looks at no more than `budget`
  // entries, going on next time where it stopped.
  void age(uint64_t now_ns, unsigned budget) noexcept;

  // Ends every flow, oldest first_seen_ns first; as timed out if it was due,
  // however late the sweep is. Not bounded: shutdown only.
  void end_all() noexcept;

  // Silence after which the flow ends, in its present state.
  uint64_t timeout_ns(const Flow& flow) const noexcept {
    return timeouts_ns_[kind_of_proto_[flow.key.proto]][static_cast<size_t>(flow.state)];
  }

  // ---- any thread; a snapshot while the worker writes ----

  uint32_t size() const noexcept;        // flows in the index
  uint32_t pending() const noexcept;     // ended, not yet released
  uint32_t capacity() const noexcept;    // flows that may live at once
  size_t entry_size() const noexcept;    // bytes, head and tail
  size_t memory_bytes() const noexcept;  // index, entries, spare, links
  bool uses_huge_pages() const noexcept;
  const FlowTableCounters& counters() const noexcept;

  // Entry by position, 0 .. entries()-1, for walks by the owner (show flows);
  // null where the entry is free or ended.
  Flow* at(uint32_t index) noexcept;
  uint32_t entries() const noexcept;

 private:
  static constexpr uint8_t kTimeoutKinds = 3;  // TCP and UDP, ICMP, others

  Flow& entry(uint32_t index) const noexcept { return heads_[index]; }
  uint32_t index_of(const Flow& flow) const noexcept {
    return static_cast<uint32_t>(&flow - heads_);
  }
  std::byte* tail(uint32_t index) const noexcept { return tails_ + index * tail_size_; }
  FlowLink& link(const Flow& flow) const noexcept { return links_[index_of(flow)]; }
  void prefetch_entry(uint32_t index) const noexcept {
    const auto* head = reinterpret_cast<const std::byte*>(heads_ + index);
    __builtin_prefetch(head, 1);
    __builtin_prefetch(head + Flow::kHeadSize / 2, 1);
  }
  bool expired(const Flow& flow, uint64_t now_ns) const noexcept {
    return static_cast<int64_t>(now_ns - flow.last_seen_ns) >=
           static_cast<int64_t>(timeout_ns(flow));
  }
  Flow* find(const FlowKey& key, uint64_t hash) noexcept;
  uint32_t take_entry() noexcept;
  bool insert(uint32_t index, uint64_t hash) noexcept;
  void enlist(Flow& flow) noexcept;
  void evict(Flow& flow) noexcept;
  void evict_newcomer() noexcept;
  void evict_established() noexcept;
  void evict_rival(uint64_t hash) noexcept;
  void finish(Flow& flow, EndReason reason) noexcept;
  void count(const Flow& flow) noexcept;

  // What look-ups read.
  FlowHash hash_;
  FlowIndex index_;
  Flow* heads_;  // one array of heads and behind it one of tails: packets touch heads alone
  std::byte* tails_;
  size_t tail_size_;
  uint64_t now_ns_ = 0;  // latest time given
  std::array<std::array<uint64_t, kFlowStates>, kTimeoutKinds> timeouts_ns_;
  std::array<uint8_t, 256> kind_of_proto_;

  // What starts, ends and moves of flows write.
  uint32_t capacity_;
  uint32_t entry_count_;
  uint32_t established_max_;
  FlowMemory memory_;  // heads, tails, links, deadlines
  FlowLink* links_;
  FlowAgeing ageing_;
  std::array<FlowList, kFlowClasses> by_class_;
  FlowList ended_;            // waits for take_ended()
  uint32_t free_ = kNoEntry;  // last released first: its lines are still cached
  uint32_t fresh_ = 0;        // entries from here on were never used
  uint32_t live_ = 0;
  uint32_t pending_ = 0;
  FlowTableCounters counters_{};
};

}  // namespace sluice
