// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Which prefilters the payload of a packet or stream meets. One database of all
// rules would look for SMB's patterns in every web page: rules are grouped by
// who speaks, the server's port and the application protocol.
//
// Theory of operation. Ports that the same rules name form a class; the classes
// with the most rules get databases of their own, the rest shares one. Rules that
// name no port, or most of them, are in all. Where two groups come to the same
// patterns they share a prefilter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flowtable/flow_key.h"
#include "stages/dpi/detection/fast_pattern.h"
#include "stages/dpi/detection/prefilter.h"
#include "stages/dpi/protocol/transaction.h"
#include "stages/dpi/rules/rule.h"
#include "stages/dpi/rules/rule_header.h"

namespace sluice::rules {

// What is known of a flow's application protocol, as far as it tells groups apart.
enum class AppView : uint8_t { Undecided, Http, Tls, Other };
inline constexpr size_t kAppViews = 4;
constexpr AppView view_of(AppProtocol app, bool decided) noexcept {
  if (!decided) return AppView::Undecided;
  return app == AppProtocol::Http  ? AppView::Http
         : app == AppProtocol::Tls ? AppView::Tls
                                   : AppView::Other;
}

// Rules without a fast pattern.
struct PatternlessRules {
  struct ByFlags {
    std::array<uint64_t, 4> flags;  // bit f: TCP flags f hold
    uint32_t rule;
    bool holds(uint8_t f) const noexcept { return (flags[f / 64] >> f % 64 & 1) != 0; }
  };
  std::vector<uint32_t> always;
  std::vector<ByFlags> by_flags;
  bool empty() const noexcept { return always.empty() && by_flags.empty(); }
};

struct ScanGroup {
  // Patterns with a place: at the beginning of a packet or stream alone.
  std::shared_ptr<const Prefilter> front;
  std::shared_ptr<const Prefilter> anywhere;
  PatternlessRules packets;      // candidates for each packet
  std::vector<uint32_t> stream;  // and for each piece of a stream
};

// A rule at one of its places.
struct ScanRule {
  uint32_t rule = 0;
  std::optional<FastPattern> pattern;
  bool in_stream = false;  // without a pattern: asked for each piece of the stream
  const PortSet* ports = nullptr;  // of the server
  uint8_t apps = 0xff;             // bits: AppView that it is for
  std::optional<RuleTcpFlags> flags;  // that its packets have
};

// The groups of one class of packets. Immutable once built.
class ScanGroups {
 public:
  // Server ports with databases of their own; and those of all others.
  static constexpr size_t kOwnPortClasses = 10;

  // Prefilters by what they look for.
  using Shared = std::map<std::string, std::shared_ptr<const Prefilter>>;

  ScanGroups();
  // `rules` by Direction of the bytes. `views`: whether they differ by AppView.
  // Throws std::runtime_error where Hyperscan fails.
  void build(const std::vector<ScanRule> (&rules)[2], bool views, DatabaseCache& cache,
             Shared& shared);

  const ScanGroup& group(Direction of, uint16_t server_port, AppView app) const noexcept {
    const size_t index = port_class_[server_port] * kAppViews + static_cast<size_t>(app);
    return groups_[static_cast<size_t>(of)][index];
  }
  // Nothing is looked for in any of them.
  bool empty() const noexcept { return empty_; }
  size_t port_classes() const noexcept { return groups_[0].size() / kAppViews; }

 private:
  std::vector<uint8_t> port_class_;  // by port
  std::vector<ScanGroup> groups_[2];  // class of ports times kAppViews and AppView
  bool empty_ = true;
};

// Builds one prefilter, or takes one that looks for the same: literal and nocase
// to the rules that want it, which are taken away.
std::shared_ptr<const Prefilter> make_prefilter(
    std::map<std::pair<std::string, bool>, std::vector<Prefilter::Use>>& patterns,
    DatabaseCache& cache, ScanGroups::Shared& shared);

}  // namespace sluice::rules
