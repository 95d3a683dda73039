// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/detection/detector.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace sluice::rules {

namespace {

constexpr size_t kThresholdEntries = size_t{1} << 15;
constexpr size_t kXbitEntries = size_t{1} << 14;

// Where a candidate was found. For transactions: by Direction of the buffer.
constexpr uint8_t kInStream = 1, kInPacket = 2, kInOtherStream = 4;
constexpr uint8_t kOfSide[2] = {1, 2};

BufferView whole(std::span<const uint8_t> bytes) noexcept {
  return {bytes.data(), static_cast<uint32_t>(bytes.size()), 0, 0, true};
}

}  // namespace

Detector::Detector(std::shared_ptr<const RuleSet> set, const Directory& directory,
                   DetectorLimits limits)
    : set_(std::move(set)),
      directory_(directory),
      limits_(limits),
      candidates_(set_->size()),
      stamps_(set_->size()),
      pending_at_(set_->size() * 2),
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
                     Arena* arena, DetectorCounters& counters) noexcept {
  packet_ = &packet;
  flow_ = &flow;
  state_ = state;
  arena_ = arena;
  counters_ = &counters;
  ++serial_;
  fired_count_ = announced_count_ = 0;
  packet_gathered_ = budget_told_ = passed_ = blocks_ = overloaded_ = false;
  match_.begin_packet(limits_.packet_budget);
  const auto side = static_cast<size_t>(packet.direction);
  payload_[side] = packet.payload.empty() ? BufferView{} : whole(packet.payload);
  payload_[1 - side] = {};
  ends_[side] = ends_[1 - side] = packet.ends;
  ends_[1 - side].swap();
}

const ScanGroup& Detector::group(Direction of) const noexcept {
  const PacketEnds& ends = ends_[static_cast<size_t>(Direction::Original)];
  return set_->payload(ends.packet_class, of, ends.port[1],
                       view_of(flow_->app, flow_->app_decided));
}

void Detector::scan(const Prefilter& prefilter, const BufferView& view, size_t seen,
                    uint8_t mark) noexcept {
  counters_->scanned_bytes +=
      prefilter.scan(view.bytes(), seen, view.offset, mark, scratch_.get(), candidates_);
}

// ---- packets and streams ----

void Detector::packet() noexcept {
  if (packet_gathered_) return;
  gather_packet(0);
  evaluate_payload(packet_->direction);
}

// `fresh`: bytes that a scan of the stream in the packet's direction has seen.
void Detector::gather_packet(uint32_t fresh) noexcept {
  packet_gathered_ = true;
  const Direction of = packet_->direction;
  if (const auto bit = static_cast<uint8_t>(1u << static_cast<unsigned>(of));
      state_ == nullptr || (state_->ends_asked & bit) == 0) {
    for (const uint32_t rule : set_->ends(packet_->ends.packet_class)) {
      candidates_.add(rule, kInPacket);
    }
    if (state_ != nullptr) state_->ends_asked |= bit;
  }
  const ScanGroup& group = this->group(of);
  const uint8_t flags = packet_->l4.size() > 13 && packet_->ends.packet_class == PacketClass::Tcp
                            ? packet_->l4[13]
                            : uint8_t{0};
  for (const PatternlessRules::ByFlags& one : group.packets.by_flags) {
    if (one.holds(flags)) candidates_.add(one.rule, kInPacket);
  }
  for (const uint32_t rule : group.packets.always) candidates_.add(rule, kInPacket);
  if (packet_->payload.empty() || flow_->encrypted) return;
  const BufferView payload = whole(packet_->payload);
  scan(*group.front, payload, 0, kInPacket);
  // What has just been scanned as part of the stream need not be again.
  if (fresh < payload.size) {
    scan(*group.anywhere, payload, 0, kInPacket);
    if (!packet_->in_stream) {
      for (const uint32_t rule : group.stream) candidates_.add(rule, kInPacket);
    }
  }
}

void Detector::stream(Direction of, const BufferView& window, uint32_t seen) noexcept {
  BufferView& shown = payload_[static_cast<size_t>(of)] = window;
  shown.scanned = seen;
  gather_pending(of);
  const ScanGroup& group = this->group(of);
  scan(*group.front, window, seen, kInStream);
  scan(*group.anywhere, window, seen, kInStream);
  for (const uint32_t rule : group.stream) candidates_.add(rule, kInStream);
  if (of == packet_->direction && !packet_gathered_) gather_packet(window.size - seen);
  evaluate_payload(of);
  // What lies in front of the window now was asked of a last time.
  forget(of);
}

