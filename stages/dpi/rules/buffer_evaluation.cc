// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Theory of operation. Steps are taken in the rule's order, each from where the
// match before ended. A step whose position others depend on is tried at its
// next occurrence when what follows fails, which is where this recurses; every
// other step just goes on. Failing has two degrees, as in Suricata: NoMatch lets
// earlier steps try their next occurrence, GiveUp ends the evaluation, because
// what failed does not depend on them. `failure` is the degree to which a failing
// step in this frame amounts for the steps before the frame.
#include "stages/dpi/rules/buffer_evaluation.h"

#include <algorithm>

#include "stages/dpi/rules/byte_number.h"

namespace sluice::rules {

namespace {

// Beyond any buffer; sums of a few of these do not overflow.
constexpr int64_t kFar = int64_t{1} << 48;
// What calling PCRE2 costs, in bytes searched.
constexpr uint64_t kPcreCall = 64;
// To the packet's budget alone: a step, and how much more a byte costs in PCRE2.
constexpr uint64_t kStep = 32;
constexpr uint64_t kPcreByte = 8;

uint64_t masked(uint64_t value, uint32_t mask) noexcept {
  return mask == 0 ? value : (value & mask) >> __builtin_ctz(mask);
}

uint64_t aligned(uint64_t value, uint64_t to) noexcept {
  const uint64_t over = value % to;
  return over == 0 ? value : value + (to - over);
}

}  // namespace

BufferEvaluation::BufferEvaluation(const MatchProgram& program, const BufferView& view,
                                   MatchScratch& scratch) noexcept
    : program_(program),
      scratch_(scratch),
      data_(view.data),
      begin_(static_cast<int64_t>(std::min<uint64_t>(view.offset, kFar))),
      end_(begin_ + view.size),
      complete_(view.complete) {
  scratch.slow_pcre_calls_ = 0;
}

MatchResult BufferEvaluation::match() noexcept {
  if (from(0, 0) == Outcome::Match) return MatchResult::Yes;
  if (exhausted_ || cut_) return MatchResult::Cut;
  return lacking_ ? MatchResult::No : MatchResult::Never;
}

bool BufferEvaluation::count_step() noexcept {
  if (++steps_ < kMaxMatchSteps && scratch_.spend(kStep)) return true;
  if (!exhausted_) ++scratch_.limits_.steps;
  exhausted_ = true;
  return false;
}

bool BufferEvaluation::charge(uint64_t bytes) noexcept {
  searched_ += bytes;
  if (searched_ <= kMaxSearchedBytes && scratch_.spend(bytes)) return true;
  if (!exhausted_) ++scratch_.limits_.steps;
  exhausted_ = true;
  return false;
}

template <typename Number>
bool BufferEvaluation::position(const Number& number, int64_t& value) const noexcept {
  if (number.variable < 0) {
    value = std::clamp<int64_t>(number.value, -kFar, kFar);
    return true;
  }
  uint64_t set = 0;
  const bool known = scratch_.variable(static_cast<unsigned>(number.variable), set);
  value = static_cast<int64_t>(std::min<uint64_t>(set, kFar));
  return known;
}

bool BufferEvaluation::number(const RuleNumber& number, uint64_t& value) const noexcept {
  value = static_cast<uint64_t>(number.value);
  return number.variable < 0 || scratch_.variable(static_cast<unsigned>(number.variable), value);
}

BufferEvaluation::Outcome BufferEvaluation::from(size_t index, int64_t previous) noexcept {
  Outcome failure = Outcome::NoMatch;
  const auto& steps = program_.steps;
  for (; index < steps.size(); ++index) {
    if (!count_step()) return Outcome::GiveUp;
    const MatchStep& step = steps[index];
    bool passed = false;
    switch (step.index()) {
      case 0: {
        const auto& content = *std::get_if<ContentStep>(&step);
        Range range{};
        const Passed there = pass(content, previous, range);
        if (exhausted_ || there == Passed::Never) return Outcome::GiveUp;
        passed = there == Passed::Yes;
        if (!passed || content.negated || index + 1 == steps.size()) break;
        const Outcome alone = content.relative ? failure : Outcome::GiveUp;
        if (!content.retried) {
          failure = Outcome::GiveUp;
        } else if (range.end - range.begin < static_cast<int64_t>(content.needle.size())) {
          failure = alone;  // it has no other place
        } else {
          const Outcome rest = retry(content, index, {previous, range.end});
          return rest == Outcome::NoMatch ? alone : rest;
        }
        break;
      }
      case 1: {
        const auto& pcre = *std::get_if<PcreStep>(&step);
        if (pcre.retried && !pcre.negated) {
          const Outcome rest = retry(pcre, index, previous);
          return rest == Outcome::NoMatch ? failure : rest;
        }
        passed = pass(pcre, previous);
        if (exhausted_) return Outcome::GiveUp;
        break;
      }
      case 2:
        passed = pass(*std::get_if<RuleByteTest>(&step), previous);
        break;
      case 3:
        passed = pass(*std::get_if<RuleByteJump>(&step), previous);
        break;
      case 4:
        passed = pass(*std::get_if<RuleByteExtract>(&step), previous);
        break;
      case 5:
        passed = pass(*std::get_if<RuleByteMath>(&step), previous);
        break;
      case 6:
        passed = pass(*std::get_if<RuleIsDataAt>(&step), previous);
        break;
      default:
        // Nothing that came before changes the buffer's size.
        if (!pass(*std::get_if<RuleBsize>(&step))) return Outcome::GiveUp;
        passed = true;
        break;
    }
    if (!passed) return failure;
  }
  return Outcome::Match;
}

// ---- content ----

// Where it may lie; false if that cannot be said (a variable that is not set, or
// a range that has been given up).
bool BufferEvaluation::range_of(const ContentStep& content, int64_t previous,
                                Range& range) const noexcept {
  int64_t offset = 0, depth = 0, distance = 0, within = 0;
  if (!position(content.offset, offset) || !position(content.depth, depth) ||
      !position(content.distance, distance) || !position(content.within, within)) {
    return false;
  }
  int64_t begin = offset, end = end_;
  if (content.relative) {
    begin = std::max({begin, previous + distance, int64_t{0}});
    if (content.within.present) end = std::min(end, previous + distance + within);
    if (content.depth.present) end = std::min(end, previous + offset + depth);
  } else if (content.depth.present) {
    end = std::min(end, offset + depth);
  }
  if (end <= begin_ && begin_ > 0 && (content.within.present || content.depth.present)) {
    return false;
  }
  range = {std::max(begin, begin_), end};
  return true;
}

// Its first position in `range`, or -1.
int64_t BufferEvaluation::find(const ContentStep& content, Range range) noexcept {
  const auto size = static_cast<int64_t>(content.needle.size());
  if (content.endswith) {
    if (range.end < end_) return -1;
    range.begin = std::max(range.begin, range.end - size);
  }
  if (range.end - range.begin < size) {
    if (range.end >= end_) lacks();
    return -1;
  }
  const auto length = static_cast<size_t>(range.end - range.begin);
  const size_t found = content.needle.find(at(range.begin), length);
  const bool none = found == Needle::kNotFound;
  if (none && range.end >= end_) lacks();
  if (!charge(none ? length : found) || none) return -1;
  return range.begin + static_cast<int64_t>(found);
}

// `rest`: where the next occurrence may lie.
BufferEvaluation::Passed BufferEvaluation::pass(const ContentStep& content, int64_t& previous,
                                                Range& rest) noexcept {
  Range range{};
  if (!range_of(content, previous, range)) return Passed::No;
  const int64_t found = find(content, range);
  if (content.negated) {
    if (found < 0) return Passed::Yes;
    return content.relative || !content.constant ? Passed::No : Passed::Never;
  }
  if (found < 0) return content.relative ? Passed::No : Passed::Never;
  previous = found + static_cast<int64_t>(content.needle.size());
  rest = {found + 1, range.end};
  return Passed::Yes;
}

// `range.begin` is where the first occurrence ends.
BufferEvaluation::Outcome BufferEvaluation::retry(const ContentStep& content, size_t index,
                                                  Range range) noexcept {
  const auto size = static_cast<int64_t>(content.needle.size());
  int64_t found = range.begin - size;
  do {
    const Outcome rest = from(index + 1, found + size);
    if (rest != Outcome::NoMatch) return rest;
    found = find(content, {found + 1, range.end});
  } while (found >= 0);
  return exhausted_ ? Outcome::GiveUp : Outcome::NoMatch;
}

// ---- pcre ----

PcreExpression::Result BufferEvaluation::search(const PcreStep& pcre, int64_t base, int64_t start,
                                                Range& found) noexcept {
  const auto left = static_cast<uint64_t>(std::max<int64_t>(end_ - start, 0));
  const uint64_t bytes = kPcreCall + (pcre.expression->anchored() ? 0 : left);
  if (!charge(bytes)) return PcreExpression::Result::LimitHit;
  PcreExpression::Match match{};
  const auto result = pcre.expression->search({at(base), static_cast<size_t>(end_ - base)},
                                              static_cast<size_t>(start - base), scratch_, match);
  const bool too_slow = scratch_.slow_pcre_calls_ >= kMaxSlowPcreCalls;
  if (!scratch_.spend((kPcreByte - 1) * bytes) ||
      (result == PcreExpression::Result::LimitHit && too_slow)) {
    exhausted_ = true;  // it would be as slow at the next occurrence
  }
  cut_ = cut_ || result == PcreExpression::Result::LimitHit;
  if (result == PcreExpression::Result::NoMatch) lacks();
  if (result == PcreExpression::Result::Match) {
    found = {base + static_cast<int64_t>(match.begin), base + static_cast<int64_t>(match.end)};
  }
  return result;
}

bool BufferEvaluation::pass(const PcreStep& pcre, int64_t& previous) noexcept {
  const int64_t base = pcre.relative ? std::clamp(previous, begin_, end_) : begin_;
  Range found{};
  switch (search(pcre, base, base, found)) {
    case PcreExpression::Result::Match:
      if (!pcre.negated) previous = found.end;
      return !pcre.negated;
    case PcreExpression::Result::NoMatch:
      return pcre.negated;
    case PcreExpression::Result::LimitHit:
      break;
  }
  return false;
}

BufferEvaluation::Outcome BufferEvaluation::retry(const PcreStep& pcre, size_t index,
                                                  int64_t previous) noexcept {
  const int64_t base = pcre.relative ? std::clamp(previous, begin_, end_) : begin_;
  int64_t start = base;
  Range found{};
  while (start <= end_ && search(pcre, base, start, found) == PcreExpression::Result::Match) {
    const Outcome rest = from(index + 1, found.end);
    if (rest != Outcome::NoMatch) return rest;
    // A \K can let a match begin before where it was looked for.
    start = std::max(found.begin, start) + 1;
  }
  return exhausted_ ? Outcome::GiveUp : Outcome::NoMatch;
}

// ---- numbers ----

bool BufferEvaluation::read(const RuleBytes& bytes, int64_t previous, Read& out) noexcept {
  int64_t offset = 0;
  uint64_t count = 0;
  if (begin_ == end_) return lacks();
  if (!position(bytes.offset, offset) || !number(bytes.count, count)) return false;
  const bool text = bytes.text_base != 0;
  if (count > (text ? kMaxTextNumber : kMaxBinaryNumber) || (text && count == 0)) return false;
  const int64_t begin = offset + (bytes.relative ? previous : 0);
  const int64_t end = begin + static_cast<int64_t>(count);
  if (begin < 0) return false;
  if (end > end_ || (count > 0 && bytes.relative && begin >= end_)) return lacks();
  if (count > 0 && begin < begin_) return false;
  if (count == 0) {  // byte_jump:0,... goes by its post_offset alone
    out = {0, begin, begin};
    return true;
  }
  const std::span<const uint8_t> there(at(begin), count);
  if (!text) {
    out = {binary_number(there, bytes.little_endian).value, begin, end};
    return true;
  }
  const auto number = text_number(there, bytes.text_base);
  if (!number) return false;
  out = {number->value, begin, begin + number->consumed};
  return true;
}

bool BufferEvaluation::pass(const RuleByteTest& test, int64_t previous) noexcept {
  Read there{};
  uint64_t with = 0;
  if (!read(test.read, previous, there) || !number(test.value, with)) return false;
  const uint64_t value = masked(there.value, test.read.bitmask);
  bool holds = false;
  switch (test.compare) {
    case RuleCompare::Equal:
      holds = value == with;
      break;
    case RuleCompare::NotEqual:
      holds = value != with;
      break;
    case RuleCompare::Less:
      holds = value < with;
      break;
    case RuleCompare::LessEqual:
      holds = value <= with;
      break;
    case RuleCompare::Greater:
      holds = value > with;
      break;
    case RuleCompare::GreaterEqual:
      holds = value >= with;
      break;
    case RuleCompare::And:
      holds = (value & with) != 0;
      break;
    case RuleCompare::Or:
      // Called "or", and an exclusive one.
      holds = (value ^ with) != 0;
      break;
  }
  return holds != test.negated;
}

bool BufferEvaluation::pass(const RuleByteJump& jump, int64_t& previous) noexcept {
  Read there{};
  if (!read(jump.read, previous, there)) return false;
  uint64_t far = masked(there.value, jump.read.bitmask) * jump.multiplier;
  if (jump.align) far = aligned(far, 4);
  far += static_cast<uint64_t>(int64_t{jump.post_offset});
  const int64_t base = jump.from_beginning ? 0 : jump.from_end ? end_ : there.end;
  int64_t target = 0;
  if (__builtin_add_overflow(base, static_cast<int64_t>(far), &target)) return false;
  if (target >= end_) return lacks();
  previous = std::max<int64_t>(target, 0);
  return true;
}

bool BufferEvaluation::pass(const RuleByteExtract& extract, int64_t& previous) noexcept {
  Read there{};
  if (!read(extract.read, previous, there)) return false;
  uint64_t value = masked(there.value, extract.read.bitmask) * extract.multiplier;
  if (extract.align > 0) value = aligned(value, extract.align);
  scratch_.set_variable(extract.variable, value);
  previous = there.end;
  return true;
}

bool BufferEvaluation::pass(const RuleByteMath& math, int64_t& previous) noexcept {
  Read there{};
  uint64_t with = 0;
  if (!read(math.read, previous, there) || !number(math.operand, with)) return false;
  uint64_t value = there.value;
  switch (math.operation) {
    case '+':
      value += with;
      break;
    case '-':
      value -= with;
      break;
    case '*':
      value *= with;
      break;
    case '/':
      if (with == 0) return false;
      value /= with;
      break;
    case '<':
      value = with < 64 ? value << with : 0;
      break;
    default:
      value = with < 64 ? value >> with : 0;
      break;
  }
  // Of the result, other than for the other keywords.
  scratch_.set_variable(math.variable, masked(value, math.read.bitmask));
  previous = there.end;
  return true;
}

// ---- sizes ----

bool BufferEvaluation::pass(const RuleIsDataAt& data_at, int64_t previous) noexcept {
  int64_t place = 0;
  if (!position(data_at.position, place)) return false;
  // A relative position may be the end itself, an absolute one may not.
  const bool there = data_at.relative ? previous + place <= end_ : place < end_;
  if (!there && !data_at.negated) return lacks();
  return there != data_at.negated;
}

bool BufferEvaluation::pass(const RuleBsize& size) noexcept {
  const RuleRange& range = size.range;
  if (complete_) return range.holds(end_);
  // More bytes can only make it larger.
  if (range.negated ? end_ > range.high : end_ >= range.low && range.high == INT64_MAX) return true;
  return !range.negated && end_ > range.high ? false : lacks();
}

}  // namespace sluice::rules
