// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/detection/detector.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "stages/dpi/protocol/tls_transaction.h"

namespace sluice::rules {

namespace {

constexpr size_t kThresholdEntries = size_t{1} << 15;
constexpr size_t kXbitEntries = size_t{1} << 14;

BufferView whole(std::span<const uint8_t> bytes) noexcept {
  return {bytes.data(), static_cast<uint32_t>(bytes.size()), 0, 0, true};
}

}  // namespace

Detector::Detector(std::shared_ptr<const RuleSet> set, const Directory& directory)
    : set_(std::move(set)),
      directory_(directory),
      candidates_(set_->size()),
      thresholds_(kThresholdEntries),
      xbits_(kXbitEntries) {
  if (hs_valid_platform() != HS_SUCCESS) {
    throw std::runtime_error("rules: Hyperscan cannot run on this processor");
  }
  hs_scratch_t* scratch = nullptr;
  hs_error_t error = HS_SUCCESS;
  set_->for_each_database([&](const hs_database_t* database) {
    // Grows what is there; on failure what was there is kept.
    if (error == HS_SUCCESS) error = hs_alloc_scratch(database, &scratch);
  });
  scratch_.reset(scratch);
  if (error != HS_SUCCESS) {
    throw std::runtime_error("rules: Hyperscan has no scratch memory (error " +
                             std::to_string(error) + ")");
  }
}

void Detector::begin(const PacketFacts& packet, const FlowFacts& flow, RuleState* state,
                     Arena* arena) noexcept {
  packet_ = &packet;
  flow_ = &flow;
  state_ = state;
  arena_ = arena;
  fired_count_ = 0;
  passed_ = false;
  const auto side = static_cast<size_t>(packet.direction);
  payload_[side] = packet.payload.empty() ? BufferView{} : whole(packet.payload);
  payload_[1 - side] = {};
}

void Detector::packet() noexcept {
  const Prefilter& prefilter = set_->packet(packet_->ends.packet_class);
  counters_.scanned_bytes += prefilter.scan(packet_->payload, 0, scratch_.get(), candidates_);
  // A segment that belongs to no stream shows its bytes here or nowhere.
  if (packet_->ends.packet_class == PacketClass::Tcp && !packet_->in_stream) {
    counters_.scanned_bytes += set_->stream(packet_->direction)
                                   .scan(packet_->payload, 0, scratch_.get(), candidates_);
  }
  evaluate({RuleScope::Packet, packet_->direction, nullptr});
}

void Detector::stream(Direction of, const BufferView& window, uint32_t seen) noexcept {
  payload_[static_cast<size_t>(of)] = window;
  const Prefilter& prefilter = set_->stream(of);
  const Place place{RuleScope::Stream, of, nullptr};
  evaluate_pending(place);
  if (prefilter.empty()) return;
  counters_.scanned_bytes += prefilter.scan(window.bytes(), seen, scratch_.get(), candidates_);
  evaluate(place);
}

void Detector::transaction(Transaction& transaction) noexcept {
  // What waits for a body is asked once its new bytes are there.
  evaluate_pending({RuleScope::Transaction, Direction::Original, &transaction});
  for (const Direction of : {Direction::Original, Direction::Reply}) {
    const auto side = static_cast<size_t>(of);
    uint64_t fresh = transaction.fresh[side] & set_->wanted_buffers(of);
    for (; fresh != 0; fresh &= fresh - 1) {
      const auto buffer = static_cast<Buffer>(__builtin_ctzll(fresh));
      const Prefilter& prefilter = set_->buffer(buffer, of);
      BufferView& view = transaction.view(buffer, of);
      counters_.scanned_bytes +=
          prefilter.scan(view.bytes(), view.scanned, scratch_.get(), candidates_);
      view.scanned = view.size;
      for (const Transaction::More& more : transaction.more[side]) {
        if (more.buffer != buffer) continue;
        counters_.scanned_bytes +=
            prefilter.scan(more.view.bytes(), 0, scratch_.get(), candidates_);
      }
    }
    evaluate({RuleScope::Transaction, of, &transaction});
  }
}

void Detector::finished(const Transaction& transaction) noexcept {
  if (state_ == nullptr) return;
  auto& pending = state_->pending;
  for (uint32_t i = pending.size(); i-- > 0;) {
    if (!pending[i].in_stream && pending[i].transaction == transaction.number) pending.remove(i);
  }
}

void Detector::evaluate(const Place& place) noexcept {
  if (candidates_.empty()) return;
  for (const uint32_t index : candidates_.sorted()) {
    const CompiledRule& rule = set_->rule(index);
    // A rule for streams that met its pattern in a lone packet is asked of that.
    if (passed_ || (rule.scope == RuleScope::Transaction) !=
                       (place.scope == RuleScope::Transaction)) {
      continue;
    }
    ++counters_.candidates;
    switch (ask(rule, place)) {
      case Result::Yes:
        fire(index, place);
        break;
      case Result::Later:
        remember(index, place);
        break;
      case Result::No:
        break;
    }
  }
  candidates_.clear();
}

void Detector::evaluate_pending(const Place& place) noexcept {
  if (state_ == nullptr) return;
  const bool in_stream = place.scope == RuleScope::Stream;
  auto& pending = state_->pending;
  for (uint32_t i = pending.size(); i-- > 0 && !passed_;) {
    const PendingRule waiting = pending[i];
    if (waiting.in_stream != in_stream || waiting.fired) continue;
    Place its = place;
    its.side = static_cast<Direction>(waiting.side);
    const CompiledRule& rule = set_->rule(waiting.rule);
    if (in_stream) {
      if (its.side != place.side) continue;
      if (payload_[waiting.side].offset > waiting.found_at) {
        pending.remove(i);  // what it had found has been given up
        continue;
      }
    } else {
      const Transaction& t = *place.transaction;
      if (waiting.transaction != t.number) continue;
      const bool news = ((t.fresh[0] | t.fresh[1]) & rule.buffers) != 0 || rule.needs_payload ||
                        t.complete[0] || t.complete[1];
      if (!news) continue;
    }
    ++counters_.candidates;
    const Result result = ask(rule, its);
    if (result == Result::Later) continue;
    if (result == Result::Yes) fire(waiting.rule, its);
    // fire() may have added an entry; this one keeps its place.
    if (result == Result::Yes && !in_stream) {
      pending[i].fired = true;
    } else {
      pending.remove(i);
    }
  }
}

Detector::Result Detector::ask(const CompiledRule& rule, const Place& place) noexcept {
  if (!fits(rule, place)) return Result::No;
  const Result parts = ask_parts(rule, place);
  if (parts != Result::Yes) return parts;
  return state_holds(rule) ? Result::Yes : Result::No;
}

// What costs little and cannot change by more bytes.
bool Detector::fits(const CompiledRule& rule, const Place& place) const noexcept {
  if (rule.directed && place.scope != RuleScope::Transaction && rule.direction != place.side) {
    return false;
  }
  if (rule.established_known && rule.established != flow_->established) return false;
  if (!rule.apps.empty()) {
    if (!flow_->app_decided) return false;
    const bool any = std::find(rule.apps.begin(), rule.apps.end(), flow_->app) != rule.apps.end();
    if (any == rule.apps_negated) return false;
  }
  const Direction side = rule.directed ? rule.direction : place.side;
  PacketEnds ends = packet_->ends;
  if (side != packet_->direction) ends.swap();
  if (!set_->header(rule).fits(ends)) return false;
  if (rule.packet != nullptr && !holds(*rule.packet, *packet_, *flow_)) return false;
  if ((!rule.tls_versions.empty() || rule.tls_states != 0) && !fits_tls(rule, place)) return false;
  return rule.context.empty() || fits_context(rule);
}

bool Detector::fits_tls(const CompiledRule& rule, const Place& place) const noexcept {
  if (place.transaction == nullptr || place.transaction->protocol != AppProtocol::Tls) return false;
  const auto& tls = static_cast<const TlsTransaction&>(*place.transaction);
  if (rule.tls_states != 0 && (tls.states & rule.tls_states) == 0) return false;
  if (rule.tls_versions.empty()) return true;
  const std::string_view is = tls_version_number(tls.version);
  const bool any = std::find(rule.tls_versions.begin(), rule.tls_versions.end(), is) !=
                   rule.tls_versions.end();
  return !is.empty() && any != rule.tls_versions_negated;
}

bool Detector::fits_context(const CompiledRule& rule) const noexcept {
  const FlowContext* c = flow_->context;
  if (c == nullptr) return false;
  for (const CompiledContext& asked : rule.context) {
    const auto is_one = [&](uint32_t number) {
      switch (asked.what) {
        case CompiledContext::What::User:
          return number == c->source_identity || number == c->destination_identity;
        case CompiledContext::What::Group:
          return directory_.groups(c->source_groups).test(number) ||
                 directory_.groups(c->destination_groups).test(number);
        case CompiledContext::What::Application:
          return number == c->app || number == c->app_master;
      }
      return false;
    };
    const bool any = std::any_of(asked.numbers.begin(), asked.numbers.end(), is_one);
    if (any == asked.negated) return false;
  }
  return true;
}

Detector::Result Detector::ask_parts(const CompiledRule& rule, const Place& place) noexcept {
  match_.begin_rule();
  Result all = Result::Yes;
  for (const RulePart& part : rule.parts) {
    const Result one = ask_part(part, place);
    if (one == Result::No) return Result::No;
    if (one == Result::Later) all = Result::Later;
  }
  return all;
}

Detector::Result Detector::ask_part(const RulePart& part, const Place& place) noexcept {
  if (is_packet_header(part.buffer)) {
    return part.matcher.matches(header_view(part.buffer, *packet_), match_) ? Result::Yes
                                                                            : Result::No;
  }
  if (part.buffer == Buffer::Payload) {
    const Direction of = place.scope == RuleScope::Transaction && place.side != packet_->direction &&
                                 !payload_[static_cast<size_t>(place.side)].present()
                             ? packet_->direction
                             : place.side;
    // In a lone packet its own bytes count, even where a stream is kept beside.
    const BufferView view = place.scope == RuleScope::Packet ? whole(packet_->payload)
                                                             : payload_[static_cast<size_t>(of)];
    if (part.matcher.matches(view, match_)) return Result::Yes;
    return place.scope == RuleScope::Packet || view.complete ? Result::No : Result::Later;
  }
  if (place.transaction == nullptr) return Result::No;
  const Transaction& t = *place.transaction;
  bool later = false;
  for (const Direction of : {Direction::Original, Direction::Reply}) {
    const auto side = static_cast<size_t>(of);
    if (!part.side[side]) continue;
    const BufferView& view = t.view(part.buffer, of);
    if (view.present() && part.matcher.matches(view, match_)) return Result::Yes;
    for (const Transaction::More& more : t.more[side]) {
      if (more.buffer == part.buffer && part.matcher.matches(more.view, match_)) return Result::Yes;
    }
    later = later || (!view.complete && !t.complete[side]);
  }
  return later ? Result::Later : Result::No;
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
                 counters_.thresholds_lost);
    } else if (change.op == RuleFlowbit::Op::Unset || toggles) {
      xbits_.unset(change.bit, change.track, packet_->ends);
    }
  }
  for (const CompiledFlowint& change : rule.flowints) change_flowint(change);
}

