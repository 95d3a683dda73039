// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What the machine offers: CPUs, huge pages, PCI devices, kernel interfaces.
// Read from /proc, /sys and ethtool; nothing is changed. Control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/host_tree.h"

namespace sluice {

// The CPUs that this process may use, in order.
std::vector<unsigned> allowed_cpus();

// A set of CPUs as `--lcores` writes it: "0-3,8".
std::string format_cpu_list(const std::vector<unsigned>& cpus);

struct HugePages {
  uint64_t free_bytes = 0;   // with those in files that an ended DPDK process has left
  uint64_t stale_bytes = 0;  // of these: which the next one to start takes away
  uint64_t total_bytes = 0;
  std::string mount;  // of hugetlbfs; empty: none
};
HugePages huge_pages(const HostTree& tree = HostTree());

// Mounts of hugetlbfs as the kernel lists them.
struct HugeMount {
  std::string folder;
  uint64_t page_kb = 0;
};
std::vector<HugeMount> huge_mounts(const HostTree& tree = HostTree());

uint64_t available_memory_bytes(const HostTree& tree = HostTree());

struct PciDevice {
  bool present = false;
  std::string driver;  // "vfio-pci", "mlx5_core", "ice"; empty: none bound
  int numa_node = -1;
};
PciDevice pci_device(const std::string& address, const HostTree& tree = HostTree());

// Kernel drivers whose device DPDK drives beside them.
bool is_bifurcated_driver(std::string_view driver);
// Drivers that hand a device over to user space.
bool is_user_space_driver(std::string_view driver);

// -1: unknown
int cpu_numa_node(unsigned cpu, const HostTree& tree = HostTree());

// The value of `key` in a vdev string ("net_af_packet0,iface=eth1"); null if
// it has none.
std::optional<std::string> device_argument(std::string_view device, std::string_view key);
// "net_af_packet0" of "net_af_packet0,iface=eth1".
std::string device_name(std::string_view device);
bool is_af_packet(std::string_view device);
// The kernel interface behind a vdev: af_packet, af_xdp and pcap's `iface`.
std::optional<std::string> kernel_interface(std::string_view device);

bool interface_exists(const std::string& name);
// By the administrator; null if this process's network namespace has none of that name.
std::optional<bool> interface_is_up(const std::string& name);
bool interface_is_running(const std::string& name);  // and with a carrier
// Up or down by the administrator; 0 or a negative errno.
int set_interface_up(const std::string& name, bool up);

// Offloads of a kernel interface that hand Sluice frames which were never on
// the wire: as `ethtool -K` names them. Empty if none is on. Null if the kernel
// does not say.
std::optional<std::vector<std::string>> harmful_offloads(const std::string& name);
// "ethtool -K eth1 gro off tx off"
std::string turn_off_command(const std::string& name, const std::vector<std::string>& offloads);

}  // namespace sluice
