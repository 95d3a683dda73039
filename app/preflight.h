// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Probes of the host, before `run` would meet what they find.
#pragma once

#include <string>
#include <vector>

#include "app/live_eal.h"
#include "config/config.h"

namespace sluice {

enum class ProbeResult : uint8_t { Pass, Warn, Fail };

struct Probe {
  std::string name;  // "port wan: offloads"
  ProbeResult result;
  std::string detail;  // what was found, and what to do
};

const char* to_string(ProbeResult result);

// Reads only; needs no EAL. Control thread.
std::vector<Probe> preflight(const Config& config, const LiveEalOptions& options);

}  // namespace sluice
