// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What dpi has read of application protocols, in the shape of Suricata's own
// documentation ("EVE JSON Format").

#include <array>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/eve_json.h"
#include "app/json_writer.h"

namespace sluice {

namespace {

// Value of the bit QR and what follows it in a DNS header (RFC 1035 section 4.1.1).
constexpr struct {
  uint64_t bit;
  std::string_view name;
} kDnsFlags[] = {{0x8000, "qr"}, {0x0400, "aa"}, {0x0200, "tc"}, {0x0100, "rd"}, {0x0080, "ra"}};

// RFC 1035 section 4.1.1, RFC 2136 section 2.2.
constexpr std::string_view kDnsCodes[] = {"NOERROR", "FORMERR",  "SERVFAIL", "NXDOMAIN",
                                          "NOTIMP",  "REFUSED",  "YXDOMAIN", "YXRRSET",
                                          "NXRRSET", "NOTAUTH",  "NOTZONE"};

void text_field(JsonWriter& json, std::string_view name, std::string_view text) {
  if (!text.empty()) json.field(name, text);
}

// RFC 1035 and IANA's registry: the types that dpi may not have put into words.
std::string dns_type(const Event& event) {
  const std::string_view name = event.get_text(kTextAgent);
  return name.empty() ? "TYPE" + std::to_string(event.number) : std::string(name);
}

// "2026-11-21T08:00:00"
std::string certificate_time(uint64_t seconds) {
  return eve_timestamp(seconds * 1'000'000'000).substr(0, 19);
}

// Calls `visit` with each of what `separator` parts.
template <typename Visit>
void split(std::string_view text, char separator, Visit visit) {
  while (!text.empty()) {
    const size_t end = text.find(separator);
    visit(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

void write_http(JsonWriter& json, const Event& event) {
  json.begin_object("http");
  text_field(json, "hostname", event.get_text(kTextHost));
  text_field(json, "url", event.get_text(kTextUrl));
  text_field(json, "http_user_agent", event.get_text(kTextAgent));
  text_field(json, "http_content_type", event.get_text(kTextContentType));
  text_field(json, "http_refer", event.get_text(kTextReferer));
  text_field(json, "http_method", event.get_text(kTextMore));
  text_field(json, "protocol", event.get_text(kTextProtocol));
  if (event.values[kValueStatus] != 0) {
    json.field("status", event.values[kValueStatus]);
    text_field(json, "redirect", event.get_text(kTextLocation));
    json.field("length", event.values[kValueResponseBytes]);
  }
  if (event.values[kValueRequestBytes] != 0) {
    json.field("request_length", event.values[kValueRequestBytes]);
  }
  json.end_object();
}

void write_hello(JsonWriter& json, const Event& event) {
  text_field(json, "sni", event.get_text(kTextHost));
  text_field(json, "version", event.get_text(kTextAgent));
  const auto hash = [&](std::string_view name, EventText field) {
    const std::string_view text = event.get_text(field);
    if (!text.empty()) json.begin_object(name).field("hash", text).end_object();
  };
  hash("ja3", kTextMore);
  hash("ja3s", kTextJa3s);
  text_field(json, "ja4", event.get_text(kTextJa4));
  text_field(json, "alpn", event.get_text(kTextUrl));
}

void write_tls(JsonWriter& json, const Event& event) {
  json.begin_object("tls");
  text_field(json, "subject", event.get_text(kTextSubject));
  text_field(json, "issuerdn", event.get_text(kTextIssuer));
  text_field(json, "serial", event.get_text(kTextSerial));
  text_field(json, "fingerprint", event.get_text(kTextFingerprint));
  if (event.values[kValueNotBefore] != 0 || event.values[kValueNotAfter] != 0) {
    json.field("notbefore", certificate_time(event.values[kValueNotBefore]));
    json.field("notafter", certificate_time(event.values[kValueNotAfter]));
  }
  if (!event.get_text(kTextAltNames).empty()) {
    json.begin_array("subjectaltname");
    split(event.get_text(kTextAltNames), '\n', [&](std::string_view name) { json.element(name); });
    json.end_array();
  }
  if (event.values[kValueResumed] != 0) json.field("session_resumed", true);
  write_hello(json, event);
  json.end_object();
}

void write_answers(JsonWriter& json, std::string_view answers) {
  if (answers.empty()) return;
  json.begin_array("answers");
  split(answers, '\n', [&](std::string_view line) {
    static constexpr std::string_view kNames[] = {"rrname", "rrtype", "ttl", "rdata"};
    constexpr size_t kTtl = 2;
    json.begin_object();
    size_t i = 0;
    split(line, '\t', [&](std::string_view field) {
      if (i == kTtl) {
        json.field(kNames[i], uint64_t{std::strtoul(std::string(field).c_str(), nullptr, 10)});
      } else if (i < std::size(kNames)) {
        json.field(kNames[i], field);
      }
      ++i;
    });
    json.end_object();
  });
  json.end_array();
}

// The answers' data by their type.
void write_grouped(JsonWriter& json, std::string_view answers) {
  if (answers.empty()) return;
  std::map<std::string_view, std::vector<std::string_view>> groups;
  split(answers, '\n', [&](std::string_view line) {
    constexpr size_t kType = 1, kData = 3;
    std::array<std::string_view, kData + 1> fields;
    size_t i = 0;
    split(line, '\t', [&](std::string_view field) {
      if (i < fields.size()) fields[i] = field;
      ++i;
    });
    if (!fields[kData].empty()) groups[fields[kType]].push_back(fields[kData]);
  });
  if (groups.empty()) return;
  json.begin_object("grouped");
  for (const auto& [type, values] : groups) {
    json.begin_array(type);
    for (const std::string_view value : values) json.element(value);
    json.end_array();
  }
  json.end_object();
}

void write_dns(JsonWriter& json, const Event& event) {
  const bool answer = event.values[kValueIsAnswer] != 0;
  const uint64_t flags = event.values[kValueDnsFlags];
  json.begin_object("dns")
      .field("version", uint64_t{2})
      .field("type", answer ? "answer" : "query")
      .field("id", uint64_t{event.dns_id});
  if (answer) {
    std::array<char, 8> hex;
    std::snprintf(hex.data(), hex.size(), "%x", static_cast<unsigned>(flags & 0xffff));
    json.field("flags", hex.data());
    for (const auto& flag : kDnsFlags) {
      if ((flags & flag.bit) != 0) json.field(flag.name, true);
    }
  } else {
    json.field("tx_id", uint64_t{event.transaction});
  }
  json.field("opcode", flags >> 11 & 15)
      .field("rrname", event.get_text(kTextHost))
      .field("rrtype", dns_type(event));
  if (answer) {
    const uint64_t code = event.values[kValueResponseCode];
    json.field("rcode", code < std::size(kDnsCodes) ? std::string(kDnsCodes[code])
                                                    : "RCODE" + std::to_string(code));
    write_answers(json, event.get_text(kTextAnswers));
    write_grouped(json, event.get_text(kTextAnswers));
  }
  json.end_object();
}

void write_ssh(JsonWriter& json, const Event& event) {
  const auto end = [&](std::string_view name, EventText protocol, EventText software) {
    if (event.get_text(protocol).empty() && event.get_text(software).empty()) return;
    json.begin_object(name);
    text_field(json, "proto_version", event.get_text(protocol));
    text_field(json, "software_version", event.get_text(software));
    json.end_object();
  };
  json.begin_object("ssh");
  end("client", kTextClientProtocol, kTextClientSoftware);
  end("server", kTextServerProtocol, kTextServerSoftware);
  json.end_object();
}

}  // namespace

void EveFormatter::write_application(JsonWriter& json, const Event& event) {
  switch (event.type == EventType::Alert ? event.told : event.type) {
    case EventType::Http:
      return write_http(json, event);
    case EventType::Tls:
      return write_tls(json, event);
    case EventType::Dns:
      return write_dns(json, event);
    case EventType::Ssh:
      return write_ssh(json, event);
    case EventType::Quic:
      json.begin_object("quic");
      write_hello(json, event);
      json.end_object();
      return;
    case EventType::Flow:
    case EventType::Alert:
    case EventType::Drop:
      return;
  }
}

}  // namespace sluice
