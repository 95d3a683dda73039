// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/eve_json.h"

#include <ndpi/ndpi_api.h>
#include <netinet/in.h>
#include <rte_byteorder.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "app/json_writer.h"
#include "config/net_types.h"
#include "flowtable/tcp_state.h"

namespace sluice {

namespace {

// RFC 4648 section 4.
std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0u);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += i + k > bytes.size() ? '=' : kDigits[group >> (18 - 6 * k) & 63];
    }
  }
  return out;
}

std::string printable(std::string_view bytes) {
  std::string out(bytes);
  for (char& c : out) {
    if ((c < 0x20 || c > 0x7e) && c != '\r' && c != '\n') c = '.';
  }
  return out;
}

// By EventType; "stats" and "port" are written by the control loop.
constexpr std::string_view kEventTypes[] = {"flow", "alert", "drop", "http",  "tls",
                                            "dns",  "quic",  "ssh",  "stats", "port"};

constexpr std::string_view kUnknown = "Unknown";

std::string_view flow_state(FlowState state) {
  switch (state) {
    case FlowState::New:
    case FlowState::SynSent:
    case FlowState::SynReceived:
      return "new";
    case FlowState::Replied:
    case FlowState::Established:
    case FlowState::PickedUp:
      return "established";
    case FlowState::FinWait:
    case FlowState::Closing:
    case FlowState::TimeWait:
    case FlowState::Reset:
      return "closed";
  }
  return "";
}

std::string_view tcp_state(FlowState state) {
  switch (state) {
    case FlowState::SynSent:
      return "syn_sent";
    case FlowState::SynReceived:
      return "syn_recv";
    case FlowState::Established:
    case FlowState::PickedUp:
      return "established";
    case FlowState::FinWait:
      return "fin_wait1";
    case FlowState::Closing:
      return "closing";
    case FlowState::TimeWait:
      return "time_wait";
    case FlowState::Reset:
      return "closed";
    case FlowState::New:
    case FlowState::Replied:
      break;
  }
  return "none";
}

std::string_view end_reason(EndReason reason) {
  switch (reason) {
    case EndReason::None:
      return "unknown";
    case EndReason::Timeout:
      return "timeout";
    case EndReason::Evicted:
      return "forced";  // Suricata's word
    case EndReason::Replaced:
      return "tcp_reuse";  // Suricata's word
    case EndReason::Shutdown:
      return "shutdown";
  }
  return "";
}

// The finaliser of splitmix64.
uint64_t mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9;
  x ^= x >> 27;
  x *= 0x94d049bb133111eb;
  return x ^ x >> 31;
}

void hex_byte(JsonWriter& json, std::string_view name, uint8_t value) {
  char text[3];
  std::snprintf(text, sizeof text, "%02x", value);
  json.field(name, std::string_view(text, 2));
}

void text_field(JsonWriter& json, std::string_view name, std::string_view text) {
  if (!text.empty()) json.field(name, text);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// nDPI leaves the master empty where the application is a protocol itself.
uint16_t master_of(const Event& event) {
  return event.app_master ? event.app_master : event.app;
}
uint16_t app_of(const Event& event) {
  return event.app ? event.app : event.app_master;
}

}  // namespace

std::string_view EveNames::application(uint16_t number) const {
  return number != 0 && number < applications.applications.size()
             ? std::string_view(applications.applications[number])
             : kUnknown;
}

std::string_view EveNames::category(uint16_t number) const {
  return number < applications.categories.size() ? std::string_view(applications.categories[number])
                                                 : kUnknown;
}

std::string_view EveNames::chain(uint8_t number) const {
  return number < chains.size() ? std::string_view(chains[number]) : std::string_view();
}

std::string_view EveNames::port(uint16_t number) const {
  return number < ports.size() ? std::string_view(ports[number]) : std::string_view();
}

std::string_view EveNames::reason(Reason reason) const {
  return reason != kNoReason && reason < reasons->size() ? std::string_view(reasons->name(reason))
                                                         : std::string_view();
}

std::span<const std::string_view> eve_event_types() {
  return kEventTypes;
}
std::string_view eve_event_type(EventType type) {
  return kEventTypes[static_cast<size_t>(type)];
}

uint64_t eve_flow_id(const FlowKey& key, uint64_t first_seen_ns) {
  uint64_t words[sizeof(FlowKey) / 8];
  std::memcpy(words, &key, sizeof words);
  uint64_t hash = mix(first_seen_ns + 0x9e3779b97f4a7c15);
  for (const uint64_t word : words) hash = mix(hash ^ word) + 0x9e3779b97f4a7c15;
  const uint64_t id = mix(hash) >> 11;
  return id == 0 ? 1 : id;
}

