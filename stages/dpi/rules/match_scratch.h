// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What one worker needs to evaluate rules: allocated off the data path, used by
// BufferMatcher and PcreExpression without allocating again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "stages/dpi/rules/rule.h"

namespace sluice::rules {

// Evaluations that were cut short; each of them said "no match", as it would in Suricata.
struct MatchLimits {
  uint64_t steps = 0;       // kMaxMatchSteps, kMaxSearchedBytes or the budget exceeded
  uint64_t pcre = 0;        // PCRE2's match limit, depth limit, memory, or kMaxSlowPcreCalls
  uint64_t transforms = 0;  // not cut short, but only kMaxTransformBytes were looked at
};

// Items tried in one evaluation (Suricata's inspection-recursion-limit).
inline constexpr uint32_t kMaxMatchSteps = 3000;
// Bytes that the searches of one evaluation may run over.
inline constexpr uint64_t kMaxSearchedBytes = 16 << 20;
inline constexpr size_t kMaxTransformBytes = 64 << 10;

// Memory of one worker: 128 KiB for transforms, 128 KiB of stack for PCRE2's JIT
// and 1.25 MiB of address space that is only touched by expressions without JIT.
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
  void begin_rule() noexcept { variables_set_ = 0; }

  const MatchLimits& limits() const noexcept { return limits_; }

  // What all evaluations of one packet may cost together, in bytes searched; a
  // step, a call of PCRE2 and a byte that it looks at cost several. Without this
  // call there is no bound beyond each evaluation's.
  void begin_packet(uint64_t budget) noexcept { budget_ = budget; }
  // False, and for good until the next begin_packet(), if so much is not left.
  bool spend(uint64_t bytes) noexcept {
    if (bytes > budget_) {
      budget_ = 0;
      return false;
    }
    budget_ -= bytes;
    return true;
  }
  bool spent() const noexcept { return budget_ == 0; }

 private:
  friend class BufferMatcher;
  friend class BufferEvaluation;
  friend class PcreExpression;

  struct Pcre;
  struct Transforms;

  bool variable(unsigned i, uint64_t& value) const noexcept {
    value = variables_[i];
    return (variables_set_ >> i & 1) != 0;
  }
  void set_variable(unsigned i, uint64_t value) noexcept {
    variables_[i] = value;
    variables_set_ |= 1u << i;
  }

  std::unique_ptr<Pcre> pcre_;
  std::unique_ptr<Transforms> transforms_;
  std::array<uint64_t, kMaxRuleVariables> variables_{};
  uint32_t variables_set_ = 0;    // bit i: variables_[i] has a value
  uint32_t slow_pcre_calls_ = 0;  // of the evaluation under way
  uint64_t budget_ = UINT64_MAX;
  MatchLimits limits_;
};
static_assert(kMaxRuleVariables <= 32);

}  // namespace sluice::rules
