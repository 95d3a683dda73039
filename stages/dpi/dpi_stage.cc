// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/dpi_stage.h"

#include <netinet/in.h>
#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include <algorithm>

#include "stages/dpi/packet_view.h"
#include "stages/dpi/tunnel.h"

namespace sluice {

namespace {

constexpr unsigned kMaxEvictions = 4;  // for one packet
constexpr unsigned kMaxClosedEnded = 2;  // the same

// Bytes from the IP header on, without Ethernet padding.
uint16_t ip_length(rte_mbuf* m) {
  const uint32_t there = m->data_len - m->l2_len;
  uint32_t said;
  if (meta(m).flags & kMetaIpv6) {
    const auto* ip = l3_header<const rte_ipv6_hdr>(m);
    said = rte_be_to_cpu_16(ip->payload_len) + sizeof(rte_ipv6_hdr);
  } else {
    const auto* ip = l3_header<const rte_ipv4_hdr>(m);
    said = rte_be_to_cpu_16(ip->total_length);
  }
  return static_cast<uint16_t>(std::min({said, there, uint32_t{UINT16_MAX}}));
}

size_t host_bytes(uint32_t flow_capacity) {
  return std::clamp<size_t>(FlowReporter::kHostBytes * flow_capacity, size_t{1} << 20, size_t{1} << 30);
}

}  // namespace

DpiStage::DpiStage(const StageResources& resources)
    : Stage(resources),
      reporter_(resources.events, resources.lane, host_bytes(resources.flow_capacity),
                !resources.replay, resources.under_way, counters_),
      reader_(resources_, reporter_, counters_) {}

void DpiStage::process(Burst& burst, const StagePolicy&, LanePart* lane_part) noexcept {
  auto& part = static_cast<DpiPart&>(*lane_part);
  for (rte_mbuf* m : burst) {
    const PacketMeta& p = meta(m);
    if (p.flow == nullptr) {
      if (part.detector) ask_of_stray(m, part);
    } else if ((p.flags & kMetaIcmpError) == 0) {
      visit(m, *p.flow, part, burst.generation);
    } else if (part.detector) {
      // It carries nothing of the flow that it quotes, and says nothing against it.
      rule(m, *p.flow, reader_.read_alone(packet_facts(m), m->port, p.flow, part));
    }
  }
  part.collect(counters_);
}

// Neighbour discovery and its like, and what comes behind NSH.
void DpiStage::ask_of_stray(rte_mbuf* m, DpiPart& part) noexcept {
  if (m->l2_len < sizeof(rte_ether_hdr) || m->data_len < m->l2_len) return;
  const auto* type = rte_pktmbuf_mtod_offset(m, const rte_be16_t*, m->l2_len - sizeof(rte_be16_t));
  auto packet = packet_in_frame(rte_be_to_cpu_16(*type),
                                {rte_pktmbuf_mtod_offset(m, const uint8_t*, m->l2_len),
                                 static_cast<size_t>(m->data_len - m->l2_len)});
  if (!packet) return;
  packet->time_ns = meta(m).time_ns;
  ask_alone(m, nullptr, *packet, part);
  ask_of_tunnelled(m, nullptr, *packet, part);
}

// What it carries has no flow of its own here: rules see it packet by packet.
void DpiStage::ask_of_tunnelled(rte_mbuf* m, Flow* flow, const rules::PacketFacts& outer,
                                DpiPart& part) noexcept {
  auto packet = tunnelled_packet(outer);
  for (unsigned i = 0; packet && i < kMaxTunnels; ++i) {
    ++counters_.tunnelled;
    ask_alone(m, flow, *packet, part);
    packet = tunnelled_packet(*packet);
  }
}

void DpiStage::ask_alone(rte_mbuf* m, Flow* flow, const rules::PacketFacts& packet,
                         DpiPart& part) noexcept {
  const Ruling ruling = reader_.read_alone(packet, m->port, flow, part);
  if (flow != nullptr) return rule(m, *flow, ruling);
  give_verdict(m, ruling.verdict, own_reason(static_cast<unsigned>(ruling.reason)));
}

void DpiStage::visit(rte_mbuf* m, Flow& flow, DpiPart& part, uint16_t generation) noexcept {
  Slot& state = slot<Slot>(flow);
  if (state.generation != generation) ask_rules(state, flow, part, generation);
  // An earlier stage has said something new, which no rule asks for.
  if (state.blocked) {
    drop(m, own_reason(static_cast<unsigned>(DpiReason::Signature)));
    return block(flow, part, generation);
  }
  const auto undecided = [&] { return context(flow).app_progress != AppProgress::Final; };
  if (state.session() == nullptr && (undecided() || state.wanted)) {
    Session* fresh = begin_session(flow, part);
    if (fresh == nullptr) {
      if (!overloaded(m, flow, part.settings.on_overload)) return;
    } else {
      state.read_by(fresh);
    }
  }
  if (!part.memory.has_reserve()) [[unlikely]] end_closed(part, state.session());
  if (Session* session = state.session()) {
    if (undecided() && !classify(m, *session, part)) return;
    const Ruling ruling = reader_.read(m, *session, part, state.wanted, generation);
    rule(m, flow, ruling);
    if (state.wanted && may_carry_packets(flow.key)) {
      ask_of_tunnelled(m, &flow, packet_facts(m), part);
    }
    if (ruling.blocks) return block(flow, part, generation);
    if (!undecided() && reader_.done(*session, part, state.wanted, state.late)) {
      end_session(*session, part, state.wanted);
      state.wanted = 0;
      if (state.blocked) return block(flow, part, generation);
    }
  }
  if (!undecided() && state.session() == nullptr && !state.wanted) {
    settle(flow, generation, upstream(flow));
  }
}

// What connections hold that have been reset is of no use until their flows end.
void DpiStage::end_closed(DpiPart& part, const Session* but) noexcept {
  for (unsigned i = 0; i < kMaxClosedEnded; ++i) {
    Session* closed = part.closed_session();
    if (closed == nullptr || closed == but) return;
    ++counters_.sessions_evicted;
    end_session(*closed, part, slot<Slot>(*closed->flow).wanted);
  }
}

void DpiStage::ask_rules(Slot& state, const Flow& flow, const DpiPart& part,
                         uint16_t generation) noexcept {
  state.generation = generation;
  const rules::PacketEnds ends = flow_ends(flow);
  state.wanted =
      part.detector && (may_carry_packets(flow.key) || part.detector->set().may_fit(ends));
  state.late = state.wanted && part.detector->set().may_fit_late(ends);
  state.blocked = 0;
}

void DpiStage::rule(rte_mbuf* m, Flow& flow, const Ruling& ruling) noexcept {
  if (ruling.alerted) slot<Slot>(flow).alerted = 1;
  if (ruling.renamed) raise_revision(flow);
  if (ruling.verdict == Verdict::Pass) return;
  give_verdict(m, ruling.verdict, own_reason(static_cast<unsigned>(ruling.reason)));
}

Session* DpiStage::begin_session(Flow& flow, DpiPart& part) noexcept {
  Session* session = part.begin_session(flow);
  if (session == nullptr) {
    // Who has been read for longest gives way, and begins anew in his middle.
    if (part.settings.on_overload == OnOverload::Drop) return nullptr;
    Session* oldest = part.oldest_session();
    if (oldest == nullptr) return nullptr;
    ++counters_.sessions_evicted;
    end_session(*oldest, part, slot<Slot>(*oldest->flow).wanted);
    session = part.begin_session(flow);
    if (session == nullptr) return nullptr;
  }
  session->resumed = slot<Slot>(flow).read_before;
  session->picked_up = session->resumed || (flow.flags & kFlowPickedUp) != 0;
  return session;
}

void DpiStage::end_session(Session& session, DpiPart& part, bool rules) noexcept {
  Flow& flow = *session.flow;
  if (Inspection* inspection = session.inspection) {
    ArenaScope scope(&inspection->part->arena);
    give_up(flow, *inspection);
  }
  const Ruling ruling = reader_.end(session, part, rules);
  session.part->collect(counters_);
  if (ruling.alerted) slot<Slot>(flow).alerted = 1;
  if (ruling.renamed) raise_revision(flow);
  // What its end has brought to light holds for what follows, where the flow lives on.
  if (ruling.blocks) slot<Slot>(flow).blocked = 1;
  slot<Slot>(flow).read_by(nullptr);
  slot<Slot>(flow).read_before = 1;
  DpiPart::end_session(&session);
}

bool DpiStage::classify(rte_mbuf* m, Session& session, DpiPart& present) noexcept {
  Flow& flow = *session.flow;
  Inspection* inspection = session.inspection;
  if (inspection == nullptr) {
    inspection = begin(flow, present);
    if (inspection == nullptr) return overloaded(m, flow, present.settings.on_overload);
    session.inspection = inspection;
    ++counters_.flows;
  }
  DpiPart& part = *inspection->part;
  ArenaScope scope(&part.arena);
  if (!part.arena.has_reserve()) {
    ++counters_.arena_exhausted;
    if (part.settings.on_overload == OnOverload::Bypass) {
      ++counters_.overload_bypassed;
      give_up(flow, *inspection);
      return true;
    }
    // Its memory helps others; its next packet begins anew. An old part may go
    // with its last inspection.
    abandon(flow, *inspection);
    return overloaded(m, flow, OnOverload::Drop);
  }

  const PacketMeta& p = meta(m);
  ++inspection->packets;
  const uint16_t length = ip_length(m);
  ++counters_.packets;
  counters_.bytes += length;

  const uint64_t begin = part.settings.max_cycles != 0 ? rte_rdtsc() : 0;
  const Classification found =
      part.engine.inspect(*inspection->ndpi, l3_header<const uint8_t>(m), length, p.time_ns);
  // Before events are written: they say what the context says.
  tell(flow, found, found.known() ? AppProgress::Partial : AppProgress::Inspecting);
  const bool too_long =
      part.settings.max_cycles != 0 && rte_rdtsc() - begin > part.settings.max_cycles;
  if (too_long) ++counters_.cycles_exceeded;

  const unsigned limit =
      flow.key.proto == IPPROTO_TCP ? part.settings.packets_tcp : part.settings.packets_udp;
  const bool enough = inspection->packets > limit || too_long;
  if (found.known() && (enough || !part.engine.wants_more(*inspection->ndpi))) {
    ++counters_.classified;
    decide(flow, *inspection, found);
  } else if (enough) {
    give_up(flow, *inspection);
  } else {
    part.value(inspection, !found.known() && (inspection->precious || p.payload_len > 0));
  }
  return true;
}

Inspection* DpiStage::begin(Flow& flow, DpiPart& part) noexcept {
  for (unsigned i = 0; i < kMaxEvictions; ++i) {
    if (Inspection* inspection = part.begin(flow)) return inspection;
    Inspection* victim = part.least_valuable();
    if (victim == nullptr) return nullptr;
    evict(*victim);
  }
  return part.begin(flow);
}

void DpiStage::evict(Inspection& inspection) noexcept {
  ++counters_.evicted;
  Flow& flow = *inspection.flow;
  const FlowContext& c = context(flow);
  ArenaScope scope(&inspection.part->arena);
  // Whoever sends junk in many flows must not switch dpi off for everybody else.
  if (inspection.precious) return give_up(flow, inspection);
  if (c.app_progress != AppProgress::Partial) {
    return abandon(flow, inspection);  // only empty segments so far: it begins anew
  }
  decide(flow, inspection,
         {.master = c.app_master,
          .app = c.app,
          .category = c.app_category,
          .confidence = c.app_confidence,
          .risks = c.app_risks});
}

bool DpiStage::overloaded(rte_mbuf* m, Flow& flow, OnOverload action) noexcept {
  if (action == OnOverload::Drop) {
    ++counters_.overload_dropped;
    drop(m, own_reason(static_cast<unsigned>(DpiReason::Overload)));
    return false;
  }
  ++counters_.overload_bypassed;
  // What an earlier policy had found stays.
  const FlowContext& c = context(flow);
  tell(flow,
       {.master = c.app_master,
        .app = c.app,
        .category = c.app_category,
        .confidence = c.app_confidence,
        .risks = c.app_risks},
       AppProgress::Final);
  return true;
}

// None of its packets comes here any more, so nothing more will be learnt.
void DpiStage::block(Flow& flow, DpiPart& part, uint16_t generation) noexcept {
  Slot& state = slot<Slot>(flow);
  if (Session* session = state.session()) end_session(*session, part, state.wanted);
  state.blocked = 1;
  settle(flow, generation, upstream(flow), Verdict::Drop,
         own_reason(static_cast<unsigned>(DpiReason::Signature)));
}

void DpiStage::give_up(Flow& flow, Inspection& inspection) noexcept {
  bool guessed = false;
  const Classification found =
      inspection.part->engine.give_up(*inspection.ndpi, inspection.part->settings.guess, guessed);
  ++counters_.given_up;
  if (guessed && found.known()) ++counters_.guessed;
  decide(flow, inspection, found);
}

void DpiStage::decide(Flow& flow, Inspection& inspection, const Classification& found) noexcept {
  if (!found.known()) ++counters_.unknown;
  ++applications_[found.app < kMaxApplications ? found.app : 0];
  tell(flow, found, AppProgress::Final);
  if (reporter_.name_unnamed(flow, NdpiEngine::host_name(*inspection.ndpi))) raise_revision(flow);
  abandon(flow, inspection);
}

void DpiStage::tell(Flow& flow, const Classification& found, AppProgress progress) noexcept {
  FlowContext& c = context(flow);
  const bool news = c.app_master != found.master || c.app != found.app ||
                    c.app_category != found.category || c.app_progress != progress;
  c.app_master = found.master;
  c.app = found.app;
  c.app_category = static_cast<uint8_t>(found.category);
  c.app_confidence = found.confidence & 15;
  c.app_risks = found.risks;
  c.app_progress = progress;
  if (news) raise_revision(flow);
}

void DpiStage::abandon(Flow& flow, Inspection& inspection) noexcept {
  if (Session* session = slot<Slot>(flow).session()) session->inspection = nullptr;
  inspection.part->end(&inspection);
}

void DpiStage::flow_ended(Flow& flow, Event* record) noexcept {
  Slot& state = slot<Slot>(flow);
  if (Session* session = state.session()) end_session(*session, *session->part, state.wanted);
  if (record != nullptr) record->alerted = state.alerted;
  state = {};
  const HostName* host = context(flow).host;
  if (host == nullptr) return;
  if (record != nullptr && record->text_len[kTextHost] == 0) {
    record->set_text(kTextHost, {host->text, host->length});
  }
  reporter_.forget_host(flow);
}

void DpiStage::release_references(LanePart& old, unsigned budget) noexcept {
  auto& part = static_cast<DpiPart&>(old);
  for (; budget > 0; --budget) {
    if (Inspection* inspection = part.first()) {
      ++counters_.restarted;
      abandon(*inspection->flow, *inspection);
    } else if (Session* session = part.oldest_session()) {
      ++counters_.restarted;
      end_session(*session, part, false);
    } else {
      return;
    }
  }
}

}  // namespace sluice
