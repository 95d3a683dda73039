// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/firewall/tuple.h"

#include <rte_byteorder.h>

#include <algorithm>
#include <cstring>

namespace sluice::firewall {

namespace {

bool starts_with(const uint8_t* address, const IpPrefix& prefix) noexcept {
  const unsigned whole = prefix.length / 8;
  if (std::memcmp(address, prefix.address.bytes.data(), whole) != 0) return false;
  const unsigned rest = prefix.length % 8;
  if (rest == 0) return true;
  return ((address[whole] ^ prefix.address.bytes[whole]) >> (8 - rest)) == 0;
}

bool contains(const IpPrefix& outer, const IpPrefix& inner) noexcept {
  return outer.length <= inner.length && starts_with(inner.address.bytes.data(), outer);
}

bool overlap(const IpPrefix& a, const IpPrefix& b) noexcept {
  return contains(a, b) || contains(b, a);
}
bool overlap(PortRange a, PortRange b) noexcept {
  return a.first <= b.last && b.first <= a.last;
}
bool overlap(uint8_t a, uint8_t b) noexcept {
  return a == b;
}

template <typename T>
bool overlap(const std::vector<T>& a, const std::vector<T>& b) noexcept {
  if (a.empty() || b.empty()) return true;
  for (const T& x : a) {
    for (const T& y : b) {
      if (overlap(x, y)) return true;
    }
  }
  return false;
}

bool contains(const std::vector<IpPrefix>& set, const uint8_t* address) noexcept {
  return set.empty() || std::any_of(set.begin(), set.end(), [&](const IpPrefix& prefix) {
           return starts_with(address, prefix);
         });
}

bool contains(const std::vector<PortRange>& set, uint16_t port_be) noexcept {
  const uint16_t port = rte_be_to_cpu_16(port_be);
  return set.empty() || std::any_of(set.begin(), set.end(), [&](PortRange range) {
           return range.first <= port && port <= range.last;
         });
}

template <typename T>
size_t at_least_one(const std::vector<T>& list) noexcept {
  return list.empty() ? 1 : list.size();
}

}  // namespace

size_t Tuple::entries() const noexcept {
  return at_least_one(from) * at_least_one(to) * at_least_one(protocols) * at_least_one(ports) *
         at_least_one(from_ports);
}

void Tuple::expand(AclEntry entry, const std::function<void(const AclEntry&)>& add) const {
  for (size_t f = 0; f < at_least_one(from); ++f) {
    entry.from = from.empty() ? nullptr : &from[f];
    for (size_t t = 0; t < at_least_one(to); ++t) {
      entry.to = to.empty() ? nullptr : &to[t];
      for (size_t p = 0; p < at_least_one(protocols); ++p) {
        entry.proto = protocols.empty() ? -1 : protocols[p];
        for (size_t i = 0; i < at_least_one(from_ports); ++i) {
          entry.from_port = from_ports.empty() ? PortRange{} : from_ports[i];
          for (size_t j = 0; j < at_least_one(ports); ++j) {
            entry.port = ports.empty() ? PortRange{} : ports[j];
            add(entry);
          }
        }
      }
    }
  }
}

bool Tuple::overlaps(const Tuple& other) const noexcept {
  return overlap(ports, other.ports) && overlap(protocols, other.protocols) &&
         overlap(from_ports, other.from_ports) && overlap(from, other.from) &&
         overlap(to, other.to);
}

bool Tuple::contains(const AclKey& key) const noexcept {
  return (protocols.empty() ||
          std::find(protocols.begin(), protocols.end(), key.proto) != protocols.end()) &&
         firewall::contains(ports, key.port) && firewall::contains(from_ports, key.from_port) &&
         firewall::contains(from, key.from) && firewall::contains(to, key.to);
}

std::string Tuple::identity() const {
  std::string out;
  const auto number = [&](uint32_t value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  for (const auto* list : {&from, &to}) {
    number(static_cast<uint32_t>(list->size()));
    for (const IpPrefix& prefix : *list) {
      out.append(reinterpret_cast<const char*>(prefix.address.bytes.data()), 16);
      number(prefix.length);
    }
  }
  number(static_cast<uint32_t>(protocols.size()));
  for (const uint8_t protocol : protocols) number(protocol);
  for (const auto* list : {&ports, &from_ports}) {
    number(static_cast<uint32_t>(list->size()));
    for (const PortRange range : *list)
      number(static_cast<uint32_t>(range.first) << 16 | range.last);
  }
  return out;
}

std::vector<IpPrefix> normal_prefixes(const std::vector<IpPrefix>& prefixes, uint8_t family) {
  std::vector<IpPrefix> sorted;
  for (const IpPrefix& prefix : prefixes) {
    if (prefix.address.family == family) sorted.push_back(prefix);
  }
  std::sort(sorted.begin(), sorted.end(), [](const IpPrefix& a, const IpPrefix& b) {
    return a.address.bytes != b.address.bytes ? a.address.bytes < b.address.bytes
                                              : a.length < b.length;
  });
  // In this order whatever contains a prefix is the last one kept before it.
  std::vector<IpPrefix> out;
  for (const IpPrefix& prefix : sorted) {
    if (out.empty() || !contains(out.back(), prefix)) out.push_back(prefix);
  }
  return out;
}

std::vector<PortRange> normal_ranges(std::vector<PortRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<PortRange> out;
  for (const PortRange range : ranges) {
    if (!out.empty() && range.first <= static_cast<uint32_t>(out.back().last) + 1) {
      out.back().last = std::max(out.back().last, range.last);
    } else {
      out.push_back(range);
    }
  }
  if (out.size() == 1 && out.front() == PortRange{}) out.clear();
  return out;
}

std::vector<uint8_t> normal_protocols(std::vector<uint8_t> protocols) {
  std::sort(protocols.begin(), protocols.end());
  protocols.erase(std::unique(protocols.begin(), protocols.end()), protocols.end());
  if (protocols.size() == 256) protocols.clear();
  return protocols;
}

}  // namespace sluice::firewall
