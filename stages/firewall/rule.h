// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A rule as the configuration says it, names replaced by numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chain/flow_context.h"
#include "config/net_types.h"

namespace sluice::firewall {

enum class Action : uint8_t { Allow, Drop, Reject };

std::string_view to_string(Action action) noexcept;

// Both ends belong to it; host byte order.
struct PortRange {
  uint16_t first = 0;
  uint16_t last = 65535;

  friend auto operator<=>(const PortRange&, const PortRange&) = default;
};

// One end of a flow: any of these.
struct Party {
  bool any = true;  // the lists are then empty
  std::vector<IpPrefix> prefixes;
  std::vector<unsigned> groups;  // chain/directory.h
  std::vector<NameId> identities;
};

// nDPI's numbers. `name` alone is the protocol or the application; `master` and
// `name` together are the application over that protocol only.
struct ApplicationMatch {
  uint16_t name = 0;
  uint16_t master = 0;
  bool needs_master = false;
};

// Whether a condition holds, for now or for good.
enum class Truth : uint8_t { False, Open, True };

// What dpi must have found. Empty lists ask nothing.
class Conditions {
 public:
  std::vector<ApplicationMatch> applications;
  std::vector<uint16_t> categories;

  // "example.com", or "*.example.com" for all of its subdomains. Any case.
  void add_host(std::string_view pattern);
  void finish();  // after the last add_host()

  bool empty() const noexcept {
    return applications.empty() && categories.empty() && hosts_.empty() && domains_.empty();
  }

  // For a rule with that action. Anybody can send anything to any port: what nDPI
  // only guesses, by port, address or memory, may stop a flow but not allow it.
  // Worker.
  Truth judge(const FlowContext& c, Action action) const noexcept;

 private:
  Truth judge_names(const FlowContext& c) const noexcept;
  Truth judge_application(const FlowContext& c) const noexcept;
  Truth judge_category(const FlowContext& c) const noexcept;
  Truth judge_host(const FlowContext& c) const noexcept;

  std::vector<std::string> hosts_;    // sorted
  std::vector<std::string> domains_;  // sorted; of "*.example.com" the "example.com"
};

struct Rule {
  std::string name;
  NameId name_id = 0;
  Action action = Action::Drop;
  bool log = true;                    // false: no drop events for what it stops
  Party from, to;                     // originator, responder
  std::vector<uint8_t> protocols;     // empty: any
  std::vector<PortRange> ports;       // of the responder; empty: any
  std::vector<PortRange> from_ports;  // of the originator; empty: any
  Conditions conditions;
};

}  // namespace sluice::firewall
