// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// `sluice check`: is this configuration right, and would `run` work here?
#pragma once

#include <string>
#include <vector>

#include "app/live_eal.h"

namespace sluice {

struct CheckOptions {
  std::string config_file;
  std::vector<std::string> overrides;  // "key=value"
  LiveEalOptions eal;
  bool json = false;
  bool verbose = false;  // the configuration as it is understood, and what is well
  bool fix = false;      // make the mends that do no harm
  bool dry_run = false;  // with `fix`: print them only
};

// Once a process. Returns the exit code: 0; 1 a probe failed; 2 bad configuration.
int check(const CheckOptions& options);

}  // namespace sluice
