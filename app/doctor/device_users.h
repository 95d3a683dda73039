// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Who works with what `sluice check` looks at: mends that are harmless on a device
// at rest reset it under its application.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/doctor/host_state.h"
#include "app/doctor/pci_facts.h"

namespace sluice {

class DeviceUsers {
 public:
  // Looks through the open files of all processes that this one may see.
  explicit DeviceUsers(const HostTree& tree);

  // The process that has the device open by vfio or as an InfiniBand device; 0: none.
  int of(const HostTree& tree, const std::string& pci_address) const;

 private:
  std::map<std::string, int> groups_;   // IOMMU group -> process
  std::map<std::string, int> devices_;  // PCI address -> process
};

// A DPDK process with the file prefix of this instance, or one that was started with
// this configuration file.
struct RunningInstance {
  int process = 0;  // 0: none; -1: one that cannot be told
  std::string name;
};
RunningInstance running_instance(const HostState& host, const std::string& instance);

}  // namespace sluice
