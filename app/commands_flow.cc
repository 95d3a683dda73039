// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// show flows [filters]: a walk over the flow tables while their workers write.
// What it reads may be torn; an entry whose key changes meanwhile is left out.

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>
#include <optional>
#include <string>

#include "app/commands.h"
#include "app/runtime.h"
#include "app/text_table.h"
#include "chain/flow_context.h"

namespace sluice {

namespace {

using Words = std::vector<std::string>;

constexpr unsigned kDefaultLimit = 50;
constexpr unsigned kMaxLimit = 10'000;

// A copy of an entry with the context that stages share and the stages' states.
struct FlowCopy {
  Flow head;
  alignas(8) std::byte tail[sizeof(FlowContext) + kMaxStages * sizeof(StageState)];
  const Flow& flow() const { return head; }
  const FlowContext& shared() const { return context(head); }
};

struct Filter {
  std::optional<uint8_t> proto;
  std::optional<IpPrefix> host;
  std::optional<uint16_t> port;
  std::string user, app;
  std::optional<unsigned> lane;
  unsigned limit = kDefaultLimit;
};

template <typename T>
bool parse_number(const std::string& text, T& out, unsigned max) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > max) return false;
  out = static_cast<T>(value);
  return true;
}

bool parse_proto(const std::string& text, uint8_t& out) {
  struct Name {
    const char* name;
    uint8_t number;
  };
  static constexpr Name kNames[] = {{"tcp", IPPROTO_TCP},
                                    {"udp", IPPROTO_UDP},
                                    {"icmp", IPPROTO_ICMP},
                                    {"icmpv6", IPPROTO_ICMPV6},
                                    {"sctp", IPPROTO_SCTP}};
  for (const Name& n : kNames) {
    if (text == n.name) {
      out = n.number;
      return true;
    }
  }
  return parse_number(text, out, 255);
}

// An error for people, or "".
std::string parse_filter(const Words& words, size_t first, Filter& filter) {
  for (size_t i = first; i < words.size(); i += 2) {
    const std::string& key = words[i];
    if (i + 1 == words.size()) return "`" + key + "` needs a value";
    const std::string& value = words[i + 1];
    uint8_t proto = 0;
    uint16_t port = 0;
    unsigned number = 0;
    if (key == "proto") {
      if (!parse_proto(value, proto)) return "proto: tcp, udp, icmp, icmpv6, sctp or 0 to 255";
      filter.proto = proto;
    } else if (key == "host") {
      filter.host = parse_ip_prefix(value);
      if (!filter.host) return "host: an address or a prefix";
    } else if (key == "port") {
      if (!parse_number(value, port, 65535)) return "port: 0 to 65535";
      filter.port = port;
    } else if (key == "user") {
      filter.user = value;
    } else if (key == "app") {
      filter.app = value;
    } else if (key == "lane") {
      if (!parse_number(value, number, 127)) return "lane: a number";
      filter.lane = number;
    } else if (key == "limit") {
      if (!parse_number(value, number, kMaxLimit)) {
        return "limit: 0 to " + std::to_string(kMaxLimit);
      }
      filter.limit = number;
    } else {
      return "`" + key + "` is no filter: proto, host, port, user, app, lane, limit";
    }
  }
  return {};
}

bool copy_flow(const Flow* live, size_t tail_size, FlowCopy& out) {
  std::memcpy(static_cast<void*>(&out.head), live, sizeof out.head);
  std::memcpy(out.tail, live->tail(), tail_size);
  out.head.tail_distance = offsetof(FlowCopy, tail) / 8;
  return out.flow().key == live->key && (out.flow().flags & kFlowEnded) == 0;
}

IpAddress address_of(const Flow& flow, Direction side) {
  return IpAddress{flow.address(side), flow.key.family};
}

std::string end_of(const Flow& flow, Direction side) {
  const std::string address = to_string(address_of(flow, side));
  const uint8_t proto = flow.key.proto;
  if (proto != IPPROTO_TCP && proto != IPPROTO_UDP && proto != IPPROTO_SCTP) return address;
  const std::string port = std::to_string(ntohs(flow.port_be(side)));
  return flow.key.family == kFamilyIpv6 ? '[' + address + "]:" + port : address + ':' + port;
}

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string state_word(FlowState state) {
  static constexpr const char* kWords[kFlowStates] = {
      "new",       "replied",  "syn_sent", "syn_received", "established",
      "picked_up", "fin_wait", "closing",  "time_wait",    "reset"};
  const auto i = static_cast<size_t>(state);
  return i < kFlowStates ? kWords[i] : "?";
}

