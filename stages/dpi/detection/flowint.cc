// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <algorithm>
#include <limits>

#include "stages/dpi/detection/detector.h"

namespace sluice::rules {

namespace {

// Of one that nobody has set.
constexpr int64_t kUnset = std::numeric_limits<int64_t>::min();

int64_t added(int64_t a, int64_t b) noexcept {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

}  // namespace

int64_t Detector::flowint(uint32_t number) const noexcept {
  if (state_ == nullptr || number >= state_->flowints.size()) return kUnset;
  return state_->flowints[number];
}

bool Detector::flowint_holds(const CompiledFlowint& test) const noexcept {
  const int64_t value = flowint(test.number);
  const int64_t operand = test.other ? flowint(*test.other) : test.operand;
  const bool known = value != kUnset && operand != kUnset;
  switch (test.op) {
    case RuleFlowint::Op::Set:
    case RuleFlowint::Op::Add:
    case RuleFlowint::Op::Subtract:
      return true;
    case RuleFlowint::Op::IsSet:
      return value != kUnset;
    case RuleFlowint::Op::IsNotSet:
      return value == kUnset;
    case RuleFlowint::Op::Less:
      return known && value < operand;
    case RuleFlowint::Op::LessEqual:
      return known && value <= operand;
    case RuleFlowint::Op::Equal:
      return known && value == operand;
    case RuleFlowint::Op::NotEqual:
      return known && value != operand;
    case RuleFlowint::Op::Greater:
      return known && value > operand;
    case RuleFlowint::Op::GreaterEqual:
      return known && value >= operand;
  }
  return false;
}

void Detector::change_flowint(const CompiledFlowint& change) noexcept {
  const bool sets = change.op == RuleFlowint::Op::Set;
  if (state_ == nullptr ||
      !(sets || change.op == RuleFlowint::Op::Add || change.op == RuleFlowint::Op::Subtract)) {
    return;
  }
  const int64_t operand = change.other ? flowint(*change.other) : change.operand;
  if (operand == kUnset) return;
  auto& values = state_->flowints;
  while (change.number >= values.size()) {
    if (!values.push_back(kUnset, *arena_, std::numeric_limits<uint32_t>::max())) {
      ++counters_->state_lost;
      return;
    }
  }
  int64_t& value = values[change.number];
  const int64_t before = value == kUnset ? 0 : value;
  if (sets) {
    value = operand;
  } else {
    value = std::max<int64_t>(
        0, change.op == RuleFlowint::Op::Add ? added(before, operand) : before - operand);
  }
}

}  // namespace sluice::rules
