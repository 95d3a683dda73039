// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Everything that is wrong with a configuration, collected.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

struct ConfigPosition {
  std::string file;     // as the user named it; "--set" for overrides
  uint32_t line = 0;    // from 1; 0: no line
  uint32_t column = 0;  // from 1
  std::string text;     // the source line
};

struct ConfigError {
  ConfigPosition where;
  std::string key;      // dotted, with indices: "port[1].device"
  std::string found;    // what stands there: "integer 70000", "unknown key"
  std::string allowed;  // "1 to 65535", "one of: ...", may carry a "did you mean"
};

// The block of one error, as in ConfigErrors::to_string().
std::string format(const ConfigError& error);

class ConfigErrors {
 public:
  void add(ConfigError error);  // an error that is already there is left out
  bool empty() const noexcept { return errors_.empty(); }
  const std::vector<ConfigError>& all() const noexcept { return errors_; }  // by position

  // One block an error:
  //   sluice.toml:12:8: port[1].device: found ..., allowed ...
  //     12 | device = "..."
  //        |          ^
  std::string to_string() const;

 private:
  std::vector<ConfigError> errors_;
};

// `text` in double quotes, fit for a terminal: control characters escaped, cut
// off if long.
std::string quoted(std::string_view text);

// For ConfigError::allowed: "one of: a, b, c; did you mean \"b\"?".
std::string one_of(const std::vector<std::string>& names, std::string_view found);

// The nearest of `candidates` by edit distance, or "" if none is near.
std::string_view nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace sluice
