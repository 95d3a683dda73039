// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What virtual devices never do: these stand before DPDK's functions of the same
// name, and answer as a NIC in trouble would.
#pragma once

#include <rte_ether.h>

#include <cstdint>
#include <optional>

namespace sluice::test {

struct DeviceFaults {
  uint64_t packets_ahead = 0;  // added to ipackets by rte_eth_stats_get()
  int remove_error = 0;        // of rte_dev_remove()
  bool has_own_mac = false;    // rte_eth_macaddr_get() tells `own_mac`, until one is written
  bool refuses_mac = false;    // rte_eth_dev_default_mac_addr_set()
  rte_ether_addr own_mac{};
};
// Of every device, until reset. Set while no other thread has a port.
DeviceFaults& device_faults();

}  // namespace sluice::test
