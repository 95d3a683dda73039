// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/firewall/layers.h"

#include <algorithm>

namespace sluice::firewall {

namespace {

// Sets of prefixes are compared pair by pair below this many candidates.
constexpr size_t kFewCandidates = 64;

std::array<uint8_t, 16> first_bits(const std::array<uint8_t, 16>& address, unsigned length) {
  std::array<uint8_t, 16> out{};
  for (unsigned i = 0; i < out.size() && length > 8 * i; ++i) {
    const unsigned bits = std::min(8U, length - 8 * i);
    out[i] = static_cast<uint8_t>(address[i] & (0xff00 >> bits));
  }
  return out;
}

}  // namespace

void Layers::Side::add(const std::vector<IpPrefix>& set, const Tuple& tuple) {
  if (set.empty()) everything_.push_back(&tuple);
  for (const IpPrefix& prefix : set) {
    by_prefix_[{prefix.address.bytes, prefix.length}].push_back(&tuple);
  }
}

bool Layers::Side::find(const std::vector<IpPrefix>& set, size_t limit, Members& out) const {
  const auto take = [&](const Members& members) {
    if (out.size() + members.size() > limit) return false;
    out.insert(out.end(), members.begin(), members.end());
    return true;
  };
  if (set.empty() || !take(everything_)) return false;
  for (const IpPrefix& prefix : set) {
    for (unsigned length = 0; length < prefix.length; ++length) {
      const auto outer =
          by_prefix_.find({first_bits(prefix.address.bytes, length), static_cast<uint8_t>(length)});
      if (outer != by_prefix_.end() && !take(outer->second)) return false;
    }
    const auto first = by_prefix_.lower_bound({prefix.address.bytes, prefix.length});
    for (auto inner = first; inner != by_prefix_.end(); ++inner) {
      if (first_bits(inner->first.first, prefix.length) != prefix.address.bytes) break;
      if (!take(inner->second)) return false;
    }
  }
  return true;
}

bool Layers::overlaps(const Layer& layer, const Tuple& tuple) {
  const auto hit = [&](const Tuple* other) { return tuple.overlaps(*other); };
  for (const auto& [side, set] : {std::pair{&layer.from, &tuple.from}, {&layer.to, &tuple.to}}) {
    Members candidates;
    if (side->find(*set, kFewCandidates, candidates)) {
      return std::any_of(candidates.begin(), candidates.end(), hit);
    }
  }
  return std::any_of(layer.members.begin(), layer.members.end(), hit);
}

unsigned Layers::place(const Tuple& tuple) {
  for (unsigned i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    if (overlaps(layer, tuple)) continue;
    layer.members.push_back(&tuple);
    layer.from.add(tuple.from, tuple);
    layer.to.add(tuple.to, tuple);
    return i;
  }
  return kNone;
}

}  // namespace sluice::firewall