void Detector::fire(uint32_t index, const Place& place) noexcept {
  const CompiledRule& rule = set_->rule(index);
  if (rule.once && state_ != nullptr) {
    const auto fired = state_->fired.items();
    if (std::find(fired.begin(), fired.end(), index) != fired.end()) return;
    if (!state_->fired.push_back(index, *arena_, kMaxPending)) ++counters_.state_lost;
  }
  if (place.transaction != nullptr && state_ != nullptr) {
    for (const PendingRule& p : std::as_const(state_->pending).items()) {
      if (p.rule == index && !p.in_stream && p.fired &&
          p.transaction == place.transaction->number) {
        return;
      }
    }
  }
  PacketEnds ends = packet_->ends;
  const Direction side = rule.directed ? rule.direction : place.side;
  if (side != packet_->direction) ends.swap();
  const auto flow = reinterpret_cast<uintptr_t>(flow_->context);
  if (rule.detection_filter &&
      !thresholds_.matched(*rule.detection_filter, index, ends, flow, packet_->time_ns,
                           counters_.thresholds_lost)) {
    return;
  }
  change_state(rule);
  if (place.transaction != nullptr) remember(index, place, true);
  bool alert = rule.alerts;
  if (alert && rule.threshold) {
    alert = thresholds_.matched(*rule.threshold, index, ends, flow, packet_->time_ns,
                                counters_.thresholds_lost);
  }
  // As in Suricata: a rule that looks at one packet decides about that packet,
  // one that looks at the stream, a transaction or the ends about the flow.
  const bool whole_flow =
      place.scope != RuleScope::Packet || (rule.parts.empty() && rule.packet == nullptr);
  if (rule.action == RuleAction::Pass) {
    passed_ = true;
    if (state_ != nullptr && whole_flow) state_->passed = true;
  }
  if (fired_count_ == kMaxFired) {
    ++counters_.matches_lost;
    return;
  }
  // Kept in the set's order: drop before alert, whatever the place.
  size_t at = fired_count_++;
  for (; at > 0 && fired_[at - 1].rule > index; --at) fired_[at] = fired_[at - 1];
  fired_[at] = {index, side, place.transaction, alert, whole_flow};
}

