// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a match changes: flow bits, thresholds, the list of what has fired.
#include <algorithm>
#include <utility>

#include "stages/dpi/detection/detector.h"

namespace sluice::rules {

bool Detector::fired_before(uint32_t index) const noexcept {
  const auto fired = std::as_const(state_->fired).items();
  return std::find(fired.begin(), fired.end(), index) != fired.end();
}

// False if its detection filter, or that it has fired, holds it back.
bool Detector::fire(uint32_t index, const Place& place) noexcept {
  const CompiledRule& rule = set_->rule(index);
  Stamp& stamp = stamps_[index];
  const uint32_t transaction = place.transaction == nullptr ? 0 : place.transaction->number + 1;
  if (stamp.packet == serial_ && stamp.transaction == transaction) return false;
  if (rule.once && state_ != nullptr && fired_before(index)) return false;
  const Direction side = rule.directed ? rule.direction : place.side;
  const PacketEnds& ends = ends_[static_cast<size_t>(side)];
  stamp = {serial_, transaction};
  if (rule.detection_filter &&
      !thresholds_.matched(*rule.detection_filter, index, ends, flow_->identity,
                           packet_->time_ns, counters_->thresholds_lost)) {
    return false;
  }
  if (rule.once && state_ != nullptr && !state_->fired.push_back(index, *arena_, kMaxPending)) {
    ++counters_->state_lost;
  }
  change_state(rule);
  bool alert = rule.alerts;
  if (alert && rule.threshold) {
    alert = thresholds_.matched(*rule.threshold, index, ends, flow_->identity, packet_->time_ns,
                                counters_->thresholds_lost);
  }
  // As in Suricata: a rule that looks at one packet decides about that packet,
  // one that looks at the stream, a transaction or the ends about the flow.
  const bool whole_flow =
      place.scope != RuleScope::Packet || (rule.parts.empty() && rule.packet == nullptr);
  if (rule.action == RuleAction::Pass) {
    passed_ = true;
    if (state_ != nullptr && whole_flow) state_->passed = true;
  }
  if (rule.action == RuleAction::Drop || rule.action == RuleAction::Reject) {
    blocks_ = blocks_ || whole_flow;
  }
  tell(index, {index, side, place.transaction, alert});
  return true;
}

// Kept in the set's order, drop before alert, whatever the place: when there are
// too many, those that matter least go.
void Detector::tell(uint32_t index, const Fired& fired) noexcept {
  size_t end = fired_count_;
  if (end == kMaxFired) {
    ++counters_->matches_lost;
    if (fired_[end - 1].rule < index) return;
    --end;
  }
  size_t at = end;
  for (; at > 0 && fired_[at - 1].rule > index; --at) fired_[at] = fired_[at - 1];
  fired_[at] = fired;
  fired_count_ = end + 1;
  if (set_->rule(index).action == RuleAction::Pass) fired_count_ = at + (fired.alert ? 1 : 0);
}

bool Detector::state_holds(const CompiledRule& rule) noexcept {
  for (const CompiledFlowbit& test : rule.flowbits) {
    if (test.op != RuleFlowbit::Op::IsSet && test.op != RuleFlowbit::Op::IsNotSet) continue;
    const bool any = std::any_of(test.bits.begin(), test.bits.end(),
                                 [this](uint32_t bit) { return flowbit(bit); });
    if (any != (test.op == RuleFlowbit::Op::IsSet)) return false;
  }
  for (const CompiledXbit& test : rule.xbits) {
    if (test.op != RuleFlowbit::Op::IsSet && test.op != RuleFlowbit::Op::IsNotSet) continue;
    const bool set = xbits_.holds(test.bit, test.track, packet_->ends, packet_->time_ns);
    if (set != (test.op == RuleFlowbit::Op::IsSet)) return false;
  }
  return std::all_of(rule.flowints.begin(), rule.flowints.end(),
                     [this](const CompiledFlowint& test) { return flowint_holds(test); });
}

void Detector::change_state(const CompiledRule& rule) noexcept {
  for (const CompiledFlowbit& change : rule.flowbits) {
    for (const uint32_t bit : change.bits) {
      if (change.op == RuleFlowbit::Op::Set) set_flowbit(bit, true);
      if (change.op == RuleFlowbit::Op::Unset) set_flowbit(bit, false);
      if (change.op == RuleFlowbit::Op::Toggle) set_flowbit(bit, !flowbit(bit));
    }
  }
  for (const CompiledXbit& change : rule.xbits) {
    const bool was = xbits_.holds(change.bit, change.track, packet_->ends, packet_->time_ns);
    const bool toggles = change.op == RuleFlowbit::Op::Toggle;
    if (change.op == RuleFlowbit::Op::Set || (toggles && !was)) {
      xbits_.set(change.bit, change.track, packet_->ends, packet_->time_ns, change.expire_s,
                 counters_->thresholds_lost);
    } else if (change.op == RuleFlowbit::Op::Unset || toggles) {
      xbits_.unset(change.bit, change.track, packet_->ends);
    }
  }
  for (const CompiledFlowint& change : rule.flowints) change_flowint(change);
}

bool Detector::flowbit(uint32_t bit) const noexcept {
  if (state_ == nullptr || bit / 64 >= state_->flowbits.size()) return false;
  return (state_->flowbits[bit / 64] >> bit % 64 & 1) != 0;
}

void Detector::set_flowbit(uint32_t bit, bool value) noexcept {
  if (state_ == nullptr) return;
  auto& words = state_->flowbits;
  while (value && bit / 64 >= words.size()) {
    if (!words.push_back(0, *arena_, UINT32_MAX)) {
      ++counters_->state_lost;
      return;
    }
  }
  if (bit / 64 >= words.size()) return;
  const uint64_t mask = uint64_t{1} << bit % 64;
  words[bit / 64] = value ? words[bit / 64] | mask : words[bit / 64] & ~mask;
}

}  // namespace sluice::rules
