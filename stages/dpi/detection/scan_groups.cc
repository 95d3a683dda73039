// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/detection/scan_groups.h"

#include <algorithm>
#include <set>

#include "stages/dpi/detection/packet_facts.h"

namespace sluice::rules {

namespace {

constexpr size_t kPorts = 65536;
// Rules for so many ports are for all: their complement names few.
constexpr size_t kMostPorts = 16384;

size_t count(const PortSet& ports) {
  size_t sum = 0;
  for (const PortSet::Range& range : ports.ranges()) sum += size_t{range.last} - range.first + 1;
  return sum;
}

bool names_ports(const ScanRule& rule) {
  return rule.ports != nullptr && count(*rule.ports) < kMostPorts;
}

using Sets = std::vector<uint32_t>;  // numbers of port sets, ascending

// Ports to classes; each class with the port sets whose rules it needs.
struct PortClasses {
  std::vector<uint8_t> of_port = std::vector<uint8_t>(kPorts, 0);
  std::vector<std::set<PortSet>> sets;  // by class
};

PortClasses classify(const std::vector<ScanRule> (&rules)[2]) {
  std::map<PortSet, size_t> weights;
  for (const auto& side : rules) {
    for (const ScanRule& rule : side) {
      if (names_ports(rule)) ++weights[*rule.ports];
    }
  }
  std::vector<Sets> of_port(kPorts);
  std::vector<const PortSet*> sets;
  for (const auto& [ports, weight] : weights) {
    for (const PortSet::Range& range : ports.ranges()) {
      for (size_t port = range.first; port <= range.last; ++port) {
        of_port[port].push_back(static_cast<uint32_t>(sets.size()));
      }
    }
    sets.push_back(&ports);
  }
  // A class's rules, and its ports.
  std::map<Sets, size_t> known;
  for (const Sets& of : of_port) ++known[of];
  std::vector<std::pair<size_t, const Sets*>> order;
  for (const auto& [of, ports] : known) {
    size_t weight = 0;
    for (const uint32_t set : of) weight += weights[*sets[set]];
    if (!of.empty()) order.emplace_back(weight, &of);
  }
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first > b.first; });

  PortClasses classes;
  classes.sets.resize(1);  // those that no rule names
  std::map<Sets, uint8_t> numbers{{Sets{}, uint8_t{0}}};
  for (size_t i = 0; i < order.size(); ++i) {
    if (classes.sets.size() <= ScanGroups::kOwnPortClasses) classes.sets.emplace_back();
    // Beyond that the last one takes them all.
    for (const uint32_t set : *order[i].second) classes.sets.back().insert(*sets[set]);
    numbers[*order[i].second] = static_cast<uint8_t>(classes.sets.size() - 1);
  }
  for (size_t port = 0; port < kPorts; ++port) classes.of_port[port] = numbers[of_port[port]];
  return classes;
}

std::array<uint64_t, 4> holding_flags(const RuleTcpFlags& wanted) {
  std::array<uint64_t, 4> bits{};
  for (unsigned flags = 0; flags < 256; ++flags) {
    if (holds(wanted, static_cast<uint8_t>(flags))) bits[flags / 64] |= uint64_t{1} << flags % 64;
  }
  return bits;
}

using Patterns = std::map<std::pair<std::string, bool>, std::vector<Prefilter::Use>>;

}  // namespace

std::shared_ptr<const Prefilter> make_prefilter(Patterns& patterns, DatabaseCache& cache,
                                                ScanGroups::Shared& shared) {
  std::vector<Prefilter::Pattern> list;
  std::string key;
  const auto note = [&key](const void* data, size_t size) {
    key.append(static_cast<const char*>(data), size);
  };
  for (auto& [literal, uses] : patterns) {
    const size_t sizes[] = {literal.first.size(), literal.second ? 1u : 0u, uses.size()};
    note(sizes, sizeof sizes);
    key += literal.first;
    for (const Prefilter::Use& use : uses) note(&use, sizeof use);
    list.push_back({literal.first, literal.second, std::move(uses)});
  }
  std::shared_ptr<const Prefilter>& one = shared[key];
  if (!one) one = std::make_shared<const Prefilter>(list, cache);
  return one;
}

ScanGroups::ScanGroups() : port_class_(kPorts, 0) {
  static const auto kNothing = std::make_shared<const Prefilter>();
  for (auto& side : groups_) side.assign(kAppViews, {kNothing, kNothing, {}, {}});
}

void ScanGroups::build(const std::vector<ScanRule> (&rules)[2], bool views, DatabaseCache& cache,
                       Shared& shared) {
  PortClasses classes = classify(rules);
  port_class_ = std::move(classes.of_port);
  for (size_t side = 0; side < 2; ++side) {
    groups_[side].clear();
    for (const std::set<PortSet>& sets : classes.sets) {
      for (size_t view = 0; view < kAppViews; ++view) {
        if (view > 0 && !views) {
          groups_[side].push_back(groups_[side].back());
          continue;
        }
        Patterns front, anywhere;
        ScanGroup group;
        for (const ScanRule& rule : rules[side]) {
          if ((rule.apps >> view & 1) == 0 || (names_ports(rule) && !sets.contains(*rule.ports))) {
            continue;
          }
          empty_ = false;
          if (rule.pattern) {
            const FastPattern& p = *rule.pattern;
            (p.placed() ? front : anywhere)[{p.bytes, p.nocase}].push_back({rule.rule, p.low, p.high});
          } else if (rule.in_stream) {
            group.stream.push_back(rule.rule);
          } else if (rule.flags) {
            group.packets.by_flags.push_back({holding_flags(*rule.flags), rule.rule});
          } else {
            group.packets.always.push_back(rule.rule);
          }
        }
        group.front = make_prefilter(front, cache, shared);
        group.anywhere = make_prefilter(anywhere, cache, shared);
        groups_[side].push_back(std::move(group));
      }
    }
  }
}

}  // namespace sluice::rules
