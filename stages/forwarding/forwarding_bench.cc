// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a packet costs: route look-up by kind and size of the table, and the
// rewriting of its headers.
#include <benchmark/benchmark.h>
#include <rte_eal.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "stages/forwarding/packet_rewrite.h"
#include "stages/forwarding/route_table.h"

namespace sluice {
namespace {

void find_route(benchmark::State& state) {
  const bool v4 = state.range(0) == 4;
  const auto count = static_cast<size_t>(state.range(1));
  std::mt19937 random(1);
  std::vector<RouteTable::Route> routes;
  for (size_t i = 0; i < count; ++i) {
    IpPrefix p;
    p.address.family = v4 ? 4 : 6;
    p.length = v4 ? 24 : 32;
    const uint32_t number = static_cast<uint32_t>(i) * (v4 ? 16'777'216 / 20'011 : 1) & 0xffffff;
    p.address.bytes = {v4 ? uint8_t(number >> 16) : uint8_t{0x20}, uint8_t(number >> (v4 ? 8 : 16)),
                       v4 ? uint8_t(number) : uint8_t(number >> 8),
                       v4 ? uint8_t{0} : uint8_t(number)};
    routes.push_back({p, {RouteTarget::Kind::NextHop, static_cast<uint16_t>(i), {}}});
  }
  const RouteTable table(routes);
  size_t at = 0;
  for (auto _ : state) {
    const uint8_t* address = routes[at].prefix.address.bytes.data();
    benchmark::DoNotOptimize(v4 ? table.find_ipv4(address) : table.find_ipv6(address));
    at = (at + 7919) % count;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(find_route)->ArgNames({"family", "routes"})->ArgsProduct({{4, 6}, {10, 1'000, 20'000}});

void decrement_ttl(benchmark::State& state) {
  rte_ipv4_hdr ip{};
  ip.version_ihl = RTE_IPV4_VHL_DEF;
  ip.next_proto_id = IPPROTO_UDP;
  for (auto _ : state) {
    ip.time_to_live = 64;
    decrement_ipv4_ttl(ip);
    benchmark::DoNotOptimize(ip);
  }
}
BENCHMARK(decrement_ttl);

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  std::vector<std::string> words = {"bench",          "--no-huge", "--no-pci", "--no-shconf",
                                    "--no-telemetry", "-m",        "512"};
  std::vector<char*> eal;
  for (std::string& word : words) eal.push_back(word.data());
  if (rte_eal_init(static_cast<int>(eal.size()), eal.data()) < 0) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
