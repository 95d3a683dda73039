// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/lane_head.h"

#include <netinet/in.h>
#include <rte_cycles.h>
#include <rte_prefetch.h>
#include <sched.h>

#include <algorithm>

#include "chain/flow_context.h"
#include "chain/packet_meta.h"
#include "chain/parse_plain.h"
#include "chain/reasons.h"
#include "chain/stage_runner.h"
#include "flowtable/tcp_state.h"

namespace sluice {

// Packets of one burst on their way to the look-up.
struct LaneHead::Pending {
  unsigned size = 0;
  rte_mbuf* pkts[Burst::kCapacity];
  ParsedPacket parsed[Burst::kCapacity];
  const FlowKey* keys[Burst::kCapacity];

  // parsed[0 .. n-1] were read from these.
  void take(rte_mbuf** from, unsigned n) noexcept {
    std::copy_n(from, n, pkts);
    for (unsigned i = 0; i < n; ++i) keys[i] = &parsed[i].key;
    size = n;
  }
  ParsedPacket& next() noexcept { return parsed[size]; }
  // `m` is what next() was read from.
  void push(rte_mbuf* m) noexcept {
    keys[size] = &parsed[size].key;
    pkts[size++] = m;
  }
};

LaneHead::LaneHead(const LaneHeadOptions& options, FlowTable& table, FragmentTable& fragments,
                   WorkerStatistics& statistics)
    : options_(options),
      lane_hash_(options.rss, options.config->rss_ports,
                 static_cast<unsigned>(options.to_lanes.size())),
      by_software_(options.to_lanes.size() > 1 && options.rss == RssMode::Software),
      burst_(static_cast<uint16_t>(options.config->burst)),
      table_(table),
      fragments_(fragments),
      statistics_(statistics) {
  for (const ZoneRule& zone : options_.zones) {
    parse_options_lane_.push_back({.zone = zone});
    parse_options_.push_back({.zone = zone});
  }
  for (const Input* input : options_.inputs) {
    parse_options_[input->port].verify_ip_checksum = input->verify_ip_checksum;
    parse_options_[input->port].verify_by_flags = input->verify_by_flags;
  }
  build_horizons();
  const uint64_t window_s = options_.config->flowtable.midstream_window_s;
  if (options_.replay || window_s == 0) {
    pick_up_until_ns_ = UINT64_MAX;
  } else {
    pick_up_until_ns_ = options_.clock->now_ns(rte_rdtsc()) + window_s * 1'000'000'000;
  }
  fragments_.set_dropper(
      [](void* head, rte_mbuf* m, Reason r) {
        drop_packet(m, r, static_cast<LaneHead*>(head)->statistics_);
      },
      this);
}

void LaneHead::build_horizons() {
  horizons_.resize(options_.config->ports.size());
  for (const Input* input : options_.inputs) {
    const int peer = options_.config->ports[input->port].peer_index;
    Horizon& here = horizons_[input->port];
    if (!input->split_horizon || peer < 0 || here.table) continue;
    Horizon& there = horizons_[static_cast<size_t>(peer)];
    if (!there.table) {
      wires_.push_back(std::make_unique<SplitHorizon>(options_.seed + wires_.size()));
      here = {wires_.back().get(), 0};
    } else {
      here = {there.table, 1 - there.side};
    }
  }
}

std::vector<WireDisputes> LaneHead::wire_disputes() const {
  std::vector<WireDisputes> out;
  for (const auto& wire : wires_) {
    const uint64_t word = wire->disputed_key();
    const unsigned side = static_cast<unsigned>(word >> 63);
    for (unsigned port = 0; port < horizons_.size(); ++port) {
      if (horizons_[port].table != wire.get() || horizons_[port].side != side) continue;
      out.push_back({.port = port, .key = word << 1 >> 1, .count = wire->disputes()});
    }
  }
  return out;
}

// Drops what the other side of the wire sent. Neighbours in a burst mostly have one
// sender, which is then looked up once.
unsigned LaneHead::keep_within_horizon(rte_mbuf** pkts, unsigned n, unsigned port) noexcept {
  const Horizon horizon = horizons_[port];
  uint64_t known = 0;  // all of its frames pass, as do those that name nobody
  unsigned kept = 0;
  for (unsigned i = 0; i < n; ++i) {
    const uint64_t key = SplitHorizon::source_key(pkts[i]);
    auto passage = SplitHorizon::Passage::Passes;
    if (key != known && key != 0) {
      passage = horizon.table->admit(pkts[i], key, horizon.side, now_ns_);
      if (passage == SplitHorizon::Passage::AllPass) known = key;
    }
    if (passage != SplitHorizon::Passage::Refused) [[likely]] {
      pkts[kept++] = pkts[i];
    } else {
      drop(pkts[i], CoreReason::SplitHorizon);
    }
  }
  return kept;
}

void LaneHead::drop(rte_mbuf* m, CoreReason why) noexcept {
  drop_packet(m, reason(why), statistics_);
}

// The flow was decided under this policy, the packet came in where its
// direction has always come in, and no binding has changed since.
inline bool LaneHead::is_decided(const rte_mbuf* m, const ParsedPacket& parsed,
                                 const Flow* flow) const noexcept {
  return flow != nullptr && flow->decided == policy_->generation &&
         parsed.kind == PacketKind::Flow &&
         flow->ingress[parsed.sender_end ^ flow->originator_end] == m->port &&
         options_.epochs->current(*flow);
}

// False: the packet is gone.
inline bool LaneHead::admit_decided(rte_mbuf* m, const ParsedPacket& parsed, uint64_t hash,
                                    Flow* flow) noexcept {
  PacketMeta& p = meta(m);
  const auto dir = static_cast<Direction>(parsed.sender_end ^ flow->originator_end);
  flow_clock_ns_ = std::max(flow_clock_ns_, p.time_ns);
  if (parsed.key.proto == IPPROTO_TCP) {
    Flow* const before = flow;
    if (!track(m, parsed, flow, dir, hash)) return false;
    // The connection's state has changed, and with it perhaps its value.
    if (flow->decided == 0) [[unlikely]] {
      enter(m, parsed, *flow, dir, flow != before);
      return true;
    }
  }
  account(*flow, dir, parsed.ip_len, flow_clock_ns_);
  p.flags |= static_cast<uint16_t>(kMetaDecided | (dir == Direction::Reply ? kMetaReply : 0));
  p.chain = flow->chain;
  p.flow = flow;
  return true;
}

unsigned LaneHead::receive(unsigned source, uint64_t tsc, Burst& out) noexcept {
  rte_mbuf* pkts[Burst::kCapacity];
  uint64_t bytes = 0;
  const unsigned received = take(source, tsc, pkts, bytes);
  if (received == 0) return 0;
  unsigned n = received;
  const std::vector<ParseOptions>& options =
      source < devices() ? parse_options_ : parse_options_lane_;

  Pending pending;
  for (unsigned i = 0; i < n; ++i) rte_prefetch0(rte_pktmbuf_mtod(pkts[i], void*));
  if (source < devices() && horizons_[options_.inputs[source]->port].table) {
    n = keep_within_horizon(pkts, n, options_.inputs[source]->port);
  }
  unsigned i = 0;
  if (source < devices() && !by_software_) [[likely]] {
    // Everything has come in by one port. Up to the first frame that isn't plain
    // there is nothing to keep but the frames.
    const PlainOptions plain(options[options_.inputs[source]->port]);
    while (i < n && parse_plain(pkts[i], plain, pending.parsed[i])) ++i;
    pending.take(pkts, i);
    for (; i < n; ++i) {
      if (parse_plain(pkts[i], plain, pending.next())) {
        pending.push(pkts[i]);
      } else {
        sort(pkts[i], options[pkts[i]->port], pending, out);
      }
    }
  }
  for (; i < n; ++i) sort(pkts[i], options[pkts[i]->port], pending, out);

  uint64_t hashes[Burst::kCapacity];
  Flow* flows[Burst::kCapacity];
  table_.lookup_bulk(pending.keys, pending.size, now_ns_, hashes, flows);
  admit_all(pending, hashes, flows, out);
  out.now_ns = now_ns_;
  if (kCounting && out.size == received) out.bytes = bytes;
  statistics_.held = fragments_.held();
  return received;
}

void LaneHead::admit_all(const Pending& pending, const uint64_t* hashes, Flow* const* flows,
                         Burst& out) noexcept {
  rte_mbuf** end = out.end();
  unsigned decided = 0;
  for (unsigned i = 0; i < pending.size; ++i) {
    rte_mbuf* m = pending.pkts[i];
    const ParsedPacket& parsed = pending.parsed[i];
    if (is_decided(m, parsed, flows[i])) [[likely]] {
      if (!admit_decided(m, parsed, hashes[i], flows[i])) continue;
    } else {
      Flow* flow = flows[i];
      // An earlier packet of this burst may have opened or ended it meanwhile.
      if (!flow || (flow->flags & kFlowEnded)) flow = table_.lookup(parsed.key, now_ns_);
      const bool in = parsed.kind == PacketKind::IcmpError ? admit_icmp_error(m, parsed, flow)
                                                           : admit(m, parsed, hashes[i], flow);
      if (!in) continue;
    }
    decided += (meta(m).flags & kMetaDecided) / kMetaDecided;
    *end++ = m;
  }
  out.size = static_cast<uint16_t>(end - out.begin());
  out.decided = static_cast<uint16_t>(decided);
}

// Fills the meta's first fields; what comes from another lane has them already.
// `bytes`, 0 before: length of all frames.
unsigned LaneHead::take(unsigned source, uint64_t tsc, rte_mbuf** pkts, uint64_t& bytes) noexcept {
  if (source >= devices()) {
    rte_ring* ring = options_.from_lanes[source - devices()];
    if (!ring) return 0;
    const unsigned n =
        rte_ring_sc_dequeue_burst(ring, reinterpret_cast<void**>(pkts), burst_, nullptr);
    for (unsigned i = 0; i < n; ++i) {
      const unsigned frames = frame_count(pkts[i]);
      statistics_.received += frames;
      statistics_.taken_over += frames;
      bytes += pkts[i]->pkt_len;
      now_ns_ = std::max(now_ns_, meta(pkts[i]).time_ns);
    }
    statistics_.received_bytes += bytes;
    return n;
  }
  Input& input = *options_.inputs[source];
  const unsigned n = input.receive(pkts, burst_);
  if (n == 0) return 0;
  const bool own_clock = input.has_own_clock();
  if (!own_clock) now_ns_ = options_.clock->now_ns(tsc);
  statistics_.received += n;
  // Sums stay in registers: one in memory would make each packet wait for the last.
  uint64_t sum = 0, newest_ns = now_ns_;
  const uint64_t receipt_ns = now_ns_;
  for (unsigned i = 0; i < n; ++i) {
    PacketMeta& p = meta(pkts[i]);
    const uint64_t time_ns = own_clock ? p.time_ns : receipt_ns;
    p = {.flow = nullptr,
         .time_ns = time_ns,
         .payload_len = 0,
         .egress = kNoEgress,
         .chain = 0,
         .flags = 0,
         .verdict = Verdict::Pass,
         .reason = kNoReason};
    pkts[i]->port = input.port;
    newest_ns = std::max(newest_ns, time_ns);
    sum += pkts[i]->pkt_len;
  }
  now_ns_ = newest_ns;
  bytes = sum;
  statistics_.received_bytes += bytes;
  return n;
}

// Parses one packet and says where it goes: to the look-up, straight to the
// stages (no flow), to the collection of fragments, to another lane, or nowhere.
void LaneHead::sort(rte_mbuf* m, const ParseOptions& options, Pending& pending,
                    Burst& out) noexcept {
  ParsedPacket& parsed = pending.next();
  parse(m, options, parsed);
  if (parsed.kind == PacketKind::Fragment) {
    if (options_.config->flowtable.fragments == FragmentMode::Drop) {
      return drop(m, CoreReason::FragmentsDisabled);
    }
    m = fragments_.collect(m, parsed.fragment, now_ns_);
    if (!m) return;
    ParseOptions trusted = options;
    trusted.verify_ip_checksum = trusted.verify_by_flags = false;
    parse(m, trusted, parsed);
  }
  switch (parsed.kind) {
    case PacketKind::Bad:
    case PacketKind::Fragment:  // a fragment within a datagram: nothing sane sends that
      drop_packet(m,
                  parsed.kind == PacketKind::Bad ? parsed.reason : reason(CoreReason::FragmentBad),
                  statistics_);
      return;
    case PacketKind::Control:
    case PacketKind::Other:
      out.push(m);
      return;
    case PacketKind::Flow:
    case PacketKind::IcmpError:
      break;
  }
  // With RSS by the device only the packets that it could not place by their flow
  // are looked at.
  if (options_.to_lanes.size() > 1) {
    const unsigned lane = lane_hash_.lane_of(parsed.key);
    if (lane != options_.lane) return pass_over(m, lane);
  }
  pending.push(m);
}

void LaneHead::pass_over(rte_mbuf* m, unsigned lane) noexcept {
  const unsigned frames = frame_count(m);
  const uint32_t bytes = m->pkt_len;
  while (rte_ring_sp_enqueue(options_.to_lanes[lane], m) != 0) {
    if (!options_.replay) return drop(m, CoreReason::LaneRingFull);
    sched_yield();
  }
  statistics_.transmitted += frames;
  statistics_.passed_over += frames;
  statistics_.transmitted_bytes += bytes;
}

bool LaneHead::may_pick_up() const noexcept {
  return options_.config->flowtable.midstream == MidstreamMode::PickUp &&
         now_ns_ < pick_up_until_ns_;
}

// A verdict of some stage stands against the whole flow: its packets will be
// dropped, so they move no state.
bool LaneHead::blocked(const Flow& flow) const noexcept {
  for (unsigned i = 0; i < options_.stages; ++i) {
    const StageState s = read_stage_state(flow, i);
    if (s.verdict != Verdict::Pass && s.generation == policy_->generation) return true;
  }
  return false;
}

// Every stage of the flow's chain that may decide has let it pass for good, and
// it has been seen to pass. Stages take a flow back only when something changes
// that the first worker sees: the policy, a binding, or what a stage before
// says; a stage that is done says nothing more.
bool LaneHead::decided(const Flow& flow) const noexcept {
  const unsigned deciding =
      policy_->chains[flow.chain].stages & ~static_cast<unsigned>(options_.every_packet);
  for (unsigned i = 0; i < options_.stages; ++i) {
    if (!((deciding >> i) & 1)) continue;
    const StageState s = read_stage_state(flow, i);
    if (s.verdict != Verdict::Pass || !is_settled(flow, i, s, policy_->generation)) return false;
  }
  return true;
}

Flow* LaneHead::open(rte_mbuf* m, const ParsedPacket& parsed, uint64_t hash) noexcept {
  if (parsed.key.proto == IPPROTO_TCP) {
    Flow probe{};
    if (!tcp_open(probe, parsed.tcp, may_pick_up())) {
      drop(m, CoreReason::FlowMidstream);
      return nullptr;
    }
  }
  Flow* flow = table_.create(parsed.key, hash, parsed.sender_end, flow_clock_ns_);
  if (!flow) {
    drop(m, CoreReason::FlowTableFull);
    return nullptr;
  }
  if (parsed.key.proto == IPPROTO_TCP) tcp_open(*flow, parsed.tcp, true);
  return flow;
}

// A later TCP segment of a flow. False: the packet is gone. A SYN on a closed
// connection replaces `flow` by a new one.
bool LaneHead::track(rte_mbuf* m, const ParsedPacket& parsed, Flow*& flow, Direction direction,
                     uint64_t hash) noexcept {
  const FlowState before = flow->state;
  switch (tcp_track(*flow, direction, parsed.tcp)) {
    case TcpTrack::Ok:
      break;
    case TcpTrack::OutOfWindow:
      if (!options_.config->flowtable.tcp_window_strict) break;
      drop(m, CoreReason::FlowTcpOutOfWindow);
      return false;
    case TcpTrack::BadFlags:
      drop(m, CoreReason::FlowTcpBadFlags);
      return false;
    case TcpTrack::Reopened:
      table_.end(*flow, EndReason::Replaced);
      flow = open(m, parsed, hash);
      return flow != nullptr;
  }
  if (flow->state != before) {
    table_.touch_deadline(*flow);
    flow->decided = 0;  // its value may have changed, too: refresh() looks
  }
  return true;
}

bool LaneHead::admit(rte_mbuf* m, const ParsedPacket& parsed, uint64_t hash, Flow* flow) noexcept {
  // The packet's time, but never back: captures step back, and a flow that began
  // in the past would end before its second packet.
  flow_clock_ns_ = std::max(flow_clock_ns_, meta(m).time_ns);
  if (!flow) {
    flow = open(m, parsed, hash);
    if (!flow) return false;
    enter(m, parsed, *flow, Direction::Original, true);
    return true;
  }
  const auto dir = static_cast<Direction>(parsed.sender_end ^ flow->originator_end);
  Flow* const before = flow;
  if (blocked(*flow)) {
    if (parsed.key.proto == IPPROTO_TCP && !give_up_blocked(m, parsed, flow, dir, hash)) {
      return false;
    }
  } else if (parsed.key.proto == IPPROTO_TCP) {
    if (!track(m, parsed, flow, dir, hash)) return false;
  } else if (dir == Direction::Reply && flow->state == FlowState::New) {
    flow->state = FlowState::Replied;
  }
  enter(m, parsed, *flow, dir, flow != before);
  return true;
}

// The packet belongs to the flow, of which not all is known or decided.
void LaneHead::enter(rte_mbuf* m, const ParsedPacket& parsed, Flow& flow, Direction dir,
                     bool is_new) noexcept {
  PacketMeta& p = meta(m);
  if (is_new) {
    p.flags |= kMetaNewFlow;
    dir = Direction::Original;
  }
  account(flow, dir, parsed.ip_len, flow_clock_ns_);
  if (dir == Direction::Reply) p.flags |= kMetaReply;
  flow.ingress[static_cast<unsigned>(dir)] = static_cast<uint8_t>(m->port);
  refresh(flow);
  p.chain = flow.chain;
  p.flow = &flow;
}

// A connection that a stage stands against is over, whatever its ends believe:
// its entry goes soon, and another SYN begins another. False: the packet is gone.
bool LaneHead::give_up_blocked(rte_mbuf* m, const ParsedPacket& parsed, Flow*& flow, Direction dir,
                               uint64_t hash) noexcept {
  const bool opens = (parsed.tcp.flags & (kTcpSyn | kTcpAck)) == kTcpSyn;
  if (opens && parsed.tcp.seq + 1 != flow->tcp[static_cast<unsigned>(dir)].end) {
    table_.end(*flow, EndReason::Replaced);
    flow = open(m, parsed, hash);
    return flow != nullptr;
  }
  if (flow->state >= FlowState::Established && flow->state != FlowState::Reset) {
    flow->state = FlowState::Reset;
    if (flow->value == FlowClass::Established) table_.promote(*flow, FlowClass::HalfOpen);
    table_.touch_deadline(*flow);
  }
  return true;
}

// An ICMP error rides with the flow that it quotes, opens none, keeps none
// alive, and says nothing about where the flow's ends are.
bool LaneHead::admit_icmp_error(rte_mbuf* m, const ParsedPacket& parsed, Flow* flow) noexcept {
  if (!flow) {
    drop(m, CoreReason::FlowIcmpErrorUnknown);
    return false;
  }
  PacketMeta& p = meta(m);
  if (parsed.sender_end != flow->originator_end) p.flags |= kMetaReply;
  refresh(*flow);
  p.chain = flow->chain;
  p.flow = flow;
  return true;
}

FlowClass LaneHead::value_of(const Flow& flow) const noexcept {
  if (!context(flow).passed) return FlowClass::Provisional;
  if (flow.value == FlowClass::Established) return FlowClass::Established;
  // Only a handshake makes a connection; what a SYN and a RST left behind is none.
  const bool both_spoke = flow.key.proto == IPPROTO_TCP ? flow.state == FlowState::Established
                                                        : flow.state == FlowState::Replied;
  return both_spoke ? FlowClass::Established : FlowClass::HalfOpen;
}

// What the first worker keeps of a flow that isn't decided: whether a binding
// has changed, its chain, its eviction class, whether it is decided now.
void LaneHead::refresh(Flow& flow) noexcept {
  // identity, the line's first stage, works on this core: taking the flow back
  // for it here crosses no line between writers.
  StageState first = stage_state(flow, 0);
  if (first.generation != 0 && !options_.epochs->current(flow)) {
    first.generation = 0;
    write_stage_state(flow, 0, first);
  }
  // Until identity has judged under this policy. If it has, the chain is its own.
  if (first.generation != policy_->generation) {
    const unsigned side = flow.ingress[0] != Flow::kNoIngress ? 0 : 1;
    flow.chain = policy_->port_chain[flow.ingress[side]];
  }
  const FlowClass value = value_of(flow);
  if (flow.value < value) table_.promote(flow, value);
  flow.decided = value != FlowClass::Provisional && decided(flow) ? policy_->generation : 0;
}

void LaneHead::age(uint64_t tsc) noexcept {
  if (options_.live_clock) now_ns_ = std::max(now_ns_, options_.clock->now_ns(tsc));
  table_.age(now_ns_, kAgeBudget);
  fragments_.expire(now_ns_);
  statistics_.held = fragments_.held();
}

bool LaneHead::exhausted() const noexcept {
  return std::all_of(options_.inputs.begin(), options_.inputs.end(),
                     [](const Input* input) { return input->exhausted(); });
}

}  // namespace sluice
