// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Which binding a place in the network has: by its address, then by the VLAN
// and the port behind which it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/net_types.h"
#include "flowtable/flow_key.h"
#include "stages/identity/prefix_ranges.h"

namespace sluice {

// Where one end of a flow is. 0: not known (yet), or, in a binding, any.
struct Place {
  uint16_t vlan = 0;  // VLAN id + 1; untagged frames have VLAN id 0
  uint16_t port = 0;  // position in Config::ports + 1
};

class BindingTable {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};
  // Of one prefix with one VLAN and one port each.
  static constexpr size_t kMaxEntries = 4u << 20;

  // ---- compiler thread ----

  // False if the table is full. `prefix` empty: any address of either family.
  bool add(const std::optional<IpPrefix>& prefix, Place place, uint32_t binding);

  // Two bindings that claim the same.
  struct Conflict {
    std::string what;        // "192.0.2.0/24 in VLAN 10"
    uint32_t first, second;  // bindings, in the order of add()
  };
  // Call once, when everything has been added.
  std::vector<Conflict> build();

  // ---- any thread, after build() ----

  struct Match {
    uint32_t binding = kNone;
    // The place is not fully known and a binding that asks for one might apply.
    bool depends_on_place = false;
  };

  // The longest prefix with a binding that fits wins; at the same prefix VLAN
  // and port before VLAN before port before neither. Bindings without a prefix
  // come last, in the same order.
  Match find(const FlowAddress& address, uint8_t family, Place place) const noexcept;

  size_t entries() const noexcept { return candidates_.size(); }

 private:
  struct Entry {
    IpPrefix prefix;  // family 0: none
    uint32_t place;
    uint32_t binding;
  };
  struct Candidate {
    uint32_t place;
    uint32_t binding;
  };
  struct Node {
    uint32_t first = 0, count = 0;  // of candidates_, sorted by place
    uint32_t parent = kNone;
    bool placed = false;  // a candidate asks for a VLAN or a port
  };

  static uint32_t encode(Place place) noexcept {
    return static_cast<uint32_t>(place.vlan) << 16 | place.port;
  }
  const Candidate* find_candidate(const Node& node, uint32_t place) const noexcept;

  std::vector<Entry> adding_;
  std::vector<Candidate> candidates_;
  std::vector<Node> nodes_;
  uint32_t any_address_ = kNone;  // node of the bindings without a prefix
  PrefixRanges<uint32_t> ipv4_;
  PrefixRanges<Ipv6Number> ipv6_;
};

}  // namespace sluice
