// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/forwarding/route_reader.h"

#include <algorithm>
#include <tuple>

#include "config/errors.h"

namespace sluice {

namespace {

using Kind = RouteTarget::Kind;

uint8_t width(uint8_t family) {
  return family == 4 ? 32 : 128;
}
IpPrefix host(const IpAddress& a) {
  return {a, width(a.family)};
}

bool is_link_local(const IpAddress& a) {
  return a.family == 6 && a.bytes[0] == 0xfe && (a.bytes[1] & 0xc0) == 0x80;
}

// An address that a single station may have.
bool is_unicast(const IpAddress& a) {
  if (a.family == 4) return a.bytes[0] != 0 && a.bytes[0] != 127 && a.bytes[0] < 224;
  const bool unspecified_or_loopback =
      std::all_of(a.bytes.begin(), a.bytes.end() - 1, [](uint8_t b) { return b == 0; }) &&
      a.bytes[15] <= 1;
  return a.bytes[0] != 0xff && !unspecified_or_loopback;
}

bool is_unicast(const MacAddress& mac) {
  return (mac.bytes[0] & 1) == 0 && mac != MacAddress{};
}

IpAddress broadcast_of(const IpPrefix& network) {
  IpAddress a = network.address;
  for (unsigned bit = network.length; bit < 32; ++bit) {
    a.bytes[bit / 8] |= static_cast<uint8_t>(0x80u >> bit % 8);
  }
  return a;
}

std::string quoted(const std::string& text) {
  return '"' + text + '"';
}

}  // namespace

bool RouteReader::PrefixOrder::operator()(const IpPrefix& a, const IpPrefix& b) const {
  return std::tie(a.address.family, a.address.bytes, a.length) <
         std::tie(b.address.family, b.address.bytes, b.length);
}

RouteReader::RouteReader(const Config& config) : config_(config) {
  domain_of_.assign(config.ports.size(), 0);
  for (size_t i = 0; i < config.ports.size(); ++i) {
    if (config.ports[i].addresses.empty()) continue;
    const uint16_t zone = config.ports[i].zone.value_or(0);
    const auto it = std::find_if(domains_.begin(), domains_.end(),
                                 [&](const Domain& d) { return d.zone == zone; });
    domain_of_[i] = static_cast<uint16_t>(it - domains_.begin());
    if (it == domains_.end()) {
      domains_.push_back({zone, {}});
      known_.emplace_back();
    }
    add_connected(i);
  }
}

// Clashes between ports are the common sections' business: the first wins here.
void RouteReader::add_connected(size_t port) {
  const PortConfig& p = config_.ports[port];
  DomainRoutes& known = known_[domain_of_[port]];
  const auto number = static_cast<uint16_t>(port);
  for (const InterfaceAddress& a : p.addresses) {
    // Link-local addresses mean something else on every port; the stage looks
    // for its own in the port itself.
    if (is_link_local(a.address)) continue;
    const IpPrefix network = a.network();
    known.insert_or_assign(host(a.address),
                           Known{{Kind::Self, number, {}}, "self, port " + p.name});
    known.try_emplace(network, Known{{Kind::Connected, number, {}}, "connected, port " + p.name});
    if (network.address.family == 4 && network.length < 31) {
      const Known edge{{Kind::Broadcast, number, {}}, ""};
      known.try_emplace(host(network.address), edge);
      known.try_emplace(host(broadcast_of(network)), edge);
    }
  }
}

void RouteReader::read(ConfigSection& section) {
  for (ConfigSection& s : section.tables("neighbour")) read_neighbour(s);
  for (ConfigSection& s : section.tables("route")) read_route(s);
  for (size_t d = 0; d < domains_.size(); ++d) {
    for (const auto& [prefix, known] : known_[d]) {
      domains_[d].routes.push_back({prefix, known.target});
    }
  }
}

bool RouteReader::is_connected(size_t port, const IpAddress& address) const {
  const auto& addresses = config_.ports[port].addresses;
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const InterfaceAddress& a) { return a.network().contains(address); });
}

