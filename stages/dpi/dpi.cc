// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/dpi.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include "stages/dpi/dpi_policy.h"
#include "stages/dpi/dpi_stage.h"

namespace sluice {

namespace {

constexpr CounterInfo kCounters[] = {
    {"flows", "flows whose inspection began", offsetof(DpiCounters, flows)},
    {"packets", "packets handed to nDPI", offsetof(DpiCounters, packets)},
    {"bytes", "IP bytes handed to nDPI", offsetof(DpiCounters, bytes)},
    {"classified", "flows that nDPI recognised", offsetof(DpiCounters, classified)},
    {"given_up", "flows at the packet limit, over max_cycles, ended or evicted while undecided",
     offsetof(DpiCounters, given_up)},
    {"guessed", "flows given up and named by port or address", offsetof(DpiCounters, guessed)},
    {"unknown", "flows decided without a name", offsetof(DpiCounters, unknown)},
    {"overload_dropped", "packets dropped because the arena was used up",
     offsetof(DpiCounters, overload_dropped)},
    {"overload_bypassed", "flows let past dpi because the arena was used up",
     offsetof(DpiCounters, overload_bypassed)},
    {"arena_exhausted", "packets of flows under inspection that found the arena used up",
     offsetof(DpiCounters, arena_exhausted)},
    {"cycles_exceeded", "flows given up because one packet took more than max_cycles",
     offsetof(DpiCounters, cycles_exceeded)},
    {"evicted",
     "inspections ended early to make room; with many beside given_up, somebody sends junk in many "
     "flows",
     offsetof(DpiCounters, evicted)},
    {"restarted", "inspections begun again because an old policy had to go",
     offsetof(DpiCounters, restarted)},
    {"hosts_lost", "host names not kept for want of memory", offsetof(DpiCounters, hosts_lost)},
    {"http_requests", "HTTP requests read", offsetof(DpiCounters, http_requests)},
    {"tls_flows", "TLS handshakes told of", offsetof(DpiCounters, tls_flows)},
    {"quic_flows", "QUIC handshakes told of", offsetof(DpiCounters, quic_flows)},
    {"dns_queries", "DNS queries read", offsetof(DpiCounters, dns_queries)},
    {"scanned_packets", "packets of flows that signatures apply to",
     offsetof(DpiCounters, scanned_packets)},
    {"alerts", "signatures matched, once a packet each", offsetof(DpiCounters, alerts)},
    {"signature_drops", "packets dropped by a signature; the rest of the flow is not in this count",
     offsetof(DpiCounters, signature_drops)},
};
static_assert(std::size(kCounters) * sizeof(uint64_t) == sizeof(DpiCounters));

constexpr DropReason kDropReasons[] = {
    {"signature", "a signature with the action drop matched: this packet, then all of the flow"},
    {"overload",
     "the arena was used up and on_overload is \"drop\": more flows at once than dpi was sized "
     "for, "
     "or an attack"},
};

std::string show_applications(const CommandContext& context) {
  std::vector<uint64_t> flows(DpiStage::kMaxApplications);
  for (const Stage* stage : context.stages) {
    const auto& of_lane = static_cast<const DpiStage*>(stage)->flows_by_application();
    std::transform(of_lane.begin(), of_lane.end(), flows.begin(), flows.begin(), std::plus<>());
  }
  std::vector<size_t> order;
  for (size_t i = 0; i < flows.size(); ++i) {
    if (flows[i] != 0) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return flows[a] > flows[b]; });
  const auto& names = static_cast<const DpiPolicy&>(context.policy).names->applications;
  std::string text = "application                 flows\n";
  for (const size_t i : order) {
    char line[80];
    std::snprintf(line, sizeof line, "%-20s %12llu\n",
                  i < names.size() ? names[i].c_str() : std::to_string(i).c_str(),
                  static_cast<unsigned long long>(flows[i]));
    text += line;
  }
  return text;
}

std::string show_memory(const CommandContext& context) {
  std::string text =
      "lane  inspections      arena KiB (peak, of)          refused  module KiB  hosts KiB (of)\n";
  for (size_t lane = 0; lane < context.parts.size(); ++lane) {
    const auto* part = static_cast<const DpiPart*>(context.parts[lane]);
    const Arena& hosts = static_cast<const DpiStage*>(context.stages[lane])->host_memory();
    if (part == nullptr) continue;
    char line[192];
    std::snprintf(line, sizeof line, "%4zu  %7u of %-7u %9zu (%zu, %zu) %14llu %11zu  %zu (%zu)\n",
                  lane, part->pool.in_use(), part->pool.capacity(), part->arena.in_use() / 1024,
                  part->arena.peak() / 1024, part->arena.capacity() / 1024,
                  static_cast<unsigned long long>(part->arena.exhausted()),
                  part->engine.memory_bytes() / 1024, hosts.in_use() / 1024,
                  hosts.capacity() / 1024);
    text += line;
  }
  return text;
}

constexpr StageCommand kCommands[] = {
    {"applications", "flows decided, by application", show_applications},
    {"memory", "inspections, arena, nDPI module and host names of each lane", show_memory},
};

}  // namespace

constexpr StageType kDpiStage = {
    .name = "dpi",
    .help = "names each flow's application (nDPI) and matches signatures (Hyperscan)",
    .icmp_errors = true,
    .flow_slot_size = 8,
    .counters = kCounters,
    .drop_reasons = kDropReasons,
    .commands = kCommands,
    .compile = compile_dpi_policy,
    .create_lane_part = create_dpi_part,
    .create = [](const StageResources& resources) -> std::unique_ptr<Stage> {
      return std::make_unique<DpiStage>(resources);
    },
};

}  // namespace sluice
