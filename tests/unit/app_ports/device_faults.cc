// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tests/unit/app_ports/device_faults.h"

#include <dlfcn.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include <cerrno>
#include <cstdlib>

namespace sluice::test {

DeviceFaults& device_faults() {
  static DeviceFaults faults;
  return faults;
}

namespace {

// DPDK's own; it is a shared library, behind this program in the order of look-up.
template <typename F>
F* real(const char* name) {
  void* const found = dlsym(RTLD_NEXT, name);
  if (!found) std::abort();
  return reinterpret_cast<F*>(found);
}

}  // namespace
}  // namespace sluice::test

using sluice::test::device_faults;
using sluice::test::real;

extern "C" {

int rte_eth_stats_get(uint16_t port_id, rte_eth_stats* stats) {
  static auto* const next = real<decltype(rte_eth_stats_get)>("rte_eth_stats_get");
  const int error = next(port_id, stats);
  if (error == 0) stats->ipackets += device_faults().packets_ahead;
  return error;
}

int rte_dev_remove(rte_device* device) {
  static auto* const next = real<decltype(rte_dev_remove)>("rte_dev_remove");
  return device_faults().remove_error != 0 ? device_faults().remove_error : next(device);
}

int rte_eth_macaddr_get(uint16_t port_id, rte_ether_addr* mac) {
  static auto* const next = real<decltype(rte_eth_macaddr_get)>("rte_eth_macaddr_get");
  if (!device_faults().has_own_mac) return next(port_id, mac);
  *mac = device_faults().own_mac;
  return 0;
}

int rte_eth_dev_default_mac_addr_set(uint16_t port_id, rte_ether_addr* mac) {
  static auto* const next =
      real<decltype(rte_eth_dev_default_mac_addr_set)>("rte_eth_dev_default_mac_addr_set");
  if (device_faults().refuses_mac) return -EPERM;
  if (!device_faults().has_own_mac) return next(port_id, mac);
  device_faults().own_mac = *mac;
  return 0;
}

}  // extern "C"
