// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Tells flows that a binding of one of their addresses has changed. Changes are
// numbered; each address falls into one of 4,096 buckets that know the number of
// their last one. A flow keeps both ends' buckets and the number as of its last
// judgement (Flow::bucket_*, Flow::epoch), so that as long as nothing changes
// anywhere one comparison tells.
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

  // Whether both ends' bindings are still those that the flow was judged by.
  bool current(const Flow& flow) const noexcept {
    return newest_.load(std::memory_order_relaxed) == flow.epoch ||
           (is_older(flow.bucket_original, flow.epoch) && is_older(flow.bucket_reply, flow.epoch));
  }

  // Notes what the flow is judged by; read the bindings after it, so that a
  // change in between is seen at the next packet.
  void stamp(Flow& flow) const noexcept {
    flow.bucket_original = bucket_of(flow.address(Direction::Original)) & (kBuckets - 1);
    flow.bucket_reply = bucket_of(flow.address(Direction::Reply)) & (kBuckets - 1);
    flow.epoch = newest_.load(std::memory_order_acquire);
  }

  // ---- control thread, after the binding has been changed ----

  void bump(unsigned bucket) noexcept {
    const uint32_t epoch = newest_.load(std::memory_order_relaxed) + 1;
    epochs_[bucket].store(epoch, std::memory_order_relaxed);
    newest_.store(epoch, std::memory_order_release);
  }
  void bump_all() noexcept {
    const uint32_t epoch = newest_.load(std::memory_order_relaxed) + 1;
    for (auto& bucket : epochs_) bucket.store(epoch, std::memory_order_relaxed);
    newest_.store(epoch, std::memory_order_release);
  }

 private:
  bool is_older(unsigned bucket, uint32_t epoch) const noexcept {
    return static_cast<int32_t>(epoch - epochs_[bucket].load(std::memory_order_relaxed)) >= 0;
  }

  alignas(64) std::atomic<uint32_t> newest_{0};
  alignas(64) std::array<std::atomic<uint32_t>, kBuckets> epochs_{};
};

}  // namespace sluice