void Detector::gather_pending(Direction of) noexcept {
  if (state_ == nullptr) return;
  auto& pending = state_->pending;
  for (uint32_t i = 0; i < pending.size(); ++i) {
    const PendingRule& p = pending[i];
    if (!p.in_stream) continue;
    note_pending(i);
    if (p.announces) continue;
    if (p.side == static_cast<uint8_t>(of)) {
      candidates_.add(p.rule, kInStream);
    } else if (p.undecided && flow_->app_decided && payload_[p.side].present()) {
      candidates_.add(p.rule, kInOtherStream);
    }
  }
}

// Stream and packet together, so that the set's order holds among their rules.
void Detector::evaluate_payload(Direction of) noexcept {
  if (candidates_.empty()) return;
  const bool own = of == packet_->direction;
  for (const uint32_t index : candidates_.sorted()) {
    if (passed_) break;
    const CompiledRule& rule = set_->rule(index);
    const uint8_t marks = candidates_.marks(index);
    if (!may_ask(rule)) continue;
    bool fired = false;
    if (rule.scope == RuleScope::Transaction) {
      note_announced(index, of, (marks & kInStream) != 0);
      continue;
    }
    if (rule.scope == RuleScope::Stream) {
      if ((marks & kInOtherStream) != 0) fired = ask_stream(index, opposite(of));
      if ((marks & kInStream) != 0) fired = ask_stream(index, of) || fired;
      // A rule for streams that met its pattern in a lone packet is asked of that.
      if (!rule.also_packet && packet_->in_stream) continue;
    }
    if (!fired && own && (!flow_->encrypted || rule.late || rule.scope == RuleScope::Ends)) {
      ask_packet(index);
    }
  }
  candidates_.clear();
}

// A rule on transactions whose pattern stands in the payload that carries them:
// they are asked for as long as it is in view.
void Detector::note_announced(uint32_t index, Direction side, bool in_stream) noexcept {
  if (!in_stream || state_ == nullptr) {
    if (announced_count_ < announced_.size()) {
      announced_[announced_count_++] = index;
    } else {
      could_not_ask(set_->rule(index));
    }
    return;
  }
  const Place place{RuleScope::Stream, side, nullptr};
  remember(index, place, {});
  if (PendingRule* p = find_pending(index, place)) {
    p->announces = true;
    p->found_at = found_at(side);
  }
}

// Where a pattern that ends in the fresh bytes begins at the earliest.
uint64_t Detector::found_at(Direction side) const noexcept {
  const BufferView& window = payload_[static_cast<size_t>(side)];
  const uint64_t fresh_from = window.offset + window.scanned;
  return fresh_from - std::min<uint64_t>(fresh_from, Prefilter::kMaxPattern - 1);
}

bool Detector::ask_stream(uint32_t index, Direction side) noexcept {
  const Place place{RuleScope::Stream, side, nullptr};
  Progress progress;
  const Result result = ask(set_->rule(index), place, progress);
  if (result == Result::Later) {
    remember(index, place, progress);
    return false;
  }
  if (PendingRule* waiting = find_pending(index, place)) waiting->gone = true;
  return result == Result::Yes && fire(index, place);
}

void Detector::ask_packet(uint32_t index) noexcept {
  const Place place{RuleScope::Packet, packet_->direction, nullptr};
  Progress progress;
  if (ask(set_->rule(index), place, progress) == Result::Yes) fire(index, place);
}

// Those that are done with, and of that direction's stream those of which the
// pattern has been given up.
void Detector::forget(std::optional<Direction> of) noexcept {
  if (state_ == nullptr) return;
  auto& pending = state_->pending;
  for (uint32_t i = pending.size(); i-- > 0;) {
    const PendingRule& p = pending[i];
    const bool stale = of && p.in_stream && p.side == static_cast<uint8_t>(*of) &&
                       payload_[p.side].offset > p.found_at;
    if (p.gone || stale) pending.remove(i);
  }
}

// ---- transactions ----

void Detector::transaction(Transaction& transaction) noexcept {
  gather_pending(transaction);
  for (const Direction of : {Direction::Original, Direction::Reply}) {
    const auto side = static_cast<size_t>(of);
    uint64_t fresh = transaction.fresh[side] & set_->wanted_buffers(of);
    for (; fresh != 0; fresh &= fresh - 1) {
      const auto buffer = static_cast<Buffer>(__builtin_ctzll(fresh));
      for (const uint32_t rule : set_->patternless(buffer, of)) candidates_.add(rule, kOfSide[side]);
      const Prefilter& prefilter = set_->buffer(buffer, of);
      BufferView& view = transaction.view(buffer, of);
      scan(prefilter, view, view.scanned, kOfSide[side]);
      view.scanned = view.size;
      for (const Transaction::More& more : transaction.more[side]) {
        if (more.buffer == buffer) scan(prefilter, more.view, 0, kOfSide[side]);
      }
    }
  }
  if (candidates_.empty()) return;
  for (const uint32_t index : candidates_.sorted()) {
    if (passed_) break;
    const uint8_t marks = candidates_.marks(index);
    if (!may_ask(set_->rule(index))) continue;
    for (const Direction of : {Direction::Original, Direction::Reply}) {
      if ((marks & kOfSide[static_cast<size_t>(of)]) != 0) ask_transaction(index, of, transaction);
    }
  }
  candidates_.clear();
  forget(std::nullopt);
}

