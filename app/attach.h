// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// `sluice attach`: the console of a running appliance, from outside.
#pragma once

#include <string>

namespace sluice {

// One command; prints its answer. The exit code: 0 done, 1 failed (or nobody
// there), 2 not understood.
int attach_command(const std::string& socket_path, const std::string& line);

// A session between standard input and output and the console; a terminal is
// put into raw mode meanwhile. Returns when either side ends it: 0, or 1 if
// there was nobody.
int attach_terminal(const std::string& socket_path);

}  // namespace sluice
