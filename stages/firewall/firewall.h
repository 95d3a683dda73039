// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include "chain/stage.h"

namespace sluice {

extern const StageType kFirewallStage;

}  // namespace sluice
