// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// For one end of a flow: which rules its identity and groups satisfy, as bits
// by position. Rules are numbered by position, in an order that the user gives.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "chain/directory.h"
#include "stages/firewall/rule.h"

namespace sluice::firewall {

class PartyIndex {
 public:
  // ---- compiler thread ----
  explicit PartyIndex(size_t positions);
  // Positions in ascending order.
  void add_anybody(size_t position);
  void add(size_t position, const Party& party);  // its groups and identities

  // ---- worker ----
  struct SparseWord {
    uint32_t word;
    uint64_t bits;
  };
  // One end of one flow.
  class View {
   public:
    View(const PartyIndex& index, NameId identity, const GroupBits& groups) noexcept;
    // Starts a walk over ascending words.
    void seek(uint32_t word) noexcept;
    uint64_t word(uint32_t word) noexcept;

   private:
    const PartyIndex& index_;
    const SparseWord* first_ = nullptr;
    const SparseWord* last_ = nullptr;
    const SparseWord* next_ = nullptr;
    unsigned rows_ = 0;
    const uint64_t* row_[kMaxGroups];
  };

 private:
  size_t words_;
  std::vector<uint64_t> anybody_;
  std::vector<uint32_t> row_of_group_;  // of those in named_groups_
  std::vector<uint64_t> rows_;          // words_ each
  GroupBits named_groups_;
  std::unordered_map<NameId, std::vector<SparseWord>> identities_;
};

}  // namespace sluice::firewall
