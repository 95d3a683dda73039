// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/zone_rules.h"

namespace sluice {

namespace {
constexpr uint16_t kZonesPerWire = 4096;  // one a VLAN id
constexpr uint16_t kLastPlainZone = 4095;  // wires without zones by VLAN count down from here
}  // namespace

std::vector<ZoneRule> zone_rules(const Config& config) {
  std::vector<ZoneRule> rules(config.ports.size());
  uint16_t wires = 0;
  for (size_t i = 0; i < config.ports.size(); ++i) {
    const PortConfig& port = config.ports[i];
    ZoneRule& rule = rules[i];
    if (port.peer_index < 0) {
      rule = {port.zone.value_or(0), false};
      continue;
    }
    const auto peer = static_cast<size_t>(port.peer_index);
    if (peer < i) {  // the wire's other end was numbered already
      rule = rules[peer];
      continue;
    }
    if (port.zone) {
      rule = {*port.zone, false};
    } else if (port.zone_per_vlan) {
      rule = {static_cast<uint16_t>((wires + 1) * kZonesPerWire), true};
    } else {
      rule = {static_cast<uint16_t>(kLastPlainZone - wires), false};
    }
    ++wires;
  }
  return rules;
}

}  // namespace sluice
