// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Whether a candidate matches, as far as can be said now.
#include <algorithm>
#include <string_view>
#include <utility>

#include "stages/dpi/detection/detector.h"
#include "stages/dpi/protocol/tls_transaction.h"

namespace sluice::rules {

namespace {

// What asking a rule costs before anything is searched.
constexpr uint64_t kAsking = 128;

BufferView whole(std::span<const uint8_t> bytes) noexcept {
  return {bytes.data(), static_cast<uint32_t>(bytes.size()), 0, 0, true};
}

}  // namespace

bool Detector::may_ask(const CompiledRule& rule) noexcept {
  if (match_.spend(kAsking)) {
    ++counters_->candidates;
    return true;
  }
  note_budget();
  could_not_ask(rule);
  return false;
}

void Detector::note_budget() noexcept {
  if (!std::exchange(budget_told_, true)) ++counters_->budget_exceeded;
}

void Detector::could_not_ask(const CompiledRule& rule) noexcept {
  if (rule.action == RuleAction::Drop || rule.action == RuleAction::Reject) overloaded_ = true;
}

Detector::Result Detector::ask(const CompiledRule& rule, const Place& place,
                               Progress& progress) noexcept {
  const Result fit = fits(rule, place);
  if (fit != Result::Yes) {
    progress.undecided = fit == Result::Later;
    return fit;
  }
  // As in Suricata, before any content: most bits that are asked for are never set.
  return state_holds(rule) ? ask_parts(rule, place, progress) : Result::No;
}

// What costs little and cannot change by more bytes, but for the protocol's name.
Detector::Result Detector::fits(const CompiledRule& rule, const Place& place) const noexcept {
  if (rule.directed && place.scope != RuleScope::Transaction && rule.direction != place.side) {
    return Result::No;
  }
  if (rule.established_known && rule.established != flow_->established) return Result::No;
  bool undecided = false;
  if (!rule.apps.empty()) {
    undecided = !flow_->app_decided;
    const bool any = std::find(rule.apps.begin(), rule.apps.end(), flow_->app) != rule.apps.end();
    if (!undecided && any == rule.apps_negated) return Result::No;
    if (undecided && place.scope != RuleScope::Stream) return Result::No;
  }
  const Direction side = rule.directed ? rule.direction : place.side;
  if (!set_->header(rule).fits(ends_[static_cast<size_t>(side)])) return Result::No;
  if (rule.packet != nullptr && !holds(*rule.packet, *packet_, *flow_)) return Result::No;
  if ((!rule.tls_versions.empty() || rule.tls_states != 0) && !fits_tls(rule, place)) {
    return Result::No;
  }
  if (!rule.context.empty() && !fits_context(rule)) return Result::No;
  return undecided ? Result::Later : Result::Yes;
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

Detector::Result Detector::ask_parts(const CompiledRule& rule, const Place& place,
                                     Progress& progress) noexcept {
  match_.begin_rule();
  Result all = Result::Yes;
  progress.lacking = 0;
  for (size_t i = 0; i < rule.parts.size(); ++i) {
    // A variable is set anew each time; what else has matched has matched.
    const uint64_t bit = uint64_t{1} << i;
    if ((progress.matched & bit) != 0 && !rule.has_variables) continue;
    const RulePart& part = rule.parts[i];
    const Result one = ask_part(rule, part, place);
    if (one == Result::No) return Result::No;
    if (one == Result::Yes) {
      progress.matched |= bit;
      continue;
    }
    all = Result::Later;
    progress.lacking |= buffer_bit(part.buffer);
    if (rule.has_variables) break;  // those behind it may ask for what it would have set
  }
  return all;
}

MatchResult Detector::match(const CompiledRule& rule, const RulePart& part,
                            const BufferView& view) noexcept {
  const MatchResult result = part.matcher.match(view, match_);
  if (result != MatchResult::Cut) return result;
  ++counters_->cut_short;
  if (match_.spent()) note_budget();
  could_not_ask(rule);
  return MatchResult::Never;
}

Detector::Result Detector::ask_part(const CompiledRule& rule, const RulePart& part,
                                    const Place& place) noexcept {
  if (is_packet_header(part.buffer)) {
    return match(rule, part, header_view(part.buffer, *packet_)) == MatchResult::Yes ? Result::Yes
                                                                                    : Result::No;
  }
  if (part.buffer == Buffer::Payload) {
    if (place.scope == RuleScope::Packet) {
      // In a lone packet its own bytes count, even where a stream is kept beside.
      return match(rule, part, whole(packet_->payload)) == MatchResult::Yes ? Result::Yes
                                                                           : Result::No;
    }
    const Direction of = rule.directed ? rule.direction : place.side;
    const BufferView& view = payload_[static_cast<size_t>(of)];
    const MatchResult found = match(rule, part, view);
    if (found == MatchResult::Yes) return Result::Yes;
    return found == MatchResult::Never || view.complete ? Result::No : Result::Later;
  }
  if (place.transaction == nullptr) return Result::No;
  const Transaction& t = *place.transaction;
  bool later = false;
  for (const Direction of : {Direction::Original, Direction::Reply}) {
    const auto side = static_cast<size_t>(of);
    if (!part.side[side]) continue;
    const BufferView& view = t.view(part.buffer, of);
    const MatchResult found = match(rule, part, view);
    if (found == MatchResult::Yes) return Result::Yes;
    for (const Transaction::More& more : t.more[side]) {
      if (more.buffer == part.buffer && match(rule, part, more.view) == MatchResult::Yes) {
        return Result::Yes;
      }
    }
    later = later || (found == MatchResult::No && !view.complete && !t.complete[side]);
  }
  return later ? Result::Later : Result::No;
}

}  // namespace sluice::rules
