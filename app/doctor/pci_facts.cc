// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/doctor/pci_facts.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "config/net_types.h"

namespace sluice {

namespace {

using nlohmann::json;

constexpr const char* kDevices = "/sys/bus/pci/devices/";

struct KnownVf {
  uint64_t vendor, device;
  unsigned queues;  // 0: as the PF has it
};
// Queues by DPDK's drivers/net/e1000/igb_ethdev.c; neither of the two hashes for a VF.
constexpr std::array kKnownVfs = {
    KnownVf{0x8086, 0x10ca, 2},  // 82576
    KnownVf{0x8086, 0x1520, 1},  // I350
    KnownVf{0x8086, 0x10ed, 0},  // 82599
    KnownVf{0x8086, 0x1515, 0},  // X540
    KnownVf{0x8086, 0x1565, 0},  // X550
    KnownVf{0x8086, 0x15a8, 0},  // X552
    KnownVf{0x8086, 0x15c5, 0},  // X553
    KnownVf{0x8086, 0x154c, 0},  // X710, XL710
    KnownVf{0x8086, 0x37cd, 0},  // X722
    KnownVf{0x8086, 0x1889, 0},  // E810 and other adaptive VFs
    KnownVf{0x15b3, 0x1014, 0},  // ConnectX-4
    KnownVf{0x15b3, 0x1016, 0},  // ConnectX-4 Lx
    KnownVf{0x15b3, 0x1018, 0},  // ConnectX-5
    KnownVf{0x15b3, 0x101a, 0},  // ConnectX-5 Ex
    KnownVf{0x15b3, 0x101c, 0},  // ConnectX-6
    KnownVf{0x15b3, 0x101e, 0},  // ConnectX-6 Dx and later
};

const KnownVf* find_known(const PciFacts& facts) {
  for (const KnownVf& vf : kKnownVfs) {
    if (vf.vendor == facts.vendor && vf.device == facts.device) return &vf;
  }
  return nullptr;
}

// Domain and the 16 bits of bus, device and function.
struct Routing {
  uint64_t domain = 0;
  unsigned id = 0;
};
Routing routing_of(const std::string& address) {
  const size_t colon = address.find(':');
  const auto hex = [&](size_t start, size_t length) {
    return static_cast<unsigned>(parse_number("0x" + address.substr(start, length)).value_or(0));
  };
  const unsigned bus = hex(colon + 1, 2), slot = hex(colon + 4, 2), function = hex(colon + 7, 1);
  return {hex(0, colon), bus << 8 | (slot & 31) << 3 | function};
}

std::optional<bool> as_bool(const json& vf, const char* key) {
  const auto found = vf.find(key);
  if (found == vf.end()) return std::nullopt;
  if (found->is_boolean()) return found->get<bool>();
  if (found->is_string()) return found->get<std::string>() == "on";
  return std::nullopt;
}

unsigned vlan_of(const json& vf) {
  const json* from = &vf;
  if (const auto list = vf.find("vlan_list");
      list != vf.end() && list->is_array() && !list->empty() && list->front().is_object()) {
    from = &list->front();
  }
  const auto found = from->find("vlan");
  if (found == from->end() || !found->is_number_unsigned()) return 0;
  return static_cast<unsigned>(std::min<uint64_t>(found->get<uint64_t>(), 4095));
}

}  // namespace

PciFacts pci_facts(const HostTree& tree, const std::string& address) {
  PciFacts out;
  out.address = address;
  const std::string folder = kDevices + address;
  out.present = is_pci_address(address) && tree.exists(folder);
  if (!out.present) return out;
  out.is_network = tree.number(folder + "/class").value_or(0) >> 16 == 2;
  out.vendor = tree.number(folder + "/vendor").value_or(0);
  out.device = tree.number(folder + "/device").value_or(0);
  out.driver = tree.link_name(folder + "/driver");
  out.numa_node = tree.signed_number(folder + "/numa_node").value_or(-1);
  out.group = tree.link_name(folder + "/iommu_group");
  if (!parse_number(out.group)) out.group.clear();
  // A virtio device has its interface one folder further down.
  std::vector<std::string> folders = {folder + "/net"};
  for (const std::string& name : tree.list(folder)) {
    if (name.starts_with("virtio")) folders.push_back(folder + '/' + name + "/net");
  }
  for (const std::string& where : folders) {
    for (const std::string& name : tree.list(where)) {
      if (is_interface_name(name)) out.interfaces.push_back(name);
    }
  }
  out.vfs = tree.number(folder + "/sriov_numvfs").value_or(0);
  out.max_vfs = tree.number(folder + "/sriov_totalvfs").value_or(0);
  if (const std::string pf = tree.link_name(folder + "/physfn"); is_pci_address(pf)) {
    out.pf = pf;
    for (const std::string& name : tree.list(kDevices + pf)) {
      if (!name.starts_with("virtfn")) continue;
      const auto index = parse_number(std::string_view(name).substr(6));
      if (index && *index < 256 && tree.link_name(kDevices + pf + '/' + name) == address) {
        out.vf_index = static_cast<int>(*index);
      }
    }
  }
  return out;
}

bool is_known_vf(const PciFacts& facts) {
  return find_known(facts) != nullptr;
}

std::optional<QueueOffer> known_queues(const PciFacts& facts) {
  const KnownVf* vf = find_known(facts);
  if (vf == nullptr || vf->queues == 0) return std::nullopt;
  return QueueOffer{vf->queues, false};
}

std::optional<FutureVf> future_vf(const HostTree& tree, const std::string& address) {
  if (!is_pci_address(address)) return std::nullopt;
  const Routing wanted = routing_of(address);
  for (const std::string& name : tree.list(kDevices)) {
    if (!is_pci_address(name)) continue;
    const std::string folder = kDevices + name;
    const uint64_t total = tree.number(folder + "/sriov_totalvfs").value_or(0);
    const uint64_t offset = tree.number(folder + "/sriov_offset").value_or(0);
    const uint64_t stride = tree.number(folder + "/sriov_stride").value_or(0);
    const Routing pf = routing_of(name);
    if (total == 0 || offset == 0 || pf.domain != wanted.domain) continue;
    for (uint64_t i = 0; i < std::min<uint64_t>(total, 256); ++i) {
      if (pf.id + offset + i * stride == wanted.id) return FutureVf{name, static_cast<unsigned>(i)};
    }
  }
  return std::nullopt;
}

std::optional<VfView> parse_vf_view(std::string_view text, unsigned index) {
  const json all = json::parse(text, nullptr, false);
  if (!all.is_array() || all.empty() || !all.front().is_object()) return std::nullopt;
  const auto list = all.front().find("vfinfo_list");
  if (list == all.front().end() || !list->is_array()) return std::nullopt;
  for (const json& vf : *list) {
    if (!vf.is_object()) continue;
    const auto number = vf.find("vf");
    if (number == vf.end() || !number->is_number_unsigned() || number->get<uint64_t>() != index) {
      continue;
    }
    VfView out;
    // "mac" is what older versions of ip call it.
    for (const char* key : {"address", "mac"}) {
      const auto found = vf.find(key);
      if (found == vf.end() || !found->is_string()) continue;
      if (const auto mac = parse_mac_address(found->get<std::string>())) out.mac = to_string(*mac);
    }
    out.spoof_check = as_bool(vf, "spoofchk");
    out.trust = as_bool(vf, "trust");
    out.vlan = vlan_of(vf);
    for (const char* key : {"link_state", "link-state"}) {
      const auto state = vf.find(key);
      if (state != vf.end() && state->is_string()) {
        out.link_state = printable(state->get<std::string>());
      }
    }
    return out;
  }
  return std::nullopt;
}

}  // namespace sluice