std::optional<uint16_t> RouteReader::port_for(ConfigSection& section, std::string_view address_key,
                                              const std::optional<IpAddress>& address) {
  const auto name = section.string("port");
  std::vector<std::string> routed;
  std::vector<uint16_t> matching;
  std::optional<uint16_t> named;
  for (size_t i = 0; i < config_.ports.size(); ++i) {
    const PortConfig& port = config_.ports[i];
    if (port.addresses.empty()) continue;
    const auto number = static_cast<uint16_t>(i);
    routed.push_back(port.name);
    if (name && port.name == *name) named = number;
    if (address && is_connected(i, *address)) matching.push_back(number);
  }
  if (section.has("port")) {
    if (!name) return {};
    if (!named) {
      std::string allowed = "a routed port: ";
      for (const std::string& r : routed) allowed += (&r == &routed[0] ? "" : ", ") + r;
      if (routed.empty()) allowed = "a port with addresses; there is none";
      if (const auto near = nearest(*name, routed); !near.empty()) {
        allowed += "; did you mean " + quoted(std::string(near)) + "?";
      }
      section.error("port", {}, allowed);
      return {};
    }
    if (address && std::find(matching.begin(), matching.end(), *named) == matching.end()) {
      section.error(address_key, {}, "an address in a network of port " + quoted(*name));
      return {};
    }
    return named;
  }
  if (!address) return {};
  if (matching.size() == 1) return matching[0];
  section.error(address_key, {},
                matching.empty() ? "an address in a network of a routed port"
                                 : "with port = ..., for several ports have that network");
  return {};
}

void RouteReader::add(ConfigSection& section, std::string_view key, uint16_t port,
                      const IpPrefix& prefix, const RouteTarget& target, std::string text) {
  DomainRoutes& known = known_[domain_of_[port]];
  const auto [it, fresh] = known.try_emplace(prefix, Known{target, std::move(text)});
  if (fresh) return;
  const char* what = "has a route already";
  if (it->second.target.kind == Kind::Self) what = "is an address of this appliance";
  if (it->second.target.kind == Kind::Broadcast) what = "is the broadcast address of its network";
  if (it->second.target.kind == Kind::Connected) what = "is a connected network";
  section.error(key, to_string(prefix) + ", which " + what, "a prefix without a route");
}

void RouteReader::read_neighbour(ConfigSection& section) {
  const auto address = section.ip_address("address");
  if (!section.has("address")) section.error("", "no address", "address = \"192.0.2.7\"");
  const auto mac = section.mac_address("mac");
  if (!section.has("mac")) section.error("", "no mac", "mac = \"02:00:00:00:00:07\"");
  const bool usable = !address || is_unicast(*address);
  if (!usable) section.error("address", {}, "a unicast address");
  if (mac && !is_unicast(*mac)) section.error("mac", {}, "a unicast MAC address");
  const auto port = port_for(section, "address", usable ? address : std::nullopt);
  section.finish();
  if (!address || !mac || !port || !usable || !is_unicast(*mac)) return;

  const auto [it, fresh] = neighbours_.try_emplace({*port, address->bytes}, *mac);
  if (!fresh) {
    section.error("address", {}, "an address that has no neighbour entry yet");
  } else if (!is_link_local(*address)) {
    add(section, "address", *port, host(*address), {Kind::NextHop, *port, *mac},
        "neighbour " + to_string(*mac) + ", port " + config_.ports[*port].name);
  }
}

void RouteReader::read_route(ConfigSection& section) {
  const auto prefix = section.prefix("prefix");
  if (!section.has("prefix")) section.error("", "no prefix", "prefix = \"198.51.100.0/24\"");
  const auto via = section.ip_address("via");
  if (!section.has("via")) section.error("", "no via", "via = the next hop's address");
  const auto port = port_for(section, "via", via);
  section.finish();
  if (!prefix || !via || !port) return;

  if (prefix->address.family != via->family) {
    section.error("via", {}, "an address of the same family as prefix");
    return;
  }
  const auto neighbour = neighbours_.find({*port, via->bytes});
  if (neighbour == neighbours_.end()) {
    section.error("via", to_string(*via) + ", of which no neighbour entry tells the MAC address",
                  "an address with [[stage.forwarding.neighbour]] on port " +
                      quoted(config_.ports[*port].name));
    return;
  }
  add(section, "prefix", *port, *prefix, {Kind::NextHop, *port, neighbour->second},
      "via " + to_string(*via) + ", port " + config_.ports[*port].name);
}

std::string RouteReader::text() const {
  std::string out;
  for (size_t d = 0; d < domains_.size(); ++d) {
    out += "zone " + std::to_string(domains_[d].zone) + "\n";
    for (const auto& [prefix, known] : known_[d]) {
      if (!known.text.empty()) out += "  " + to_string(prefix) + "  " + known.text + "\n";
    }
  }
  return out;
}

}  // namespace sluice
