// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/firewall/rule_reader.h"

#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "config/words.h"

namespace sluice::firewall {

namespace {

constexpr std::pair<std::string_view, uint8_t> kProtocols[] = {
    {"tcp", IPPROTO_TCP},   {"udp", IPPROTO_UDP},       {"sctp", IPPROTO_SCTP},
    {"icmp", IPPROTO_ICMP}, {"icmpv6", IPPROTO_ICMPV6},
};

constexpr std::pair<std::string_view, IdentityKind> kIdentityKinds[] = {
    {"user", IdentityKind::User},
    {"device", IdentityKind::Device},
    {"service", IdentityKind::Service},
};

std::string quoted(std::string_view word) {
  return "\"" + std::string(word) + "\"";
}

// "a group that a binding names; did you mean ..."
std::string known(std::string what, std::string_view word, const std::vector<std::string>& names,
                  std::string_view prefix = {}) {
  const std::string_view near = nearest(word, names);
  if (!near.empty()) what += "; did you mean " + quoted(std::string(prefix) + std::string(near));
  return near.empty() ? what : what + "?";
}

template <typename T>
std::vector<std::string> keys(const std::map<std::string, T, std::less<>>& names) {
  std::vector<std::string> out;
  for (const auto& [name, number] : names) out.push_back(name);
  return out;
}

std::optional<uint16_t> parse_number(std::string_view text, unsigned max) {
  unsigned value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || at != end || value > max) return std::nullopt;
  return static_cast<uint16_t>(value);
}

std::optional<PortRange> parse_ports(std::string_view text) {
  const size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash), 65535);
  const auto last =
      dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1), 65535);
  if (!first || !last || *first > *last) return std::nullopt;
  return PortRange{*first, *last};
}

bool is_host_pattern(std::string_view text) {
  if (text.starts_with("*.")) text.remove_prefix(2);
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > 253) return false;
  char before = '.';
  for (const char c : text) {
    const bool label = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == ':';
    if (!label && (c != '.' || before == '.')) return false;
    before = c;
  }
  return before != '.';
}

class RuleReader {
 public:
  RuleReader(ConfigSection section, const CompileContext& context)
      : section_(std::move(section)),
        bound_(context.bound),
        known_to_dpi_(context.directory.applications) {}

  Rule read();

 private:
  std::vector<std::string> words(std::string_view key);
  Party read_party(std::string_view key);
  void read_member(std::string_view key, size_t i, std::string_view word, Party& party);
  std::vector<uint8_t> read_protocols();
  std::vector<PortRange> read_ports(std::string_view key);
  void read_applications(Conditions& conditions);
  void read_application(size_t i, std::string_view word, Conditions& conditions);
  void read_categories(Conditions& conditions);
  void read_hosts(Conditions& conditions);
  bool has_dpi(std::string_view key);

  ConfigSection section_;
  const BoundNames& bound_;
  const ApplicationNames& known_to_dpi_;
};

// An empty list could be read as "none" or as "any": it is refused.
std::vector<std::string> RuleReader::words(std::string_view key) {
  const size_t errors = section_.errors().all().size();
  std::vector<std::string> words = section_.strings(key);
  if (words.empty() && section_.has(key) && section_.errors().all().size() == errors) {
    section_.error(key, "an empty list", "at least one element; the key left out means any");
  }
  return words;
}

Party RuleReader::read_party(std::string_view key) {
  Party party;
  const std::vector<std::string> words = this->words(key);
  if (words.empty()) return party;
  if (std::find(words.begin(), words.end(), "any") != words.end()) {
    if (words.size() > 1) section_.error(key, "", "\"any\" alone, or the others without it");
    return party;
  }
  party.any = false;
  for (size_t i = 0; i < words.size(); ++i) read_member(key, i, words[i], party);
  return party;
}

void RuleReader::read_member(std::string_view key, size_t i, std::string_view word, Party& party) {
  if (word.starts_with("group:")) {
    const std::string_view name = word.substr(6);
    if (const auto group = bound_.groups.find(name); group != bound_.groups.end()) {
      party.groups.push_back(group->second);
    } else {
      section_.error_at(key, i, "group " + quoted(name),
                        known("a group that an identity has", name, keys(bound_.groups)));
    }
    return;
  }
  for (const auto& [kind_name, kind] : kIdentityKinds) {
    if (!word.starts_with(kind_name) || word.substr(kind_name.size(), 1) != ":") continue;
    const std::string_view name = word.substr(kind_name.size() + 1);
    const auto& bound = bound_.identities[static_cast<size_t>(kind)];
    if (const auto identity = bound.find(name); identity != bound.end()) {
      party.identities.push_back(identity->second);
    } else {
      section_.error_at(
          key, i, std::string(kind_name) + " " + quoted(name),
          known("a " + std::string(kind_name) + " that a binding names", name, keys(bound)));
    }
    return;
  }
  if (const auto prefix = parse_ip_prefix(word)) {
    party.prefixes.push_back(*prefix);
    return;
  }
  section_.error_at(key, i, quoted(word),
                    "\"any\", \"group:NAME\", \"user:NAME\", \"device:NAME\", \"service:NAME\", an "
                    "address, or a prefix without bits behind its length");
}

