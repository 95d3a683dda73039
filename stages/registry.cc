// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/registry.h"

#include "stages/dpi/dpi.h"
#include "stages/firewall/firewall.h"
#include "stages/forwarding/forwarding.h"
#include "stages/identity/identity.h"

namespace sluice {

namespace {
constexpr const StageType* kStageTypes[] = {
    &kIdentityStage,
    &kDpiStage,
    &kFirewallStage,
    &kForwardingStage,
};
}  // namespace

std::span<const StageType* const> stage_types() { return kStageTypes; }

const StageType* find_stage_type(std::string_view name) {
  for (const StageType* type : kStageTypes) {
    if (type->name == name) return type;
  }
  return nullptr;
}

}  // namespace sluice
