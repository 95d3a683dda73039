// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/buffer_matcher.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "stages/dpi/rules/buffer_evaluation.h"
#include "stages/dpi/rules/byte_number.h"
#include "stages/dpi/rules/match_program.h"
#include "stages/dpi/rules/match_scratch_parts.h"

namespace sluice::rules {

namespace {

class ProgramCompiler {
 public:
  ProgramCompiler(const RuleBufferMatch& match, PcreCache& cache, std::string& why)
      : match_(match), cache_(cache), why_(why) {}

  std::unique_ptr<MatchProgram> compile() {
    program_ = std::make_unique<MatchProgram>();
    program_->buffer = match_.buffer;
    program_->side = match_.side;
    program_->transforms = match_.transforms;
    program_->only_negated = true;
    if (match_.items.empty()) return refuse("nothing is asked of the buffer");
    if (match_.items.size() > kMaxRuleItems) return refuse("too many contents and other items");
    program_->steps.reserve(match_.items.size());
    for (const RuleItem& item : match_.items) {
      if (!std::visit([this](const auto& i) { return add(i); }, item)) return nullptr;
    }
    return std::move(program_);
  }

 private:
  std::nullptr_t refuse(const char* why) {
    why_ = why;
    return nullptr;
  }
  bool fail(const char* why) {
    why_ = why;
    return false;
  }

  bool known(const RuleNumber& number) {
    if (!number.is_variable()) return true;
    program_->has_variables = true;
    return static_cast<size_t>(number.variable) < kMaxRuleVariables ||
           fail("a variable out of range");
  }
  bool known(const std::optional<RuleNumber>& number) { return !number || known(*number); }

  static StepNumber narrow(const std::optional<RuleNumber>& number) {
    if (!number) return {};
    // Beyond the end of any buffer is as far as beyond it.
    return {static_cast<int32_t>(std::clamp<int64_t>(number->value, INT32_MIN, INT32_MAX)),
            number->variable, true};
  }

  // The last content or pcre that is not negated is what relative items hang on;
  // what hangs on a jump hangs on what the jump hangs on. (Suricata takes the last
  // one even if negated, and then tries no other occurrence of the one meant.)
  void depend(bool on_each_occurrence) {
    for (auto step = program_->steps.rbegin(); step != program_->steps.rend(); ++step) {
      if (auto* content = std::get_if<ContentStep>(&*step); content && !content->negated) {
        content->retried = content->retried || on_each_occurrence;
        return;
      }
      if (auto* pcre = std::get_if<PcreStep>(&*step); pcre && !pcre->negated) {
        pcre->retried = true;
        return;
      }
    }
  }

  bool add(const RuleContent& content) {
    if (content.bytes.empty() || content.bytes.size() > kMaxContentBytes) {
      return fail("a content of no or too many bytes");
    }
    if (!known(content.offset) || !known(content.depth) || !known(content.distance) ||
        !known(content.within)) {
      return false;
    }
    // Behind its first occurrence is the most to find something in, or to find nothing.
    if (content.relative()) depend(content.within.has_value() || content.negated);
    const auto varies = [](const std::optional<RuleNumber>& n) { return n && n->is_variable(); };
    program_->steps.emplace_back(
        ContentStep{Needle(content.bytes, content.nocase), narrow(content.offset),
                    narrow(content.depth), narrow(content.distance), narrow(content.within),
                    content.negated, content.endswith, content.relative(), false,
                    !varies(content.offset) && !varies(content.depth) &&
                        !varies(content.distance) && !varies(content.within)});
    if (content.negated) return true;
    program_->only_negated = false;
    note_end(content);
    return true;
  }

  // Where the content ends at the earliest.
  void note_end(const RuleContent& content) {
    const auto least = [](const std::optional<RuleNumber>& n) {
      // Variables are never negative.
      return n && !n->is_variable() ? std::clamp<int64_t>(n->value, INT32_MIN, INT32_MAX) : 0;
    };
    int64_t begin = std::max<int64_t>(least(content.offset), 0);
    if (content.relative()) begin = std::max(begin, earliest_ + least(content.distance));
    earliest_ = begin + static_cast<int64_t>(content.bytes.size());
    program_->min_size = std::max(program_->min_size, static_cast<uint64_t>(earliest_));
  }

  bool add(const RulePcre& pcre) {
    if (pcre.relative) depend(true);
    auto expression = cache_.compile(pcre, why_);
    if (!expression) return false;
    program_->steps.emplace_back(
        PcreStep{std::move(expression), pcre.negated, pcre.relative, false});
    if (pcre.negated) return true;
    program_->only_negated = false;
    if (!pcre.relative) earliest_ = 0;
    return true;
  }

