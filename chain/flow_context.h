// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What stages tell each other about a flow: the contract between them. It lies
// in the flow entry behind the table's own two lines.
#pragma once

#include <cstdint>

#include "chain/verdict.h"
#include "flowtable/flow.h"

namespace sluice {

// Stages of a line, at most.
inline constexpr unsigned kMaxStages = 8;

using NameId = uint32_t;      // chain/directory.h; 0: none
using GroupSetId = uint16_t;  // chain/directory.h; 0: the empty set

// One stage's word on the flow. Written by that stage alone (through
// Stage::settle), read by the workers.
struct StageState {
  uint16_t generation;  // policy under which the stage was done with the flow; 0: it still wants it
  uint8_t upstream;     // sum of `revision` of the stages before it, when it was done
  uint8_t revision;     // raised by the stage whenever what it tells later stages has changed
  Verdict verdict;      // for all packets of the flow while the stage is done
  Reason reason;
  Reason logged;  // last reason for which a drop event was written
  uint8_t spare;
};
static_assert(sizeof(StageState) == 8);

// How far dpi has come.
enum class AppProgress : uint8_t {
  None,        // dpi has not seen the flow, or is not in its chain
  Inspecting,  // undecided
  Partial,     // the protocol is known, the application may still be refined (TLS -> TLS.YouTube)
  Final,       // nothing more will come
};

// A host name or the like that dpi read from the wire: hostile bytes, already
// reduced to printable ASCII in lower case. Owned by dpi until the flow ends.
struct HostName {
  uint8_t length;
  char text[255];
};

struct FlowContext {
  // Line 0: by position in the line.
  StageState stage[kMaxStages];

  // Line 1. identity writes; firewall, dpi and the event log read.
  NameId source_identity;       // the originator's user or device; 0: unknown
  NameId destination_identity;  // the responder's user, device or service
  GroupSetId source_groups;
  GroupSetId destination_groups;
  uint8_t chain;   // index in the policy's chains; the first worker sets it at the
                   // flow's first packet, identity may bind the flow to another
  uint8_t passed;  // last worker: a packet of the flow has been transmitted

  // dpi writes; firewall and the event log read.
  AppProgress app_progress;
  uint8_t app_confidence;  // ndpi_confidence_t
  uint16_t app_master;     // nDPI protocol numbers
  uint16_t app;
  uint16_t app_category;
  uint8_t ingress[2];    // first worker: port by which each Direction entered; 0xff: none yet
  uint64_t app_risks;    // ndpi_risk bits
  const HostName* host;  // TLS server name, HTTP host, DNS query name, ...; may be null

  // firewall writes; the event log reads.
  NameId rule;  // name of the rule that decided; 0: none yet
};
inline constexpr size_t kFlowContextSize = 112;  // slots of the stages follow
static_assert(sizeof(FlowContext) == kFlowContextSize);

inline FlowContext& context(Flow& flow) noexcept {
  return *reinterpret_cast<FlowContext*>(flow.tail());
}
inline const FlowContext& context(const Flow& flow) noexcept {
  return *reinterpret_cast<const FlowContext*>(flow.tail());
}

// Sum of the revisions of the stages before `index`: what a later stage's
// `upstream` is compared with.
inline uint8_t upstream_revision(const FlowContext& c, unsigned index) noexcept {
  uint8_t sum = 0;
  for (unsigned i = 0; i < index; ++i) sum = static_cast<uint8_t>(sum + c.stage[i].revision);
  return sum;
}

}  // namespace sluice
