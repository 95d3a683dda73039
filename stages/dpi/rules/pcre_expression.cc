// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/pcre_expression.h"

#include <x86intrin.h>

#include <algorithm>

#include "stages/dpi/rules/match_scratch_parts.h"

namespace sluice::rules {

namespace {

// So short a subject is one slice: its square is no danger.
constexpr size_t kWholeSubject = 2048;
// Starting positions times subject, at first.
constexpr size_t kFirstSlice = 1 << 20;
constexpr size_t kSliceGrowth = 16;

const pcre2_code* code_of(const void* code) noexcept {
  return static_cast<const pcre2_code*>(code);
}

bool is_anchored(const pcre2_code* code) noexcept {
  uint32_t options = 0;
  return pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &options) == 0 &&
         (options & PCRE2_ANCHORED) != 0;
}

}  // namespace

PcreExpression::PcreExpression(void* code, bool jit, bool sliceable) noexcept
    : code_(code), jit_(jit), anchored_(is_anchored(code_of(code))), sliceable_(sliceable) {}

PcreExpression::~PcreExpression() {
  pcre2_code_free(static_cast<pcre2_code*>(code_));
}

size_t PcreExpression::memory_bytes() const noexcept {
  size_t code = 0, jit = 0;
  pcre2_pattern_info(code_of(code_), PCRE2_INFO_SIZE, &code);
  pcre2_pattern_info(code_of(code_), PCRE2_INFO_JITSIZE, &jit);
  return code + jit;
}

int PcreExpression::run(std::span<const uint8_t> subject, size_t start,
                        MatchScratch& scratch) const noexcept {
  static constexpr uint8_t kNothing = 0;
  const uint8_t* bytes = subject.data() != nullptr ? subject.data() : &kNothing;
  const MatchScratch::Pcre& pcre = *scratch.pcre_;
  // pcre2_match would check the arguments, again, and come to the same.
  return jit_ ? pcre2_jit_match(code_of(code_), bytes, subject.size(), start, 0, pcre.data,
                                pcre.context)
              : pcre2_match(code_of(code_), bytes, subject.size(), start, 0, pcre.data,
                            pcre.context);
}

PcreExpression::Result PcreExpression::search(std::span<const uint8_t> subject, size_t start,
                                              MatchScratch& scratch, Match& match) const noexcept {
  if (start > subject.size()) return Result::NoMatch;
  const bool sliced = sliceable_ && !anchored_ && subject.size() - start > kWholeSubject;
  size_t slice = sliced ? kFirstSlice / subject.size() + 1 : 0;
  pcre2_match_context* context = scratch.pcre_->context;
  while (scratch.slow_pcre_calls_ < kMaxSlowPcreCalls) {
    const size_t last = sliced ? std::min(start + slice - 1, subject.size()) : subject.size();
    pcre2_set_offset_limit(context, last < subject.size() ? last : PCRE2_UNSET);
    const uint64_t before = __rdtsc();
    const int result = run(subject, start, scratch);
    const bool slow = __rdtsc() - before > kSlowPcreCycles;
    if (slow) ++scratch.slow_pcre_calls_;
    if (result >= 0) {
      const size_t* ends = pcre2_get_ovector_pointer(scratch.pcre_->data);
      match = {ends[0], ends[1]};
      return Result::Match;
    }
    if (result != PCRE2_ERROR_NOMATCH) break;
    if (last == subject.size()) return Result::NoMatch;
    start = last + 1;
    if (!slow) slice *= kSliceGrowth;
  }
  ++scratch.limits_.pcre;
  return Result::LimitHit;
}

std::shared_ptr<const PcreExpression> PcreCache::compile(const RulePcre& pcre, std::string& why) {
  const auto key = std::make_pair(pcre.expression, pcre.pcre2_options);
  if (const auto known = expressions_.find(key); known != expressions_.end()) return known->second;
  // \G is where the search began, which slices move.
  const bool sliceable = pcre.expression.find("\\G") == std::string::npos;
  int error = 0;
  size_t where = 0;
  pcre2_code* code = pcre2_compile(
      reinterpret_cast<const uint8_t*>(pcre.expression.data()), pcre.expression.size(),
      pcre.pcre2_options | PCRE2_NEVER_UTF | PCRE2_USE_OFFSET_LIMIT, &error, &where, nullptr);
  if (code == nullptr) {
    uint8_t text[256];
    if (pcre2_get_error_message(error, text, sizeof(text)) < 0) text[0] = 0;
    why = "pcre: " + std::string(reinterpret_cast<const char*>(text)) + " at position " +
          std::to_string(where);
    return nullptr;
  }
  // Succeeds without compiling anything where the expression says (*NO_JIT).
  size_t jit_size = 0;
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &jit_size);
  const bool jit = jit_size != 0;
  std::shared_ptr<const PcreExpression> made(new PcreExpression(code, jit, sliceable));
  if (!jit) ++without_jit_;
  expressions_.emplace(key, made);
  return made;
}

size_t PcreCache::memory_bytes() const noexcept {
  size_t sum = 0;
  for (const auto& [key, expression] : expressions_) sum += expression->memory_bytes();
  return sum;
}

}  // namespace sluice::rules
