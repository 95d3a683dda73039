// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/detection/prefilter.h"

#include <algorithm>
#include <cassert>

#include "stages/dpi/detection/database_cache.h"

namespace sluice::rules {

namespace {

struct Scan {
  const uint32_t* first;
  const Prefilter::Use* uses;
  Candidates* candidates;
  uint64_t seen;
  uint64_t offset;  // in the whole buffer, of the first byte scanned
  uint8_t mark;
};

int on_match(unsigned pattern, unsigned long long, unsigned long long to, unsigned, void* context) {
  const Scan& scan = *static_cast<const Scan*>(context);
  if (to <= scan.seen) return 0;
  const uint64_t end = scan.offset + to;
  for (uint32_t i = scan.first[pattern]; i < scan.first[pattern + 1]; ++i) {
    const Prefilter::Use& use = scan.uses[i];
    if (use.high != 0 && (end < use.low || end > use.high)) continue;
    scan.candidates->add(use.rule, scan.mark);
  }
  return 0;
}

}  // namespace

std::span<const uint32_t> Candidates::sorted() noexcept {
  std::sort(list_.begin(), list_.end());
  return list_;
}

Prefilter::Prefilter(const std::vector<Pattern>& patterns, DatabaseCache& cache)
    : patterns_(patterns.size()) {
  if (patterns.empty()) return;
  std::vector<DatabaseCache::Literal> literals;
  first_.push_back(0);
  bool placed = true;
  for (const Pattern& pattern : patterns) {
    longest_ = std::max(longest_, pattern.bytes.size());
    literals.push_back({pattern.bytes, pattern.nocase});
    for (const Use& use : pattern.uses) {
      uses_.push_back(use);
      placed = placed && use.high != 0;
      reach_ = std::max(reach_, use.high);
    }
    first_.push_back(static_cast<uint32_t>(uses_.size()));
  }
  if (!placed) reach_ = 0;
  database_ = cache.literals(literals);
}

size_t Prefilter::memory_bytes() const noexcept {
  size_t bytes = 0;
  if (database_ != nullptr) hs_database_size(database_.get(), &bytes);
  return bytes + first_.size() * sizeof(uint32_t) + uses_.size() * sizeof(Use);
}

size_t Prefilter::scan(std::span<const uint8_t> bytes, size_t seen, uint64_t offset, uint8_t mark,
                       hs_scratch_t* scratch, Candidates& candidates) const noexcept {
  if (reach_ != 0) bytes = bytes.first(offset < reach_ ? std::min<size_t>(bytes.size(), reach_ - offset) : 0);
  if (database_ == nullptr || seen >= bytes.size()) return 0;
  const size_t from = seen - std::min(seen, longest_ - 1);
  const std::span<const uint8_t> fresh = bytes.subspan(from);
  Scan scan{first_.data(), uses_.data(), &candidates, seen - from, offset + from, mark};
  [[maybe_unused]] const hs_error_t error =
      hs_scan(database_.get(), reinterpret_cast<const char*>(fresh.data()),
              static_cast<unsigned>(fresh.size()), 0, scratch, on_match, &scan);
  assert(error == HS_SUCCESS);
  return fresh.size();
}

}  // namespace sluice::rules
