// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The host as the probes see it: /sys and /proc by HostTree, and the little
// that is not written there. A test makes one up.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/host_tree.h"

namespace sluice {

struct HostState {
  HostTree tree;
  std::vector<unsigned> cpus;  // that this process may use
  unsigned user = 0;           // effective
  // Where DPDK's processes keep their files: this one's, those of root, of the units.
  std::vector<std::string> dpdk_folders;
  std::string config_file;     // that is examined; empty: unknown
  std::string ssh_connection;  // as sshd sets it; empty: no such session
  // Addresses of the kernel's interfaces: name, address without prefix length.
  std::vector<std::pair<std::string, std::string>> addresses;
  // The interface's offloads that do harm; null: the kernel does not say.
  std::function<std::optional<std::vector<std::string>>(const std::string&)> offloads;
  // What a program that only looks has printed; null if it failed.
  std::function<std::optional<std::string>(const std::vector<std::string>&)> ask;

  static HostState read();
};

// SSH_CONNECTION of this process, or of one that it comes from: sudo takes the
// variable away.
std::string find_ssh_connection(const HostTree& tree, const char* own);

}  // namespace sluice
