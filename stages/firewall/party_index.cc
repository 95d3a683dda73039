// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/firewall/party_index.h"

#include <algorithm>

namespace sluice::firewall {

PartyIndex::PartyIndex(size_t positions)
    : words_((positions + 63) / 64), anybody_(words_), row_of_group_(kMaxGroups) {}

void PartyIndex::add_anybody(size_t position) {
  anybody_[position / 64] |= uint64_t{1} << (position % 64);
}

void PartyIndex::add(size_t position, const Party& party) {
  const auto word = static_cast<uint32_t>(position / 64);
  const uint64_t bit = uint64_t{1} << (position % 64);
  for (const unsigned group : party.groups) {
    if (!named_groups_.test(group)) {
      named_groups_.set(group);
      row_of_group_[group] = static_cast<uint32_t>(rows_.size() / words_);
      rows_.resize(rows_.size() + words_);
    }
    rows_[row_of_group_[group] * words_ + word] |= bit;
  }
  for (const NameId identity : party.identities) {
    std::vector<SparseWord>& list = identities_[identity];
    // Positions come in ascending order.
    if (list.empty() || list.back().word != word) list.push_back({word, 0});
    list.back().bits |= bit;
  }
}

PartyIndex::View::View(const PartyIndex& index, NameId identity, const GroupBits& groups) noexcept
    : index_(index) {
  const GroupBits named = groups & index.named_groups_;
  for (size_t g = named._Find_first(); g < kMaxGroups; g = named._Find_next(g)) {
    row_[rows_++] = index.rows_.data() + index.row_of_group_[g] * index.words_;
  }
  if (identity == 0) return;
  const auto at = index.identities_.find(identity);
  if (at == index.identities_.end()) return;
  first_ = at->second.data();
  last_ = first_ + at->second.size();
}

void PartyIndex::View::seek(uint32_t word) noexcept {
  next_ = std::lower_bound(first_, last_, word,
                           [](const SparseWord& a, uint32_t b) { return a.word < b; });
}

uint64_t PartyIndex::View::word(uint32_t word) noexcept {
  uint64_t bits = index_.anybody_[word];
  for (unsigned i = 0; i < rows_; ++i) bits |= row_[i][word];
  while (next_ != last_ && next_->word < word) ++next_;
  if (next_ != last_ && next_->word == word) bits |= next_->bits;
  return bits;
}

}  // namespace sluice::firewall
