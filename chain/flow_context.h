// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What stages tell each other about a flow: the contract between them. It lies
// in the tail of the flow's entry; what every packet needs lies in the head
// (flowtable/flow.h), beside it who came in where and by which chain it goes.
#pragma once

#include <atomic>
#include <cstdint>

#include "chain/verdict.h"
#include "flowtable/flow.h"

namespace sluice {

// Stages of a line, at most.
inline constexpr unsigned kMaxStages = 8;

using NameId = uint32_t;      // chain/directory.h; 0: none
using GroupSetId = uint16_t;  // chain/directory.h; 0: the empty set

// One stage's word on the flow. Written by that stage alone (through
// Stage::settle and its kin), as a whole, so that other cores never see half of
// it; read by the workers.
struct alignas(8) StageState {
  uint16_t generation;  // policy under which the stage judged last; 0: it has to be asked
  uint8_t upstream;     // sum of `revision` of the stages before it, as of that judgement
  uint8_t revision;     // raised by the stage whenever what it tells later stages has changed
  Verdict verdict;      // for all packets of the flow while the stage is done with it
  Reason reason;
  Reason logged;  // last reason for which a drop event was written
  bool waits;     // has judged, but wants the flow's next packets, too
};
static_assert(sizeof(StageState) == 8);

// How far dpi has come.
enum class AppProgress : uint8_t {
  None,        // dpi has not seen the flow, or is not in its chain
  Inspecting,  // undecided
  Partial,     // the protocol is known, the application may still be refined (TLS -> TLS.YouTube)
  Final,       // nothing more will come
};

// FlowContext::app_confidence where the operator's own definition named the flow by
// its address; nDPI's words end before it.
inline constexpr uint8_t kConfidenceByOwnRule = 15;

// A host name or the like that dpi read from the wire: hostile bytes, already
// reduced to printable ASCII in lower case. Owned by dpi until the flow ends.
struct HostName {
  uint8_t length;
  char text[255];
};

struct FlowContext {
  // identity writes; firewall, dpi and the event log read.
  NameId source_identity;       // the originator's user or device; 0: unknown
  NameId destination_identity;  // the responder's user, device or service
  GroupSetId source_groups;
  GroupSetId destination_groups;

  // firewall writes; the event log reads.
  NameId rule;  // name of the rule that decided; 0: none yet

  // dpi writes; firewall and the event log read.
  uint64_t app_risks;    // ndpi_risk bits
  const HostName* host;  // TLS server name, HTTP host, DNS query name, ...; may be null
  uint16_t app_master;   // nDPI protocol numbers
  uint16_t app;
  uint8_t app_category;
  AppProgress app_progress : 4;
  uint8_t app_confidence : 4;  // ndpi_confidence_t, or kConfidenceByOwnRule

  uint8_t passed;  // last worker: a packet of the flow has been transmitted
  uint8_t spare;
};
// Behind it lie the stages' states, then their slots.
static_assert(sizeof(FlowContext) == 40);

inline FlowContext& context(Flow& flow) noexcept {
  return *reinterpret_cast<FlowContext*>(flow.tail());
}
inline const FlowContext& context(const Flow& flow) noexcept {
  return *reinterpret_cast<const FlowContext*>(flow.tail());
}

// By position in the line, which must have such a stage.
inline StageState& stage_state(Flow& flow, unsigned index) noexcept {
  return reinterpret_cast<StageState*>(flow.tail() + sizeof(FlowContext))[index];
}
// A copy of what may be another core's.
inline StageState read_stage_state(const Flow& flow, unsigned index) noexcept {
  return std::atomic_ref<StageState>(stage_state(const_cast<Flow&>(flow), index))
      .load(std::memory_order_acquire);
}
inline void write_stage_state(Flow& flow, unsigned index, StageState state) noexcept {
  std::atomic_ref<StageState>(stage_state(flow, index)).store(state, std::memory_order_release);
}

// Sum of the revisions of the stages before `index`: what a later stage's
// `upstream` is compared with. Read it before what those stages say, so that a
// change in between is seen at the next packet.
inline uint8_t upstream_revision(const Flow& flow, unsigned index) noexcept {
  uint8_t sum = 0;
  for (unsigned i = 0; i < index; ++i) {
    sum = static_cast<uint8_t>(sum + read_stage_state(flow, i).revision);
  }
  return sum;
}

// The stage is done with the flow under that policy and what the stages before
// it have said.
inline bool is_settled(const Flow& flow, unsigned index, const StageState& state,
                       uint16_t generation) noexcept {
  return state.generation == generation && !state.waits &&
         state.upstream == upstream_revision(flow, index);
}

}  // namespace sluice
