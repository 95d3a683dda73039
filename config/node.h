// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The tree behind ConfigDocument and ConfigSection: plain values with their
// places. toml11 ends where this begins.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/errors.h"

namespace sluice {

struct ConfigPlace {
  uint32_t source = 0;  // index into ConfigSources
  uint32_t line = 0;    // from 1; 0: unknown
  uint32_t column = 0;
};

// One value. A table's children are in the order of the file.
struct ConfigNode {
  enum class Type : uint8_t { Boolean, Integer, Float, String, DateTime, Array, Table };

  Type type = Type::Table;
  bool boolean = false;
  int64_t integer = 0;
  double number = 0;
  std::string text;  // a string's value; of numbers and dates as they are written
  std::string name;  // key, if the parent is a table
  std::vector<ConfigNode> children;
  ConfigPlace key;
  ConfigPlace value;

  const ConfigNode* find(std::string_view child) const noexcept;
  ConfigNode* find(std::string_view child) noexcept;
};

// What stands there, for people: `string "abc"`, `integer 70000`, `a table`.
std::string describe(const ConfigNode& node);

// A text that nodes come from: the file, or one override.
class ConfigSource {
 public:
  ConfigSource(std::string name, std::string text, bool is_file);

  const std::string& name() const noexcept { return name_; }
  const std::string& text() const noexcept { return text_; }
  bool is_file() const noexcept { return is_file_; }
  std::string line(uint32_t number) const;  // from 1; without its end

 private:
  std::string name_;
  std::string text_;
  bool is_file_;
  std::vector<size_t> line_starts_;
};

using ConfigSources = std::vector<ConfigSource>;

ConfigPosition position_of(const ConfigSources& sources, ConfigPlace place);

}  // namespace sluice
