// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/dpi_stage.h"

#include <netinet/in.h>
#include <rte_cycles.h>
#include <rte_ip.h>

#include <algorithm>

namespace sluice {

namespace {

// Packets of a decided DNS flow that are read on: resolvers send queries of one
// name (A, AAAA) from one port, some send many.
constexpr unsigned kDnsPackets = 64;

constexpr unsigned kMaxEvictions = 4;  // for one packet

constexpr unsigned kMaxMatches = 16;  // signatures told of one packet

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
                !resources.replay, resources.under_way, counters_) {}

void DpiStage::process(Burst& burst, const StagePolicy&, LanePart* lane_part) noexcept {
  auto& part = static_cast<DpiPart&>(*lane_part);
  for (rte_mbuf* m : burst) {
    const PacketMeta& p = meta(m);
    if (p.flow == nullptr) continue;
    if ((p.flags & kMetaIcmpError) == 0) {
      visit(m, *p.flow, part, burst.generation);
    } else if (part.scanner) {
      // It carries nothing of the flow that it quotes, and says nothing against it.
      scan(m, *p.flow, *part.scanner);
    }
  }
}

void DpiStage::visit(rte_mbuf* m, Flow& flow, DpiPart& part, uint16_t generation) noexcept {
  Slot& state = slot<Slot>(flow);
  if (state.generation != generation) ask_signatures(state, flow, part, generation);
  // An earlier stage has said something new, which no signature asks for.
  if (state.blocked) {
    drop(m, own_reason(static_cast<unsigned>(DpiReason::Signature)));
    return block(flow, generation);
  }
  if (state.watches_dns) {
    watch_dns(m, flow);
  } else if (context(flow).app_progress != AppProgress::Final) {
    if (!classify(m, flow, part)) return;
  }
  if (state.wanted && scan(m, flow, *part.scanner)) return block(flow, generation);
  const bool decided = context(flow).app_progress == AppProgress::Final && !state.watches_dns;
  if (decided && !state.wanted) settle(flow, generation, upstream(flow));
}

void DpiStage::ask_signatures(Slot& state, const Flow& flow, const DpiPart& part,
                              uint16_t generation) noexcept {
  state.generation = generation;
  state.wanted = part.scanner && part.scanner->wants(flow);
  state.blocked = 0;
}

bool DpiStage::classify(rte_mbuf* m, Flow& flow, DpiPart& present) noexcept {
  Slot& state = slot<Slot>(flow);
  Inspection* inspection = state.inspection();
  if (inspection == nullptr) {
    inspection = begin(flow, present);
    if (inspection == nullptr) return overloaded(m, flow, present.settings.on_overload);
    state.inspect(inspection);
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
  inspection->time_ns = p.time_ns;
  inspection->ingress = m->port;
  inspection->direction = direction(p);
  ++inspection->packets;
  const uint16_t length = ip_length(m);
  ++counters_.packets;
  counters_.bytes += length;

  const uint64_t begin = part.settings.max_cycles != 0 ? rte_rdtsc() : 0;
  const Classification found =
      part.engine.inspect(*inspection->ndpi, l3_header<const uint8_t>(m), length, p.time_ns);
  // Before events are written: they say what the context says.
  tell(flow, found, found.known() ? AppProgress::Partial : AppProgress::Inspecting);
  if (reporter_.observe(m, flow, *inspection, found)) raise_revision(flow);
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
  tell(flow, {}, AppProgress::Final);
  return true;
}

void DpiStage::watch_dns(rte_mbuf* m, Flow& flow) noexcept {
  Slot& state = slot<Slot>(flow);
  if (reporter_.observe_dns(m, flow)) raise_revision(flow);
  state.watch_dns(static_cast<unsigned>(state.place) - 1);
}

bool DpiStage::scan(rte_mbuf* m, Flow& flow, SignatureScanner& scanner) noexcept {
  ++counters_.scanned_packets;
  SignatureMatch matches[kMaxMatches];
  const unsigned n = scanner.scan(m, matches, kMaxMatches);
  if (n != 0) slot<Slot>(flow).alerted = 1;
  bool dropped = false;
  for (unsigned i = 0; i < n; ++i) {
    const SignatureMatch& match = matches[i];
    ++counters_.alerts;
    dropped = dropped || match.drop;
    Event* e =
        resources_.events != nullptr ? resources_.events->allocate(EventType::Alert) : nullptr;
    if (e == nullptr) continue;
    const PacketMeta& p = meta(m);
    describe_flow(*e, flow);
    e->lane = resources_.lane;
    e->time_ns = p.time_ns;
    e->ingress = m->port;
    e->direction = direction(p);
    e->action = match.drop ? Verdict::Drop : Verdict::Pass;
    if (match.drop) e->reason = own_reason(static_cast<unsigned>(DpiReason::Signature));
    e->signature_id = match.sid;
    e->signature_gid = match.gid;
    e->signature_rev = match.rev;
    e->signature_msg = match.msg;
    e->signature_severity = 3;  // of a rule without classtype or priority
    resources_.events->publish(e);
  }
  if (!dropped) return false;
  ++counters_.signature_drops;
  drop(m, own_reason(static_cast<unsigned>(DpiReason::Signature)));
  return true;
}

// None of its packets comes here any more, so nothing more will be learnt.
void DpiStage::block(Flow& flow, uint16_t generation) noexcept {
  Slot& state = slot<Slot>(flow);
  state.blocked = 1;
  if (Inspection* inspection = state.inspection()) {
    ArenaScope scope(&inspection->part->arena);
    give_up(flow, *inspection);
  }
  state.watch_dns(0);
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
  if (reporter_.conclude(flow, inspection, found)) raise_revision(flow);
  abandon(flow, inspection);
  if (flow.key.proto == IPPROTO_UDP && is_dns(found)) slot<Slot>(flow).watch_dns(kDnsPackets);
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
  slot<Slot>(flow).inspect(nullptr);
  inspection.part->end(&inspection);
}

void DpiStage::flow_ended(Flow& flow, Event* record) noexcept {
  Slot& state = slot<Slot>(flow);
  if (Inspection* inspection = state.inspection()) {
    ArenaScope scope(&inspection->part->arena);
    give_up(flow, *inspection);
  }
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
  for (; budget > 0 && part.first() != nullptr; --budget) {
    Inspection* inspection = part.first();
    ++counters_.restarted;
    abandon(*inspection->flow, *inspection);
  }
}

}  // namespace sluice
