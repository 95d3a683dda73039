// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/rule_classification.h"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace sluice::rules {
namespace {

constexpr std::string_view kBlank = " \t\r\v\f";

// The classes that published rule sets use, with their customary priorities. By name.
constexpr Classification kCustomary[] = {
    {"attempted-admin", "Attempted Administrator Privilege Gain", 1},
    {"attempted-dos", "Attempted Denial of Service", 2},
    {"attempted-recon", "Attempted Information Leak", 2},
    {"attempted-user", "Attempted User Privilege Gain", 1},
    {"bad-unknown", "Potentially Bad Traffic", 2},
    {"coin-mining", "Crypto Currency Mining Activity Detected", 2},
    {"command-and-control", "Malware Command and Control Activity Detected", 1},
    {"credential-theft", "Successful Credential Theft Detected", 1},
    {"default-login-attempt", "Attempt to login by a default username and password", 2},
    {"denial-of-service", "Detection of a Denial of Service Attack", 2},
    {"domain-c2", "Domain Observed Used for C2 Detected", 1},
    {"exploit-kit", "Exploit Kit Activity Detected", 1},
    {"external-ip-check", "Device Retrieving External IP Address Detected", 2},
    {"icmp-event", "Generic ICMP event", 3},
    {"inappropriate-content", "Inappropriate Content was Detected", 1},
    {"misc-activity", "Misc activity", 3},
    {"misc-attack", "Misc Attack", 2},
    {"network-scan", "Detection of a Network Scan", 3},
    {"non-standard-protocol", "Detection of a non-standard protocol or event", 2},
    {"not-suspicious", "Not Suspicious Traffic", 3},
    {"policy-violation", "Potential Corporate Privacy Violation", 1},
    {"protocol-command-decode", "Generic Protocol Command Decode", 3},
    {"pup-activity", "Possibly Unwanted Program Detected", 2},
    {"rpc-portmap-decode", "Decode of an RPC Query", 2},
    {"shellcode-detect", "Executable code was detected", 1},
    {"social-engineering", "Possible Social Engineering Attempted", 2},
    {"string-detect", "A suspicious string was detected", 3},
    {"successful-admin", "Successful Administrator Privilege Gain", 1},
    {"successful-dos", "Denial of Service", 2},
    {"successful-recon-largescale", "Large Scale Information Leak", 2},
    {"successful-recon-limited", "Information Leak", 2},
    {"successful-user", "Successful User Privilege Gain", 1},
    {"suspicious-filename-detect", "A suspicious filename was detected", 2},
    {"suspicious-login", "An attempted login using a suspicious username was detected", 2},
    {"system-call-detect", "A system call was detected", 2},
    {"targeted-activity", "Targeted Malicious Activity was Detected", 1},
    {"tcp-connection", "A TCP connection was detected", 4},
    {"trojan-activity", "A Network Trojan was detected", 1},
    {"unknown", "Unknown Traffic", 3},
    {"unsuccessful-user", "Unsuccessful User Privilege Gain", 1},
    {"unusual-client-port-connection", "A client was using an unusual port", 2},
    {"web-application-activity", "access to a potentially vulnerable web application", 2},
    {"web-application-attack", "Web Application Attack", 1},
};

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// "NAME,DESCRIPTION,PRIORITY"
bool parse_entry(std::string_view entry, std::string_view& name, std::string_view& description,
                 uint8_t& priority) {
  const size_t first = entry.find(',');
  const size_t last = entry.rfind(',');
  if (first == std::string_view::npos || first == last) return false;
  name = trimmed(entry.substr(0, first));
  description = trimmed(entry.substr(first + 1, last - first - 1));
  const std::string_view number = trimmed(entry.substr(last + 1));
  const char* end = number.data() + number.size();
  const auto [parsed, code] = std::from_chars(number.data(), end, priority);
  return !name.empty() && !number.empty() && code == std::errc{} && parsed == end && priority > 0;
}

}  // namespace

const Classification* find_classification(std::string_view name) noexcept {
  static_assert(std::is_sorted(
      std::begin(kCustomary), std::end(kCustomary),
      [](const Classification& a, const Classification& b) { return a.name < b.name; }));
  const auto* found = std::lower_bound(
      std::begin(kCustomary), std::end(kCustomary), name,
      [](const Classification& c, std::string_view wanted) { return c.name < wanted; });
  return found != std::end(kCustomary) && found->name == name ? found : nullptr;
}

void Classifications::add(const std::string& file, std::string_view content, ConfigErrors& errors) {
  static constexpr std::string_view kConfig = "config";
  static constexpr std::string_view kKey = "classification:";
  for (uint32_t number = 1; !content.empty(); ++number) {
    const size_t end = content.find('\n');
    const std::string_view whole = content.substr(0, end);
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
    std::string_view line = trimmed(whole);
    if (line.empty() || line[0] == '#') continue;
    std::string_view name, description;
    uint8_t priority = 0;
    bool good = line.starts_with(kConfig);
    if (good) line = trimmed(line.substr(kConfig.size()));
    good = good && line.starts_with(kKey) &&
           parse_entry(line.substr(kKey.size()), name, description, priority);
    if (!good) {
      const auto column = static_cast<uint32_t>(whole.find_first_not_of(kBlank) + 1);
      errors.add({{file, number, column, std::string(whole)},
                  "classification",
                  quoted(trimmed(whole)),
                  "config classification: NAME,DESCRIPTION,PRIORITY (1 to 255)"});
      continue;
    }
    Added& added = added_[std::string(name)];
    added = {std::string(description), priority};
  }
}

std::optional<Classification> Classifications::find(std::string_view name) const {
  if (const auto added = added_.find(name); added != added_.end()) {
    return Classification{added->first, added->second.description, added->second.priority};
  }
  if (const Classification* customary = find_classification(name)) return *customary;
  return std::nullopt;
}

}  // namespace sluice::rules
