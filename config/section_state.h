// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a ConfigSection is made of; shared by section.cc and document.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/node.h"
#include "config/section.h"

namespace sluice {

struct ConfigSection::State {
  const ConfigNode* node = nullptr;  // null: the table is absent
  std::string path;
  ConfigPlace place;  // of the table, or of the nearest one around it
  const ConfigSources* sources = nullptr;
  ConfigErrors* errors = nullptr;
  std::vector<std::string> known;

  // Marks the key as known; null if it is absent.
  const ConfigNode* find(std::string_view key);
  std::string path_of(std::string_view key) const;
  void fail(ConfigPlace where, std::string key, std::string found, std::string allowed);
  // As fail(), at the value `node`, describing it.
  void refuse(const ConfigNode& node, std::string key, std::string allowed);
};

}  // namespace sluice
