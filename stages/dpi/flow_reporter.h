// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What dpi tells about a flow beside its application: host names for rules,
// and events of what protocols say.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "chain/event.h"
#include "chain/flow_context.h"
#include "stages/dpi/arena.h"
#include "stages/dpi/dpi_counters.h"
#include "stages/dpi/protocol/transaction.h"

namespace sluice {

// One a lane, used by its dpi worker. Host names live until forget_host(), over
// reloads.
class FlowReporter {
 public:
  // In the arena, for a name of 39 characters, as nearly all are.
  static constexpr size_t kHostBytes = 64;
  // Different host names of one flow; later ones don't count.
  static constexpr unsigned kMaxNames = 4;

  // The packet that gave rise to an event.
  struct Where {
    uint64_t time_ns;
    uint16_t ingress;
    Direction direction;
  };

  // `host_bytes`: for the host names of all flows. `events` may be null.
  // `under_way`: see StageResources.
  FlowReporter(EventQueue* events, uint16_t lane, size_t host_bytes, bool prefault,
               unsigned under_way, DpiCounters& counters);
  ~FlowReporter();

  // A transaction has something new: names the host that it speaks of, tells of
  // questions. True if the flow's host name is another one now.
  bool advanced(Flow& flow, const Transaction& transaction, const Where& where) noexcept;
  // Nothing more will come of it: its event.
  void finished(Flow& flow, const Transaction& transaction, const Where& where) noexcept;

  // Whose event tells of a protocol's transactions; Flow: nobody's.
  static EventType event_type(AppProtocol protocol) noexcept;
  // What a transaction says, as its own event has it; `event` may be another one's.
  static void describe(Event& event, const Transaction& transaction) noexcept;

  // The flow speaks to that host, if no other is known. True as above.
  bool name_unnamed(Flow& flow, std::string_view name) noexcept;

  // The flow is over: its names are given back when no later worker can have a
  // packet of it any more.
  void forget_host(Flow& flow) noexcept;

  const Arena& host_memory() const noexcept { return hosts_; }

 private:
  // The flow speaks to that host now. A later worker may be reading the name
  // before, so that one stays until the flow ends.
  bool name_host(Flow& flow, std::string_view name) noexcept;
  void tell(Flow& flow, const Transaction& transaction, const Where& where) noexcept;
  Event* event(EventType type, const Flow& flow, const Transaction& transaction,
               const Where& where) noexcept;

  EventQueue* events_;
  uint16_t lane_;
  Arena hosts_;
  std::vector<const HostName*> ended_;  // names of the flows that ended last, in a circle
  size_t next_ended_ = 0;
  DpiCounters& counters_;
};

}  // namespace sluice
