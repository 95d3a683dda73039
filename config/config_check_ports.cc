// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "config/config_check.h"

namespace sluice {
namespace {

constexpr size_t kVlans = 4096;
constexpr size_t kMaxVlanWires = 15;   // zones are 16 bits, and the first 4096 are given by hand
constexpr size_t kMaxDeviceName = 63;  // RTE_DEV_NAME_MAX_LEN less its end
constexpr size_t kMaxDevice = 1024;

constexpr const char* kDeviceForm =
    "a PCI address such as 0000:01:10.0, or a vdev such as net_af_packet0,iface=eth1";

bool is_hex(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

// DDDD:BB:DD.F or BB:DD.F in DPDK's own form (domain given, lower case), or "".
std::string pci_address(std::string_view text) {
  std::string_view domain = "0000", rest = text;
  if (std::count(text.begin(), text.end(), ':') == 2) {
    domain = text.substr(0, text.find(':'));
    rest = text.substr(domain.size() + 1);
  }
  const bool shape = domain.size() >= 4 && domain.size() <= 8 && is_hex(domain) &&
                     rest.size() == 7 && rest[2] == ':' && rest[5] == '.';
  if (!shape) return {};
  const bool slot = rest[3] == '0' || rest[3] == '1';
  if (!is_hex(rest.substr(0, 2)) || !slot || !is_hex(rest.substr(4, 1))) return {};
  if (rest[6] < '0' || rest[6] > '7') return {};
  std::string out = std::string(domain) + ':' + std::string(rest);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::string_view vdev_name(std::string_view device) {
  return device.substr(0, device.find(','));
}

// net_<driver><N>[,arguments], likewise eth_.
bool is_vdev(std::string_view text) {
  const std::string_view name = vdev_name(text);
  if (text.size() > kMaxDevice || name.size() > kMaxDeviceName) return false;
  if (!name.starts_with("net_") && !name.starts_with("eth_")) return false;
  const size_t number = name.find_last_not_of("0123456789") + 1;
  if (number == name.size() || number <= 4) return false;
  const auto word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  const auto printable = [](char c) { return c > ' ' && c != 0x7f; };
  return std::all_of(name.begin(), name.end(), word) &&
         std::all_of(text.begin(), text.end(), printable);
}

std::string string_found(const std::string& text) {
  return "string " + quoted(text);
}

void check_device(ConfigReading& r, size_t i, std::map<std::string, std::string>& seen) {
  PortConfig& port = r.config.ports[i];
  ConfigSection& s = r.ports[i];
  if (s.failed("device")) return;
  std::string identity;
  if (std::string pci = pci_address(port.device); !pci.empty()) {
    port.device = pci;
    port.is_pci = true;
    identity = pci;
  } else if (is_vdev(port.device)) {
    identity = vdev_name(port.device);
  } else {
    s.error("device", "", kDeviceForm);
    return;
  }
  const auto [it, fresh] = seen.try_emplace(identity, s.path());
  if (!fresh) {
    s.error("device", "device " + identity + ", which belongs to " + it->second,
            "a device that no other port has");
  }
}

void check_name(ConfigReading& r, size_t i, std::map<std::string, std::string>& seen) {
  const PortConfig& port = r.config.ports[i];
  ConfigSection& s = r.ports[i];
  if (s.failed("name")) return;
  if (!is_name(port.name)) {
    s.error("name", "", kNameForm);
    return;
  }
  const auto [it, fresh] = seen.try_emplace(port.name, s.path());
  if (!fresh) {
    s.error("name", string_found(port.name) + ", the name of " + it->second,
            "a name that no other port has");
  }
}

void check_chain(ConfigReading& r, size_t i) {
  const PortConfig& port = r.config.ports[i];
  if (port.chain.empty()) return;
  std::vector<std::string> names;
  for (const ChainConfig& chain : r.config.chains) names.push_back(chain.name);
  if (std::find(names.begin(), names.end(), port.chain) != names.end()) return;
  r.ports[i].error("chain", "", "a chain: " + one_of(names, port.chain));
}

// Sets peer_index if the peer exists and is another port.
void find_peer(ConfigReading& r, size_t i) {
  PortConfig& port = r.config.ports[i];
  ConfigSection& s = r.ports[i];
  const bool has_addresses = s.has("addresses");
  if (s.has("peer") && has_addresses) {
    s.error("peer", "peer beside addresses",
            "one of them: peer for a wire, addresses for a routed port");
    return;
  }
  if (!s.has("peer") && !has_addresses) {
    s.error("", "neither peer nor addresses",
            "peer = \"NAME\" for a wire, or addresses = [...] for a routed port");
    return;
  }
  if (has_addresses) {
    if (port.addresses.empty() && !s.failed("addresses")) {
      s.error("addresses", "", "at least one address with its length, such as 192.0.2.1/24");
    }
    return;
  }
  if (s.failed("peer")) return;
  std::vector<std::string> others;
  for (size_t k = 0; k < r.config.ports.size(); ++k) {
    const std::string& name = r.config.ports[k].name;
    if (k != i && name == port.peer && port.peer_index < 0) port.peer_index = static_cast<int>(k);
    if (k != i && !name.empty()) others.push_back(name);
  }
  if (port.peer_index >= 0) return;
  if (!port.peer.empty() && port.peer == port.name) {
    s.error("peer", string_found(port.peer) + ", this port itself", "another port");
  } else {
    s.error("peer", "", "another port: " + one_of(others, port.peer));
  }
}

// `other` is named as peer by port i.
void check_wire(ConfigReading& r, size_t i) {
  const PortConfig& port = r.config.ports[i];
  const auto other_index = static_cast<size_t>(port.peer_index);
  const PortConfig& other = r.config.ports[other_index];
  ConfigSection& s = r.ports[i];
  ConfigSection& other_section = r.ports[other_index];
  if (other.peer_index != static_cast<int>(i)) {
    const bool named = other.peer_index >= 0;
    s.error("peer",
            string_found(port.peer) + (named ? ", whose peer is " + quoted(other.peer) : ""),
            "a port that names this one as its peer: peer = " + quoted(port.name));
    return;
  }
  if (i < other_index) return;  // what follows is said once, at the second end
  const auto same = [&](const char* key, bool equal) {
    if (equal) return;
    ConfigSection& where = s.has(key) ? s : other_section;
    where.error(key, "", std::string("the same ") + key + " at both ends of a wire");
  };
  same("zone", port.zone == other.zone);
  same("zone_per_vlan", port.zone_per_vlan == other.zone_per_vlan);
  same("mtu", port.mtu == other.mtu);
  same("vlans", port.vlans == other.vlans);
  same("split_horizon", port.split_horizon == other.split_horizon);
}

void check_wire_keys(ConfigReading& r, size_t i) {
  ConfigSection& s = r.ports[i];
  if (!s.has("addresses") || s.has("peer")) return;
  for (const char* key : {"vlans", "link_follow", "split_horizon"}) {
    if (s.has(key)) s.error(key, "", "no such key at a routed port; wires only");
  }
}

void check_zone_keys(ConfigReading& r, size_t i) {
  const PortConfig& port = r.config.ports[i];
  ConfigSection& s = r.ports[i];
  if (!s.has("zone_per_vlan")) return;
  if (s.has("addresses") && !s.has("peer")) {
    s.error("zone_per_vlan", "", "no such key at a routed port; wires only");
  } else if (port.zone_per_vlan && s.has("zone")) {
    s.error("zone_per_vlan", "zone_per_vlan beside zone", "one of them");
  }
}

// Why no interface can have the address, or null.
const char* unusable(const InterfaceAddress& a) {
  const auto& b = a.address.bytes;
  const bool v4 = a.address.family == 4;
  if (a.length == 0) return "a length above 0";
  if (v4 ? b[0] == 0 || b[0] == 127 || b[0] >= 224
         : b[0] == 0xff ||
               std::all_of(b.begin(), b.begin() + 15, [](uint8_t x) { return x == 0; })) {
    return "a unicast address that is not the host's own";
  }
  const unsigned host_bits = (v4 ? 32u : 128u) - a.length;
  if (host_bits < 2) return nullptr;
  if (a.network().address == a.address) return "an address of the network, not the network itself";
  if (!v4) return nullptr;
  const uint32_t host = (uint32_t{b[0]} << 24 | uint32_t{b[1]} << 16 | uint32_t{b[2]} << 8 | b[3]) |
                        ~uint32_t{0} << host_bits;
  return host == ~uint32_t{0} ? "an address that is not the broadcast address" : nullptr;
}

bool is_link_local(const IpAddress& a) {
  return a.family == 6 && a.bytes[0] == 0xfe && (a.bytes[1] & 0xc0) == 0x80;
}

std::string written(const InterfaceAddress& a) {
  return to_string(a.address) + '/' + std::to_string(a.length);
}

void check_addresses(ConfigReading& r, size_t i) {
  const PortConfig& port = r.config.ports[i];
  ConfigSection& s = r.ports[i];
  for (size_t k = 0; k < port.addresses.size(); ++k) {
    const InterfaceAddress& a = port.addresses[k];
    if (const char* allowed = unusable(a)) {
      s.error_at("addresses", k, "", allowed);
      continue;
    }
    for (size_t j = 0; j <= i; ++j) {
      const PortConfig& other = r.config.ports[j];
      if (other.zone.value_or(0) != port.zone.value_or(0)) continue;
      const size_t count = j == i ? k : other.addresses.size();
      for (size_t n = 0; n < count; ++n) {
        const InterfaceAddress& b = other.addresses[n];
        // Several addresses of a port may share its network; link-local ones
        // mean a different network at each port.
        const bool clash = j == i || is_link_local(a.address)
                               ? a.address == b.address && j == i
                               : a.network().contains(b.address) || b.network().contains(a.address);
        if (!clash) continue;
        s.error_at("addresses", k,
                   written(a) + ", which overlaps " + written(b) + " of " + r.ports[j].path(),
                   "networks that do not overlap within a zone");
      }
    }
    if (a.address.family == 6 && port.mtu < 1280) {
      s.error("mtu", "", "an integer from 1280 to 9600, for the port has an IPv6 address");
    }
  }
  if (port.mac && ((port.mac->bytes[0] & 1) != 0 || port.mac == MacAddress{})) {
    s.error("mac", "", "a unicast MAC address");
  }
}

// Wires with a zone for each VLAN take 4096 numbers each, from 4096 up; other
// wires without a number of their own take the highest free ones below.
void number_zones(ConfigReading& r) {
  std::vector<PortConfig>& ports = r.config.ports;
  std::array<bool, kVlans> taken{};
  for (const PortConfig& port : ports) taken[port.zone.value_or(0)] = true;
  size_t vlan_wires = 0;
  size_t next = kVlans - 1;
  size_t first_too_many = ports.size();
  for (size_t i = 0; i < ports.size(); ++i) {
    PortConfig& port = ports[i];
    if (port.zone || port.peer.empty()) port.zone_per_vlan = false;
    if (port.peer.empty() || port.zone) {
      port.first_zone = port.zone.value_or(0);
      continue;
    }
    if (port.peer_index >= 0 && static_cast<size_t>(port.peer_index) < i) {
      port.first_zone = ports[static_cast<size_t>(port.peer_index)].first_zone;
    } else if (!port.zone_per_vlan) {
      while (next > 0 && taken[next]) --next;
      port.first_zone = static_cast<uint16_t>(next);
      taken[next] = true;
    } else if (++vlan_wires <= kMaxVlanWires) {
      port.first_zone = static_cast<uint16_t>(vlan_wires * kVlans);
    } else if (vlan_wires == kMaxVlanWires + 1) {
      first_too_many = i;
    }
  }
  if (first_too_many < ports.size()) {
    r.ports[first_too_many].error(
        "", std::to_string(vlan_wires) + " wires with a zone for each VLAN",
        "at most " + std::to_string(kMaxVlanWires) +
            "; set zone_per_vlan = false at both ends of those that can do without");
  }
}

}  // namespace

void check_ports(ConfigReading& r) {
  const size_t count = r.config.ports.size();
  if (count == 0 && !r.root.has("port")) {
    r.root.error("port", "no port", "two [[port]] at least of a wire, or one that is routed");
  } else if (count == 0) {
    r.root.error("port", "", "[[port]] tables, one a port");
  }
  if (count > kMaxPorts) {
    r.ports[kMaxPorts].error("", std::to_string(count) + " ports",
                             "at most " + std::to_string(kMaxPorts));
    // What follows compares each port with each.
    return;
  }
  std::map<std::string, std::string> names, devices;
  for (size_t i = 0; i < count; ++i) {
    check_name(r, i, names);
    check_device(r, i, devices);
    check_chain(r, i);
    check_zone_keys(r, i);
    check_wire_keys(r, i);
    find_peer(r, i);
    check_addresses(r, i);
  }
  for (size_t i = 0; i < count; ++i) {
    if (r.config.ports[i].peer_index >= 0) check_wire(r, i);
  }
  number_zones(r);
}

}  // namespace sluice