std::string eve_timestamp(uint64_t time_ns) {
  const auto seconds = static_cast<time_t>(time_ns / 1'000'000'000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06u+0000", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<unsigned>(time_ns % 1'000'000'000 / 1000));
  return text;
}

std::string eve_proto(uint8_t proto) {
  switch (proto) {
    case IPPROTO_TCP:
      return "TCP";
    case IPPROTO_UDP:
      return "UDP";
    case IPPROTO_ICMP:
      return "ICMP";
    case IPPROTO_ICMPV6:
      return "IPv6-ICMP";
    case IPPROTO_SCTP:
      return "SCTP";
    default:
      return std::to_string(proto);
  }
}

std::string_view eve_action(Verdict verdict) {
  switch (verdict) {
    case Verdict::Pass:
      return "allow";
    case Verdict::Drop:
      return "drop";
    case Verdict::Reject:
      return "reject";
  }
  return "";
}

bool has_ports(uint8_t proto) {
  return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

std::string event_address(const Event& event, Direction of) {
  const unsigned end = event.originator_end ^ static_cast<unsigned>(of);
  return to_string(IpAddress{event.key.addr[end], event.key.family});
}

uint16_t event_port(const Event& event, Direction of) {
  const unsigned end = event.originator_end ^ static_cast<unsigned>(of);
  return rte_be_to_cpu_16(event.key.port[end]);
}

const std::string& EveFormatter::name(NameId id) {
  const auto [entry, is_new] = known_names_.try_emplace(id);
  if (is_new) entry->second = names_->directory->name(id);
  return entry->second;
}

const std::vector<std::string>& EveFormatter::groups(GroupSetId id) {
  const auto [entry, is_new] = known_groups_.try_emplace(id);
  if (is_new) entry->second = names_->directory->group_names(id);
  return entry->second;
}

// What a protocol's own event says of a flow that nDPI has not named yet.
static std::string parsed_proto(EventType type) {
  switch (type) {
    case EventType::Http:
    case EventType::Tls:
    case EventType::Dns:
    case EventType::Quic:
    case EventType::Ssh:
      return std::string(eve_event_type(type));
    default:
      return "failed";
  }
}

void EveFormatter::write_common(JsonWriter& json, const Event& event) {
  json.field("timestamp", eve_timestamp(event.time_ns));
  json.field("flow_id", eve_flow_id(event.key, event.first_seen_ns));
  text_field(json, "in_iface", names_->port(event.ingress));
  json.field("event_type", eve_event_type(event.type));
  // An alert or a drop is about one packet, everything else about the flow.
  const bool by_packet = event.type == EventType::Alert || event.type == EventType::Drop;
  const Direction direction = by_packet ? event.direction : Direction::Original;
  json.field("src_ip", event_address(event, direction));
  if (has_ports(event.key.proto)) json.field("src_port", uint64_t{event_port(event, direction)});
  json.field("dest_ip", event_address(event, opposite(direction)));
  if (has_ports(event.key.proto)) {
    json.field("dest_port", uint64_t{event_port(event, opposite(direction))});
  }
  json.field("proto", eve_proto(event.key.proto));
  if (!has_ports(event.key.proto) && event.key.port[0] != 0) {
    json.field("icmp_id", uint64_t{event_port(event, direction)});
  }
  if (by_packet) {
    json.field("direction", direction == Direction::Original ? "to_server" : "to_client");
  }
  if (event.type == EventType::Flow || event.app_progress != AppProgress::None) {
    const uint16_t master = master_of(event);
    json.field("app_proto",
               master == 0 ? parsed_proto(event.type) : lower(names_->application(master)));
  }
}

void EveFormatter::write_flow(JsonWriter& json, const Event& event) {
  json.begin_object("flow")
      .field("pkts_toserver", uint64_t{event.packets[0]})
      .field("pkts_toclient", uint64_t{event.packets[1]})
      .field("bytes_toserver", event.bytes[0])
      .field("bytes_toclient", event.bytes[1])
      .field("start", eve_timestamp(event.first_seen_ns))
      .field("end", eve_timestamp(event.last_seen_ns))
      .field("age", event.last_seen_ns > event.first_seen_ns
                        ? (event.last_seen_ns - event.first_seen_ns) / 1'000'000'000
                        : uint64_t{0})
      .field("state", flow_state(event.state))
      .field("reason", end_reason(event.end_reason))
      .field("alerted", event.alerted)
      .end_object();
  if (event.key.proto != IPPROTO_TCP) return;
  const uint8_t flags = event.tcp_flags[0] | event.tcp_flags[1];
  json.begin_object("tcp");
  hex_byte(json, "tcp_flags", flags);
  hex_byte(json, "tcp_flags_ts", event.tcp_flags[0]);
  hex_byte(json, "tcp_flags_tc", event.tcp_flags[1]);
  constexpr std::pair<uint8_t, std::string_view> kFlags[] = {{kTcpSyn, "syn"}, {kTcpFin, "fin"},
                                                             {kTcpRst, "rst"}, {kTcpPsh, "psh"},
                                                             {kTcpAck, "ack"}, {kTcpUrg, "urg"}};
  for (const auto& [bit, name] : kFlags) {
    if (flags & bit) json.field(name, true);
  }
  json.field("state", tcp_state(event.state)).end_object();
}

void EveFormatter::write_alert(JsonWriter& json, const Event& event) {
  json.begin_object("alert")
      .field("action", event.action == Verdict::Pass ? "allowed" : "blocked")
      .field("gid", uint64_t{event.signature_gid})
      .field("signature_id", uint64_t{event.signature_id})
      .field("rev", uint64_t{event.signature_rev})
      .field("signature", name(event.signature_msg))
      .field("category", name(event.signature_category))
      .field("severity", uint64_t{event.signature_severity})
      .end_object();
  write_application(json, event);
  const std::string_view payload = event.get_text(kTextPayload);
  if (payload.empty()) return;
  json.field("payload", base64(payload))
      .field("payload_printable", printable(payload))
      .field("stream", uint64_t{event.payload_in_stream ? 1u : 0u});
}

void EveFormatter::write_ndpi(JsonWriter& json, const Event& event) {
  json.begin_object("ndpi")
      .field("master", names_->application(master_of(event)))
      .field("app", names_->application(app_of(event)))
      .field("category", names_->category(event.app_category));
  const auto confidence = static_cast<ndpi_confidence_t>(event.app_confidence);
  std::string_view how = kUnknown;
  if (event.app_confidence < NDPI_CONFIDENCE_MAX) how = ndpi_confidence_get_name(confidence);
  if (event.app_confidence == kConfidenceByOwnRule) how = "Match by custom rule";
  json.field("confidence", how);
  if (event.type == EventType::Flow) text_field(json, "hostname", event.get_text(kTextHost));
  if (event.app_risks != 0) {
    json.begin_array("risks");
    for (unsigned bit = 0; bit < NDPI_MAX_RISK; ++bit) {
      if (event.app_risks >> bit & 1) json.element(ndpi_risk2str(static_cast<ndpi_risk_enum>(bit)));
    }
    json.end_array();
  }
  json.end_object();
}

void EveFormatter::write_identity(JsonWriter& json, NameId id, bool source) {
  if (id == 0) return;
  switch (names_->directory->kind(id)) {
    case IdentityKind::User:
      json.field(source ? "user" : "dest_user", name(id));
      break;
    case IdentityKind::Device:
      json.field(source ? "device" : "dest_device", name(id));
      break;
    case IdentityKind::Service:
      json.field(source ? "src_service" : "service", name(id));
      break;
  }
}

void EveFormatter::write_sluice(JsonWriter& json, const Event& event) {
  json.begin_object("sluice");
  text_field(json, "chain", names_->chain(event.chain));
  json.field("zone", uint64_t{event.key.zone});
  write_identity(json, event.source_identity, true);
  write_identity(json, event.destination_identity, false);
  const auto write_groups = [&](std::string_view key, GroupSetId id) {
    if (id == 0) return;
    json.begin_array(key);
    for (const std::string& group : groups(id)) json.element(group);
    json.end_array();
  };
  write_groups("groups", event.source_groups);
  write_groups("dest_groups", event.destination_groups);
  // Of what has only been seen so far, nobody has said yet what becomes of it.
  const bool stopped = event.action != Verdict::Pass;
  if (event.type == EventType::Flow || stopped) {
    json.field("action", eve_action(event.action));
    if (event.type != EventType::Alert) text_field(json, "rule", name(event.rule));
    text_field(json, "reason", names_->reason(event.reason));
  }
  json.end_object();
}

void EveFormatter::format(const Event& event, std::string& out) {
  JsonWriter json(out);
  json.begin_object();
  write_common(json, event);
  switch (event.type) {
    case EventType::Flow:
      write_flow(json, event);
      break;
    case EventType::Alert:
      if (event.told != EventType::Flow) json.field("tx_id", uint64_t{event.transaction});
      write_alert(json, event);
      break;
    case EventType::Drop:
      json.begin_object("drop").field("reason", names_->reason(event.reason)).end_object();
      break;
    case EventType::Http:
    case EventType::Tls:
    case EventType::Dns:
    case EventType::Quic:
    case EventType::Ssh:
      if (event.type == EventType::Http || event.type == EventType::Dns) {
        json.field("tx_id", uint64_t{event.transaction});
      }
      write_application(json, event);
      break;
  }
  if (event.type == EventType::Flow || event.app_progress != AppProgress::None) {
    write_ndpi(json, event);
  }
  write_sluice(json, event);
  json.end_object();
  out += '\n';
}

}  // namespace sluice