// Those that wait for something that is new, or that the payload announces.
void Detector::gather_pending(const Transaction& transaction) noexcept {
  const uint64_t fresh = transaction.fresh[0] | transaction.fresh[1];
  for (size_t i = 0; i < announced_count_; ++i) {
    candidates_.add(announced_[i], kOfSide[static_cast<size_t>(packet_->direction)]);
  }
  if (state_ == nullptr) return;
  auto& pending = state_->pending;
  for (uint32_t i = 0; i < pending.size(); ++i) {
    const PendingRule& p = pending[i];
    if (p.announces) candidates_.add(p.rule, kOfSide[p.side]);
    if (p.in_stream || p.transaction != transaction.number) continue;
    note_pending(i);
    const bool news = (p.lacking & (fresh | buffer_bit(Buffer::Payload))) != 0;
    if (!p.fired && news) candidates_.add(p.rule, kOfSide[p.side]);
  }
}

void Detector::ask_transaction(uint32_t index, Direction side, Transaction& transaction) noexcept {
  const Place place{RuleScope::Transaction, side, &transaction};
  PendingRule* waiting = find_pending(index, place);
  Progress progress;
  if (waiting != nullptr) {
    if (waiting->fired) return;
    progress.matched = waiting->matched;
  }
  const Result result = ask(set_->rule(index), place, progress);
  if (result == Result::Later) return remember(index, place, progress);
  if (result == Result::Yes && fire(index, place)) return remember_fired(index, place);
  if (waiting != nullptr) waiting->gone = true;
}

void Detector::finished(const Transaction& transaction) noexcept {
  if (state_ == nullptr) return;
  auto& pending = state_->pending;
  for (uint32_t i = pending.size(); i-- > 0;) {
    if (!pending[i].in_stream && pending[i].transaction == transaction.number) pending.remove(i);
  }
}

// ---- what a flow remembers of its rules ----

void Detector::note_pending(uint32_t at) noexcept {
  const PendingRule& p = state_->pending[at];
  pending_at_[p.rule * 2 + p.side] = at;
}

// Of the place whose rules were gathered last.
PendingRule* Detector::find_pending(uint32_t index, const Place& place) noexcept {
  if (state_ == nullptr) return nullptr;
  const auto side = static_cast<uint8_t>(place.side);
  const bool in_stream = place.scope == RuleScope::Stream;
  const uint32_t at = pending_at_[index * 2 + side];
  if (at >= state_->pending.size()) return nullptr;
  PendingRule& p = state_->pending[at];
  const bool same = p.rule == index && p.side == side && p.in_stream == in_stream && !p.gone &&
                    p.transaction == (in_stream ? 0 : place.transaction->number);
  return same ? &p : nullptr;
}

bool Detector::keep_pending(const PendingRule& waiting) noexcept {
  if (!state_->pending.push_back(waiting, *arena_, kMaxPending)) {
    ++counters_->pending_lost;
    return false;
  }
  note_pending(state_->pending.size() - 1);
  return true;
}

void Detector::remember(uint32_t index, const Place& place, const Progress& progress) noexcept {
  if (state_ == nullptr || place.scope == RuleScope::Packet) return;
  if (PendingRule* known = find_pending(index, place)) {
    known->lacking = progress.lacking;
    known->matched = progress.matched;
    known->undecided = progress.undecided;
    return;
  }
  PendingRule waiting{};
  waiting.rule = index;
  waiting.side = static_cast<uint8_t>(place.side);
  waiting.in_stream = place.scope == RuleScope::Stream;
  waiting.lacking = progress.lacking;
  waiting.matched = progress.matched;
  waiting.undecided = progress.undecided;
  if (waiting.in_stream) {
    waiting.found_at = found_at(place.side);
  } else {
    waiting.transaction = place.transaction->number;
  }
  if (!keep_pending(waiting)) could_not_ask(set_->rule(index));
}

// Its transaction goes on, and must not make it fire again.
void Detector::remember_fired(uint32_t index, const Place& place) noexcept {
  if (state_ == nullptr) return;
  if (PendingRule* known = find_pending(index, place)) {
    known->fired = true;
    return;
  }
  PendingRule waiting{};
  waiting.rule = index;
  waiting.transaction = place.transaction->number;
  waiting.side = static_cast<uint8_t>(place.side);
  waiting.fired = true;
  keep_pending(waiting);
}

}  // namespace sluice::rules
