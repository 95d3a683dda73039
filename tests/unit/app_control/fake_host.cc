// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "fake_host.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "app/host.h"
#include "app/preflight.h"

namespace sluice {

namespace fs = std::filesystem;

namespace {

const char* const kFlags =
    "vendor_id\t: GenuineIntel\nflags\t\t: fpu avx avx2 bmi1 bmi2 f16c fma movbe xsave abm aes "
    "pclmulqdq\n";

std::string new_folder() {
  std::string name = fs::temp_directory_path().string() + "/sluice-fake-host-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  return name;
}

std::string devices(const std::string& address) {
  return "/sys/bus/pci/devices/" + address;
}

}  // namespace

FakeHost::FakeHost() : root_(new_folder()) {
  state.tree = HostTree(root_);
  state.dpdk_folders = {"/var/run/dpdk", "/run/sluice/dpdk"};
  state.offloads = [](const std::string&) { return std::vector<std::string>{}; };
  state.ask = [this](const std::vector<std::string>& argv) -> std::optional<std::string> {
    std::string line;
    for (const std::string& word : argv) line += (line.empty() ? "" : " ") + word;
    const auto answer = answers.find(line);
    if (answer == answers.end()) return std::nullopt;
    return answer->second;
  };
  route("-4", "");
  file("/proc/cpuinfo", kFlags);
  for (unsigned i = 0; i < 4; ++i) cpu(i, 0);
  file("/sys/devices/system/cpu/isolated", "1-3\n");
  file("/proc/meminfo", "MemTotal: 33554432 kB\nMemAvailable: 16777216 kB\n");
  file("/proc/mounts", "proc /proc proc rw 0 0\nhugetlbfs /dev/hugepages hugetlbfs rw 0 0\n");
  file("/proc/net/route", "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n");
  file("/proc/sys/kernel/osrelease", "6.1.0-test\n");
  huge_pages(0, 2048, 2048);
  capabilities("000001ffffffffff");
  folder("/sys/bus/pci/drivers/vfio-pci");
  folder("/sys/kernel/iommu_groups/0/devices");
}

FakeHost::~FakeHost() {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

void FakeHost::file(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(root_ + path).parent_path());
  std::ofstream(root_ + path, std::ios::binary) << text;
}

void FakeHost::link(const std::string& path, const std::string& target) {
  fs::create_directories(fs::path(root_ + path).parent_path());
  fs::remove(root_ + path);
  fs::create_symlink(target, root_ + path);
}

void FakeHost::folder(const std::string& path) {
  fs::create_directories(root_ + path);
}

void FakeHost::remove(const std::string& path) {
  fs::remove_all(root_ + path);
}

void FakeHost::cpu(unsigned number, int node) {
  const std::string path = "/sys/devices/system/cpu/cpu" + std::to_string(number);
  folder(path);
  for (const std::string& name : state.tree.list(path)) {
    if (name.starts_with("node")) remove(path + '/' + name);
  }
  folder(path + "/node" + std::to_string(node));
  if (state.cpus.empty() || number > state.cpus.back()) state.cpus.push_back(number);
}

void FakeHost::huge_pages(int node, uint64_t total, uint64_t free, uint64_t size_kb) {
  const std::string name = "/hugepages-" + std::to_string(size_kb) + "kB/";
  for (const std::string& where :
       {"/sys/devices/system/node/node" + std::to_string(node) + "/hugepages",
        std::string("/sys/kernel/mm/hugepages")}) {
    file(where + name + "nr_hugepages", std::to_string(total) + '\n');
    file(where + name + "free_hugepages", std::to_string(free) + '\n');
  }
}

void FakeHost::capabilities(const std::string& hex) {
  file("/proc/self/status", "Name:\tsluice\nCapEff:\t" + hex + "\n");
}

void FakeHost::interface(const std::string& name, const std::string& flags, unsigned mtu) {
  const std::string path = "/sys/class/net/" + name + '/';
  file(path + "flags", flags + '\n');
  file(path + "mtu", std::to_string(mtu) + '\n');
  file(path + "carrier", "1\n");
  file(path + "speed", "10000\n");
  file(path + "address", "00:1b:21:aa:bb:0" + name.substr(name.size() - 1) + '\n');
}

void FakeHost::device(const std::string& address, const std::string& id, const std::string& driver,
                      int node) {
  const std::string path = devices(address);
  file(path + "/class", "0x020000\n");
  file(path + "/vendor", "0x" + id.substr(0, 4) + '\n');
  file(path + "/device", "0x" + id.substr(5) + '\n');
  file(path + "/numa_node", std::to_string(node) + '\n');
  if (!driver.empty()) link(path + "/driver", "../../../../bus/pci/drivers/" + driver);
}

void FakeHost::pf(const std::string& address, const std::string& driver, const std::string& name,
                  unsigned vfs, unsigned offset, unsigned stride) {
  device(address, "8086:10c9", driver);
  const std::string path = devices(address);
  file(path + "/sriov_totalvfs", "7\n");
  file(path + "/sriov_numvfs", std::to_string(vfs) + '\n');
  file(path + "/sriov_offset", std::to_string(offset) + '\n');
  file(path + "/sriov_stride", std::to_string(stride) + '\n');
  file(path + "/sriov_drivers_autoprobe", "1\n");
  folder(path + "/net/" + name);
  interface(name, "0x1003");
}

void FakeHost::vf(const std::string& pf, unsigned index, const std::string& address,
                  const std::string& id, const std::string& driver, int node) {
  device(address, id, driver, node);
  link(devices(address) + "/physfn", "../" + pf);
  link(devices(pf) + "/virtfn" + std::to_string(index), "../" + address);
  const std::string group = std::to_string(20 + state.tree.list("/sys/kernel/iommu_groups").size());
  link(devices(address) + "/iommu_group", "../../../kernel/iommu_groups/" + group);
  folder("/sys/kernel/iommu_groups/" + group + "/devices/" + address);
  file("/dev/vfio/" + group, "");
}

void FakeHost::route(const std::string& family, const std::string& json) {
  if (family == "-6") file("/proc/net/ipv6_route", "");
  for (const std::string prefix : {"0.0.0.0/1", "128.0.0.0/1", "2000::/3"}) {
    answers["ip -j " + family + " route show table all match " + prefix] = "[" + json + "]";
  }
}

void FakeHost::vf_views(const std::string& pf_interface, const std::string& vfinfo_list) {
  answers["ip -j link show dev " + pf_interface] =
      "[{\"ifname\":\"" + pf_interface + "\",\"vfinfo_list\":[" + vfinfo_list + "]}]\n";
}

std::string vf_view(unsigned index, const std::string& mac, bool spoof_check, bool trust,
                    unsigned vlan) {
  const auto word = [](bool value) { return value ? "true" : "false"; };
  return "{\"vf\":" + std::to_string(index) + ",\"link_type\":\"ether\",\"address\":\"" + mac +
         "\"," + (vlan != 0 ? "\"vlan_list\":[{\"vlan\":" + std::to_string(vlan) + "}]," : "") +
         "\"spoofchk\":" + word(spoof_check) + ",\"link_state\":\"auto\",\"trust\":" + word(trust) +
         "}";
}

void add_wire(FakeHost& host, const std::string& pf_driver, const std::string& vf_id) {
  const std::string driver = is_bifurcated_driver(pf_driver) ? pf_driver : "vfio-pci";
  for (const std::string n : {"0", "1"}) {
    const std::string bus = n == "0" ? "0000:01:" : "0000:02:";
    host.pf(bus + "00.0", pf_driver, "pf" + n, 1, 128);
    host.vf(bus + "00.0", 0, bus + "10.0", vf_id, driver);
    host.vf_views("pf" + n, vf_view(0, "02:00:00:00:00:0" + n, false, true));
    host.answers["ethtool --show-priv-flags pf" + n] = "vf-true-promisc-support : on\n";
  }
}

Config wire_config(const std::string& lan, const std::string& wan,
                   const std::vector<unsigned>& lcores) {
  Config config;
  config.ports.resize(2);
  config.ports[0].name = "lan";
  config.ports[0].device = lan;
  config.ports[0].peer = "wan";
  config.ports[0].peer_index = 1;
  config.ports[1].name = "wan";
  config.ports[1].device = wan;
  config.ports[1].peer = "lan";
  config.ports[1].peer_index = 0;
  for (PortConfig& port : config.ports) port.is_pci = is_pci_address(port.device);
  for (const unsigned lcore : lcores) {
    config.lanes.push_back({.workers = {{.lcore = lcore, .stages = {}}}});
  }
  return config;
}

std::vector<Probe> examine(const Config& config, const HostState& host) {
  return preflight(config, LiveEalOptions{}, host);
}

Probe probe_named(const std::vector<Probe>& probes, const std::string& name) {
  for (const Probe& probe : probes) {
    if (probe.name == name) return probe;
  }
  return {};
}

}  // namespace sluice
