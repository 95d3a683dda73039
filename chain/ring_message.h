// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What travels down a lane between its workers: pointers, tagged in the bits
// that alignment leaves free, in one order for all kinds.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "chain/event.h"
#include "chain/policy.h"
#include "flowtable/flow.h"

namespace sluice {

enum class MessageKind : uintptr_t {
  Packet = 0,
  FlowEnd = 1,        // Flow*, no record wanted or to be had
  FlowEndRecord = 2,  // Event* with its `flow`
  PolicyMark = 3,     // const Policy*; null: the last message, the worker may leave
};

class RingMessage {
 public:
  static void* packet(rte_mbuf* m) noexcept { return m; }
  static void* flow_end(Flow* flow) noexcept { return tag(flow, MessageKind::FlowEnd); }
  static void* flow_end(Event* record) noexcept { return tag(record, MessageKind::FlowEndRecord); }
  static void* policy_mark(const Policy* policy) noexcept {
    return tag(policy, MessageKind::PolicyMark);
  }
  static void* stop() noexcept { return policy_mark(nullptr); }

  static MessageKind kind(void* message) noexcept {
    return static_cast<MessageKind>(reinterpret_cast<uintptr_t>(message) & 3);
  }
  template <typename T>
  static T* pointer(void* message) noexcept {
    return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(message) & ~uintptr_t{3});
  }

 private:
  static void* tag(const void* pointer, MessageKind kind) noexcept {
    return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(pointer) |
                                   static_cast<uintptr_t>(kind));
  }
};

}  // namespace sluice
