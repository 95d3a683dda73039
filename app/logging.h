// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The log for operators: spdlog to a file or to standard error.
#pragma once

#include "config/config.h"

namespace sluice {

// Throws std::runtime_error if the file cannot be written. Control thread.
void open_log(const LogConfig& config);
void set_log_level(const LogConfig& config);

}  // namespace sluice