  bool readable(const RuleBytes& bytes) {
    if (!known(bytes.count) || !known(bytes.offset)) return false;
    if (bytes.text_base != 0 && bytes.text_base != 8 && bytes.text_base != 10 &&
        bytes.text_base != 16) {
      return fail("a number in another base than 8, 10 or 16");
    }
    const size_t most = bytes.text_base != 0 ? kMaxTextNumber : kMaxBinaryNumber;
    if (!bytes.count.is_variable() &&
        (bytes.count.value < 0 || static_cast<uint64_t>(bytes.count.value) > most)) {
      return fail("a number of more than 8 bytes or 23 digits");
    }
    if (bytes.relative) depend(true);
    earliest_ = 0;
    return true;
  }
  bool settable(uint8_t variable) {
    program_->has_variables = true;
    return variable < kMaxRuleVariables || fail("a variable out of range");
  }

  bool add(const RuleByteTest& test) {
    const int64_t before = earliest_;
    if (!readable(test.read) || !known(test.value)) return false;
    earliest_ = before;  // the one that does not move
    return keep(test);
  }
  bool add(const RuleByteJump& jump) { return readable(jump.read) && keep(jump); }
  bool add(const RuleByteExtract& extract) {
    return readable(extract.read) && settable(extract.variable) && keep(extract);
  }
  bool add(const RuleByteMath& math) {
    if (std::string_view("+-*/<>").find(math.operation) == std::string_view::npos) {
      return fail("an unknown operation of byte_math");
    }
    return readable(math.read) && known(math.operand) && settable(math.variable) && keep(math);
  }
  bool add(const RuleIsDataAt& data_at) {
    if (!known(data_at.position)) return false;
    if (data_at.relative) depend(true);
    return keep(data_at);
  }
  bool add(const RuleBsize& size) { return keep(size); }

  template <typename Step>
  bool keep(const Step& step) {
    program_->steps.emplace_back(step);
    return true;
  }

  const RuleBufferMatch& match_;
  PcreCache& cache_;
  std::string& why_;
  std::unique_ptr<MatchProgram> program_;
  int64_t earliest_ = 0;  // where the match before ends at the earliest
};

}  // namespace

BufferMatcher::BufferMatcher(std::unique_ptr<const MatchProgram> program) noexcept
    : program_(std::move(program)) {}
BufferMatcher::BufferMatcher(BufferMatcher&&) noexcept = default;
BufferMatcher& BufferMatcher::operator=(BufferMatcher&&) noexcept = default;
BufferMatcher::~BufferMatcher() = default;

std::optional<BufferMatcher> BufferMatcher::compile(const RuleBufferMatch& match, PcreCache& cache,
                                                    std::string& why) {
  std::unique_ptr<const MatchProgram> program = ProgramCompiler(match, cache, why).compile();
  if (!program) return std::nullopt;
  return BufferMatcher(std::move(program));
}

MatchResult BufferMatcher::match(const BufferView& view, MatchScratch& scratch) const noexcept {
  if (!view.present()) return MatchResult::No;
  const MatchProgram& program = *program_;
  const MatchResult not_yet = view.complete ? MatchResult::Never : MatchResult::No;
  if (!program.transforms.empty()) {
    BufferView other = view;
    if (!scratch.transforms_->run(program.transforms, other, scratch.limits_)) return not_yet;
    const MatchResult result = BufferEvaluation(program, other, scratch).match();
    return result == MatchResult::Never ? not_yet : result;
  }
  if (view.offset + view.size < program.min_size) return not_yet;
  return BufferEvaluation(program, view, scratch).match();
}

Buffer BufferMatcher::buffer() const noexcept {
  return program_->buffer;
}
std::optional<Direction> BufferMatcher::side() const noexcept {
  return program_->side;
}
bool BufferMatcher::only_negated() const noexcept {
  return program_->only_negated;
}
bool BufferMatcher::has_variables() const noexcept {
  return program_->has_variables;
}

size_t BufferMatcher::memory_bytes() const noexcept {
  size_t sum = sizeof(MatchProgram) + program_->steps.capacity() * sizeof(MatchStep) +
               program_->transforms.capacity() * sizeof(RuleTransform);
  for (const MatchStep& step : program_->steps) {
    if (const auto* content = std::get_if<ContentStep>(&step)) {
      sum += content->needle.heap_bytes();
    }
  }
  return sum;
}

}  // namespace sluice::rules
