// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The 5-tuple part of a rule for one family: a product of sets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "stages/firewall/acl.h"
#include "stages/firewall/rule.h"

namespace sluice::firewall {

// An empty list stands for everything. All lists are in normal form: sorted,
// nothing contained in anything else, so that equal sets are equal lists.
struct Tuple {
  std::vector<IpPrefix> from, to;
  std::vector<uint8_t> protocols;
  std::vector<PortRange> ports, from_ports;

  size_t entries() const noexcept;  // of an ACL, that it takes
  // Calls `add` for each with the tuple's fields filled.
  void expand(AclEntry entry, const std::function<void(const AclEntry&)>& add) const;
  bool overlaps(const Tuple& other) const noexcept;
  bool contains(const AclKey& key) const noexcept;
  std::string identity() const;  // equal for equal tuples only
};

// Those of `family`, in normal form.
std::vector<IpPrefix> normal_prefixes(const std::vector<IpPrefix>& prefixes, uint8_t family);
std::vector<PortRange> normal_ranges(std::vector<PortRange> ranges);
std::vector<uint8_t> normal_protocols(std::vector<uint8_t> protocols);

}  // namespace sluice::firewall
