// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Which rules may match some bytes at all: one literal of each rule (its fast
// pattern) in a Hyperscan database, one for each kind of bytes that rules ask.
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

// Rules that have to be evaluated, gathered from several scans, each with marks
// of where it was found. One a worker. Sized for its rule set off the data path.
class Candidates {
 public:
  explicit Candidates(size_t rules) : marks_(rules) { list_.reserve(rules); }

  void add(uint32_t rule, uint8_t mark) noexcept {
    if (marks_[rule] == 0) list_.push_back(rule);  // within what was reserved: each rule once
    marks_[rule] |= mark;
  }
  // In the order in which rules are to be evaluated.
  std::span<const uint32_t> sorted() noexcept;
  uint8_t marks(uint32_t rule) const noexcept { return marks_[rule]; }
  bool empty() const noexcept { return list_.empty(); }
  void clear() noexcept {
    for (const uint32_t rule : list_) marks_[rule] = 0;
    list_.clear();
  }

 private:
  std::vector<uint8_t> marks_;
  std::vector<uint32_t> list_;
};

// Immutable; part of a rule set.
class Prefilter {
 public:
  // Longer fast patterns are cut: so many bytes before the fresh ones have to be
  // scanned again, so that a pattern cut up by segments is found.
  static constexpr size_t kMaxPattern = 24;

  // A rule, and where in the buffer its pattern may end; high 0: anywhere.
  struct Use {
    uint32_t rule;
    uint32_t low, high;
  };
  struct Pattern {
    std::string bytes;  // 1 to kMaxPattern; lower case where `nocase`
    bool nocase = false;
    std::vector<Use> uses;
  };

  Prefilter() = default;
  // Throws std::runtime_error where Hyperscan cannot compile. Where all patterns
  // have places, only the bytes up to the last of them are scanned.
  Prefilter(const std::vector<Pattern>& patterns, DatabaseCache& cache);

  bool empty() const noexcept { return database_ == nullptr; }
  size_t patterns() const noexcept { return patterns_; }
  size_t longest() const noexcept { return longest_; }
  // Position behind which nothing is looked for; 0: there is none.
  uint32_t reach() const noexcept { return reach_; }
  const hs_database_t* database() const noexcept { return database_.get(); }
  size_t memory_bytes() const noexcept;

  // Adds the rules whose pattern ends behind `seen` bytes of `bytes`, of which the
  // first is at `offset` of the whole buffer. Worker; no allocation. Returns the
  // number of bytes that were scanned.
  size_t scan(std::span<const uint8_t> bytes, size_t seen, uint64_t offset, uint8_t mark,
              hs_scratch_t* scratch, Candidates& candidates) const noexcept;

 private:
  std::shared_ptr<const hs_database_t> database_;
  std::vector<uint32_t> first_;  // by pattern, patterns_ + 1: into uses_
  std::vector<Use> uses_;
  size_t patterns_ = 0;
  size_t longest_ = 0;
  uint32_t reach_ = 0;
};

}  // namespace sluice::rules
