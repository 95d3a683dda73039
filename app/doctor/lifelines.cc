// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/doctor/lifelines.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace sluice {

namespace {

using nlohmann::json;

constexpr unsigned kMaxDepth = 8;         // VLAN on bond on ... on a port
constexpr size_t kMaxRoutes = 64u << 20;  // bytes: a full table of the Internet is 30 of them
constexpr size_t kMaxConnections = 64u << 20;
constexpr unsigned kReject = 0x200;  // RTF_REJECT: a route that leads nowhere

bool all_zero(std::string_view digits) {
  return digits.find_first_not_of('0') == std::string_view::npos;
}

std::string text_of(const json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Every interface that is up gives itself one.
bool is_link_local(std::string_view address) {
  return address.starts_with("fe80:") || address.starts_with("169.254.");
}

// As /proc/net/tcp writes it: words of 32 bits in the machine's order.
std::string socket_address(std::string_view hex) {
  std::array<uint32_t, 4> words{};
  if (hex.size() != 8 && hex.size() != 32) return {};
  for (size_t i = 0; i < hex.size() / 8; ++i) {
    const auto word = parse_number("0x" + std::string(hex.substr(8 * i, 8)));
    if (!word) return {};
    words[i] = static_cast<uint32_t>(*word);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = hex.size() == 8 ? AF_INET : AF_INET6;
  return inet_ntop(family, words.data(), text.data(), text.size()) ? text.data() : std::string();
}

std::string plain_address(std::string_view text) {
  text = text.substr(0, text.find('%'));
  if (text.starts_with("::ffff:") && text.find('.') != text.npos) text.remove_prefix(7);
  return std::string(text);
}

}  // namespace

Lifelines::Lifelines(const HostState& host) : host_(host) {
  default_routes();
  routes_of_all_tables();
  session();
}

// And what lies beneath: the ports of a bond or bridge, the device of a VLAN.
void Lifelines::add(const std::string& interface, const std::string& reason, unsigned depth) {
  if (!is_interface_name(interface) || depth > kMaxDepth) return;
  if (!reasons_.emplace(interface, reason).second) return;
  for (const std::string& name : host_.tree.list("/sys/class/net/" + interface)) {
    if (name.starts_with("lower_")) {
      add(name.substr(6), reason + " (by " + interface + ")", depth + 1);
    }
  }
}

void Lifelines::default_routes() {
  const auto v4 = host_.tree.text("/proc/net/route", kMaxRoutes);
  if (!v4) doubt_ = "the kernel's routes cannot be read";
  for (const std::string_view line : split_lines(v4 ? *v4 : std::string_view())) {
    // Iface Destination Gateway Flags RefCnt Use Metric Mask ...
    const auto words = split_words(line);
    if (words.size() < 8 || words[0] == "Iface") continue;
    const uint64_t flags = parse_number("0x" + std::string(words[3])).value_or(0);
    if (all_zero(words[1]) && all_zero(words[7]) && (flags & kReject) == 0) {
      add(std::string(words[0]), "carries the default route");
    }
  }
  const auto v6 = host_.tree.text("/proc/net/ipv6_route", kMaxRoutes);
  if (!v6 && host_.tree.exists("/proc/net/ipv6_route")) {
    doubt_ = "the kernel's IPv6 routes cannot be read";
  }
  for (const std::string_view line : split_lines(v6 ? *v6 : std::string_view())) {
    // destination length source length gateway metric count use flags interface
    const auto words = split_words(line);
    if (words.size() < 10 || !all_zero(words[0]) || !all_zero(words[1])) continue;
    const uint64_t flags = parse_number("0x" + std::string(words[8])).value_or(0);
    if ((flags & kReject) == 0 && words[9] != "lo") {
      add(std::string(words[9]), "carries the IPv6 default route");
    }
  }
}

// The files of /proc show one next hop of each route of the main table. Half of all
// addresses, or all that IPv6 has given out, is a default route by another name.
void Lifelines::routes_of_all_tables() {
  for (const auto& [family, prefix] :
       {std::pair{"-4", "0.0.0.0/1"}, {"-4", "128.0.0.0/1"}, {"-6", "2000::/3"}}) {
    if (family == std::string_view("-6") && !host_.tree.exists("/proc/net/ipv6_route")) continue;
    const auto answer =
        host_.ask({"ip", "-j", family, "route", "show", "table", "all", "match", prefix});
    const json all =
        answer ? json::parse(answer->empty() ? "[]" : *answer, nullptr, false) : json();
    if (!all.is_array()) {
      doubt_ = "`ip route show table all` does not tell the routes";
      return;
    }
    for (const json& route : all) {
      if (!route.is_object()) continue;
      std::vector<std::string> interfaces = {text_of(route, "dev")};
      if (const auto hops = route.find("nexthops"); hops != route.end() && hops->is_array()) {
        for (const json& hop : *hops) interfaces.push_back(text_of(hop, "dev"));
      }
      for (const std::string& interface : interfaces) {
        if (interface != "lo") add(interface, "carries the default route");
      }
    }
  }
}

void Lifelines::session() {
  // Client's address, its port, ours, our port.
  const auto words = split_words(host_.ssh_connection);
  constexpr uint64_t kSsh = 22;
  sessions_of_others(words.size() > 3 ? parse_number(words[3]).value_or(kSsh) : kSsh);
  if (words.empty()) return;
  const std::string own = words.size() > 2 ? plain_address(words[2]) : std::string();
  bool found = false;
  for (const auto& [interface, address] : host_.addresses) {
    if (address != own) continue;
    add(interface, "carries this session (SSH from " + plain_address(words[0]) + ")");
    found = true;
  }
  if (!found) doubt_ = "no interface has the address of this SSH session";
}

// A terminal multiplexer keeps the variable of the login that it was started by, while
// today's came by another interface.
void Lifelines::sessions_of_others(uint64_t port) {
  constexpr std::string_view kEstablished = "01";
  for (const char* file : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    const auto table = host_.tree.text(file, kMaxConnections);
    for (const std::string_view line : split_lines(table ? *table : std::string_view())) {
      // number local remote state ...
      const auto words = split_words(line);
      if (words.size() < 4 || words[3] != kEstablished) continue;
      const size_t colon = words[1].find(':');
      if (colon == words[1].npos) continue;
      const auto here = parse_number("0x" + std::string(words[1].substr(colon + 1)));
      if (here != port) continue;
      const std::string own = plain_address(socket_address(words[1].substr(0, colon)));
      for (const auto& [interface, address] : host_.addresses) {
        if (address == own) add(interface, "carries an SSH session");
      }
    }
  }
}

std::string Lifelines::why(const std::string& interface) const {
  const auto found = reasons_.find(interface);
  if (found != reasons_.end()) return interface + ' ' + found->second;
  return doubt_;
}

std::string Lifelines::why(const HostTree& tree, const std::string& pci_address) const {
  const std::string folder = "/sys/bus/pci/devices/" + pci_address;
  std::vector<std::string> interfaces = pci_facts(tree, pci_address).interfaces;
  for (const std::string& name : tree.list(folder)) {
    if (!name.starts_with("virtfn")) continue;
    const PciFacts vf = pci_facts(tree, tree.link_name(folder + '/' + name));
    interfaces.insert(interfaces.end(), vf.interfaces.begin(), vf.interfaces.end());
  }
  for (const std::string& interface : interfaces) {
    if (std::string reason = why(interface); !reason.empty()) return reason;
  }
  return {};
}

std::string Lifelines::uses(const HostTree& tree, const std::string& pci_address) const {
  for (const std::string& interface : pci_facts(tree, pci_address).interfaces) {
    for (const auto& [name, address] : host_.addresses) {
      if (name == interface && !is_link_local(address)) {
        return interface + " has the address " + address;
      }
    }
    for (const std::string& name : tree.list("/sys/class/net/" + interface)) {
      if (name == "master" || name.starts_with("upper_")) {
        return interface + " belongs to another interface (" +
               (name == "master" ? tree.link_name("/sys/class/net/" + interface + "/master")
                                 : name.substr(6)) +
               ")";
      }
    }
  }
  return {};
}

}  // namespace sluice
