// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// [stage.forwarding] and the ports' addresses as workers use them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chain/stage.h"
#include "stages/forwarding/route_table.h"

namespace sluice {

// Link-local control frames, by the names that `infrastructure` knows.
enum class ControlKind : uint8_t { Arp, Nd, Lacp, Lldp, Stp, None };

// A port as forwarding sees it.
struct ForwardingPort {
  int peer = -1;        // other end of the wire; -1: routed
  uint16_t mtu = 1500;  // bytes of the IP packet
  MacAddress mac;
  uint16_t table = 0;                // routed: index into ForwardingPolicy::tables
  std::vector<IpAddress> addresses;  // routed: its own
};

class ForwardingPolicy : public StagePolicy {
 public:
  bool passes(ControlKind kind) const noexcept {
    return infrastructure & 1u << static_cast<unsigned>(kind);
  }

  std::vector<ForwardingPort> ports;  // by position in Config::ports
  std::vector<std::unique_ptr<RouteTable>> tables;
  uint8_t infrastructure = 0;  // bits by ControlKind
  bool pass_other_ethertypes = false;
  uint32_t icmp_error_rate = 0;  // a second and lane
  std::string routes_text;       // for `show stage forwarding routes`
};

// Every error is reported; null if there was any. Compiler thread.
std::unique_ptr<const StagePolicy> compile_forwarding(ConfigSection section,
                                                      CompileContext& context);

// `show stage forwarding routes`. Control thread.
std::string show_routes(const CommandContext& context);

}  // namespace sluice
