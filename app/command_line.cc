// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "app/attach.h"
#include "app/check.h"
#include "app/control_socket.h"
#include "app/run.h"
#include "app/settings.h"

namespace sluice {

void add_run_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "run the appliance on its ports");
  command->add_option("-c,--config", options->config_file, "configuration")
      ->required()
      ->type_name("FILE");
  command->add_option("--set", options->overrides, "override one key of the configuration")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--socket", options->socket, "control socket (/run/sluice/INSTANCE.sock)")
      ->type_name("PATH");
  command
      ->add_option("--lcores", options->eal.lcores,
                   "CPUs of the workers' lcores, as DPDK writes it: 1@0,2@(0-1) (lcore n on CPU n)")
      ->type_name("MAP");
  command->add_flag("--no-huge", options->eal.no_huge, "ordinary memory, even with huge pages");
  command->add_flag("!--no-console", options->console, "no console on the terminal");
  command->footer(
      "On a terminal the console comes up and `quit` ends the appliance; else it runs until\n"
      "SIGTERM. SIGHUP reloads the configuration. `sluice attach` reaches it meanwhile.");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

void add_attach_command(CLI::App& app, int& exit_code) {
  struct Options {
    std::string config_file, socket, line;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("attach", "the console of a running appliance");
  command->add_option("-c,--config", options->config_file, "its configuration, for its name")
      ->type_name("FILE");
  command->add_option("--socket", options->socket, "its control socket")->type_name("PATH");
  CLI::Option* one =
      command->add_option("-x,--execute", options->line, "run one command")->type_name("COMMAND");
  command->footer(
      "With -x the exit code is 0 done, 1 failed, 2 not understood.\n"
      "Examples:\n"
      "  sluice attach\n"
      "  sluice attach -x \"show port stats all\"\n"
      "  sluice attach -x \"show flows proto tcp host 192.0.2.0/24 limit 10\"");
  command->callback([options, one, &exit_code] {
    std::string path = options->socket;
    if (path.empty()) {
      std::string instance = Config().instance;
      if (!options->config_file.empty()) {
        ConfigErrors errors;
        const auto settings = load_settings(options->config_file, {}, errors);
        if (!settings || !errors.empty()) {
          std::fputs(errors.to_string().c_str(), stderr);
          exit_code = 2;
          return;
        }
        instance = settings->config.instance;
      }
      path = control_socket_path(instance);
    }
    if (const std::string why = distrust_of_socket(path); !why.empty()) {
      std::fprintf(stderr, "sluice: %s\n", why.c_str());
      exit_code = 1;
      return;
    }
    if (one->count()) {
      exit_code = attach_command(path, options->line);
      return;
    }
    const SessionEnd end = attach_terminal(path);
    if (end == SessionEnd::CutOff) std::fputs("sluice: the appliance ended the session\n", stderr);
    exit_code = end == SessionEnd::Asked ? 0 : 1;
  });
}

void add_check_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* command = app.add_subcommand("check", "validate a configuration and probe the host");
  command->add_option("-c,--config", options->config_file, "configuration")
      ->required()
      ->type_name("FILE");
  command->add_option("--set", options->overrides, "override one key of the configuration")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--lcores", options->eal.lcores, "as for `run`")->type_name("MAP");
  command->add_flag("--no-huge", options->eal.no_huge, "as for `run`");
  command->add_flag("--json", options->json, "one JSON object");
  command->add_flag("-v,--verbose", options->verbose,
                    "the configuration as it is understood, and every probe");
  CLI::Option* fix = command->add_flag(
      "--fix", options->fix, "make the mends that do no harm, each printed before it runs");
  command->add_flag("--dry-run", options->dry_run, "with --fix: print them only")->needs(fix);
  command->footer(
      "Each probe says pass, warn or fail, what was found, what comes of it and how it is mended.\n"
      "--fix mounts hugetlbfs, reserves hugepages, loads vfio-pci, creates VFs, sets their MAC\n"
      "address, trust and spoof check, and binds to vfio-pci; never what carries the default "
      "route\n"
      "or this session.\n"
      "Exit codes: 0 `run` would start, 1 something would stop it, 2 bad configuration.");
  command->callback([options, &exit_code] { exit_code = check(*options); });
}

}  // namespace sluice
