// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// `sluice run`: the appliance on real ports.
#pragma once

#include <string>
#include <vector>

#include "app/live_eal.h"

namespace sluice {

struct RunOptions {
  std::string config_file;
  std::vector<std::string> overrides;  // "key=value"
  std::string socket;                  // empty: control_socket_path()
  LiveEalOptions eal;
  bool console = true;  // on a terminal
};

// Once a process. Returns the exit code: 0; 1 something failed, or packets were
// unaccounted for at the end; 2 bad configuration.
int run(const RunOptions& options);

}  // namespace sluice
