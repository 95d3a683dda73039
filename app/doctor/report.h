// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The findings of `sluice check`, for people.
#pragma once

#include <string>
#include <vector>

#include "app/doctor/probe.h"

namespace sluice {

bool none_failed(const std::vector<Probe>& probes);

// What is wrong in full, each with meaning, mend and link; what is well in a
// few lines, or with `all` each on its own.
std::string text_report(const std::vector<Probe>& probes, bool all);

}  // namespace sluice
