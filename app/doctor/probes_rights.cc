// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What this process may do: devices, locked memory, the instance's name.

#include <linux/capability.h>

#include <algorithm>
#include <set>

#include "app/doctor/examination.h"
#include "app/host.h"
#include "app/text_table.h"

namespace sluice {

namespace {

constexpr const char* kTopic = "rights";

std::string who(const Examination& e) {
  return e.host.user == 0 ? "root" : "user " + std::to_string(e.host.user);
}

// The groups of vfio that are there but may not be opened.
std::vector<std::string> closed_groups(Examination& e) {
  std::set<std::string> closed;
  for (const PortConfig& port : e.config.ports) {
    if (!port.is_pci) continue;
    const PciFacts& facts = e.facts(port.device);
    if (facts.driver != "vfio-pci" || facts.group.empty()) continue;
    const std::string file = "/dev/vfio/" + facts.group;
    if (!e.tree.accessible(file)) closed.insert(file);
  }
  return {closed.begin(), closed.end()};
}

void devices(Examination& e) {
  const bool interfaces =
      std::any_of(e.config.ports.begin(), e.config.ports.end(),
                  [](const PortConfig& p) { return kernel_interface(p.device).has_value(); });
  if (interfaces && !(e.capable(CAP_NET_RAW) && e.capable(CAP_NET_ADMIN))) {
    e.fail(kTopic, "rights", who(e) + ", without CAP_NET_RAW and CAP_NET_ADMIN",
           "kernel interfaces cannot be opened",
           "run as root (sudo), or in a unit with "
           "AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN");
    return;
  }
  if (const auto closed = closed_groups(e); !closed.empty()) {
    e.fail(kTopic, "rights", who(e) + ", who may not open " + join_words(closed),
           "vfio gives the devices to nobody else",
           "groupadd -rf vfio; usermod -aG vfio $USER; chgrp vfio " + join_words(closed, " ") +
               "; chmod 660 " + join_words(closed, " ") + " (and log in again)");
    return;
  }
  if (e.has_pci_ports() && e.host.user != 0) {
    e.pass(kTopic, "rights", who(e) + ", who may open what there is in /dev/vfio");
  } else {
    e.pass(kTopic, "rights", who(e));
  }
}

void locked_memory(Examination& e) {
  if (!e.needs_vfio()) return;
  const uint64_t needed = uint64_t{eal_memory_mb(e.config)} << 20;
  if (e.capable(CAP_IPC_LOCK)) {
    e.pass(kTopic, "memlock", "no limit (CAP_IPC_LOCK)");
    return;
  }
  const std::string limits = e.tree.text("/proc/self/limits").value_or("");
  for (const std::string_view line : split_lines(limits)) {
    const auto words = split_words(line);  // Max locked memory SOFT HARD bytes
    if (!line.starts_with("Max locked memory") || words.size() < 5) continue;
    const std::string soft(words[3]);
    const auto bytes = parse_number(soft);
    if (soft == "unlimited" || (bytes && *bytes >= needed)) {
      e.pass(kTopic, "memlock", bytes ? format_bytes(*bytes) : soft);
    } else {
      e.fail(kTopic, "memlock",
             "limit " + (bytes ? format_bytes(*bytes) : printable(soft)) + ", needed about " +
                 format_bytes(needed),
             "vfio pins the memory that devices reach; mapping it would be refused",
             "ulimit -l unlimited (systemd: LimitMEMLOCK=infinity)");
    }
    return;
  }
  e.warn(kTopic, "memlock", "/proc/self/limits does not say", "vfio may refuse to map memory",
         "ulimit -l unlimited");
}

void instance(Examination& e) {
  const std::string& name = e.config.instance;
  if (e.running.process == 0) {
    e.pass(kTopic, "instance", name + ", not in use");
    return;
  }
  const int holder = e.running.process;
  e.fail(kTopic, "instance",
         e.running.name + " runs already" +
             (holder > 0 ? " (process " + std::to_string(holder) + ")" : ""),
         "DPDK gives a file prefix, and a device, to one process at a time; --fix leaves alone "
         "what it has",
         "stop it, or give this one another name: instance = \"" + name.substr(0, 20) + "-2\"");
}

}  // namespace

void probe_rights(Examination& e) {
  devices(e);
  locked_memory(e);
  instance(e);
}

}  // namespace sluice
