// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What one worker needs to evaluate rules: allocated off the data path, used by
// BufferMatcher and PcreExpression without allocating again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "stages/dpi/rules/rule.h"

namespace sluice::rules {

// Times that an evaluation was cut short; each makes that one evaluation say
// "no match", as it does in Suricata.
struct MatchLimits {
  uint64_t steps = 0;  // more than kMaxMatchSteps items tried, or kMaxSearchedBytes searched
  uint64_t pcre = 0;   // PCRE2's match limit, depth limit, or stack
  uint64_t transforms = 0;  // a transform saw only the first kMaxTransformBytes of its buffer
};

// Items tried in one evaluation (Suricata's inspection-recursion-limit).
inline constexpr uint32_t kMaxMatchSteps = 3000;
// Bytes that one evaluation's content searches may run over.
inline constexpr uint64_t kMaxSearchedBytes = 4 << 20;
inline constexpr size_t kMaxTransformBytes = 64 << 10;

// Memory of one worker: some 400 KiB, and 1 MiB more where PCRE2 has no JIT.
class MatchScratch {
 public:
  // Off the data path. Throws std::bad_alloc.
  MatchScratch();
  ~MatchScratch();
  MatchScratch(const MatchScratch&) = delete;
  MatchScratch& operator=(const MatchScratch&) = delete;

  // Forgets the variables of byte_extract and byte_math. To be called before the
  // first of a rule's BufferMatchers; those that follow see what the earlier ones
  // have extracted. A variable that nobody has set fails the item that asks for it.
  void begin_rule() noexcept { set_ = 0; }

  const MatchLimits& limits() const noexcept { return limits_; }

 private:
  friend class BufferMatcher;
  friend class BufferEvaluation;
  friend class PcreExpression;

  struct Pcre;
  std::unique_ptr<Pcre> pcre_;
  std::unique_ptr<uint8_t[]> transformed_[2];  // kMaxTransformBytes each
  std::array<uint64_t, kMaxRuleVariables> variables_{};
  uint32_t set_ = 0;  // bit i: variables_[i] has a value
  MatchLimits limits_;
};
static_assert(kMaxRuleVariables <= 32);

}  // namespace sluice::rules
