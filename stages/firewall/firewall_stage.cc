// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/firewall/firewall_stage.h"

namespace sluice {

using firewall::Action;
using firewall::Judgement;
using firewall::kNoRule;

// A flow of the burst that is judged.
struct FirewallStage::Pending {
  Flow* flow;
  uint8_t upstream;  // before it was judged
  Judgement judgement;
  FirewallPart::Hits* hits;  // of the rule that settled the flow; null: not settled
  Verdict verdict;
  Reason reason;
};

// Packets whose flow waits for dpi pass without a look at the rules as long as
// nothing has changed. The others' flows are judged together, each once.
void FirewallStage::process(Burst& burst, const StagePolicy& stage_policy,
                            LanePart* lane_part) noexcept {
  const auto& policy = static_cast<const FirewallPolicy&>(stage_policy);
  auto& part = static_cast<FirewallPart&>(*lane_part);

  Pending pending[Burst::kCapacity];
  const Flow* flows[Burst::kCapacity];
  rte_mbuf* judged[Burst::kCapacity];
  unsigned nb_flows = 0, nb_judged = 0;
  for (rte_mbuf* m : burst) {
    Flow& flow = *meta(m).flow;
    FirewallSlot& state = slot<FirewallSlot>(flow);
    if (state.pending == 0) {
      if (still_waits(flow, m, burst, policy)) continue;
      flows[nb_flows] = &flow;
      pending[nb_flows].flow = &flow;
      pending[nb_flows].upstream = upstream(flow);
      pending[nb_flows].hits = nullptr;
      state.pending = static_cast<uint8_t>(++nb_flows);
    }
    judged[nb_judged++] = m;
  }
  if (nb_flows == 0) return;

  Judgement judgements[Burst::kCapacity];
  policy.table.judge(flows, nb_flows, *resources_.directory, judgements);
  counters_.judged += nb_flows;
  for (unsigned i = 0; i < nb_flows; ++i) pending[i].judgement = judgements[i];

  for (unsigned i = 0; i < nb_judged; ++i) {
    rte_mbuf* m = judged[i];
    Pending& p = pending[slot<FirewallSlot>(*meta(m).flow).pending - 1];
    if (p.hits == nullptr) decide(p, m, burst.generation, policy, part);
    if (p.hits == nullptr) continue;
    ++p.hits->packets;
    if (p.verdict != Verdict::Pass) give_verdict(m, p.verdict, p.reason);
  }
  for (unsigned i = 0; i < nb_flows; ++i) slot<FirewallSlot>(*pending[i].flow).pending = 0;
}

bool FirewallStage::still_waits(Flow& flow, const rte_mbuf* m, const Burst& burst,
                                const FirewallPolicy& policy) noexcept {
  const StageState& state = this->state(flow);
  return state.waits && state.generation == burst.generation && state.upstream == upstream(flow) &&
         let_through(slot<FirewallSlot>(flow), m, policy);
}

// Counts the packet against the flow's limits; false: they are used up.
bool FirewallStage::let_through(FirewallSlot& state, const rte_mbuf* m,
                                const FirewallPolicy& policy) noexcept {
  const uint32_t payload = meta(m).payload_len;
  if (state.packets >= policy.undecided_packets || state.bytes + payload > policy.undecided_bytes) {
    return false;
  }
  ++state.packets;
  state.bytes = static_cast<uint16_t>(state.bytes + payload);
  ++counters_.undecided_packets;
  counters_.undecided_bytes += payload;
  return true;
}

void FirewallStage::decide(Pending& pending, const rte_mbuf* m, uint16_t generation,
                           const FirewallPolicy& policy, FirewallPart& part) noexcept {
  FirewallSlot& state = slot<FirewallSlot>(*pending.flow);
  const uint8_t chain = meta(m).chain;
  const bool dpi_may_answer = chain >= policy.chain_has_dpi.size() || policy.chain_has_dpi[chain];
  if (pending.judgement.open != kNoRule && dpi_may_answer) {
    if (let_through(state, m, policy)) return wait(*pending.flow, generation, pending.upstream);
    ++counters_.undecided_exhausted;
  }
  settle_by(pending, pending.judgement.match, generation, policy, part);
}

void FirewallStage::settle_by(Pending& pending, uint32_t number, uint16_t generation,
                              const FirewallPolicy& policy, FirewallPart& part) noexcept {
  const auto& rules = policy.table.rules();
  const bool by_rule = number != kNoRule;
  const Action action = by_rule ? rules[number].action : policy.default_action;
  FirewallReason why = FirewallReason::NoRule;
  switch (action) {
    case Action::Allow:
      pending.verdict = Verdict::Pass;
      ++counters_.allowed;
      break;
    case Action::Drop:
      pending.verdict = Verdict::Drop;
      if (by_rule) why = FirewallReason::Denied;
      break;
    case Action::Reject:
      pending.verdict = Verdict::Reject;
      if (by_rule) why = FirewallReason::Rejected;
      break;
  }
  pending.reason = kNoReason;
  FlowContext& c = context(*pending.flow);
  c.rule = by_rule ? rules[number].name_id : policy.default_rule;
  if (pending.verdict != Verdict::Pass) {
    pending.reason = own_reason(static_cast<unsigned>(why));
    ++(why == FirewallReason::Denied     ? counters_.denied
       : why == FirewallReason::Rejected ? counters_.rejected
                                         : counters_.no_rule);
    // The worker writes one drop event a flow and reason: this one counts as written.
    if (by_rule && !rules[number].log) state(*pending.flow).logged = pending.reason;
  }
  settle(*pending.flow, generation, pending.upstream, pending.verdict, pending.reason);
  pending.hits = &part.hits[by_rule ? number : rules.size()];
  ++pending.hits->flows;
}

}  // namespace sluice
