// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Spreads tuples over layers so that no two of a layer overlap: a look-up then
// gives all tuples that a flow is in, one a layer.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "stages/firewall/tuple.h"

namespace sluice::firewall {

class Layers {
 public:
  static constexpr unsigned kNone = ~0U;

  explicit Layers(unsigned count) : layers_(count) {}

  // The layer of `tuple`, kNone if it overlaps with some tuple in each. The
  // tuple must outlive this. Compiler thread.
  unsigned place(const Tuple& tuple);

 private:
  using Members = std::vector<const Tuple*>;

  // Prefixes of one side in the order of their addresses, the shorter first.
  class Side {
   public:
    void add(const std::vector<IpPrefix>& set, const Tuple& tuple);
    // All tuples whose set may overlap with `set`, no more than `limit`; false
    // if there are more.
    bool find(const std::vector<IpPrefix>& set, size_t limit, Members& out) const;

   private:
    using Key = std::pair<std::array<uint8_t, 16>, uint8_t>;
    std::map<Key, Members> by_prefix_;
    Members everything_;
  };

  struct Layer {
    Members members;
    Side from, to;
  };
  static bool overlaps(const Layer& layer, const Tuple& tuple);

  std::vector<Layer> layers_;
};

}  // namespace sluice::firewall
