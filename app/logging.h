// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The log for operators: spdlog to a file or to standard error.
#pragma once

#include "config/config.h"

namespace sluice {

// What is logged before a log is opened, or by a command that opens none, goes to
// standard error: standard output is the commands' own. Once, before all else.
void log_to_stderr();
// Throws std::runtime_error if the file cannot be written. Control thread.
void open_log(const LogConfig& config);
void set_log_level(const LogConfig& config);

}  // namespace sluice
