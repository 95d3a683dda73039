// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What dpi tells about a flow beside its application: host names for rules,
// and events of requests, queries and handshakes.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "chain/event.h"
#include "chain/flow_context.h"
#include "stages/dpi/arena.h"
#include "stages/dpi/dpi_counters.h"
#include "stages/dpi/inspection.h"
#include "stages/dpi/ndpi_engine.h"

namespace sluice {

// One a lane, used by its dpi worker. Host names live until forget_host(), over
// reloads.
class FlowReporter {
 public:
  // Requests and queries read of one flow while it is inspected.
  static constexpr uint8_t kMaxRequests = 32;
  // In the arena, for a name of 39 characters, as nearly all are.
  static constexpr size_t kHostBytes = 64;
  // Different host names of one flow; later ones don't count.
  static constexpr unsigned kMaxNames = 4;

  // `host_bytes`: for the host names of all flows. `events` may be null.
  // `under_way`: see StageResources.
  FlowReporter(EventQueue* events, uint16_t lane, size_t host_bytes, bool prefault,
               unsigned under_way, DpiCounters& counters);
  ~FlowReporter();

  // Reads what the packet says. True if the flow's host name is another one now.
  bool observe(rte_mbuf* m, Flow& flow, Inspection& inspection,
               const Classification& found) noexcept;
  // The same for a flow of DNS that needs no inspection any more.
  bool observe_dns(rte_mbuf* m, Flow& flow) noexcept;
  // The flow is decided: tells of its handshake, if it had one. True as above.
  bool conclude(Flow& flow, Inspection& inspection, const Classification& found) noexcept;

  // The flow is over: its names are given back when no later worker can have a
  // packet of it any more.
  void forget_host(Flow& flow) noexcept;

  const Arena& host_memory() const noexcept { return hosts_; }

 private:
  struct Where {
    uint64_t time_ns;
    uint16_t ingress;
    Direction direction;
  };

  // The flow speaks to that host now. A later worker may be reading the name
  // before, so that one stays until the flow ends.
  bool name_host(Flow& flow, std::string_view name) noexcept;
  // The same where no name is known yet.
  bool name_unnamed(Flow& flow, std::string_view name) noexcept;
  bool observe_http(std::string_view payload, Flow& flow, Inspection& inspection) noexcept;
  void observe_hello(std::span<const uint8_t> payload, Flow& flow, Inspection& inspection,
                     bool& named) noexcept;
  // While the flow is inspected, `requests` bounds it.
  bool read_inspected_dns(std::span<const uint8_t> message, Flow& flow, Inspection& inspection,
                          const Where& where) noexcept;
  bool read_dns(std::span<const uint8_t> message, Flow& flow, const Where& where) noexcept;
  Event* event(EventType type, const Flow& flow, const Where& where) noexcept;

  EventQueue* events_;
  uint16_t lane_;
  Arena hosts_;
  std::vector<const HostName*> ended_;  // names of the flows that ended last, in a circle
  size_t next_ended_ = 0;
  DpiCounters& counters_;
};

}  // namespace sluice
