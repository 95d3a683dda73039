// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Tells the log of addresses that are heard on both sides of a wire
// (chain/split_horizon.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chain/split_horizon.h"
#include "config/config.h"

namespace sluice {

// Control thread.
class WireWatch {
 public:
  static constexpr uint64_t kQuietMs = 10'000;

  // Warnings of what has come since the last ones, which are kQuietMs ago at least.
  // `now`: always of the same lanes and wires in the same order.
  std::vector<std::string> turn(const std::vector<WireDisputes>& now, const Config& config,
                                uint64_t now_ms);

 private:
  std::vector<uint64_t> told_;
  std::optional<uint64_t> told_ms_;
};

}  // namespace sluice
