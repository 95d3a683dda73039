// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/host.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace sluice {

namespace {

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

std::optional<unsigned> interface_flags(const std::string& name) {
  const Socket socket;
  ifreq request{};
  if (!set_name(request, name) || ioctl(socket.fd(), SIOCGIFFLAGS, &request) != 0) {
    return std::nullopt;
  }
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

namespace {

// Pages in files that DPDK's EAL will remove at its start: of its kind, and locked by
// nobody (eal_hugepage_info.c, clear_hugedir).
uint64_t stale_bytes(const HostTree& tree, const std::string& folder) {
  uint64_t sum = 0;
  for (const std::string& name : tree.list(folder)) {
    if (name.find("map_") == name.npos) continue;
    const int fd =
        open(tree.at(folder + '/' + name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) continue;
    struct stat status {};
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0) {
      sum += static_cast<uint64_t>(status.st_blocks) * 512;
    }
    close(fd);
  }
  return sum;
}

}  // namespace

HugePages huge_pages(const HostTree& tree) {
  HugePages out;
  const std::string folder = "/sys/kernel/mm/hugepages/";
  for (const std::string& name : tree.list(folder)) {  // hugepages-2048kB
    const size_t dash = name.find('-');
    if (dash == std::string::npos) continue;
    uint64_t size_kb = 0;
    std::from_chars(name.data() + dash + 1, name.data() + name.size(), size_kb);
    out.total_bytes += tree.number(folder + name + "/nr_hugepages").value_or(0) * size_kb * 1024;
    out.free_bytes += tree.number(folder + name + "/free_hugepages").value_or(0) * size_kb * 1024;
  }
  const auto mounts = huge_mounts(tree);
  if (!mounts.empty()) out.mount = mounts.front().folder;
  for (const HugeMount& mount : mounts) out.stale_bytes += stale_bytes(tree, mount.folder);
  out.free_bytes += out.stale_bytes;
  return out;
}

namespace {

uint64_t default_huge_page_kb(const HostTree& tree) {
  const std::string meminfo = tree.text("/proc/meminfo").value_or("");
  for (const std::string_view line : split_lines(meminfo)) {
    const auto words = split_words(line);
    if (words.size() > 1 && words[0] == "Hugepagesize:") return parse_number(words[1]).value_or(0);
  }
  return 2048;
}

// "2M", "1024M", "1G"; 0: none of these.
uint64_t page_size_kb(std::string_view text) {
  if (text.empty()) return 0;
  const auto number = parse_number(text.substr(0, text.size() - 1));
  if (!number || *number > 1 << 20) return 0;
  switch (text.back()) {
    case 'K':
      return *number;
    case 'M':
      return *number << 10;
    case 'G':
      return *number << 20;
    default:
      return 0;
  }
}

}  // namespace

std::vector<HugeMount> huge_mounts(const HostTree& tree) {
  std::vector<HugeMount> out;
  constexpr std::string_view kSize = "pagesize=";
  const std::string mounts = tree.text("/proc/mounts", 1 << 22).value_or("");
  for (const std::string_view line : split_lines(mounts)) {
    const auto words = split_words(line);  // device, folder, type, options
    if (words.size() < 3 || words[2] != "hugetlbfs") continue;
    HugeMount mount{.folder = std::string(words[1]), .page_kb = default_huge_page_kb(tree)};
    const std::string_view options = words.size() > 3 ? words[3] : std::string_view();
    if (const size_t at = options.find(kSize); at != options.npos) {
      const std::string_view size = options.substr(at + kSize.size());
      mount.page_kb = page_size_kb(size.substr(0, size.find(',')));
    }
    out.push_back(std::move(mount));
  }
  return out;
}

uint64_t available_memory_bytes(const HostTree& tree) {
  const std::string meminfo = tree.text("/proc/meminfo").value_or("");
  for (const std::string_view line : split_lines(meminfo)) {
    const auto words = split_words(line);
    if (words.size() > 1 && words[0] == "MemAvailable:") {
      return parse_number(words[1]).value_or(0) * 1024;
    }
  }
  return 0;
}

PciDevice pci_device(const std::string& address, const HostTree& tree) {
  PciDevice out;
  const std::string folder = "/sys/bus/pci/devices/" + address;
  out.present = is_pci_address(address) && tree.exists(folder);
  if (!out.present) return out;
  out.driver = tree.link_name(folder + "/driver");
  out.numa_node = tree.signed_number(folder + "/numa_node").value_or(-1);
  return out;
}

bool is_bifurcated_driver(std::string_view driver) {
  return driver == "mlx5_core" || driver == "mlx4_core" || driver == "mana";
}

bool is_user_space_driver(std::string_view driver) {
  return driver == "vfio-pci" || driver == "igb_uio" || driver == "uio_pci_generic";
}

int cpu_numa_node(unsigned cpu, const HostTree& tree) {
  for (const std::string& name : tree.list("/sys/devices/system/cpu/cpu" + std::to_string(cpu))) {
    if (!name.starts_with("node")) continue;
    if (const auto node = parse_number(std::string_view(name).substr(4)); node && *node < 1024) {
      return static_cast<int>(*node);
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

std::optional<bool> interface_is_up(const std::string& name) {
  const auto flags = interface_flags(name);
  if (!flags) return std::nullopt;
  return (*flags & IFF_UP) != 0;
}

bool interface_is_running(const std::string& name) {
  return (interface_flags(name).value_or(0) & IFF_RUNNING) != 0;
}

int set_interface_up(const std::string& name, bool up) {
  const Socket socket;
  ifreq request{};
  if (!set_name(request, name)) return -EINVAL;
  if (ioctl(socket.fd(), SIOCGIFFLAGS, &request) != 0) return -errno;
  const auto flags = static_cast<unsigned short>(request.ifr_flags);
  request.ifr_flags = static_cast<short>(up ? flags | IFF_UP : flags & ~IFF_UP);
  return ioctl(socket.fd(), SIOCSIFFLAGS, &request) == 0 ? 0 : -errno;
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
