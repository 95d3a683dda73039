// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Probes of the host, before `run` would meet what they find.
#pragma once

#include <vector>

#include "app/doctor/host_state.h"
#include "app/doctor/probe.h"
#include "app/live_eal.h"
#include "config/config.h"

namespace sluice {

// Reads only; needs no EAL and opens no device. Control thread.
std::vector<Probe> preflight(const Config& config, const LiveEalOptions& options,
                             const HostState& host);

}  // namespace sluice
