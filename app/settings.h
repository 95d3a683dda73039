// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A configuration file as the programs use it: the document that the stages
// still read from, the common sections, the line.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chain/directory.h"
#include "chain/policy.h"
#include "config/config.h"

namespace sluice {

struct EveNames;
class ReasonTable;
struct StageType;

struct Settings {
  std::string path;                    // as the user named it
  std::vector<std::string> overrides;  // `--set`
  std::unique_ptr<ConfigDocument> document;
  Config config;
  std::vector<const StageType*> line;  // the stages of config.line, in order

  std::string text;  // of the file, for people
  // The directory of the file: relative file names in it start there.
  std::string base_dir() const;
};

// Reads the file and its common sections. Errors are added to `errors`; null
// only after an error of syntax, else what could be read (usable only if
// `errors` stayed empty). Control or compiler thread.
std::unique_ptr<Settings> load_settings(const std::string& path,
                                        const std::vector<std::string>& overrides,
                                        ConfigErrors& errors);
// The same from a text of our own; `name` stands for the file in messages.
std::unique_ptr<Settings> parse_settings(std::string_view text, const std::string& name,
                                         const std::vector<std::string>& overrides,
                                         ConfigErrors& errors);

// What only `replay` says.
struct ReplaySettings {
  bool replay = false;
  std::vector<std::string> extra_rules;  // files of signatures, `--rules`
};

// Compiles the stages' sections too; null if `errors` is not empty at the end
// (then as many of the file's errors as can be found are in it). The EAL runs. Compiler thread, or
// control thread before there is one.
std::unique_ptr<Policy> compile_settings(const Settings& settings, Directory& directory,
                                         std::vector<MacAddress> port_macs, uint16_t generation,
                                         ConfigErrors& errors, const ReplaySettings& replay = {});

// The names behind the numbers of a policy just compiled, by the same thread.
std::shared_ptr<const EveNames> eve_names(const Config& config, const Directory& directory,
                                          const ReasonTable& reasons);

// "12 errors", "1 error".
std::string count_errors(const ConfigErrors& errors);

}  // namespace sluice
