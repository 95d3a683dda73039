// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What the rules remember of one flow.
#pragma once

#include <cstdint>

#include "stages/dpi/arena_vector.h"

namespace sluice::rules {

class RuleSet;

// A rule whose fast pattern has been found and that waits for the rest, or that
// has fired and does not again before its transaction ends.
struct PendingRule {
  uint32_t rule;
  uint32_t transaction;  // its number; for a stream: 0
  uint64_t found_at;     // of a stream: where its fast pattern begins at the earliest
  uint64_t lacking;      // of a transaction: buffers (buffer_bit) that may still match
  uint64_t matched;      // parts of the rule, by position, that need not be asked again
  uint8_t side;          // Direction in which its fast pattern was found
  bool in_stream : 1;    // else in a transaction
  bool fired : 1;
  bool undecided : 1;  // waits for the application protocol's name
  bool gone : 1;       // to be removed when the place has been evaluated
  bool announces : 1;  // in the stream: its transactions are to be asked
};

// Zeroed memory is a fresh one. dpi's worker only.
struct RuleState {
  ArenaVector<PendingRule> pending;
  ArenaVector<uint32_t> fired;      // rules that fire once a flow, and have
  ArenaVector<uint64_t> flowbits;   // as many words as the rule set needs, or none
  ArenaVector<int64_t> flowints;
  const RuleSet* set;   // whose rules these are, only to be compared
  uint16_t generation;  // of the policy that they belong to
  bool passed;          // a `pass` rule has matched: no rule is asked any more
  uint8_t ends_asked;   // bits by Direction: rules on the ends alone have been

  void release() noexcept {
    pending.release();
    fired.release();
    flowbits.release();
    flowints.release();
    passed = false;
    ends_asked = 0;
  }
};

}  // namespace sluice::rules
