// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/firewall/rule.h"

#include <ndpi/ndpi_api.h>

#include <algorithm>
#include <atomic>

namespace sluice::firewall {

namespace {

bool contains(const std::vector<std::string>& sorted, std::string_view word) noexcept {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), word,
                                   [](std::string_view a, std::string_view b) { return a < b; });
  return at != sorted.end() && *at == word;
}

// Without the port of an HTTP Host header and the root's dot.
std::string_view host_part(const HostName& host) noexcept {
  std::string_view name(host.text, host.length);
  const size_t colon = name.find(':');
  if (colon != std::string_view::npos && name.find(':', colon + 1) == std::string_view::npos) {
    name = name.substr(0, colon);
  }
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

void sort_unique(std::vector<std::string>& words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
}

Truth both(Truth a, Truth b) noexcept {
  return std::min(a, b);
}

// What is not true yet may become so until dpi is done.
Truth unless_final(const FlowContext& c) noexcept {
  return c.app_progress == AppProgress::Final ? Truth::False : Truth::Open;
}

bool is_guessed(const FlowContext& c) noexcept {
  return (c.app_master != 0 || c.app != 0) && c.app_confidence != NDPI_CONFIDENCE_DPI &&
         c.app_confidence != kConfidenceByOwnRule;
}

}  // namespace

std::string_view to_string(Action action) noexcept {
  switch (action) {
    case Action::Allow:
      return "allow";
    case Action::Drop:
      return "drop";
    case Action::Reject:
      return "reject";
  }
  return "";
}

void Conditions::add_host(std::string_view pattern) {
  std::string name(pattern);
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (name.ends_with('.')) name.pop_back();
  if (name.starts_with("*.")) {
    domains_.push_back(name.substr(2));
  } else {
    hosts_.push_back(std::move(name));
  }
}

void Conditions::finish() {
  sort_unique(hosts_);
  sort_unique(domains_);
}

Truth Conditions::judge_names(const FlowContext& c) const noexcept {
  Truth truth = Truth::True;
  if (!applications.empty()) truth = both(truth, judge_application(c));
  if (!categories.empty()) truth = both(truth, judge_category(c));
  return truth;
}

Truth Conditions::judge(const FlowContext& c, Action action) const noexcept {
  Truth truth = judge_names(c);
  const bool names = !applications.empty() || !categories.empty();
  if (names && truth == Truth::True && action == Action::Allow && is_guessed(c)) {
    truth = unless_final(c);
  }
  if (!hosts_.empty() || !domains_.empty()) truth = both(truth, judge_host(c));
  return truth;
}

Truth Conditions::judge_application(const FlowContext& c) const noexcept {
  if (c.app_progress < AppProgress::Partial) return Truth::Open;
  // nDPI names a protocol without an application in either of the two fields.
  const uint16_t protocol = c.app_master != 0 ? c.app_master : c.app;
  Truth truth = Truth::False;
  for (const ApplicationMatch& match : applications) {
    if (!match.needs_master) {
      if (match.name == protocol || match.name == c.app) return Truth::True;
      truth = std::max(truth, unless_final(c));
      continue;
    }
    // The protocol stays, the application over it may still come.
    if (match.master != protocol) continue;
    if (match.name == c.app) return Truth::True;
    truth = std::max(truth, unless_final(c));
  }
  return truth;
}

Truth Conditions::judge_category(const FlowContext& c) const noexcept {
  if (c.app_progress < AppProgress::Partial) return Truth::Open;
  if (std::find(categories.begin(), categories.end(), c.app_category) != categories.end()) {
    return Truth::True;
  }
  return unless_final(c);
}

Truth Conditions::judge_host(const FlowContext& c) const noexcept {
  // dpi may name another host meanwhile; the name before stays readable.
  const HostName* host =
      std::atomic_ref(const_cast<const HostName*&>(c.host)).load(std::memory_order_acquire);
  if (host == nullptr) return unless_final(c);
  const std::string_view name = host_part(*host);
  if (contains(hosts_, name)) return Truth::True;
  for (size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
    if (contains(domains_, name.substr(dot + 1))) return Truth::True;
  }
  // When the flow names another host, dpi raises its revision.
  return Truth::False;
}

}  // namespace sluice::firewall
