// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A PCI device and, if it is a virtual function, what stands behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/host_tree.h"

namespace sluice {

struct PciFacts {
  std::string address;
  bool present = false;
  bool is_network = false;  // by its class
  uint64_t vendor = 0, device = 0;
  std::string driver;  // empty: none bound
  int numa_node = -1;
  std::string group;                    // IOMMU group; empty: none
  std::vector<std::string> interfaces;  // of the kernel, on this device
  std::string pf;                       // address of the physical function, if this is a VF
  int vf_index = -1;
  uint64_t vfs = 0, max_vfs = 0;  // of a physical function

  bool is_vf() const { return !pf.empty(); }
};
PciFacts pci_facts(const HostTree& tree, const std::string& address);

// By its number a VF, though its PF is not in this machine's sight (in a guest).
bool is_known_vf(const PciFacts& facts);

// Receive queues that DPDK's driver offers on such a VF, and whether it spreads
// packets over them; null: known only once DPDK has opened it.
struct QueueOffer {
  unsigned queues;
  bool rss;
};
std::optional<QueueOffer> known_queues(const PciFacts& facts);

// The PF and the number of the VF that would have this address, if it were
// created; null if no device of this machine could have it.
struct FutureVf {
  std::string pf;
  unsigned index;
};
std::optional<FutureVf> future_vf(const HostTree& tree, const std::string& address);

// A VF as its PF describes it: `ip -j link show PF`. What the driver does not
// tell is null.
struct VfView {
  std::string mac;  // lower case
  std::optional<bool> spoof_check, trust;
  unsigned vlan = 0;
  std::string link_state;
};
// Null: not to be understood, or no such VF in it.
std::optional<VfView> parse_vf_view(std::string_view json, unsigned index);

}  // namespace sluice
