// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// `[stage.dpi]` in compiled form, and what a lane needs to work with it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "chain/directory.h"
#include "chain/stage.h"
#include "stages/dpi/arena.h"
#include "stages/dpi/dpi_counters.h"
#include "stages/dpi/inspection.h"
#include "stages/dpi/ndpi_engine.h"
#include "stages/dpi/own_applications.h"
#include "stages/dpi/protocol/dissector.h"
#include "stages/dpi/protocol/protocol_crypto.h"
#include "stages/dpi/detection/detector.h"
#include "stages/dpi/rules/rule_loader.h"
#include "stages/dpi/session.h"
#include "stages/dpi/slab.h"
#include "stages/dpi/stream/tcp_stream.h"

namespace sluice {

enum class OnOverload : uint8_t { Bypass, Drop };

struct DpiSettings {
  uint32_t max_flows = 16384;  // undecided at once, a lane; kSessionsPerFlow as many are read
  size_t arena_bytes = 0;      // for what nDPI and libgcrypt allocate, a lane
  uint8_t packets_tcp = 80;    // looked at before a flow is given up
  uint8_t packets_udp = 24;    // the same for all that isn't TCP
  bool guess = true;           // by port and address, when the payload doesn't tell
  OnOverload on_overload = OnOverload::Bypass;
  uint64_t max_cycles = 0;  // TSC cycles for one packet; 0: no bound
  bool midstream = false;   // connections whose beginning was not seen are read as streams
  uint64_t depth = uint64_t{1} << 20;  // bytes a direction that are read; 0: all
  size_t stream_bytes = 0;  // for streams, parsers and what rules remember, a lane
};

// Flows are read for longer than nDPI takes to name them.
inline constexpr uint32_t kSessionsPerFlow = 4;

class DpiPolicy : public StagePolicy {
 public:
  DpiSettings settings;
  std::shared_ptr<const rules::RuleSet> rules;  // never null
  rules::RuleCoverage coverage;
  std::shared_ptr<const ApplicationNames> names;
  OwnApplications own;
};

// A lane's engine and its memory. Inspections that began with it stay with it
// over reloads until they are decided.
class DpiPart : public LanePart {
 public:
  // Throws std::runtime_error, std::bad_alloc.
  // `tells`: events are wanted, and with them what they are made of.
  DpiPart(const DpiPolicy& policy, const Directory& directory, bool replay, bool tells);
  ~DpiPart() override;

  // ---- worker ----

  // Null if the pool is empty or the arena has no reserve.
  Inspection* begin(Flow& flow) noexcept;
  // Says whether much would be lost with the inspection; at first it is little.
  void value(Inspection* inspection, bool precious) noexcept;
  // The one to go when room is needed: the oldest, a precious one only where
  // there is no other. Null if there are none.
  Inspection* least_valuable() noexcept { return cheap_.last ? cheap_.last : precious_.last; }
  // Releases the nDPI state and returns the inspection to the pool.
  void end(Inspection* inspection) noexcept;
  Inspection* first() noexcept { return cheap_.first ? cheap_.first : precious_.first; }

  // Null if all are taken.
  Session* begin_session(Flow& flow) noexcept;
  // Returns it to its part; all that it held has been given back.
  static void end_session(Session* session) noexcept;
  // Parsers that work with this part make the buffers that `other`'s rules ask for, too.
  void want_as(const DpiPart& other) noexcept;
  // Adds what its parsers and rules have counted since the last call.
  void collect(DpiCounters& counters) noexcept;
  // Who gives way: the oldest of those that are worth least.
  Session* oldest_session() noexcept {
    for (const SessionList& list : by_worth_) {
      if (list.last != nullptr) return list.last;
    }
    return nullptr;
  }
  Session* closed_session() noexcept { return list_of(SessionWorth::Closed).last; }
  static void value(Session& session, SessionWorth worth) noexcept;
  uint32_t sessions() const noexcept { return session_slab_.in_use(); }
  uint32_t max_sessions() const noexcept { return session_slab_.capacity(); }

  const DpiSettings settings;
  Arena arena;  // of nDPI and its libraries
  NdpiEngine engine;
  InspectionPool pool;
  Arena memory;                          // of streams, parsers and rules
  const StreamOptions streams;           // of connections seen from their beginning
  const StreamOptions picked_up;         // of those that were not, as far as they are read
  ProtocolCrypto crypto;
  DissectorLane dissectors;
  std::optional<rules::Detector> detector;  // none without rules
  const uint64_t wanted;                    // buffers (buffer_bit) that its policy asks for

 private:
  struct List {
    Inspection* first = nullptr;
    Inspection* last = nullptr;
  };

  List& list_of(const Inspection* inspection) noexcept {
    return inspection->precious ? precious_ : cheap_;
  }
  void link(Inspection* inspection) noexcept;
  void unlink(Inspection* inspection) noexcept;

  List cheap_, precious_;
  Slab session_slab_;
  struct SessionList {
    Session* first = nullptr;
    Session* last = nullptr;
  };
  void link(Session* session) noexcept;
  void unlink(Session* session) noexcept;
  SessionList& list_of(SessionWorth worth) noexcept {
    return by_worth_[static_cast<size_t>(worth)];
  }
  std::array<SessionList, 3> by_worth_;
  // What collect() has passed on.
  HttpCounters told_http_;
  ProtocolCounters told_protocols_;
};

std::unique_ptr<const StagePolicy> compile_dpi_policy(ConfigSection section,
                                                      CompileContext& context);
std::unique_ptr<LanePart> create_dpi_part(const StagePolicy& policy,
                                          const StageResources& resources);

}  // namespace sluice
