// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What `sluice check` finds out about one thing, and how it is mended.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

// Fail: `run` would not start, or not one packet would get through.
enum class ProbeResult : uint8_t { Pass, Warn, Fail };
const char* to_string(ProbeResult result);

// One step of a mend: a program with its arguments (no shell in between), or a
// word that is written to a file of /sys.
struct Action {
  std::vector<std::string> argv;
  std::string value, file;
  bool always = false;      // also when a step before it has failed: it puts something back
  bool on_failure = false;  // only then
};
Action command(std::vector<std::string> argv);
Action write_to(std::string value, std::string file);
// As one would type it.
std::string to_shell(const Action& action);
std::string to_shell(const std::vector<Action>& actions);

// In this order they are made; what a later one needs is there by then.
enum class FixStage : uint8_t { ReservePages, MountPages, LoadModule, CreateVfs, SetVf, Bind };

// A mend that does no harm. Empty: there is none that `--fix` may make.
struct Fix {
  FixStage stage = FixStage::ReservePages;
  std::vector<Action> actions;
  // PCI addresses of the devices that it resets or takes from the kernel.
  std::vector<std::string> touches;
};

struct Probe {
  std::string name;   // "port lan: driver", "hugepages"
  std::string topic;  // the heading in docs/deploy-sriov.md: "binding"
  ProbeResult result = ProbeResult::Pass;
  std::string found;
  std::string meaning;  // what comes of it; empty where all is well
  std::string mend;     // the command; empty where none is known
  Fix fix;
  std::string link() const { return "docs/deploy-sriov.md#" + topic; }
};

}  // namespace sluice