class FlowList {
 public:
  FlowList(Runtime& runtime, const Filter& filter)
      : runtime_(runtime),
        filter_(filter),
        now_ns_(static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count())) {}

  void walk(unsigned lane) {
    FlowTable& table = runtime_.appliance->flow_table(lane);
    const size_t tail_size =
        std::min(table.entry_size() - Flow::kHeadSize, sizeof(FlowCopy::tail));
    for (uint32_t i = 0; i < table.entries(); ++i) {
      const Flow* live = table.at(i);
      FlowCopy copy{};
      if (!live || !copy_flow(live, tail_size, copy) || !matches(copy)) continue;
      ++matched_;
      if (shown_ < filter_.limit) add(lane, copy);
    }
  }

  std::string to_string() const {
    std::string out = shown_ ? table_.to_string() : "";
    out += "  " + format_count(matched_) + (matched_ == 1 ? " flow" : " flows");
    if (shown_ < matched_) {
      out += ", " + format_count(shown_) + " shown (`limit N` shows more)";
    }
    return out + '\n';
  }

 private:
  std::string user(const FlowCopy& copy) const {
    return runtime_.directory.name(copy.shared().source_identity);
  }
  std::string service(const FlowCopy& copy) const {
    return runtime_.directory.name(copy.shared().destination_identity);
  }
  std::string app(const FlowCopy& copy) const {
    const FlowContext& c = copy.shared();
    if (c.app_progress == AppProgress::None) return "-";
    if (c.app == 0 && c.app_master == 0) {
      return c.app_progress == AppProgress::Final ? "Unknown" : "...";
    }
    const std::string master(runtime_.names->application(c.app_master));
    const std::string name(runtime_.names->application(c.app));
    if (c.app == 0 || c.app == c.app_master) return master;
    return c.app_master == 0 ? name : master + '.' + name;
  }

  bool matches(const FlowCopy& copy) const {
    const Flow& flow = copy.flow();
    if (filter_.proto && flow.key.proto != *filter_.proto) return false;
    if (filter_.port) {
      const uint16_t port_be = htons(*filter_.port);
      if (flow.key.port[0] != port_be && flow.key.port[1] != port_be) return false;
    }
    if (filter_.host && !filter_.host->contains(address_of(flow, Direction::Original)) &&
        !filter_.host->contains(address_of(flow, Direction::Reply))) {
      return false;
    }
    if (!filter_.user.empty() && !same_word(user(copy), filter_.user) &&
        !same_word(service(copy), filter_.user)) {
      return false;
    }
    if (!filter_.app.empty()) {
      const std::string name = app(copy);
      const size_t dot = name.find('.');
      if (!same_word(name, filter_.app) && !same_word(name.substr(0, dot), filter_.app) &&
          (dot == std::string::npos || !same_word(name.substr(dot + 1), filter_.app))) {
        return false;
      }
    }
    return true;
  }

  void add(unsigned lane, const FlowCopy& copy) {
    const Flow& flow = copy.flow();
    const FlowContext& c = copy.shared();
    const uint64_t idle = now_ns_ > flow.last_seen_ns ? now_ns_ - flow.last_seen_ns : 0;
    std::string who = user(copy);
    if (const std::string what = service(copy); !what.empty()) who += " -> " + what;
    table_.row({std::to_string(lane), eve_proto(flow.key.proto), end_of(flow, Direction::Original),
                end_of(flow, Direction::Reply), state_word(flow.state), app(copy), who, verdict(copy),
                runtime_.directory.name(c.rule),
                format_count(uint64_t{flow.packets[0]} + flow.packets[1]),
                format_bytes(flow.bytes[0] + flow.bytes[1]), format_duration_ns(idle)});
    ++shown_;
  }

  std::string verdict(const FlowCopy& copy) const {
    const ReasonTable& reasons = runtime_.appliance->reasons();
    for (size_t i = 0; i < runtime_.appliance->line().size(); ++i) {
      const StageState stage = read_stage_state(copy.flow(), static_cast<unsigned>(i));
      if (stage.generation == 0 || stage.verdict == Verdict::Pass) continue;
      const char* word = stage.verdict == Verdict::Drop ? "drop" : "reject";
      return stage.reason < reasons.size() ? word + (' ' + reasons.name(stage.reason)) : word;
    }
    return "pass";
  }

  Runtime& runtime_;
  const Filter& filter_;
  const uint64_t now_ns_;
  uint64_t matched_ = 0, shown_ = 0;
  TextTable table_{{"lane", "proto", "originator", "responder", "state", "application", "identity",
                    "verdict", "rule", ">packets", ">bytes", ">idle"}};
};

CommandOutcome show_flows(Runtime& runtime, const Words& words) {
  Filter filter;
  if (const std::string error = parse_filter(words, 2, filter); !error.empty()) {
    return CommandResult::not_understood(error + '\n');
  }
  FlowList list(runtime, filter);
  for (unsigned lane = 0; lane < runtime.appliance->lanes(); ++lane) {
    if (!filter.lane || *filter.lane == lane) list.walk(lane);
  }
  return CommandResult::done(list.to_string());
}

}  // namespace

void add_flow_commands(Runtime& runtime, std::vector<Command>& commands) {
  const auto run = [&runtime](const Words& words) { return show_flows(runtime, words); };
  commands.push_back({"show flows", "the first 50 flows", run, {}});
  commands.push_back({"show flows [filters]",
                      "flows by proto P, host A, port N, user U, app A, lane N; limit N",
                      run,
                      {"proto", "host", "port", "user", "app", "lane", "limit"}});
}

}  // namespace sluice
