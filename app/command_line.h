// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The options of `run`, `attach` and `check`. In one place, as the parser is
// slow to compile.
#pragma once

namespace CLI {
class App;
}

namespace sluice {

// Each adds its subcommand, which leaves its exit code when it was chosen.
void add_run_command(CLI::App& app, int& exit_code);
void add_attach_command(CLI::App& app, int& exit_code);
void add_check_command(CLI::App& app, int& exit_code);

}  // namespace sluice
