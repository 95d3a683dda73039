// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/forwarding/forwarding_policy.h"

#include <exception>

#include "stages/forwarding/route_reader.h"

namespace sluice {

namespace {

constexpr std::pair<std::string_view, ControlKind> kKinds[] = {
    {"arp", ControlKind::Arp},   {"nd", ControlKind::Nd},   {"lacp", ControlKind::Lacp},
    {"lldp", ControlKind::Lldp}, {"stp", ControlKind::Stp},
};

uint8_t read_infrastructure(ConfigSection& section) {
  uint8_t bits = 0;
  if (!section.has("infrastructure")) {
    for (const auto& [name, kind] : kKinds) bits |= 1u << static_cast<unsigned>(kind);
    return bits;
  }
  const std::vector<std::string> words = section.strings("infrastructure");
  for (size_t i = 0; i < words.size(); ++i) {
    bool known = false;
    for (const auto& [name, kind] : kKinds) {
      if (words[i] != name) continue;
      bits |= 1u << static_cast<unsigned>(kind);
      known = true;
    }
    if (!known) section.error_at("infrastructure", i, {}, "one of: arp, nd, lacp, lldp, stp");
  }
  return bits;
}

}  // namespace

std::unique_ptr<const StagePolicy> compile_forwarding(ConfigSection section,
                                                      CompileContext& context) {
  const size_t errors_before = section.errors().all().size();
  auto policy = std::make_unique<ForwardingPolicy>();
  policy->infrastructure = read_infrastructure(section);
  policy->pass_other_ethertypes =
      section.choice<bool>("other_ethertypes", false, {{"drop", false}, {"pass", true}});
  policy->icmp_error_rate =
      static_cast<uint32_t>(section.integer("icmp_error_rate", 100, 0, 1'000'000));

  RouteReader reader(context.config);
  reader.read(section);
  section.finish();
  if (section.errors().all().size() != errors_before) return nullptr;

  try {
    for (const RouteReader::Domain& domain : reader.domains()) {
      policy->tables.push_back(std::make_unique<RouteTable>(domain.routes));
    }
  } catch (const std::exception& e) {
    section.error("", e.what(), "routes that the memory has room for");
    return nullptr;
  }
  policy->routes_text = reader.text();
  for (size_t i = 0; i < context.config.ports.size(); ++i) {
    const PortConfig& port = context.config.ports[i];
    ForwardingPort out;
    out.peer = port.peer_index;
    out.mtu = port.mtu;
    if (i < context.port_macs.size()) out.mac = context.port_macs[i];
    out.table = reader.domain_of(i);
    for (const InterfaceAddress& a : port.addresses) out.addresses.push_back(a.address);
    policy->ports.push_back(std::move(out));
  }
  return policy;
}

std::string show_routes(const CommandContext& context) {
  const auto& policy = static_cast<const ForwardingPolicy&>(context.policy);
  return policy.routes_text.empty() ? "no routed ports\n" : policy.routes_text;
}

}  // namespace sluice
