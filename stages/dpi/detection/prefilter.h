// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Which rules may match some bytes at all: one literal of each rule (its fast
// pattern) in a Hyperscan database, one for each kind of buffer that rules ask.
#pragma once

#include <hs/hs_common.h>
#include <hs/hs_runtime.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sluice::rules {

class DatabaseCache;

// Rules that have to be evaluated, gathered from several scans. One a worker.
// Sized for its rule set off the data path.
class Candidates {
 public:
  explicit Candidates(size_t rules) : marked_((rules + 63) / 64) { list_.reserve(rules); }

  void add(uint32_t rule) noexcept {
    uint64_t& word = marked_[rule / 64];
    const uint64_t bit = uint64_t{1} << rule % 64;
    if ((word & bit) != 0) return;
    word |= bit;
    list_.push_back(rule);  // within what was reserved: each rule once
  }
  // In the order in which rules are to be evaluated.
  std::span<const uint32_t> sorted() noexcept;
  bool empty() const noexcept { return list_.empty(); }
  void clear() noexcept {
    for (const uint32_t rule : list_) marked_[rule / 64] = 0;
    list_.clear();
  }

 private:
  std::vector<uint64_t> marked_;
  std::vector<uint32_t> list_;
};

// Immutable; part of a rule set.
class Prefilter {
 public:
  // Longer fast patterns are cut: so many bytes before the fresh ones have to be
  // scanned again, so that a pattern cut up by segments is found.
  static constexpr size_t kMaxPattern = 24;

  struct Pattern {
    std::string bytes;  // 1 to kMaxPattern; lower case where `nocase`
    bool nocase = false;
    std::vector<uint32_t> rules;
  };

  Prefilter() = default;
  // Throws std::runtime_error where Hyperscan cannot compile. `always`: rules
  // without a pattern, candidates for each buffer that has fresh bytes.
  Prefilter(std::vector<Pattern> patterns, std::vector<uint32_t> always, DatabaseCache& cache);

  bool empty() const noexcept { return always_.empty() && database_ == nullptr; }
  size_t patterns() const noexcept { return patterns_; }
  const hs_database_t* database() const noexcept { return database_.get(); }
  size_t memory_bytes() const noexcept;

  // Adds the rules whose pattern ends behind `seen` bytes of `bytes`. Worker; no
  // allocation. Returns the number of bytes that were scanned.
  size_t scan(std::span<const uint8_t> bytes, size_t seen, hs_scratch_t* scratch,
              Candidates& candidates) const noexcept;

 private:
  std::shared_ptr<const hs_database_t> database_;
  std::vector<uint32_t> always_;
  std::vector<uint32_t> first_;  // by pattern, patterns_ + 1: into rules_
  std::vector<uint32_t> rules_;
  size_t patterns_ = 0;
  size_t longest_ = 0;
};

}  // namespace sluice::rules
