// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Another program, without a shell, bounded in time and in what it may say.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace sluice {

struct SubprocessResult {
  int status = -1;       // its exit code; 127: not found; -1: killed, or never started
  std::string output;    // standard output
  std::string errors;    // standard error, its last line
  bool cut_off = false;  // said more than allowed, or took longer
};

// `argv` begins with a name that is looked up in a fixed PATH of system folders.
SubprocessResult run_subprocess(const std::vector<std::string>& argv, size_t max_output,
                                int patience_ms);

}  // namespace sluice
