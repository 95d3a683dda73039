// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/identity/identity.h"

#include <iterator>

#include "stages/identity/identity_policy.h"
#include "stages/identity/identity_stage.h"

namespace sluice {

namespace {

constexpr CounterInfo kCounters[] = {
    {"judged", "times that a flow's two ends were looked up: new flows, reloads, changed bindings",
     offsetof(IdentityCounters, judged)},
    {"known_source", "of those, originators with a binding",
     offsetof(IdentityCounters, known_source)},
    {"unknown_source", "of those, originators without a binding",
     offsetof(IdentityCounters, unknown_source)},
    {"known_destination", "of those, responders with a binding",
     offsetof(IdentityCounters, known_destination)},
    {"unknown_destination", "of those, responders without a binding",
     offsetof(IdentityCounters, unknown_destination)},
    {"waiting", "of those, judged for now: the port or VLAN of an end is known only once it speaks",
     offsetof(IdentityCounters, waiting)},
    {"rebound", "flows whose identities, groups or chain were found changed",
     offsetof(IdentityCounters, rebound)},
    {"chain_bound", "judgements that bound the flow to another chain than its ingress's",
     offsetof(IdentityCounters, chain_bound)},
};
static_assert(std::size(kCounters) * sizeof(uint64_t) == sizeof(IdentityCounters));

constexpr DropReason kReasons[] = {
    {"unknown_source",
     "no binding names the originator, and unknown_source = \"drop\" wants one: a device that "
     "nobody registered, or a binding that is missing"},
};

constexpr StageCommand kCommands[] = {
    {"bindings", "bindings of addresses, VLANs and ports; with an address: those that may have it",
     show_bindings},
};

std::unique_ptr<Stage> create(const StageResources& resources) {
  return std::make_unique<IdentityStage>(resources);
}

}  // namespace

const StageType kIdentityStage = {
    .name = "identity",
    .help = "who is behind the source and what is behind the destination",
    .flow_slot_size = sizeof(IdentitySlot),
    .counters = kCounters,
    .drop_reasons = kReasons,
    .commands = kCommands,
    .compile = compile_identity,
    .create_lane_part = nullptr,
    .create = create,
};

}  // namespace sluice
