// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What is asked of the flow: its state, its direction, its protocol.
#include <algorithm>
#include <utility>

#include "stages/dpi/rules/keyword_table.h"

namespace sluice::rules {
namespace {

void set_direction(RuleBuilder& rule, const RuleValue& word, Direction direction) {
  std::optional<Direction>& now = rule.rule().flow.direction;
  if (now) refuse(word, "a second direction", "one of to_server, to_client");
  now = direction;
}

void set_established(const RuleValue& word, RuleFlow& flow, bool established) {
  if (flow.established || flow.stateless) {
    refuse(word, "a second state", "one of established, not_established, stateless");
  }
  flow.established = established;
}

void read_flow(RuleBuilder& rule, const RuleValue& written) {
  rule.once(rule.seen_flow);
  RuleFlow& flow = rule.rule().flow;
  for (RuleFields fields(maybe_unquoted(written)); fields.more();) {
    const RuleValue word = fields.next();
    if (same_word(word.text, "to_server") || same_word(word.text, "from_client")) {
      set_direction(rule, word, Direction::Original);
    } else if (same_word(word.text, "to_client") || same_word(word.text, "from_server")) {
      set_direction(rule, word, Direction::Reply);
    } else if (same_word(word.text, "established")) {
      set_established(word, flow, true);
    } else if (same_word(word.text, "not_established")) {
      set_established(word, flow, false);
    } else if (same_word(word.text, "stateless")) {
      if (flow.established || flow.stateless) {
        refuse(word, "a second state", "one of established, not_established, stateless");
      }
      flow.stateless = true;
    } else if (same_word(word.text, "only_stream")) {
      flow.only_stream = true;
    } else if (same_word(word.text, "no_stream")) {
      flow.no_stream = true;
    } else if (same_word(word.text, "only_frag") || same_word(word.text, "no_frag")) {
      refuse_unsupported(word, quoted(word.text),
                         "none: fragments are put together before rules are asked");
    } else {
      refuse(word,
             "established, not_established, stateless, to_server, to_client, from_client, "
             "from_server, only_stream or no_stream");
    }
    if (flow.only_stream && flow.no_stream) {
      refuse(word, "only_stream and no_stream", "one of them");
    }
  }
}

void read_app_protocol(RuleBuilder& rule, const RuleValue& written) {
  static constexpr std::string_view kProtocols[] = {"http", "http1", "tls",  "ssl",
                                                    "dns",  "ssh",   "quic", "failed"};
  RuleValue value = maybe_unquoted(written);
  const bool negated = value.take("!");
  const auto* known = std::find(std::begin(kProtocols), std::end(kProtocols), value.text);
  if (known == std::end(kProtocols)) {
    if (value.empty()) refuse(value, "a protocol");
    refuse_unsupported(value, quoted(value.text), "http, tls, dns, ssh, quic or failed");
  }
  if (rule.rule().header.protocol >= RuleProtocol::Http) {
    refuse(value, "beside a header that names an application protocol", "one of the two");
  }
  Rule& r = rule.rule();
  if (!r.app_layer_protocol) {
    r.app_layer_protocol = std::string(*known);
    r.app_layer_protocol_negated = negated;
  } else if (negated && r.app_layer_protocol_negated) {
    r.more_app_layer_protocols.emplace_back(*known);
  } else {
    refuse(value, "a second one", "one a rule, or several that are all negated");
  }
}

void add_version(RuleBuilder& rule, const RuleValue& where, std::string version, bool negated) {
  std::vector<std::string>& versions = rule.rule().tls_versions;
  if (!versions.empty() && rule.rule().tls_versions_negated != negated) {
    refuse(where, "some negated and some not", "all or none of them with !");
  }
  rule.rule().tls_versions_negated = negated;
  versions.push_back(std::move(version));
}

void read_ssl_version(RuleBuilder& rule, const RuleValue& written) {
  static constexpr std::pair<std::string_view, const char*> kVersions[] = {
      {"sslv2", "ssl2"}, {"sslv3", "ssl3"}, {"tls1.0", "1.0"},
      {"tls1.1", "1.1"}, {"tls1.2", "1.2"}, {"tls1.3", "1.3"},
  };
  rule.once(rule.seen_tls_version);
  rule.need(kTls);
  for (RuleFields fields(maybe_unquoted(written)); fields.more();) {
    RuleValue word = fields.next();
    const bool negated = word.take("!");
    const auto* found = std::find_if(std::begin(kVersions), std::end(kVersions),
                                     [&](const auto& v) { return same_word(v.first, word.text); });
    if (found == std::end(kVersions)) {
      refuse(word, "sslv2, sslv3, tls1.0, tls1.1, tls1.2 or tls1.3");
    }
    add_version(rule, word, found->second, negated);
  }
}

void read_tls_version(RuleBuilder& rule, const RuleValue& written) {
  static constexpr std::string_view kVersions[] = {"1.0", "1.1", "1.2", "1.3"};
  rule.once(rule.seen_tls_version);
  rule.need(kTls);
  RuleValue value = written;
  const bool negated = value.take("!");
  value = maybe_unquoted(value);
  if (std::find(std::begin(kVersions), std::end(kVersions), value.text) == std::end(kVersions)) {
    refuse(value, "1.0, 1.1, 1.2 or 1.3");
  }
  add_version(rule, value, std::string(value.text), negated);
}

void read_ssl_state(RuleBuilder& rule, const RuleValue& written) {
  static constexpr std::pair<std::string_view, uint8_t> kStates[] = {
      {"client_hello", 1}, {"server_hello", 2}, {"client_keyx", 4}, {"server_keyx", 8}};
  rule.once(rule.seen_tls_state);
  rule.need(kTls);
  const RuleValue value = maybe_unquoted(written);
  const char separator = value.text.find('|') != std::string_view::npos ? '|' : ',';
  for (RuleFields fields(value, separator); fields.more();) {
    const RuleValue word = fields.next();
    const auto* found = std::find_if(std::begin(kStates), std::end(kStates),
                                     [&](const auto& s) { return s.first == word.text; });
    if (found != std::end(kStates)) {
      rule.rule().tls_states |= found->second;
    } else if (word.text.starts_with('!') || word.text == "unknown") {
      refuse_unsupported(word, quoted(word.text), "client_hello, server_hello, ... without !");
    } else {
      refuse(word, "client_hello, server_hello, client_keyx or server_keyx");
    }
  }
}

constexpr Keyword kKeywords[] = {
    {"flow", Keyword::Value::Needed, read_flow},
    {"app-layer-protocol", Keyword::Value::Needed, read_app_protocol},
    {"ssl_version", Keyword::Value::Needed, read_ssl_version},
    {"tls.version", Keyword::Value::Needed, read_tls_version},
    {"ssl_state", Keyword::Value::Needed, read_ssl_state},
};

}  // namespace

std::span<const Keyword> flow_keywords() {
  return kKeywords;
}

}  // namespace sluice::rules
