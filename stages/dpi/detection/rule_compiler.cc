// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/detection/rule_compiler.h"

#include <netinet/in.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

namespace sluice::rules {

namespace {

// may_fit() is asked by a worker, per flow.
constexpr size_t kMaxHeadersAsked = 512;

constexpr std::pair<std::string_view, AppProtocol> kAppProtocols[] = {
    {"http", AppProtocol::Http}, {"http1", AppProtocol::Http}, {"tls", AppProtocol::Tls},
    {"ssl", AppProtocol::Tls},   {"dns", AppProtocol::Dns},    {"ssh", AppProtocol::Ssh},
    {"quic", AppProtocol::Quic}, {"failed", AppProtocol::None},
};

AppProtocol app_of(RuleProtocol protocol) {
  switch (protocol) {
    case RuleProtocol::Http:
      return AppProtocol::Http;
    case RuleProtocol::Tls:
      return AppProtocol::Tls;
    case RuleProtocol::Dns:
      return AppProtocol::Dns;
    case RuleProtocol::Ssh:
      return AppProtocol::Ssh;
    case RuleProtocol::Quic:
      return AppProtocol::Quic;
    default:
      return AppProtocol::None;
  }
}

// Asked of the flow's context instead of bytes.
std::optional<CompiledContext::What> context_of(Buffer buffer) {
  switch (buffer) {
    case Buffer::SluiceUser:
      return CompiledContext::What::User;
    case Buffer::SluiceGroup:
      return CompiledContext::What::Group;
    case Buffer::SluiceApp:
      return CompiledContext::What::Application;
    default:
      return std::nullopt;
  }
}

// Buffers that only one side of an exchange has.
std::optional<Direction> side_of(Buffer buffer) {
  switch (buffer) {
    case Buffer::HttpMethod:
    case Buffer::HttpUri:
    case Buffer::HttpUriRaw:
    case Buffer::HttpRequestLine:
    case Buffer::HttpHost:
    case Buffer::HttpHostRaw:
    case Buffer::HttpUserAgent:
    case Buffer::HttpReferer:
    case Buffer::HttpAccept:
    case Buffer::HttpAcceptLanguage:
    case Buffer::HttpAcceptEncoding:
    case Buffer::HttpRequestBody:
    case Buffer::TlsSni:
    case Buffer::Ja3Hash:
    case Buffer::Ja3String:
    case Buffer::Ja4:
    case Buffer::DnsQuery:
    case Buffer::QuicSni:
      return Direction::Original;
    case Buffer::HttpStatusLine:
    case Buffer::HttpStatusCode:
    case Buffer::HttpStatusMessage:
    case Buffer::HttpServer:
    case Buffer::HttpLocation:
    case Buffer::Ja3sHash:
    case Buffer::Ja3sString:
      return Direction::Reply;
    default:
      return std::nullopt;
  }
}

// Packet keywords bind a rule to single packets, as Suricata's do.
bool is_packet_only(const Rule& rule) {
  return rule.packet.any() || rule.flow.no_stream || rule.header.protocol == RuleProtocol::TcpPacket;
}

// A position that counts from the start is also that of a packet's payload.
bool counts_from_start(const Rule& rule) {
  for (const RuleBufferMatch& match : rule.buffers) {
    if (match.buffer != Buffer::Payload) continue;
    for (const RuleItem& item : match.items) {
      const auto* content = std::get_if<RuleContent>(&item);
      if (content != nullptr && (content->offset || content->depth)) return true;
    }
  }
  return false;
}

// Whether packets of the class may fit: what ip_proto rules out, too.
bool covers(const Rule& rule, PacketClass packets) {
  if (!rule.header.covers(packets)) return false;
  if (packets != PacketClass::Tcp && packets != PacketClass::Udp) return true;
  const int64_t number = packets == PacketClass::Tcp ? IPPROTO_TCP : IPPROTO_UDP;
  return std::all_of(rule.packet.ip_proto.begin(), rule.packet.ip_proto.end(),
                     [number](const RuleRange& range) { return range.holds(number); });
}

// Nothing but addresses is asked, and nothing that changes in the flow's course.
// As in Suricata, where ports make it a rule on packets.
bool is_of_ends(const Rule& rule, const CompiledRule& compiled) {
  const auto tests = [](RuleFlowbit::Op op) {
    return op == RuleFlowbit::Op::IsSet || op == RuleFlowbit::Op::IsNotSet;
  };
  const RuleFlow& flow = rule.flow;
  return compiled.parts.empty() && !rule.packet.any() && compiled.apps.empty() &&
         compiled.context.empty() && !flow.direction && !flow.established && !flow.stateless &&
         !flow.only_stream && !flow.no_stream && rule.flowints.empty() &&
         rule.header.protocol != RuleProtocol::TcpPacket &&
         rule.header.source_ports.is_all() && rule.header.destination_ports.is_all() &&
         std::none_of(rule.flowbits.begin(), rule.flowbits.end(),
                      [&](const RuleFlowbit& bit) { return tests(bit.op); }) &&
         std::none_of(rule.xbits.begin(), rule.xbits.end(),
                      [&](const RuleXbit& bit) { return tests(bit.op); });
}

// A packet that begins a connection is never encrypted.
bool asks_for_syn(const Rule& rule) {
  using Mode = RuleTcpFlags::Mode;
  constexpr uint8_t kSyn = 2;
  const auto& flags = rule.packet.flags;
  return flags && (flags->flags & kSyn) != 0 &&
         (flags->mode == Mode::Exactly || flags->mode == Mode::AtLeast);
}

// Roughly, by how long a buffer is.
int cost_of(Buffer buffer) {
  switch (buffer) {
    case Buffer::HttpMethod:
    case Buffer::HttpStatusCode:
    case Buffer::HttpStatusMessage:
    case Buffer::HttpProtocol:
      return 0;
    case Buffer::HttpHeader:
    case Buffer::HttpHeaderRaw:
    case Buffer::HttpStart:
      return 2;
    case Buffer::HttpRequestBody:
    case Buffer::FileData:
      return 3;
    case Buffer::Payload:
      return 4;
    default:
      return 1;
  }
}

uint8_t views_of(const CompiledRule& rule) {
  const auto bit = [](AppView view) { return static_cast<uint8_t>(1u << static_cast<unsigned>(view)); };
  if (rule.apps.empty() || rule.apps_negated) return 0xff;
  uint8_t views = bit(AppView::Undecided);
  for (const AppProtocol app : rule.apps) views |= bit(view_of(app, true));
  return views;
}

// Suricata's order: pass, drop, reject, alert; who sets a flow bit before who
// asks for it; the more urgent first.
std::tuple<int, int, int> order_of(const Rule& rule, const CompiledRule& compiled) {
  int action = 3;
  if (rule.action == RuleAction::Pass) action = 0;
  if (rule.action == RuleAction::Drop) action = 1;
  if (rule.action == RuleAction::Reject) action = 2;
  const auto is_test = [](RuleFlowbit::Op op) {
    return op == RuleFlowbit::Op::IsSet || op == RuleFlowbit::Op::IsNotSet;
  };
  bool sets = false;
  bool asks = false;
  for (const RuleFlowbit& bit : rule.flowbits) (is_test(bit.op) ? asks : sets) = true;
  for (const RuleXbit& bit : rule.xbits) (is_test(bit.op) ? asks : sets) = true;
  const int bits = sets && !asks ? 0 : sets ? 1 : asks ? 2 : 3;
  return {action, bits, compiled.severity};
}

}  // namespace

bool RuleCompiler::add(const Rule& rule, std::string& why) {
  CompiledRule out{};
  out.sid = rule.sid;
  out.gid = rule.gid;
  out.rev = rule.rev;
  out.msg = rule.msg.empty() ? 0 : directory_.intern(rule.msg);
  const std::optional<Classification> known = classifications_.find(rule.classtype);
  out.category = known ? directory_.intern(known->description) : 0;
  out.severity = rule.priority.value_or(known ? known->priority : kDefaultPriority);
  out.action = rule.action;
  out.alerts = !rule.noalert && (rule.action != RuleAction::Pass || rule.alert);
  out.established_known = rule.flow.established.has_value() && !rule.flow.stateless;
  out.established = rule.flow.established.value_or(false);
  out.directed = rule.flow.direction.has_value();
  out.direction = rule.flow.direction.value_or(Direction::Original);
  if (!add_protocols(rule, out, why)) return false;
  out.threshold = rule.threshold;
  out.detection_filter = rule.detection_filter;
  out.tls_versions = rule.tls_versions;
  out.tls_versions_negated = rule.tls_versions_negated;
  out.tls_states = rule.tls_states;
  if (rule.packet.any()) out.packet = std::make_unique<const RulePacketTests>(rule.packet);
  if (!add_parts(rule, out, why) || !add_context(rule, out, why)) return false;
  if (is_of_ends(rule, out)) out.scope = RuleScope::Ends;
  out.late = out.scope == RuleScope::Packet && !out.needs_payload && !asks_for_syn(rule);
  add_state(rule, out);
  rules_.push_back({&rule, std::move(out)});
  return true;
}

bool RuleCompiler::add_protocols(const Rule& rule, CompiledRule& out, std::string& why) {
  const AppProtocol of_header = app_of(rule.header.protocol);
  if (of_header != AppProtocol::None) out.apps.push_back(of_header);
  if (!rule.app_layer_protocol) return true;
  out.apps.clear();
  out.apps_negated = rule.app_layer_protocol_negated;
  std::vector<std::string> names = rule.more_app_layer_protocols;
  names.push_back(*rule.app_layer_protocol);
  for (const std::string& name : names) {
    const auto* found = std::find_if(std::begin(kAppProtocols), std::end(kAppProtocols),
                                     [&](const auto& p) { return p.first == name; });
    if (found == std::end(kAppProtocols)) {
      why = "app-layer-protocol " + name + " is not among http, tls, dns, ssh, quic, failed";
      return false;
    }
    out.apps.push_back(found->second);
  }
  return true;
}

bool RuleCompiler::add_parts(const Rule& rule, CompiledRule& out, std::string& why) {
  for (const RuleBufferMatch& match : rule.buffers) {
    if (context_of(match.buffer)) continue;
    std::optional<BufferMatcher> matcher = BufferMatcher::compile(match, pcres_, why);
    if (!matcher) return false;
    RulePart part{match.buffer, {true, true}, std::move(*matcher)};
    std::optional<Direction> side = side_of(match.buffer);
    if (!side) side = match.side ? match.side : rule.flow.direction;
    if (match.buffer == Buffer::FileData && side == Direction::Original) {
      part.buffer = Buffer::HttpRequestBody;  // what a client uploads
    } else if (match.buffer == Buffer::FileData) {
      side = Direction::Reply;
    }
    if (side) part.side[1 - static_cast<size_t>(*side)] = false;
    if (is_of_transaction(part.buffer)) {
      out.scope = RuleScope::Transaction;
      out.buffers |= buffer_bit(part.buffer);
    }
    out.needs_payload = out.needs_payload || part.buffer == Buffer::Payload;
    out.has_variables = out.has_variables || part.matcher.has_variables();
    out.parts.push_back(std::move(part));
  }
  if (!rule.tls_versions.empty() || rule.tls_states != 0) {
    out.scope = RuleScope::Transaction;
    out.buffers |= buffer_bit(Buffer::TlsVersion);
  }
  if (out.scope == RuleScope::Transaction) return true;
  const bool tcp = rule.header.covers(PacketClass::Tcp);
  out.scope = tcp && out.needs_payload && !is_packet_only(rule) ? RuleScope::Stream
                                                                : RuleScope::Packet;
  return true;
}

uint32_t RuleCompiler::number_of(std::map<std::string, uint32_t>& names, const std::string& name) {
  return names.try_emplace(name, static_cast<uint32_t>(names.size())).first->second;
}

void RuleCompiler::add_state(const Rule& rule, CompiledRule& out) {
  for (const RuleFlowbit& bit : rule.flowbits) {
    CompiledFlowbit compiled{bit.op, {}};
    for (const std::string& name : bit.names) compiled.bits.push_back(number_of(flowbits_, name));
    out.flowbits.push_back(std::move(compiled));
  }
  for (const RuleXbit& bit : rule.xbits) {
    out.xbits.push_back({bit.op, bit.track, number_of(xbits_, bit.name), bit.expire_s});
  }
  for (const RuleFlowint& change : rule.flowints) {
    CompiledFlowint compiled{change.op, number_of(flowints_, change.name), {}, change.operand};
    if (!change.operand_name.empty()) compiled.other = number_of(flowints_, change.operand_name);
    out.flowints.push_back(compiled);
  }
}

// Each content names one user, group or application, as a whole.
bool RuleCompiler::add_context(const Rule& rule, CompiledRule& out, std::string& why) {
  for (const RuleBufferMatch& match : rule.buffers) {
    const std::optional<CompiledContext::What> what = context_of(match.buffer);
    if (!what) continue;
    CompiledContext any{*what, false, {}};
    for (const RuleItem& item : match.items) {
      const auto* content = std::get_if<RuleContent>(&item);
      if (content == nullptr || !match.transforms.empty()) {
        why = "sluice.user, sluice.group and sluice.app take contents alone, each a whole name";
        return false;
      }
      CompiledContext one{*what, content->negated, {}};
      if (!find_names(*what, content->bytes, one.numbers, why)) return false;
      if (content->negated) {
        out.context.push_back(std::move(one));
      } else {
        any.numbers.insert(any.numbers.end(), one.numbers.begin(), one.numbers.end());
      }
    }
    if (!any.numbers.empty()) out.context.push_back(std::move(any));
  }
  return true;
}

bool RuleCompiler::find_names(CompiledContext::What what, const std::string& name,
                              std::vector<uint32_t>& numbers, std::string& why) {
  switch (what) {
    case CompiledContext::What::User:
      for (const IdentityKind kind :
           {IdentityKind::User, IdentityKind::Device, IdentityKind::Service}) {
        numbers.push_back(directory_.intern_identity(kind, name));
      }
      return true;
    case CompiledContext::What::Group: {
      unsigned group = 0;
      if (!directory_.intern_group(name, group)) {
        why = "there are too many groups for one more, " + name;
        return false;
      }
      numbers.push_back(group);
      return true;
    }
    case CompiledContext::What::Application: {
      const auto& names = directory_.applications.applications;
      const auto found = std::find(names.begin(), names.end(), name);
      if (found == names.end()) {
        why = name + " is no application that nDPI knows";
        return false;
      }
      numbers.push_back(static_cast<uint32_t>(found - names.begin()));
      return true;
    }
  }
  return false;
}

std::shared_ptr<const RuleSet> RuleCompiler::finish(DatabaseCache& cache) {
  std::stable_sort(rules_.begin(), rules_.end(), [](const Pending& a, const Pending& b) {
    return order_of(*a.rule, a.compiled) < order_of(*b.rule, b.compiled);
  });
  auto set = std::make_shared<RuleSet>();
  for (Pending& pending : rules_) {
    CompiledRule& rule = pending.compiled;
    const RuleHeader& header = pending.rule->header;
    rule.header = headers_.try_emplace(header, static_cast<uint32_t>(headers_.size())).first->second;
    group(*set, static_cast<uint32_t>(set->rules_.size()), *pending.rule, rule);
    // What costs little first, unless one part asks for what another has found.
    if (!rule.has_variables) {
      std::stable_sort(rule.parts.begin(), rule.parts.end(), [](const RulePart& a, const RulePart& b) {
        return cost_of(a.buffer) < cost_of(b.buffer);
      });
    }
    set->rules_.push_back(std::move(rule));
  }
  set->headers_.resize(headers_.size());
  for (const auto& [header, number] : headers_) set->headers_[number] = header;
  note_headers(*set);
  ScanGroups::Shared shared;
  for (size_t c = 0; c < kPacketClasses; ++c) {
    set->payload_[c].build(payload_[c], static_cast<PacketClass>(c) == PacketClass::Tcp, cache,
                           shared);
  }
  for (size_t side = 0; side < 2; ++side) {
    for (size_t b = 0; b < kBuffers; ++b) {
      set->buffers_[side][b] = make_prefilter(buffers_[side][b], cache, shared);
      const bool empty = set->buffers_[side][b]->empty() && set->patternless_[side][b].empty();
      if (!empty) set->wanted_[side] |= uint64_t{1} << b;
    }
  }
  for (auto& [key, prefilter] : shared) set->prefilters_.push_back(prefilter);
  set->flowbits_ = static_cast<uint32_t>(flowbits_.size());
  set->flowints_ = static_cast<uint32_t>(flowints_.size());
  return set;
}

// By class of packets, those of which one is met by every packet alone.
void RuleCompiler::note_headers(RuleSet& set) const {
  std::vector<bool> late(set.headers_.size());
  for (const CompiledRule& rule : set.rules_) late[rule.header] = late[rule.header] || rule.late;
  for (uint32_t number = 0; number < set.headers_.size(); ++number) {
    for (size_t c = 0; c < kPacketClasses; ++c) {
      if (!set.headers_[number].covers(static_cast<PacketClass>(c))) continue;
      set.class_headers_[c].push_back(number);
      if (late[number]) set.late_headers_[c].push_back(number);
    }
  }
  for (auto* headers : {&set.class_headers_, &set.late_headers_}) {
    for (auto& numbers : *headers) {
      const auto all = std::find_if(numbers.begin(), numbers.end(),
                                    [&](uint32_t n) { return set.headers_[n].fits_all(); });
      if (all != numbers.end()) numbers = {*all};
    }
  }
}

void RuleCompiler::group(RuleSet& set, uint32_t index, const Rule& rule, CompiledRule& compiled) {
  if (compiled.scope == RuleScope::Transaction) {
    group_of_buffers(set, index, rule, compiled);
  } else {
    group_of_payload(set, index, rule, compiled);
  }
}

void RuleCompiler::group_of_buffers(RuleSet& set, uint32_t index, const Rule& rule,
                                    const CompiledRule& compiled) {
  const std::optional<FastPattern> found = buffer_pattern(rule);
  if (const auto in_payload = payload_pattern(rule); is_better_in_payload(in_payload, found)) {
    ScanRule place;
    place.rule = index;
    place.pattern = in_payload;
    return look_in_payload(place, rule, compiled);
  }
  // Without a pattern: whenever the first of its buffers has something new.
  size_t at = found ? found->match : 0;
  while (!found && at < compiled.parts.size() && !is_of_transaction(compiled.parts[at].buffer)) ++at;
  const bool version = at == compiled.parts.size();
  const auto buffer = static_cast<size_t>(version ? Buffer::TlsVersion : compiled.parts[at].buffer);
  for (size_t side = 0; side < 2; ++side) {
    if (!version && !compiled.parts[at].side[side]) continue;
    if (found) {
      buffers_[side][buffer][{found->bytes, found->nocase}].push_back(
          {index, found->low, found->high});
    } else {
      set.patternless_[side][buffer].push_back(index);
    }
  }
}

// Of a packet or piece of a stream that goes `of`.
const PortSet* RuleCompiler::server_ports(const RuleHeader& header, Direction of) {
  const bool to_server = of == Direction::Original;
  const PortSet& ports = to_server ? header.destination_ports : header.source_ports;
  const PortSet& others = to_server ? header.source_ports : header.destination_ports;
  if (!header.both_ways || ports == others) return &ports;
  PortSet both = ports;
  both.unite(others);
  return &united_ports_.emplace_back(std::move(both));
}

void RuleCompiler::group_of_payload(RuleSet& set, uint32_t index, const Rule& rule,
                                    CompiledRule& compiled) {
  ScanRule place;
  place.rule = index;
  place.pattern = payload_pattern(rule);
  place.flags = rule.packet.flags;
  // Nothing says that what such a rule finds is new each time. One that tests a
  // packet's header means each packet.
  const bool app_alone =
      !compiled.apps.empty() && compiled.parts.empty() && !rule.packet.any();
  const bool stream = compiled.scope == RuleScope::Stream;
  compiled.once = (stream && !place.pattern) || app_alone;
  const bool stream_only =
      rule.flow.only_stream || rule.header.protocol == RuleProtocol::TcpStream;
  compiled.also_packet = stream && counts_from_start(rule) && !stream_only;
  if (compiled.scope != RuleScope::Ends) return look_in_payload(place, rule, compiled);
  for (size_t c = 0; c < kPacketClasses; ++c) {
    if (covers(rule, static_cast<PacketClass>(c))) set.ends_[c].push_back(index);
  }
}

void RuleCompiler::look_in_payload(ScanRule place, const Rule& rule, const CompiledRule& compiled) {
  for (size_t c = 0; c < kPacketClasses; ++c) {
    const auto packets = static_cast<PacketClass>(c);
    if (!covers(rule, packets)) continue;
    const bool in_stream = compiled.scope == RuleScope::Stream && packets == PacketClass::Tcp;
    place.apps = packets == PacketClass::Tcp ? views_of(compiled) : uint8_t{0xff};
    for (const Direction of : {Direction::Original, Direction::Reply}) {
      if (compiled.directed && compiled.direction != of) continue;
      place.ports = server_ports(rule.header, of);
      place.in_stream = in_stream;
      payload_[c][static_cast<size_t>(of)].push_back(place);
      if (place.pattern || !compiled.also_packet || !in_stream) continue;
      place.in_stream = false;
      payload_[c][static_cast<size_t>(of)].push_back(place);
    }
  }
}

bool RuleSet::may_fit(const PacketEnds& ends) const noexcept {
  return may_fit(class_headers_, ends);
}

bool RuleSet::may_fit_late(const PacketEnds& ends) const noexcept {
  return may_fit(late_headers_, ends);
}

bool RuleSet::may_fit(const ClassHeaders& headers, const PacketEnds& ends) const noexcept {
  const std::vector<uint32_t>& numbers = headers[static_cast<size_t>(ends.packet_class)];
  if (numbers.size() > kMaxHeadersAsked) return true;
  PacketEnds back = ends;
  back.swap();
  return std::any_of(numbers.begin(), numbers.end(), [&](uint32_t n) {
    return headers_[n].fits(ends) || headers_[n].fits(back);
  });
}

size_t RuleSet::prefilter_bytes() const noexcept {
  size_t sum = 0;
  for (const auto& p : prefilters_) sum += p->memory_bytes();
  return sum;
}

size_t RuleSet::patterns() const noexcept {
  size_t sum = 0;
  for (const auto& p : prefilters_) sum += p->patterns();
  return sum;
}

}  // namespace sluice::rules
