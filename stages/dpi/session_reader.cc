// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/session_reader.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <utility>

#include "chain/packet_meta.h"
#include "flowtable/tcp_state.h"
#include "stages/dpi/event_text.h"
#include "stages/dpi/protocol/tls_transaction.h"
#include "stages/dpi/urgent.h"

namespace sluice {

namespace {

// Datagrams of a flow of DNS that are read where no rule asks: resolvers send
// queries of one name (A, AAAA) from one port, some send many.
constexpr uint16_t kMaxDnsDatagrams = 64;

constexpr uint16_t kFirstUserPort = 1024;  // RFC 6335 section 6: below are system services

// A packet that no packet is: the flow has ended.
rules::PacketFacts no_packet(const Flow& flow) noexcept {
  rules::PacketFacts facts;
  facts.ends = flow_ends(flow);
  facts.ipv6 = facts.ends.ipv6;
  facts.time_ns = flow.last_seen_ns;
  facts.in_stream = true;
  return facts;
}

// It is read when the connection is established, and asked now: it comes no more.
bool carries_data_in_syn(const rules::PacketFacts& packet) noexcept {
  return !packet.payload.empty() && packet.l4.size() > 13 && (packet.l4[13] & kTcpSyn) != 0;
}

}  // namespace

void SessionReader::begin(const rules::PacketFacts& packet, Flow* flow, Session* session,
                          DpiPart& part, bool rules) noexcept {
  packet_ = packet;
  flow_ = flow;
  session_ = session;
  part_ = &part;
  ruling_ = {};
  gone_count_ = kept_count_ = 0;
  facts_ = {};
  facts_.context = flow != nullptr ? &context(*flow) : nullptr;
  if (flow != nullptr) facts_.identity = {reinterpret_cast<uintptr_t>(flow), flow->first_seen_ns};
  packet_due_ = false;
  stream_due_ = {};
  detector_ = rules && part.detector ? &*part.detector : nullptr;
  if (session == nullptr) return;
  note_app();
  facts_.established = flow->key.proto == IPPROTO_TCP
                           ? session->handshake == kSeenHandshake || carries_data_in_syn(packet) ||
                                 (session->picked_up && reads_as_stream(*session, part))
                           : session->replied;
}

Ruling SessionReader::read(rte_mbuf* m, Session& session, DpiPart& part, bool rules,
                           uint16_t generation) noexcept {
  if (session.rules.generation != generation) {
    session.rules.release();  // the numbers of another policy's rules
    session.rules.generation = generation;
    session.rules.set = part.detector ? &part.detector->set() : nullptr;
    if (session.part != &part) session.part->want_as(part);
  }
  rules::PacketFacts packet = packet_facts(m);
  const bool tcp = packet.protocol == IPPROTO_TCP;
  if (tcp) orient(session, packet);
  if (session.reversed) packet.direction = opposite(packet.direction);
  if (packet.direction == Direction::Reply) session.replied = true;
  // A reset connection whose receiver has not taken the RST for one may go on.
  if (session.flow->state == FlowState::Reset && packet.payload.empty()) {
    DpiPart::value(session, SessionWorth::Closed);
  } else if (!packet.payload.empty()) {
    DpiPart::value(session, SessionWorth::Heard);
  }
  if (tcp && packet.l4.size() > 13) note_handshake(session, packet);
  begin(packet, session.flow, &session, part, rules && !session.rules.passed);
  ingress_ = m->port;
  if (detector_ != nullptr) {
    ++counters_.scanned_packets;
    detector_->begin(packet_, facts_, &session.rules, &session.part->memory, counters_.rules);
    packet_due_ = true;
  }
  bool unread = false;
  if (tcp) {
    const bool urgent = packet_.l4.size() > 13 && (packet_.l4[13] & kTcpUrg) != 0;
    if (urgent && !part.streams.lossy && !can_clear_urgent(m) && reads_as_stream(session, part)) {
      ++counters_.stream_drops;
      ruling_ = {Verdict::Drop, DpiReason::Stream, false, false, false};
      return ruling_;
    }
    // Of one that contradicts what has passed, too, rules tell what is in it.
    read_segment(unread);
  } else if (packet.protocol == IPPROTO_UDP) {
    read_datagram();
  }
  if (detector_ != nullptr) {
    if (unread) packet_due_ = false;
    ask_payload();
    judge();
    count_stopped();
  }
  if (tcp && packet_.in_stream && ruling_.verdict == Verdict::Pass && clear_urgent(m)) {
    ++counters_.urgent_cleared;
  }
  return ruling_;
}

Ruling SessionReader::read_alone(const rules::PacketFacts& packet, uint16_t ingress, Flow* flow,
                                 DpiPart& part) noexcept {
  begin(packet, flow, nullptr, part, true);
  ingress_ = ingress;
  if (detector_ == nullptr) return ruling_;
  ++counters_.scanned_packets;
  detector_->begin(packet_, facts_, nullptr, nullptr, counters_.rules);
  detector_->packet();
  judge();
  count_stopped();
  return ruling_;
}

void SessionReader::count_stopped() noexcept {
  if (ruling_.verdict != Verdict::Pass && ruling_.reason == DpiReason::Signature) {
    ++counters_.signature_drops;
  }
}

Ruling SessionReader::end(Session& session, DpiPart& part, bool rules) noexcept {
  // What is pending are numbers of the rules that were asked last.
  const bool same = part.detector && session.rules.set == &part.detector->set();
  begin(no_packet(*session.flow), session.flow, &session, part,
        rules && same && !session.rules.passed);
  ingress_ = session.flow->ingress[0];
  if (detector_ != nullptr) {
    detector_->begin(packet_, facts_, &session.rules, &session.part->memory, counters_.rules);
  }
  session.dissector.end(*this);
  if (detector_ != nullptr) judge();
  session.stream.release();
  session.rules.release();
  return ruling_;
}

bool SessionReader::done(const Session& session, const DpiPart& part, bool rules,
                         bool late_rules) const noexcept {
  const Dissector& dissector = session.dissector;
  if (dissector.encrypted()) return !late_rules || !rules || session.rules.passed;
  const bool tcp = session.flow->key.proto == IPPROTO_TCP;
  if (tcp && session.stream.finished(Direction::Original) &&
      session.stream.finished(Direction::Reply)) {
    return true;
  }
  if (rules && part.detector && !session.rules.passed) return false;
  const bool reads = dissector.reads() && session.messages < kMaxDnsDatagrams;
  // Names of DNS count for rules, whoever logs them.
  const bool tells = resources_.events != nullptr && resources_.events->enabled;
  return !reads || (!tells && dissector.protocol() != AppProtocol::Dns);
}

void SessionReader::note_handshake(Session& session, const rules::PacketFacts& packet) noexcept {
  const uint8_t flags = packet.l4[13];
  const bool original = packet.direction == Direction::Original;
  if (original && (flags & (kTcpSyn | kTcpAck)) == kTcpSyn) session.handshake |= kSeenSyn;
  if (!original && (flags & (kTcpSyn | kTcpAck)) == (kTcpSyn | kTcpAck)) {
    session.handshake |= kSeenSynAck;
  }
  if (original && (flags & kTcpAck) != 0 && (session.handshake & kSeenSynAck) != 0) {
    session.handshake |= kSeenAck;
  }
}

// Of a flow picked up in its middle nobody knows who asked whom: its first bytes
// tell, else a server's port.
void SessionReader::orient(Session& session, const rules::PacketFacts& packet) noexcept {
  if (session.oriented || !session.picked_up || session.handshake != 0 || packet.payload.empty()) {
    return;
  }
  session.oriented = true;
  switch (Dissector::who_says(packet.payload)) {
    case Dissector::Speaker::Client:
      session.reversed = packet.direction == Direction::Reply;
      break;
    case Dissector::Speaker::Server:
      session.reversed = packet.direction == Direction::Original;
      break;
    case Dissector::Speaker::Unknown: {
      const auto source = static_cast<size_t>(packet.direction == Direction::Reply);
      const uint16_t originator = packet.ends.port[source], responder = packet.ends.port[1 - source];
      session.reversed = originator < kFirstUserPort && responder >= kFirstUserPort;
      break;
    }
  }
  if (!session.reversed) return;
  // What was learnt of either side is the other's, and no byte has been read yet.
  std::destroy_at(&session.stream);
  std::construct_at(&session.stream);
  std::swap(session.ingress[0], session.ingress[1]);
}

// Rules are told of a protocol where they are shown its transactions.
void SessionReader::note_app() noexcept {
  const Dissector& dissector = session_->dissector;
  if (session_->flow->key.proto == IPPROTO_TCP && !reads_as_stream(*session_, *part_)) return;
  facts_.app = dissector.protocol();
  facts_.app_decided = dissector.decided();
}

// As in Suricata, rules see no stream whose beginning nobody saw, unless they are
// told to.
bool SessionReader::reads_as_stream(const Session& session, const DpiPart& part) noexcept {
  return !session.picked_up || session.handshake != 0 || session.resumed || part.settings.midstream;
}

// A packet in the name of one end that comes in where the other one is, and never
// where that end has been: it says nothing of what the end has received. A path
// may change, and with one port for both there is nothing to compare.
bool SessionReader::may_acknowledge(Session& session, Direction of, uint8_t port) noexcept {
  uint8_t& known = session.ingress[static_cast<size_t>(of)];
  const uint8_t others = session.ingress[static_cast<size_t>(opposite(of))];
  if (known != Flow::kNoIngress && known != port && port == others) return false;
  known = port;
  return true;
}

void SessionReader::read_segment(bool& unread) noexcept {
  const StreamOptions& options = session_->picked_up ? part_->picked_up : part_->streams;
  const StreamContext context{session_->part->memory, options, counters_.streams};
  StreamSegment segment = stream_segment(packet_);
  segment.may_acknowledge =
      may_acknowledge(*session_, packet_.direction, static_cast<uint8_t>(ingress_));
  if (!segment.may_acknowledge) ++counters_.wrong_side;
  const StreamOutcome outcome = session_->stream.feed(context, segment);
  const bool as_stream = reads_as_stream(*session_, *part_);
  packet_.in_stream = as_stream;
  switch (outcome.result) {
    case StreamResult::Taken:
    case StreamResult::Held:
    case StreamResult::Duplicate:
    case StreamResult::Old:
      break;
    case StreamResult::Finished:
      // Behind the depth nothing is read.
      unread = session_->stream.at_depth(packet_.direction) && !packet_.payload.empty();
      break;
    case StreamResult::NoStream:
      packet_.in_stream = false;
      break;
    case StreamResult::OutOfWindow:
      if (options.lossy) {  // what is not inline drops nothing for it
        session_->stream.passed(segment);
        packet_.in_stream = false;
        break;
      }
      [[fallthrough]];
    case StreamResult::TooManyHoles:
    case StreamResult::BeyondFin:
    case StreamResult::Different:
      unread = true;  // nobody gets it
      ++counters_.stream_drops;
      ruling_ = {Verdict::Drop, DpiReason::Stream, false, false, ruling_.renamed};
      return;
    case StreamResult::Overload:
    case StreamResult::Unverified:
      if (!overload()) {
        unread = true;
        return;
      }
      session_->stream.passed(segment);
      packet_.in_stream = false;  // its own bytes are asked, at least
      break;
  }
  for (const Direction of : {Direction::Original, Direction::Reply}) {
    const StreamView view = session_->stream.view(of);
    facts_.stream_bytes[static_cast<size_t>(of)] = view.offset + view.size;
    if (detector_ != nullptr && as_stream) detector_->show(of, view.buffer());
  }
  for (const Direction of : {opposite(packet_.direction), packet_.direction}) {
    if (outcome.readable[static_cast<size_t>(of)]) read_readable(of);
  }
  if (session_->dissector.encrypted()) session_->stream.release();
}

void SessionReader::read_readable(Direction of) noexcept {
  Session& s = *session_;
  const StreamOptions& options = s.picked_up ? part_->picked_up : part_->streams;
  const StreamContext context{s.part->memory, options, counters_.streams};
  DissectorLane& lane = s.part->dissectors;
  StreamView view;
  while (s.stream.read(context, of, view)) {
    if (view.gap != 0) s.dissector.gap(of, view.gap, *this);
    stream_due_ = view;
    stream_due_of_ = of;
    // Of a flow whose beginning has been read before, what begins now may tell.
    if (s.resumed && std::exchange(s.spoke, of) != of) s.dissector.try_again();
    size_t used = s.dissector.bytes(lane, of, view.unconsumed_bytes(), view.end != StreamEnd::No,
                                    *this);
    if (s.dissector.other_waits()) {
      // This side has said what is spoken: what the other one said before is read first.
      const Direction other = opposite(of);
      const StreamView before = s.stream.view(other);
      s.stream.consume(other, s.dissector.bytes(lane, other, before.unconsumed_bytes(),
                                                before.end != StreamEnd::No, *this));
      used = s.dissector.bytes(lane, of, view.unconsumed_bytes(), view.end != StreamEnd::No, *this);
    }
    note_app();
    if (stream_due_.data != nullptr) ask_payload();
    s.stream.consume(of, used);
    if (s.dissector.finished(of) && detector_ == nullptr) s.stream.finish(of);
  }
}

void SessionReader::ask_payload() noexcept {
  const StreamView view = std::exchange(stream_due_, {});
  if (detector_ == nullptr) return;
  facts_.encrypted = session_->dissector.encrypted();
  // Of what is encrypted no rule makes sense; the hello before it was asked.
  if (view.data != nullptr && !facts_.encrypted && reads_as_stream(*session_, *part_)) {
    detector_->stream(stream_due_of_, view.buffer(), view.fresh);
  }
  if (view.data == nullptr && std::exchange(packet_due_, false)) detector_->packet();
}

void SessionReader::read_datagram() noexcept {
  session_->dissector.datagram(session_->part->dissectors, packet_.direction, packet_.payload,
                               *this);
  note_app();
  if (facts_.app != AppProtocol::None && session_->messages < UINT16_MAX) ++session_->messages;
}

// Whether the packet goes on in spite of it.
bool SessionReader::overload() noexcept {
  if (part_->settings.on_overload == OnOverload::Bypass) {
    ++counters_.overload_bypassed;
    return true;
  }
  ++counters_.overload_dropped;
  ruling_ = {Verdict::Drop, DpiReason::Overload, false, ruling_.alerted, ruling_.renamed};
  return false;
}

void SessionReader::advanced(Transaction& transaction, Direction) noexcept {
  note_app();
  ask_payload();
  if (reporter_.advanced(*flow_, transaction, where())) ruling_.renamed = true;
  if (asks_of_transactions()) detector_->transaction(transaction);
}

void SessionReader::finished(Transaction& transaction) noexcept {
  ask_payload();
  if (transaction.protocol == AppProtocol::Tls &&
      static_cast<const TlsTransaction&>(transaction).version != 0) {
    session_->dissector.note_encrypted();
  }
  reporter_.finished(*flow_, transaction, where());
  if (!asks_of_transactions()) return;
  detector_->transaction(transaction);
  detector_->finished(transaction);
  keep_matched(transaction);
}

// The packet's alerts are written once all of it has been asked; what of the
// transaction they tell is copied while it is there.
void SessionReader::keep_matched(const Transaction& transaction) noexcept {
  if (resources_.events == nullptr || !resources_.events->enabled) return;
  uint8_t kept = kNotKept;
  for (const rules::Fired& fired : detector_->fired()) {
    if (fired.transaction != &transaction || gone_count_ == gone_.size()) continue;
    // Another one may have lain in the same place before.
    const auto same = [&](const Gone& g) {
      return g.rule == fired.rule && g.transaction == &transaction;
    };
    const auto known = std::count_if(gone_.begin(), gone_.begin() + gone_count_, same);
    const auto all = detector_->fired();
    const auto matches = std::count_if(all.begin(), all.end(), [&](const rules::Fired& f) {
      return f.rule == fired.rule && f.transaction == &transaction;
    });
    if (matches <= known) continue;
    if (kept == kNotKept && kept_count_ < kMaxKept) {
      kept = kept_count_++;
      Event& copy = kept_[kept];
      std::memset(static_cast<void*>(&copy), 0, offsetof(Event, text));
      FlowReporter::describe(copy, transaction);
      copy.told = FlowReporter::event_type(transaction.protocol);
    }
    gone_[gone_count_++] = {fired.rule, &transaction, transaction.number, kept, false};
  }
}

void SessionReader::add_transaction(Event& alert, const rules::Fired& fired) noexcept {
  if (fired.transaction == nullptr) return;
  const auto end = gone_.begin() + static_cast<ptrdiff_t>(gone_count_);
  const auto gone = std::find_if(gone_.begin(), end, [&](const Gone& g) {
    return !g.told && g.rule == fired.rule && g.transaction == fired.transaction;
  });
  if (gone == end) {
    if (gone_count_ == gone_.size()) return;  // it may be one that was not noted
    alert.told = FlowReporter::event_type(fired.transaction->protocol);
    alert.transaction = fired.transaction->number;
    FlowReporter::describe(alert, *fired.transaction);
    return;
  }
  gone->told = true;
  if (gone->kept == kNotKept) return;
  const Event& kept = kept_[gone->kept];
  alert.told = kept.told;
  alert.transaction = gone->number;
  alert.number = kept.number;
  alert.dns_id = kept.dns_id;
  std::copy(std::begin(kept.values), std::end(kept.values), std::begin(alert.values));
  std::copy(std::begin(kept.text_len), std::end(kept.text_len), std::begin(alert.text_len));
  std::copy_n(kept.text, kept.text_used, alert.text);
  alert.text_used = kept.text_used;
}

// The packet's first bytes; of what matched in a stream its newest.
void SessionReader::add_payload(Event& alert, const rules::CompiledRule& rule,
                                const rules::Fired& fired) noexcept {
  const size_t limit = resources_.events->alert_payload;
  if (limit == 0) return;
  std::span<const uint8_t> bytes = packet_.payload;
  const bool in_stream = rule.scope != rules::RuleScope::Packet && packet_.in_stream;
  if (in_stream && session_ != nullptr && flow_->key.proto == IPPROTO_TCP) {
    const StreamView stream = session_->stream.view(fired.direction);
    if (stream.size != 0) {
      bytes = stream.bytes().last(std::min<size_t>(limit, stream.size));
      alert.payload_in_stream = true;
    }
  }
  alert.set_text(kTextPayload, as_text(bytes.first(std::min(limit, bytes.size()))));
}

void SessionReader::judge() noexcept {
  for (const rules::Fired& fired : detector_->fired()) {
    const rules::CompiledRule& rule = detector_->set().rule(fired.rule);
    ruling_.alerted = true;
    if (fired.alert) {
      ++counters_.alerts;
      tell_alert(rule, fired);
    }
    const bool drops = rule.action == rules::RuleAction::Drop;
    const bool rejects = rule.action == rules::RuleAction::Reject;
    if (!drops && !rejects) continue;
    if (ruling_.verdict == Verdict::Pass) {
      ruling_.verdict = drops ? Verdict::Drop : Verdict::Reject;
      ruling_.reason = DpiReason::Signature;
    }
  }
  ruling_.blocks = detector_->blocks();
  // Its bytes have been read: dropped alone, the next copy would pass as known.
  if (ruling_.verdict == Verdict::Pass && detector_->overloaded() && !overload()) {
    ruling_.blocks = session_ != nullptr;
    return;
  }
}

void SessionReader::tell_alert(const rules::CompiledRule& rule,
                               const rules::Fired& fired) noexcept {
  Event* e = resources_.events != nullptr ? resources_.events->allocate(EventType::Alert) : nullptr;
  if (e == nullptr) return;
  const bool stops =
      rule.action == rules::RuleAction::Drop || rule.action == rules::RuleAction::Reject;
  if (flow_ != nullptr) {
    describe_flow(*e, *flow_);
  } else {
    describe_packet(*e, packet_);
  }
  e->lane = resources_.lane;
  e->time_ns = packet_.time_ns;
  e->ingress = ingress_;
  e->direction = session_ != nullptr && session_->reversed ? opposite(fired.direction)
                                                           : fired.direction;
  e->action = stops ? Verdict::Drop : Verdict::Pass;
  if (stops) {
    e->reason = static_cast<Reason>(resources_.first_reason +
                                    static_cast<unsigned>(DpiReason::Signature));
  }
  e->signature_id = rule.sid;
  e->signature_gid = rule.gid;
  e->signature_rev = rule.rev;
  e->signature_msg = rule.msg;
  e->signature_category = rule.category;
  e->signature_severity = rule.severity;
  add_transaction(*e, fired);
  add_payload(*e, rule, fired);
  resources_.events->publish(e);
}

}  // namespace sluice
