// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <CLI/CLI.hpp>

#include "app/command_line.h"
#include "app/logging.h"
#include "app/replay.h"

int main(int argc, char** argv) {
  sluice::log_to_stderr();
  CLI::App app(
      "Sluice takes every packet through identity, dpi, firewall and forwarding, in one process.");
  app.name("sluice");
  app.set_version_flag("--version", "sluice " SLUICE_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Start here:\n"
      "  sluice replay --in A.pcap        what a capture holds, and what each stage says of it\n"
      "  sluice check -c sluice.toml      would this configuration run here?\n"
      "  sluice run -c sluice.toml        the appliance on its ports\n"
      "\n"
      "`sluice COMMAND --help` tells more of each.\n"
      "Exit codes: 0 done, 1 failed, 2 not understood (usage or configuration).");
  int exit_code = sluice::kExitOk;
  sluice::add_run_command(app, exit_code);
  sluice::add_attach_command(app, exit_code);
  sluice::add_check_command(app, exit_code);
  sluice::add_replay_command(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    // CLI11 has a code for every mistake; scripts want one for all of them.
    return app.exit(e) == 0 ? sluice::kExitOk : sluice::kExitUsage;
  }
  return exit_code;
}
