// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// `sluice attach`: the console of a running appliance, from outside.
#pragma once

#include <cstdint>
#include <string>

namespace sluice {

// One command; prints its answer. The exit code: 0 done, 1 failed (or nobody
// there), 2 not understood.
int attach_command(const std::string& socket_path, const std::string& line);

enum class SessionEnd : uint8_t {
  Asked,     // by `quit`, or the input has ended
  CutOff,    // by the appliance: it ends, or this side was too slow
  NoAnswer,  // nobody listens there
};

// A session between standard input and output and the console; a terminal is
// put into raw mode meanwhile. Returns when either side ends it.
SessionEnd attach_terminal(const std::string& socket_path);

}  // namespace sluice
