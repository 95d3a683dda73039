// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/identity/binding_table.h"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace sluice {

namespace {

uint32_t ipv4_number(const FlowAddress& a) {
  uint32_t number;
  std::memcpy(&number, a.data(), sizeof(number));
  return __builtin_bswap32(number);
}

Ipv6Number ipv6_number(const FlowAddress& a) {
  uint64_t high, low;
  std::memcpy(&high, a.data(), 8);
  std::memcpy(&low, a.data() + 8, 8);
  return static_cast<Ipv6Number>(__builtin_bswap64(high)) << 64 | __builtin_bswap64(low);
}

std::string describe(const IpPrefix& prefix, uint32_t place) {
  std::string text = prefix.address.family == 0 ? "any address" : to_string(prefix);
  if (const uint32_t vlan = place >> 16; vlan == 1) {
    text += ", untagged";
  } else if (vlan != 0) {
    text += ", VLAN " + std::to_string(vlan - 1);
  }
  if (place & 0xffff) text += ", that port";
  return text;
}

}  // namespace

bool BindingTable::add(const std::optional<IpPrefix>& prefix, Place place, uint32_t binding) {
  if (adding_.size() == kMaxEntries) return false;
  adding_.push_back({prefix.value_or(IpPrefix{}), encode(place), binding});
  return true;
}

std::vector<BindingTable::Conflict> BindingTable::build() {
  std::vector<Conflict> conflicts;
  const auto order = [](const Entry& e) {
    return std::tie(e.prefix.address.family, e.prefix.address.bytes, e.prefix.length, e.place);
  };
  std::stable_sort(adding_.begin(), adding_.end(),
                   [&](const Entry& a, const Entry& b) { return order(a) < order(b); });

  std::vector<PrefixRanges<uint32_t>::Prefix> ipv4;
  std::vector<PrefixRanges<Ipv6Number>::Prefix> ipv6;
  candidates_.reserve(adding_.size());
  for (size_t i = 0; i < adding_.size(); ++i) {
    const Entry& e = adding_[i];
    if (i > 0 && order(adding_[i - 1]) == order(e)) {
      conflicts.push_back({describe(e.prefix, e.place), adding_[i - 1].binding, e.binding});
      continue;
    }
    if (i == 0 || !(adding_[i - 1].prefix == e.prefix)) {
      const auto node = static_cast<uint32_t>(nodes_.size());
      nodes_.push_back({static_cast<uint32_t>(candidates_.size()), 0, kNone, false});
      if (e.prefix.address.family == 4) {
        ipv4.push_back({ipv4_number(e.prefix.address.bytes), e.prefix.length, node});
      } else if (e.prefix.address.family == 6) {
        ipv6.push_back({ipv6_number(e.prefix.address.bytes), e.prefix.length, node});
      } else {
        any_address_ = node;
      }
    }
    ++nodes_.back().count;
    nodes_.back().placed |= e.place != 0;
    candidates_.push_back({e.place, e.binding});
  }
  std::vector<Entry>().swap(adding_);

  const auto set_parent = [&](uint32_t node, uint32_t parent) {
    nodes_[node].parent = parent == kNone ? any_address_ : parent;
  };
  ipv4_.build(std::move(ipv4), set_parent);
  ipv6_.build(std::move(ipv6), set_parent);
  return conflicts;
}

const BindingTable::Candidate* BindingTable::find_candidate(const Node& node,
                                                            uint32_t place) const noexcept {
  const Candidate* first = candidates_.data() + node.first;
  const Candidate* end = first + node.count;
  const Candidate* found = std::lower_bound(
      first, end, place, [](const Candidate& c, uint32_t wanted) { return c.place < wanted; });
  return found != end && found->place == place ? found : nullptr;
}

BindingTable::Match BindingTable::find(const FlowAddress& address, uint8_t family,
                                       Place place) const noexcept {
  Match match;
  uint32_t at =
      family == kFamilyIpv4 ? ipv4_.find(ipv4_number(address)) : ipv6_.find(ipv6_number(address));
  if (at == kNone) at = any_address_;
  const bool place_known = place.vlan != 0 && place.port != 0;
  for (; at != kNone; at = nodes_[at].parent) {
    const Node& node = nodes_[at];
    const Candidate* found = nullptr;
    if (node.placed) {
      match.depends_on_place |= !place_known;
      found = find_candidate(node, encode(place));
      if (found == nullptr) found = find_candidate(node, encode({place.vlan, 0}));
      if (found == nullptr) found = find_candidate(node, encode({0, place.port}));
    }
    if (found == nullptr) found = find_candidate(node, 0);
    if (found != nullptr) {
      match.binding = found->binding;
      return match;
    }
  }
  return match;
}

}  // namespace sluice
