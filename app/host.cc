// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/host.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sluice {

namespace fs = std::filesystem;

namespace {

uint64_t read_number(const fs::path& file, uint64_t fallback) {
  std::ifstream in(file);
  uint64_t value = 0;
  return in >> value ? value : fallback;
}

class Socket {
 public:
  Socket() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

bool set_name(ifreq& request, const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) return false;
  std::memcpy(request.ifr_name, name.c_str(), name.size() + 1);
  return true;
}

unsigned interface_flags(const std::string& name) {
  const Socket socket;
  ifreq request{};
  if (!set_name(request, name) || ioctl(socket.fd(), SIOCGIFFLAGS, &request) != 0) return 0;
  return static_cast<unsigned short>(request.ifr_flags);
}

std::optional<uint32_t> read_ethtool(const Socket& socket, const std::string& name,
                                     uint32_t command) {
  ifreq request{};
  if (!set_name(request, name)) return std::nullopt;
  ethtool_value value{command, 0};
  request.ifr_data = reinterpret_cast<char*>(&value);
  if (ioctl(socket.fd(), SIOCETHTOOL, &request) != 0) return std::nullopt;
  return value.data;
}

}  // namespace

std::vector<unsigned> allowed_cpus() {
  std::vector<unsigned> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

std::string format_cpu_list(const std::vector<unsigned>& cpus) {
  std::string out;
  for (size_t i = 0; i < cpus.size();) {
    size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    if (!out.empty()) out += ',';
    out += std::to_string(cpus[i]);
    if (last > i) out += '-' + std::to_string(cpus[last]);
    i = last + 1;
  }
  return out;
}

HugePages huge_pages() {
  HugePages out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/sys/kernel/mm/hugepages", error)) {
    const std::string name = entry.path().filename();  // hugepages-2048kB
    const size_t dash = name.find('-');
    if (dash == std::string::npos) continue;
    uint64_t size_kb = 0;
    std::from_chars(name.data() + dash + 1, name.data() + name.size(), size_kb);
    out.total_bytes += read_number(entry.path() / "nr_hugepages", 0) * size_kb * 1024;
    out.free_bytes += read_number(entry.path() / "free_hugepages", 0) * size_kb * 1024;
  }
  std::ifstream mounts("/proc/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, directory, type;
    if (words >> device >> directory >> type && type == "hugetlbfs") {
      out.mount = directory;
      break;
    }
  }
  return out;
}

uint64_t available_memory_bytes() {
  std::ifstream in("/proc/meminfo");
  std::string key;
  uint64_t value_kb = 0;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    if (words >> key >> value_kb && key == "MemAvailable:") return value_kb * 1024;
  }
  return 0;
}

PciDevice pci_device(const std::string& address) {
  PciDevice out;
  const fs::path directory = fs::path("/sys/bus/pci/devices") / address;
  std::error_code error;
  out.present = fs::exists(directory, error);
  if (!out.present) return out;
  const fs::path driver = fs::read_symlink(directory / "driver", error);
  if (!error) out.driver = driver.filename();
  std::ifstream in(directory / "numa_node");
  if (int node = -1; in >> node) out.numa_node = node;
  return out;
}

bool is_bifurcated_driver(std::string_view driver) {
  return driver == "mlx5_core" || driver == "mlx4_core" || driver == "mana";
}

bool is_user_space_driver(std::string_view driver) {
  return driver == "vfio-pci" || driver == "igb_uio" || driver == "uio_pci_generic";
}

int cpu_numa_node(unsigned cpu) {
  std::error_code error;
  const fs::path directory = "/sys/devices/system/cpu/cpu" + std::to_string(cpu);
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename();
    int node = -1;
    if (name.starts_with("node") &&
        std::from_chars(name.data() + 4, name.data() + name.size(), node).ec == std::errc()) {
      return node;
    }
  }
  return -1;
}

std::optional<std::string> device_argument(std::string_view device, std::string_view key) {
  for (size_t start = device.find(','); start != std::string_view::npos;) {
    const size_t end = device.find(',', start + 1);
    const std::string_view pair = device.substr(
        start + 1, end == std::string_view::npos ? std::string_view::npos : end - start - 1);
    if (pair.size() > key.size() && pair.starts_with(key) && pair[key.size()] == '=') {
      return std::string(pair.substr(key.size() + 1));
    }
    start = end;
  }
  return std::nullopt;
}

std::string device_name(std::string_view device) {
  return std::string(device.substr(0, device.find(',')));
}

bool is_af_packet(std::string_view device) {
  return device.starts_with("net_af_packet") || device.starts_with("eth_af_packet");
}

std::optional<std::string> kernel_interface(std::string_view device) {
  if (!is_af_packet(device) && !device.starts_with("net_af_xdp") &&
      !device.starts_with("net_pcap")) {
    return std::nullopt;
  }
  return device_argument(device, "iface");
}

bool interface_exists(const std::string& name) {
  return if_nametoindex(name.c_str()) != 0;
}

bool interface_is_up(const std::string& name) {
  return (interface_flags(name) & IFF_UP) != 0;
}

bool interface_is_running(const std::string& name) {
  return (interface_flags(name) & IFF_RUNNING) != 0;
}

std::optional<std::vector<std::string>> harmful_offloads(const std::string& name) {
  struct Offload {
    const char* name;
    uint32_t command;
    uint32_t mask;
  };
  static constexpr std::array kOffloads = {
      Offload{"gro", ETHTOOL_GGRO, 1},   Offload{"lro", ETHTOOL_GFLAGS, ETH_FLAG_LRO},
      Offload{"tso", ETHTOOL_GTSO, 1},   Offload{"gso", ETHTOOL_GGSO, 1},
      Offload{"tx", ETHTOOL_GTXCSUM, 1},
  };
  const Socket socket;
  std::vector<std::string> on;
  bool answered = false;
  for (const Offload& offload : kOffloads) {
    const auto value = read_ethtool(socket, name, offload.command);
    if (!value) continue;
    answered = true;
    if (*value & offload.mask) on.emplace_back(offload.name);
  }
  if (!answered) return std::nullopt;
  return on;
}

std::string turn_off_command(const std::string& name, const std::vector<std::string>& offloads) {
  std::string out = "ethtool -K " + name;
  for (const std::string& offload : offloads) out += ' ' + offload + " off";
  return out;
}

}  // namespace sluice
