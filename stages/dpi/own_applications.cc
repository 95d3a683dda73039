// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/own_applications.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

#include "config/net_types.h"
#include "config/words.h"

namespace sluice {

namespace {

constexpr size_t kMaxName = 63;
constexpr size_t kMaxHost = 253;  // RFC 1035, 2.3.4: 255 bytes on the wire
constexpr size_t kMaxLine = 4096;
constexpr std::string_view kAllowedName =
    "1 to 63 letters, digits, '-', '_', '.'; nDPI would replace others";
constexpr std::string_view kAllowedHost =
    "a host name such as \"intra.example.com\", or its end, \".example.com\"";
constexpr std::string_view kAllowedNetwork =
    "an IPv4 address or prefix (nDPI knows no others here), with \":PORT\" if one is meant";
constexpr std::string_view kAllowedPorts = "\"tcp:8443\", \"udp:5000-5010\"";
constexpr std::string_view kAllowedLine =
    "host:\"NAME\", ip:ADDRESS or tcp:PORT and udp:PORT, separated by commas, then @APPLICATION";

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

std::string_view trimmed(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName && std::all_of(text.begin(), text.end(), is_word);
}

std::optional<unsigned> port_number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > 65535) return {};
  return value;
}

// Each gives the clause in nDPI's form, or nothing if the text makes none.
std::optional<std::string> host_clause(std::string_view text) {
  const std::string_view letters = text.starts_with("*.") ? text.substr(1) : text;
  if (letters.size() < 2 || letters.size() > kMaxHost) return {};
  if (!std::all_of(letters.begin(), letters.end(), is_word)) return {};
  std::string lower(letters);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return "host:\"" + lower + "\"";
}

std::optional<std::string> network_clause(std::string_view text) {
  const size_t colon = text.find(':');
  const auto prefix = parse_ip_prefix(text.substr(0, colon));
  if (!prefix || prefix->address.family != 4) return {};
  std::string clause = "ip:" + to_string(*prefix);
  if (colon == std::string_view::npos) return clause;
  const auto port = port_number(text.substr(colon + 1));
  if (!port || *port == 0) return {};
  return clause + ":" + std::to_string(*port);
}

std::optional<std::string> port_clause(std::string_view text) {
  if (!text.starts_with("tcp:") && !text.starts_with("udp:")) return {};
  const std::string_view range = text.substr(4);
  const size_t dash = range.find('-');
  const auto low = port_number(range.substr(0, dash));
  const auto high = dash == std::string_view::npos ? low : port_number(range.substr(dash + 1));
  if (!low || !high || *low > *high) return {};
  return std::string(text);
}

void add(OwnApplications& own, std::string_view name, std::string_view clause) {
  if (std::find(own.names.begin(), own.names.end(), name) == own.names.end()) {
    own.names.emplace_back(name);
  }
  own.definitions.append(clause).append("@").append(name).append("\n");
}

// A name is read as nDPI reads it: the same one however its letters are written.
std::string as_first_written(const OwnApplications& own, std::string_view name) {
  for (const std::string& known : own.names) {
    if (equal_ignoring_case(known, name)) return known;
  }
  return std::string(name);
}

// Masks of risks and trusted issuers, which a protocol file may hold too, go to nDPI
// as they are.
bool is_setting(std::string_view line) {
  return line.starts_with("ip_risk_mask:") || line.starts_with("host_risk_mask:") ||
         line.starts_with("trusted_issuer_dn:");
}

std::optional<std::string> clause_of(std::string_view text) {
  if (text.starts_with("host:")) {
    std::string_view host = text.substr(5);
    if (host.starts_with('"')) host.remove_prefix(1);
    if (host.ends_with('"')) host.remove_suffix(1);
    return host_clause(host);
  }
  if (text.starts_with("ip:")) return network_clause(text.substr(3));
  return port_clause(text);
}

class LineReader {
 public:
  LineReader(const std::string& file, OwnApplications& own, ConfigErrors& errors)
      : file_(file), own_(own), errors_(errors) {}

  void read(std::string_view text, unsigned line) {
    const size_t at = text.rfind('@');
    if (text.size() > kMaxLine || at == std::string_view::npos) {
      return fail(line, text, kAllowedLine);
    }
    const std::string_view name = trimmed(text.substr(at + 1));
    if (!is_name(name)) return fail(line, name, kAllowedName);
    const std::string known = as_first_written(own_, name);
    std::string_view clauses = text.substr(0, at);
    while (true) {
      const size_t comma = clauses.find(',');
      const std::string_view one = trimmed(clauses.substr(0, comma));
      const auto clause = clause_of(one);
      if (!clause) return fail(line, one, kAllowedLine);
      add(own_, known, *clause);
      if (comma == std::string_view::npos) return;
      clauses.remove_prefix(comma + 1);
    }
  }

 private:
  void fail(unsigned line, std::string_view found, std::string_view allowed) {
    ConfigError error;
    error.where.file = file_;
    error.where.line = line;
    error.key = "application";
    error.found = quoted(found.substr(0, 80));
    error.allowed = allowed;
    errors_.add(std::move(error));
  }

  const std::string& file_;
  OwnApplications& own_;
  ConfigErrors& errors_;
};

using MakeClause = std::optional<std::string> (*)(std::string_view);

void read_clauses(ConfigSection& section, std::string_view key, MakeClause make,
                  std::string_view allowed, std::string_view name, OwnApplications& own) {
  const std::vector<std::string> texts = section.strings(key);
  for (size_t i = 0; i < texts.size(); ++i) {
    if (const auto clause = make(texts[i])) {
      add(own, name, *clause);
    } else {
      section.error_at(key, i, quoted(texts[i]), std::string(allowed));
    }
  }
}

}  // namespace

void read_protocol_file(const std::string& name, std::string_view text, OwnApplications& own,
                        ConfigErrors& errors) {
  LineReader reader(name, own, errors);
  for (unsigned line = 1; !text.empty(); ++line) {
    const size_t end = text.find('\n');
    const std::string_view one = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (one.empty() || one.front() == '#') continue;
    if (is_setting(one) && one.size() <= kMaxLine) {
      own.definitions.append(one).append("\n");
    } else {
      reader.read(one, line);
    }
  }
}

OwnApplications read_own_applications(ConfigSection section, const std::string& base_dir) {
  OwnApplications own;
  const std::vector<std::string> files = section.strings("files");
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string path =
        base_dir.empty() || files[i].starts_with('/') ? files[i] : base_dir + "/" + files[i];
    std::ifstream in(path);
    if (!in) {
      section.error_at("files", i, quoted(path), "a readable file");
      continue;
    }
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    read_protocol_file(path, text, own, section.errors());
  }
  for (const std::string& key : section.keys()) {
    if (key == "files") continue;
    if (!is_name(key)) {
      section.error(key, quoted(key), std::string(kAllowedName));
      continue;
    }
    ConfigSection application = section.table(key);
    const std::string name = as_first_written(own, key);
    const size_t before = own.definitions.size();
    const size_t errors_before = section.errors().all().size();
    read_clauses(application, "hosts", host_clause, kAllowedHost, name, own);
    read_clauses(application, "networks", network_clause, kAllowedNetwork, name, own);
    read_clauses(application, "ports", port_clause, kAllowedPorts, name, own);
    application.finish();
    if (own.definitions.size() == before && section.errors().all().size() == errors_before) {
      section.error(key, "nothing to know it by", "hosts, networks or ports");
    }
  }
  return own;
}

}  // namespace sluice