std::vector<uint8_t> RuleReader::read_protocols() {
  std::vector<uint8_t> out;
  const std::vector<std::string> words = this->words("protocol");
  for (size_t i = 0; i < words.size(); ++i) {
    const auto named = std::find_if(std::begin(kProtocols), std::end(kProtocols), [&](auto& p) {
      return equal_ignoring_case(p.first, words[i]);
    });
    if (named != std::end(kProtocols)) {
      out.push_back(named->second);
    } else if (const auto number = parse_number(words[i], 255)) {
      out.push_back(static_cast<uint8_t>(*number));
    } else {
      section_.error_at("protocol", i, quoted(words[i]),
                        "\"tcp\", \"udp\", \"sctp\", \"icmp\", \"icmpv6\", or \"0\" to \"255\"");
    }
  }
  return out;
}

std::vector<PortRange> RuleReader::read_ports(std::string_view key) {
  std::vector<PortRange> out;
  const std::vector<std::string> words = this->words(key);
  for (size_t i = 0; i < words.size(); ++i) {
    if (const auto range = parse_ports(words[i])) {
      out.push_back(*range);
    } else {
      section_.error_at(key, i, quoted(words[i]), "a port \"443\" or a range \"8000-8080\"");
    }
  }
  return out;
}

bool RuleReader::has_dpi(std::string_view key) {
  if (!section_.has(key)) return false;
  if (!known_to_dpi_.applications.empty()) return true;
  section_.error(key, "a condition that only dpi can answer", "a line with dpi before firewall");
  return false;
}

void RuleReader::read_application(size_t i, std::string_view word, Conditions& conditions) {
  const std::vector<std::string>& names = known_to_dpi_.applications;
  // A name may hold a dot itself.
  if (const auto name = find_word(names, word)) {
    conditions.applications.push_back({*name, 0, false});
    return;
  }
  const size_t dot = word.find('.');
  const auto master = find_word(names, word.substr(0, dot));
  if (dot == std::string_view::npos || !master) {
    const std::string_view part = word.substr(0, dot);
    section_.error_at(
        "application", i, "application " + quoted(word),
        known("nDPI's name of a protocol or application, or PROTOCOL.APPLICATION", part, names));
    return;
  }
  const std::string_view part = word.substr(dot + 1);
  if (const auto name = find_word(names, part)) {
    conditions.applications.push_back({*name, *master, true});
  } else {
    section_.error_at("application", i, "application " + quoted(word),
                      known("nDPI's name of an application behind the dot", part, names,
                            std::string(word.substr(0, dot + 1))));
  }
}

void RuleReader::read_applications(Conditions& conditions) {
  const std::vector<std::string> words = this->words("application");
  if (!has_dpi("application")) return;
  for (size_t i = 0; i < words.size(); ++i) read_application(i, words[i], conditions);
}

void RuleReader::read_categories(Conditions& conditions) {
  const std::vector<std::string> words = this->words("category");
  if (!has_dpi("category")) return;
  const std::vector<std::string>& names = known_to_dpi_.categories;
  for (size_t i = 0; i < words.size(); ++i) {
    if (const auto category = find_word(names, words[i])) {
      conditions.categories.push_back(*category);
    } else {
      section_.error_at("category", i, "category " + quoted(words[i]),
                        known("nDPI's name of a category", words[i], names));
    }
  }
}

void RuleReader::read_hosts(Conditions& conditions) {
  const std::vector<std::string> words = this->words("host");
  if (!has_dpi("host")) return;
  for (size_t i = 0; i < words.size(); ++i) {
    if (is_host_pattern(words[i])) {
      conditions.add_host(words[i]);
    } else {
      section_.error_at("host", i, quoted(words[i]),
                        "a host name, or \"*.\" and a name for all of its subdomains");
    }
  }
  conditions.finish();
}

Rule RuleReader::read() {
  Rule rule;
  rule.name = section_.required_string("name");
  rule.from = read_party("from");
  rule.to = read_party("to");
  rule.protocols = read_protocols();
  rule.ports = read_ports("port");
  rule.from_ports = read_ports("from_port");
  if (!rule.ports.empty() || !rule.from_ports.empty()) {
    const auto has_ports = [](uint8_t p) {
      return p == IPPROTO_TCP || p == IPPROTO_UDP || p == IPPROTO_SCTP;
    };
    if (rule.protocols.empty()) rule.protocols = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};
    if (!std::all_of(rule.protocols.begin(), rule.protocols.end(), has_ports)) {
      section_.error("protocol", "a protocol without ports beside a list of ports",
                     "tcp, udp, sctp where the rule has ports");
    }
  }
  read_applications(rule.conditions);
  read_categories(rule.conditions);
  read_hosts(rule.conditions);
  if (!section_.has("action")) {
    section_.error("action", "nothing", "\"allow\", \"drop\" or \"reject\"; the key is required");
  }
  rule.action = section_.choice<Action>(
      "action", Action::Drop,
      {{"allow", Action::Allow}, {"drop", Action::Drop}, {"reject", Action::Reject}});
  rule.log = section_.boolean("log", true);
  section_.finish();
  return rule;
}

}  // namespace

Rule read_rule(ConfigSection section, const CompileContext& context) {
  return RuleReader(std::move(section), context).read();
}

}  // namespace sluice::firewall
