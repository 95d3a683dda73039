// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Regular expressions of rules, by PCRE2 with its JIT compiler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "stages/dpi/rules/match_scratch.h"
#include "stages/dpi/rules/rule.h"

namespace sluice::rules {

// Suricata's defaults of pcre.match-limit and pcre.match-limit-recursion.
inline constexpr uint32_t kPcreMatchLimit = 3500;
inline constexpr uint32_t kPcreDepthLimit = 1500;

// The limits above bound what PCRE2 does from one starting position, and its JIT
// does not count the repetition of single characters at all: over 64 KiB of "a",
// /(\w)\1[^yz]*+[yz]/ takes five thousand million cycles. So a long subject is
// searched in slices of starting positions, small at first; a call that takes
// this long is slow, and an evaluation that has met so many of them gives up.
// More than one, lest a worker that loses its core for a moment loses a match.
inline constexpr uint64_t kSlowPcreCycles = 1 << 20;
inline constexpr uint32_t kMaxSlowPcreCalls = 8;

// One compiled expression. Immutable, shared by all workers.
class PcreExpression {
 public:
  ~PcreExpression();
  PcreExpression(const PcreExpression&) = delete;
  PcreExpression& operator=(const PcreExpression&) = delete;

  struct Match {
    size_t begin;  // of the whole expression's match; a \K may put it behind `end`
    size_t end;    // behind its last byte
  };
  enum class Result : uint8_t { Match, NoMatch, LimitHit };

  // The first match that begins at `start` or later. Lookbehind sees no
  // byte before `subject`. `match` is set with Result::Match only. A limit that
  // was hit is counted in `scratch`.
  Result search(std::span<const uint8_t> subject, size_t start, MatchScratch& scratch,
                Match& match) const noexcept;

  bool has_jit() const noexcept { return jit_; }
  // A match can only begin where the search does.
  bool anchored() const noexcept { return anchored_; }
  size_t memory_bytes() const noexcept;  // PCRE2's code, with the JIT's

 private:
  friend class PcreCache;
  PcreExpression(void* code, bool jit, bool sliceable) noexcept;

  int run(std::span<const uint8_t> subject, size_t start, MatchScratch& scratch) const noexcept;

  void* code_;  // pcre2_code_8
  bool jit_;
  bool anchored_;
  bool sliceable_;
};

// Compiles each expression of a rule set once, however many rules have it.
// One thread at a time; off the data path.
class PcreCache {
 public:
  // Null, and `why` in PCRE2's words with the position, if it is no expression
  // that Sluice can run: subjects are bytes, so (*UTF) is refused. The
  // expression may outlive the cache.
  std::shared_ptr<const PcreExpression> compile(const RulePcre& pcre, std::string& why);

  size_t size() const noexcept { return expressions_.size(); }
  size_t memory_bytes() const noexcept;
  size_t without_jit() const noexcept { return without_jit_; }

 private:
  std::map<std::pair<std::string, uint32_t>, std::shared_ptr<const PcreExpression>> expressions_;
  size_t without_jit_ = 0;
};

}  // namespace sluice::rules
