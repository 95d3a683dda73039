// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/doctor/device_users.h"

#include <algorithm>

namespace sluice {

namespace {

constexpr std::string_view kVfio = "/dev/vfio/", kVerbs = "/dev/infiniband/uverbs";
constexpr size_t kMaxCommandLine = 1 << 16;

bool is_started_with(const HostTree& tree, int process, const std::string& config_file) {
  if (config_file.empty() || process <= 0) return false;
  const std::string line =
      tree.text("/proc/" + std::to_string(process) + "/cmdline", kMaxCommandLine).value_or("");
  for (size_t start = 0; start < line.size();) {
    const std::string_view word = line.c_str() + start;
    if (word == config_file) return true;
    start += word.size() + 1;
  }
  return false;
}

}  // namespace

DeviceUsers::DeviceUsers(const HostTree& tree) {
  for (const std::string& name : tree.list("/proc")) {
    const auto process = parse_number(name);
    if (!process || *process > INT32_MAX) continue;
    const std::string folder = "/proc/" + name + "/fd";
    for (const std::string& file : tree.list(folder)) {
      const std::string target = tree.link_target(folder + '/' + file);
      if (target.starts_with(kVfio)) {
        groups_.emplace(target.substr(kVfio.size()), static_cast<int>(*process));
      } else if (target.starts_with(kVerbs)) {
        const std::string device = tree.link_name("/sys/class/infiniband_verbs/" +
                                                  target.substr(target.rfind('/') + 1) + "/device");
        if (is_pci_address(device)) devices_.emplace(device, static_cast<int>(*process));
      }
    }
  }
}

int DeviceUsers::of(const HostTree& tree, const std::string& pci_address) const {
  const auto device = devices_.find(pci_address);
  if (device != devices_.end()) return device->second;
  const auto group = groups_.find(pci_facts(tree, pci_address).group);
  return group == groups_.end() ? 0 : group->second;
}

RunningInstance running_instance(const HostState& host, const std::string& instance) {
  for (const std::string& folder : host.dpdk_folders) {
    for (const std::string& name : host.tree.list(folder)) {
      const int holder = host.tree.lock_holder(folder + '/' + name + "/config");
      if (holder == 0) continue;
      if (name == instance || is_started_with(host.tree, holder, host.config_file)) {
        return {holder, name};
      }
    }
  }
  return {};
}

}  // namespace sluice
