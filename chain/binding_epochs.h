// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Tells flows that a binding of one of their addresses has changed. Each
// address falls into one of 4,096 buckets; a flow keeps both ends' bucket and
// its epoch as of its last judgement (Flow::bucket_*, Flow::epoch).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "flowtable/flow.h"

namespace sluice {

class BindingEpochs {
 public:
  static constexpr unsigned kBuckets = 4096;

  // A prefix that is no host covers every bucket: bump_all().
  static unsigned bucket_of(const FlowAddress& address) noexcept {
    uint64_t high, low;
    std::memcpy(&high, address.data(), 8);
    std::memcpy(&low, address.data() + 8, 8);
    const uint64_t mixed = (high ^ (low * 0x9e3779b97f4a7c15)) * 0xff51afd7ed558ccd;
    return static_cast<unsigned>((mixed ^ (mixed >> 32)) >> 20) % kBuckets;
  }

  // ---- workers ----

  uint32_t epoch(unsigned bucket) const noexcept {
    return epochs_[bucket].load(std::memory_order_relaxed);
  }

  // Whether both ends' bindings are still those that the flow was judged by.
  bool current(const Flow& flow) const noexcept {
    return epoch(flow.bucket_original) == flow.epoch[0] &&
           epoch(flow.bucket_reply) == flow.epoch[1];
  }

  // Notes what the flow is judged by; read the bindings after it, so that a
  // change in between is seen at the next packet.
  void stamp(Flow& flow) const noexcept {
    flow.bucket_original = bucket_of(flow.address(Direction::Original)) & (kBuckets - 1);
    flow.bucket_reply = bucket_of(flow.address(Direction::Reply)) & (kBuckets - 1);
    flow.epoch[0] = epoch(flow.bucket_original);
    flow.epoch[1] = epoch(flow.bucket_reply);
    std::atomic_thread_fence(std::memory_order_acquire);
  }

  // ---- control thread, after the binding has been changed ----

  void bump(unsigned bucket) noexcept { epochs_[bucket].fetch_add(1, std::memory_order_release); }
  void bump_all() noexcept {
    for (unsigned i = 0; i < kBuckets; ++i) bump(i);
  }

 private:
  std::array<std::atomic<uint32_t>, kBuckets> epochs_{};
};

}  // namespace sluice
