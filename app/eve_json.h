// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Events as lines of JSON in the shape of Suricata's EVE.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "chain/directory.h"
#include "chain/event.h"
#include "chain/reasons.h"

namespace sluice {

class JsonWriter;

// What turns an event's numbers into words. Immutable; a reload makes a new one.
struct EveNames {
  const Directory* directory = nullptr;  // outlives this
  const ReasonTable* reasons = nullptr;  // outlives this
  std::vector<std::string> ports;        // by position in Config::ports
  std::vector<std::string> chains;       // by position in Config::chains
  ApplicationNames applications;         // a copy of the directory's

  std::string_view application(uint16_t number) const;  // "Unknown" for 0 and for strangers
  std::string_view category(uint16_t number) const;
  std::string_view chain(uint8_t number) const;  // "" for strangers
  std::string_view port(uint16_t number) const;  // "" for strangers
  std::string_view reason(Reason reason) const;  // "" for none
};

// The event_type words, for messages and filters.
std::span<const std::string_view> eve_event_types();
std::string_view eve_event_type(EventType type);

// The same for every event of a flow, in every run over the same packets, and
// small enough for readers whose numbers are doubles: 53 bits.
uint64_t eve_flow_id(const FlowKey& key, uint64_t first_seen_ns);

std::string eve_timestamp(uint64_t time_ns);  // "2026-11-20T23:37:00.123456+0000"
std::string eve_proto(uint8_t proto);         // "TCP", ..., "47"
std::string_view eve_action(Verdict verdict);

// The address and port of one end of an event's flow, for people and JSON.
std::string event_address(const Event& event, Direction of);
uint16_t event_port(const Event& event, Direction of);
bool has_ports(uint8_t proto);

// Looks names up once and keeps them. One thread.
class EveFormatter {
 public:
  explicit EveFormatter(std::shared_ptr<const EveNames> names) : names_(std::move(names)) {}

  void set_names(std::shared_ptr<const EveNames> names) { names_ = std::move(names); }
  const EveNames& names() const { return *names_; }

  // Appends one line, with its line end.
  void format(const Event& event, std::string& out);

  const std::string& name(NameId id);
  const std::vector<std::string>& groups(GroupSetId id);

 private:
  void write_common(JsonWriter& json, const Event& event);
  void write_flow(JsonWriter& json, const Event& event);
  void write_alert(JsonWriter& json, const Event& event);
  void write_application(JsonWriter& json, const Event& event);
  void write_ndpi(JsonWriter& json, const Event& event);
  void write_sluice(JsonWriter& json, const Event& event);
  void write_identity(JsonWriter& json, NameId id, bool source);

  std::shared_ptr<const EveNames> names_;
  // The directory only ever appends, so what was looked up stays true.
  std::unordered_map<NameId, std::string> known_names_;
  std::unordered_map<GroupSetId, std::vector<std::string>> known_groups_;
};

}  // namespace sluice
