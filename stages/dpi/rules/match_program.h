// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A RuleBufferMatch in the form in which it is evaluated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "flowtable/flow_key.h"
#include "stages/dpi/buffer.h"
#include "stages/dpi/rules/needle.h"
#include "stages/dpi/rules/pcre_expression.h"
#include "stages/dpi/rules/rule.h"

namespace sluice::rules {

// Positions of a rule fit 32 bits: buffers end long before.
struct StepNumber {
  int32_t value = 0;
  int8_t variable = -1;  // -1: `value` counts
  bool present = false;
};

struct ContentStep {
  Needle needle;
  StepNumber offset, depth, distance, within;
  bool negated;
  bool endswith;
  bool relative;  // distance or within
  // What follows is bound to this one's end so that the next occurrence may do
  // where this one does not: `within` of a content, a relative item of another
  // kind. A distance alone is no reason: what lies behind the next occurrence
  // lies behind this one too (as Suricata sees it).
  bool retried;
  bool constant;  // asks for no variable
};

struct PcreStep {
  std::shared_ptr<const PcreExpression> expression;
  bool negated;
  bool relative;
  bool retried;  // a relative item follows
};

using MatchStep = std::variant<ContentStep, PcreStep, RuleByteTest, RuleByteJump, RuleByteExtract,
                               RuleByteMath, RuleIsDataAt, RuleBsize>;

struct MatchProgram {
  std::vector<MatchStep> steps;  // at least one
  std::vector<RuleTransform> transforms;
  // Fewer bytes than this, counted from the whole buffer's start, cannot hold the contents.
  uint64_t min_size = 0;
  Buffer buffer = Buffer::Payload;
  std::optional<Direction> side;
  bool only_negated = false;
  bool has_variables = false;
};

}  // namespace sluice::rules
