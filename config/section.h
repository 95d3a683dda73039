// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A TOML table as its reader sees it: typed getters that record what is wrong
// and go on, so that a file's errors are all reported at once. A getter that
// finds an error records it and returns the default. toml11 stays behind this
// header.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/errors.h"
#include "config/net_types.h"

namespace sluice {

class ConfigDocument;

// Cheap to copy; refers to its ConfigDocument, which must outlive it. An absent
// section behaves as an empty one: every getter gives its default.
class ConfigSection {
 public:
  // All getters mark `key` as known. Control or compiler thread.
  bool has(std::string_view key) const;
  bool present() const noexcept;  // the table itself stands in the file
  // An error has been recorded at `key` or inside it: no need to judge what the
  // getter gave instead.
  bool failed(std::string_view key) const;

  std::string string(std::string_view key, std::string_view fallback);
  std::optional<std::string> string(std::string_view key);
  std::string required_string(std::string_view key);  // an error if absent
  int64_t integer(std::string_view key, int64_t fallback, int64_t min, int64_t max);
  std::optional<int64_t> integer(std::string_view key, int64_t min, int64_t max);
  double number(std::string_view key, double fallback, double min, double max);
  bool boolean(std::string_view key, bool fallback);

  // One of a set of words.
  template <typename E>
  E choice(std::string_view key, E fallback,
           std::initializer_list<std::pair<std::string_view, E>> words) {
    std::vector<std::string_view> names;
    for (const auto& [name, value] : words) names.push_back(name);
    const auto index = choice_index(key, names);
    return index ? (words.begin() + *index)->second : fallback;
  }

  // Arrays. A single value stands for an array of one.
  std::vector<std::string> strings(std::string_view key);
  std::vector<int64_t> integers(std::string_view key, int64_t min, int64_t max);
  // Integers and ranges of them, [10, "100-199"]: ascending, each once.
  std::vector<int64_t> integer_set(std::string_view key, int64_t min, int64_t max);
  std::vector<IpPrefix> prefixes(std::string_view key);
  std::vector<InterfaceAddress> interface_addresses(std::string_view key);

  std::optional<IpAddress> ip_address(std::string_view key);
  std::optional<IpPrefix> prefix(std::string_view key);
  std::optional<MacAddress> mac_address(std::string_view key);

  ConfigSection table(std::string_view key);                // absent: an empty section
  std::vector<ConfigSection> tables(std::string_view key);  // array of tables

  // Keys of this table, in the file's order (for tables whose keys are names);
  // marks them all as known.
  std::vector<std::string> keys();

  // Records an error at `key` (or at the table, if the key is absent or "").
  // `found` empty: what stands there is described.
  void error(std::string_view key, std::string found, std::string allowed);
  // The same, at the i-th element of an array.
  void error_at(std::string_view key, size_t element, std::string found, std::string allowed);

  // Reports every key that no getter asked for, with the nearest known one;
  // call it when all getters have been called. Subsections of this section
  // report their own.
  void finish();

  ConfigPosition position(std::string_view key = {}) const;
  std::string path() const;  // dotted: "stage.firewall.rule[3]"
  ConfigErrors& errors() const;

 private:
  friend class ConfigDocument;
  struct State;
  explicit ConfigSection(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::optional<size_t> choice_index(std::string_view key,
                                     const std::vector<std::string_view>& names);
  std::shared_ptr<State> state_;
};

// A parsed file with its overrides.
class ConfigDocument {
 public:
  // A syntax error stands alone: it is added to `errors` and null returned.
  static std::unique_ptr<ConfigDocument> load(const std::string& path, ConfigErrors& errors);
  static std::unique_ptr<ConfigDocument> parse(std::string_view text, const std::string& name,
                                               ConfigErrors& errors);
  ~ConfigDocument();

  // `--set stage.dpi.rules.files=["a.rules"]`: the value in TOML syntax, a bare
  // word taken as a string. Indices address arrays: `port[0].mtu=9000`; the
  // index behind the last appends. Ends the life of all sections.
  void set(std::string_view assignment, ConfigErrors& errors);

  ConfigSection root(ConfigErrors& errors);

 private:
  struct Impl;
  explicit ConfigDocument(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
