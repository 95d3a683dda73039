// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// `sluice replay`: a capture through the chain, without NIC, huge pages or root.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace sluice {

// Exit codes of all subcommands.
enum ExitCode : int { kExitOk = 0, kExitFailure = 1, kExitUsage = 2 };

struct ReplayOptions {
  std::string in_file;
  std::string config_file;             // empty: kDefaultReplayConfig
  std::vector<std::string> rules;      // files of signatures
  std::vector<std::string> overrides;  // "key=value"
  std::string ingress;                 // port by which frames enter; empty: the first
  std::string out_file;                // empty: none
  std::string eve_file;                // empty: none
  bool json = false;
};

// Prints the summary to standard output and what went wrong to standard error.
// Once a process.
ExitCode replay(const ReplayOptions& options);

void add_replay_command(CLI::App& app, int& exit_code);

}  // namespace sluice
