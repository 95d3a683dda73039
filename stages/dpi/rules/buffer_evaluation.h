// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <cstddef>
#include <cstdint>

#include "stages/dpi/buffer.h"
#include "stages/dpi/rules/buffer_matcher.h"
#include "stages/dpi/rules/match_program.h"
#include "stages/dpi/rules/match_scratch.h"

namespace sluice::rules {

// One program over one view. Positions are those in the whole buffer, so that
// view.offset is the first that can be seen.
class BufferEvaluation {
 public:
  BufferEvaluation(const MatchProgram& program, const BufferView& view,
                   MatchScratch& scratch) noexcept;

  MatchResult match() noexcept;

 private:
  // GiveUp: no other occurrence of what came before can help.
  enum class Outcome : uint8_t { Match, NoMatch, GiveUp };
  enum class Passed : uint8_t { Yes, No, Never };
  struct Range {
    int64_t begin;
    int64_t end;
  };

  // The steps from `index` on, with the match before ending at `previous`.
  Outcome from(size_t index, int64_t previous) noexcept;
  Outcome retry(const ContentStep& content, size_t index, Range range) noexcept;
  Outcome retry(const PcreStep& pcre, size_t index, int64_t previous) noexcept;

  Passed pass(const ContentStep& content, int64_t& previous, Range& rest) noexcept;
  bool pass(const PcreStep& pcre, int64_t& previous) noexcept;
  bool pass(const RuleByteTest& test, int64_t previous) noexcept;
  bool pass(const RuleByteJump& jump, int64_t& previous) noexcept;
  bool pass(const RuleByteExtract& extract, int64_t& previous) noexcept;
  bool pass(const RuleByteMath& math, int64_t& previous) noexcept;
  bool pass(const RuleIsDataAt& at, int64_t previous) noexcept;
  bool pass(const RuleBsize& size) noexcept;

  bool range_of(const ContentStep& content, int64_t previous, Range& range) const noexcept;
  int64_t find(const ContentStep& content, Range range) noexcept;
  struct Read {
    uint64_t value;
    int64_t begin;
    int64_t end;  // behind the bytes that belonged to the number
  };
  bool read(const RuleBytes& bytes, int64_t previous, Read& out) noexcept;
  PcreExpression::Result search(const PcreStep& pcre, int64_t base, int64_t start,
                                Range& found) noexcept;

  template <typename Number>
  bool position(const Number& number, int64_t& value) const noexcept;
  bool number(const RuleNumber& number, uint64_t& value) const noexcept;
  const uint8_t* at(int64_t position) const noexcept { return data_ + (position - begin_); }
  bool count_step() noexcept;
  bool charge(uint64_t bytes) noexcept;
  // What fails for want of bytes that may still come.
  bool lacks() noexcept {
    lacking_ = lacking_ || !complete_;
    return false;
  }

  const MatchProgram& program_;
  MatchScratch& scratch_;
  const uint8_t* data_;
  int64_t begin_;
  int64_t end_;
  bool complete_;
  uint32_t steps_ = 0;
  uint64_t searched_ = 0;
  bool exhausted_ = false;
  bool cut_ = false;      // what was not found was not looked for to the end
  bool lacking_ = false;  // something failed that more bytes might make good
};

}  // namespace sluice::rules
