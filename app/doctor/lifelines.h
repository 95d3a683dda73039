// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The interfaces by which this machine is reached: taking one of them from the
// kernel would cut off whoever asked for it.
#pragma once

#include <map>
#include <string>

#include "app/doctor/host_state.h"
#include "app/doctor/pci_facts.h"

namespace sluice {

class Lifelines {
 public:
  explicit Lifelines(const HostState& host);

  // Why this interface has to stay with the kernel; empty: it need not.
  std::string why(const std::string& interface) const;
  // The same for all interfaces of a device, and of the VFs of a PF.
  std::string why(const HostTree& tree, const std::string& pci_address) const;
  // What else the machine uses a device's interfaces for: addresses, bonds, bridges;
  // empty: nothing.
  std::string uses(const HostTree& tree, const std::string& pci_address) const;

 private:
  void add(const std::string& interface, const std::string& reason, unsigned depth = 0);
  void default_routes();
  void routes_of_all_tables();
  void session();
  void sessions_of_others(uint64_t port);

  const HostState& host_;
  std::map<std::string, std::string> reasons_;  // interface -> reason
  std::string doubt_;  // why nothing can be said for certain; empty: it can
};

}  // namespace sluice
