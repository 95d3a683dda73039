// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What it costs to judge a flow: its first packet, or one behind a change.
// Packets of settled flows never come here.
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "app/eal.h"
#include "stages/firewall/rule_table.h"

namespace sluice {
namespace {

using namespace firewall;

constexpr unsigned kFlows = 8192;  // more than the caches of a core keep
constexpr unsigned kBurst = 32;
constexpr unsigned kGroups = 64;

class Generator {
 public:
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }

  // Sites are /16, networks of them /24, as an enterprise numbers itself.
  FlowAddress address(uint8_t family) {
    FlowAddress a{};
    const auto site = static_cast<uint8_t>(below(32)), network = static_cast<uint8_t>(below(64));
    const auto host = static_cast<uint8_t>(1 + below(254));
    if (family == 4) return FlowAddress{10, site, network, host};
    a = {0x20, 0x01, 0x0d, 0xb8, 0, site, 0, network};
    a[15] = host;
    return a;
  }

  IpPrefix prefix(uint8_t family) {
    const bool whole_site = below(8) == 0;
    IpPrefix p;
    p.address.family = family;
    p.length = static_cast<uint8_t>(family == 4 ? (whole_site ? 16 : 24) : (whole_site ? 48 : 64));
    const FlowAddress a = address(family);
    std::memcpy(p.address.bytes.data(), a.data(), p.length / 8u);
    return p;
  }

  uint16_t port() {
    constexpr std::array<uint16_t, 16> kCommon = {22,  25,  53,  80,   110,  123,  143,  389,
                                                  443, 445, 993, 1433, 3306, 3389, 5432, 8080};
    return kCommon[below(kCommon.size())];
  }

 private:
  std::mt19937_64 random_{1};
};

enum Kind : int64_t { kTuples, kGroupsToGroups, kApplications };

Rule make_rule(Generator& g, Kind kind, uint8_t family) {
  Rule r;
  r.protocols = {static_cast<uint8_t>(g.below(4) ? IPPROTO_TCP : IPPROTO_UDP)};
  const uint16_t port = g.port();
  r.ports = {{port, port}};
  r.from.any = r.to.any = false;
  if (kind == kGroupsToGroups) {
    r.from.groups = {g.below(kGroups)};
    r.to.groups = {g.below(kGroups)};
    return r;
  }
  r.from.prefixes = {g.prefix(family)};
  r.to.prefixes = {g.prefix(family)};
  if (kind == kApplications)
    r.conditions.applications = {{static_cast<uint16_t>(1 + g.below(200))}};
  return r;
}

// One rule in 16 of an applications' table has a condition on the application;
// a table of groups is all groups.
std::vector<Rule> make_rules(Generator& g, Kind kind, uint8_t family, unsigned n) {
  std::vector<Rule> rules;
  for (unsigned i = 0; i < n; ++i) {
    rules.push_back(make_rule(g, kind == kApplications && i % 16 != 0 ? kTuples : kind, family));
  }
  return rules;
}

class Flows {
 public:
  Flows(Generator& g, uint8_t family, const std::vector<GroupSetId>& sets) : entries_(kFlows) {
    for (Entry& entry : entries_) {
      auto* flow = reinterpret_cast<Flow*>(entry.memory.data());
      flow->tail_distance = Flow::kHeadSize / 8;
      FlowKey& key = flow->key;
      key.addr[0] = g.address(family);
      key.addr[1] = g.address(family);
      key.port[0] = static_cast<uint16_t>(g.below(65536));
      key.port[1] = rte_cpu_to_be_16(g.port());
      key.proto = g.below(4) ? IPPROTO_TCP : IPPROTO_UDP;
      key.family = family;
      flow->originator_end = normalise(key) ? 1 : 0;
      FlowContext& c = context(*flow);
      c.source_groups = sets[g.below(static_cast<unsigned>(sets.size()))];
      c.destination_groups = sets[g.below(static_cast<unsigned>(sets.size()))];
      c.app_progress = AppProgress::Final;
      c.app = static_cast<uint16_t>(1 + g.below(200));
      pointers_.push_back(flow);
    }
  }
  const Flow* const* at(unsigned i) const { return pointers_.data() + i; }

 private:
  struct alignas(64) Entry {
    std::array<std::byte, Flow::kHeadSize + 128> memory{};
  };
  std::vector<Entry> entries_;
  std::vector<const Flow*> pointers_;
};

void judge_new_flows(benchmark::State& state) {
  const auto family = static_cast<uint8_t>(state.range(0));
  const auto kind = static_cast<Kind>(state.range(1));
  Generator g;
  Directory directory;
  std::vector<GroupSetId> sets;
  for (unsigned i = 0; i < 200; ++i) {
    GroupBits bits;
    for (unsigned n = 1 + g.below(3); n > 0; --n) bits.set(g.below(kGroups));
    GroupSetId id = 0;
    directory.intern_group_set(bits, id);
    sets.push_back(id);
  }
  const uint64_t compile_begin = rte_rdtsc();
  const RuleTable table(make_rules(g, kind, family, static_cast<unsigned>(state.range(2))));
  const uint64_t compile_cycles = rte_rdtsc() - compile_begin;
  const Flows flows(g, family, sets);

  Judgement judgements[kBurst];
  std::vector<uint64_t> cycles;
  uint64_t judged = 0, matched = 0;
  unsigned at = 0;
  for (auto _ : state) {
    const uint64_t begin = rte_rdtsc();
    table.judge(flows.at(at), kBurst, directory, judgements);
    cycles.push_back(rte_rdtsc() - begin);
    judged += kBurst;
    for (const Judgement& j : judgements) matched += j.match != kNoRule;
    at = (at + kBurst) % kFlows;
  }
  // The median burst: others may share the core.
  std::nth_element(cycles.begin(), cycles.begin() + static_cast<ptrdiff_t>(cycles.size() / 2),
                   cycles.end());
  state.counters["cycles/flow"] = static_cast<double>(cycles[cycles.size() / 2]) / kBurst;
  state.counters["compile_ms"] =
      1e3 * static_cast<double>(compile_cycles) / static_cast<double>(rte_get_tsc_hz());
  state.counters["matched"] = static_cast<double>(matched) / static_cast<double>(judged);
  const FamilyTable& used = family == 4 ? table.ipv4() : table.ipv6();
  state.counters["entries"] = static_cast<double>(used.acl_entries());
  state.counters["overflow"] = static_cast<double>(used.overflow());
}

BENCHMARK(judge_new_flows)
    ->ArgNames({"family", "kind", "rules"})
    ->ArgsProduct({{4, 6}, {kTuples, kGroupsToGroups, kApplications}, {16, 500, 5000}})
    ->Args({4, kTuples, 100'000});

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  sluice::start_private_eal(1024);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
