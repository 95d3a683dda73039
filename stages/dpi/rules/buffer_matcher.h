// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// All that a rule asks of one buffer, evaluated as Suricata's content inspection
// does: item by item in the rule's order, where relative items count from the
// end of the match before, and a content or pcre is searched for its next
// occurrence when what depends on its position fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flowtable/flow_key.h"
#include "stages/dpi/buffer.h"
#include "stages/dpi/rules/match_scratch.h"
#include "stages/dpi/rules/pcre_expression.h"
#include "stages/dpi/rules/rule.h"

namespace sluice::rules {

struct MatchProgram;

enum class MatchResult : uint8_t {
  Yes,
  No,     // not yet: more bytes behind those that are there may change it
  Never,  // whatever follows in this buffer
  Cut,    // a limit of MatchScratch was hit: nobody knows
};

// Immutable, shared by all workers.
class BufferMatcher {
 public:
  // Nothing, and `why` in a sentence's words without a full stop, if an item cannot be
  // compiled. Off the data path; throws std::bad_alloc only.
  static std::optional<BufferMatcher> compile(const RuleBufferMatch& match, PcreCache& cache,
                                              std::string& why);
  BufferMatcher(BufferMatcher&&) noexcept;
  BufferMatcher& operator=(BufferMatcher&&) noexcept;
  ~BufferMatcher();

  // Whether `view` holds all that the rule asks of it. A view that is not
  // present never does. Views that still grow are judged by what is there,
  // except that their size (bsize, urilen) is judged once it cannot change the answer any
  // more. Offsets and depths count from the whole buffer's start: what lies in
  // front of view.offset is not seen, and what must lie there is not found. Takes no memory.
  // No instead of Never is possible where telling them apart would cost more.
  MatchResult match(const BufferView& view, MatchScratch& scratch) const noexcept;
  bool matches(const BufferView& view, MatchScratch& scratch) const noexcept {
    return match(view, scratch) == MatchResult::Yes;
  }

  Buffer buffer() const noexcept;
  std::optional<Direction> side() const noexcept;
  // Every item is one that absence satisfies (negated contents, negated pcres,
  // ...): no pattern can tell that it is worth asking.
  bool only_negated() const noexcept;
  // Sets or asks for a variable of byte_extract or byte_math.
  bool has_variables() const noexcept;
  // Of this matcher alone, without the expressions that it shares.
  size_t memory_bytes() const noexcept;

 private:
  explicit BufferMatcher(std::unique_ptr<const MatchProgram> program) noexcept;
  std::unique_ptr<const MatchProgram> program_;
};

}  // namespace sluice::rules
