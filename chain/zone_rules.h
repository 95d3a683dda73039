// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <vector>

#include "chain/parse.h"
#include "config/config.h"

namespace sluice {

// The zone of every ingress, by position in Config::ports. Routed ports: their
// `zone`, 0 if none is given. The two ends of wire w share (w + 1) * 4096 plus
// the VLAN id or, without zone_per_vlan, a number of their own.
std::vector<ZoneRule> zone_rules(const Config& config);

}  // namespace sluice