std::span<const Fired> Detector::fired() noexcept {
  for (size_t i = 0; i < fired_count_; ++i) {
    if (set_->rule(fired_[i].rule).action == RuleAction::Pass) fired_count_ = i;
  }
  return {fired_.data(), fired_count_};
}

void Detector::remember(uint32_t index, const Place& place, bool fired) noexcept {
  if (state_ == nullptr || place.scope == RuleScope::Packet) return;
  const bool in_stream = place.scope == RuleScope::Stream;
  const uint32_t number = in_stream ? 0 : place.transaction->number;
  for (PendingRule& p : state_->pending.items()) {
    if (p.rule != index || p.in_stream != in_stream || p.transaction != number) continue;
    if (in_stream && p.side != static_cast<uint8_t>(place.side)) continue;
    p.fired = p.fired || fired;
    return;
  }
  const uint64_t found_at = in_stream ? payload_[static_cast<size_t>(place.side)].offset : 0;
  const PendingRule waiting{index,     number, found_at, static_cast<uint8_t>(place.side),
                            in_stream, fired};
  if (!state_->pending.push_back(waiting, *arena_, kMaxPending)) ++counters_.pending_lost;
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
      ++counters_.state_lost;
      return;
    }
  }
  if (bit / 64 >= words.size()) return;
  const uint64_t mask = uint64_t{1} << bit % 64;
  words[bit / 64] = value ? words[bit / 64] | mask : words[bit / 64] & ~mask;
}

}  // namespace sluice::rules
