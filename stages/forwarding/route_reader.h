// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// [[stage.forwarding.route]] and [[stage.forwarding.neighbour]], checked against
// the ports' addresses. Compiler thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "stages/forwarding/route_table.h"

namespace sluice {

class RouteReader {
 public:
  // A routing domain: the routed ports of one zone.
  struct Domain {
    uint16_t zone = 0;
    std::vector<RouteTable::Route> routes;
  };

  explicit RouteReader(const Config& config);

  // Reports every error through the section; does not finish() it.
  void read(ConfigSection& section);

  const std::vector<Domain>& domains() const noexcept { return domains_; }
  uint16_t domain_of(size_t port) const noexcept { return domain_of_[port]; }
  std::string text() const;  // one line a route and neighbour, for people

 private:
  struct PrefixOrder {
    bool operator()(const IpPrefix& a, const IpPrefix& b) const;
  };
  struct Known {
    RouteTarget target;
    std::string text;
  };
  using DomainRoutes = std::map<IpPrefix, Known, PrefixOrder>;

  void add_connected(size_t port);
  void read_neighbour(ConfigSection& section);
  void read_route(ConfigSection& section);
  // The routed port that `key` names or, without a name, the one in whose
  // network `address` lies. Reports what is wrong.
  std::optional<uint16_t> port_for(ConfigSection& section, std::string_view address_key,
                                   const std::optional<IpAddress>& address);
  bool is_connected(size_t port, const IpAddress& address) const;
  void add(ConfigSection& section, std::string_view key, uint16_t port, const IpPrefix& prefix,
           const RouteTarget& target, std::string text);

  const Config& config_;
  std::vector<Domain> domains_;
  std::vector<DomainRoutes> known_;  // by domain
  std::vector<uint16_t> domain_of_;  // by port; 0 for wires
  // Neighbours of link-local addresses are a port's, not a domain's.
  std::map<std::pair<uint16_t, std::array<uint8_t, 16>>, MacAddress> neighbours_;
};

}  // namespace sluice
