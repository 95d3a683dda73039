// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/detection/prefilter.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "stages/dpi/detection/database_cache.h"

namespace sluice::rules {

namespace {

struct Scan {
  const uint32_t* first;
  const uint32_t* rules;
  Candidates* candidates;
  size_t seen;
};

int on_match(unsigned pattern, unsigned long long, unsigned long long to, unsigned, void* context) {
  const Scan& scan = *static_cast<const Scan*>(context);
  if (to <= scan.seen) return 0;
  for (uint32_t i = scan.first[pattern]; i < scan.first[pattern + 1]; ++i) {
    scan.candidates->add(scan.rules[i]);
  }
  return 0;
}

}  // namespace

std::span<const uint32_t> Candidates::sorted() noexcept {
  std::sort(list_.begin(), list_.end());
  return list_;
}

Prefilter::Prefilter(std::vector<Pattern> patterns, std::vector<uint32_t> always,
                     DatabaseCache& cache)
    : always_(std::move(always)), patterns_(patterns.size()) {
  if (patterns.empty()) return;
  std::vector<DatabaseCache::Literal> literals;
  first_.push_back(0);
  for (const Pattern& pattern : patterns) {
    longest_ = std::max(longest_, pattern.bytes.size());
    literals.push_back({pattern.bytes, pattern.nocase});
    rules_.insert(rules_.end(), pattern.rules.begin(), pattern.rules.end());
    first_.push_back(static_cast<uint32_t>(rules_.size()));
  }
  database_ = cache.literals(literals);
}

size_t Prefilter::memory_bytes() const noexcept {
  size_t bytes = 0;
  if (database_ != nullptr) hs_database_size(database_.get(), &bytes);
  return bytes + (first_.size() + rules_.size() + always_.size()) * sizeof(uint32_t);
}

size_t Prefilter::scan(std::span<const uint8_t> bytes, size_t seen, hs_scratch_t* scratch,
                       Candidates& candidates) const noexcept {
  for (const uint32_t rule : always_) candidates.add(rule);
  if (database_ == nullptr || seen >= bytes.size()) return 0;
  const size_t from = seen - std::min(seen, longest_ - 1);
  const std::span<const uint8_t> fresh = bytes.subspan(from);
  Scan scan{first_.data(), rules_.data(), &candidates, seen - from};
  [[maybe_unused]] const hs_error_t error =
      hs_scan(database_.get(), reinterpret_cast<const char*>(fresh.data()),
              static_cast<unsigned>(fresh.size()), 0, scratch, on_match, &scan);
  assert(error == HS_SUCCESS);
  return fresh.size();
}

}  // namespace sluice::rules
