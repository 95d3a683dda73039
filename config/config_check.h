// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What has to hold between the sections, once each has been read.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace sluice {

constexpr std::string_view kFirstStage = "identity";
constexpr std::string_view kLastStage = "forwarding";

constexpr size_t kMaxPorts = 64;
constexpr size_t kMaxLanes = 16;
constexpr size_t kMaxChains = 64;  // flows and ports keep a chain's position in 8 bits
constexpr size_t kMaxNameLength = 31;

// A configuration beside the sections that it came from, index for index.
struct ConfigReading {
  ConfigReading(ConfigSection root_section, const ConfigVocabulary& words)
      : root(std::move(root_section)), vocabulary(words) {}

  ConfigSection root;
  const ConfigVocabulary& vocabulary;
  Config config;
  std::vector<ConfigSection> ports;
  std::vector<ConfigSection> chains;
  std::vector<ConfigSection> lanes;
  // Of each lane; a lane with `lcore = N` is its own only worker.
  std::vector<std::vector<ConfigSection>> workers;
  // False if the line itself is wrong: then nothing is held against it.
  bool line_valid = true;
};

void check_line(ConfigReading& reading);
void check_chains(ConfigReading& reading);
void check_lanes(ConfigReading& reading);
void check_ports(ConfigReading& reading);  // also completes peer_index, is_pci and the zones

// Letters, digits, '_', '-', '.'; not empty, at most kMaxNameLength.
bool is_name(std::string_view text);
extern const char* const kNameForm;

}  // namespace sluice
