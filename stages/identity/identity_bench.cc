// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a new flow costs: both ends looked up among 1 k to 1 M prefixes.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <vector>

#include "stages/identity/binding_table.h"

namespace sluice {
namespace {

IpPrefix random_prefix(std::mt19937& random, uint8_t family) {
  IpPrefix p;
  p.address.family = family;
  p.length = static_cast<uint8_t>(family == 4 ? 16 + random() % 17 : 32 + random() % 97);
  for (size_t i = 0; i < (family == 4 ? 4u : 16u); ++i) {
    p.address.bytes[i] = static_cast<uint8_t>(random());
  }
  if (family == 6) p.address.bytes[0] = 0x20;
  for (unsigned bit = p.length; bit < (family == 4 ? 32u : 128u); ++bit) {
    p.address.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80u >> bit % 8));
  }
  return p;
}

void find_both_ends(benchmark::State& state) {
  const auto family = static_cast<uint8_t>(state.range(0));
  const auto count = static_cast<uint32_t>(state.range(1));
  std::mt19937 random(1);
  BindingTable table;
  std::vector<FlowAddress> addresses;
  for (uint32_t i = 0; i < count; ++i) {
    const IpPrefix p = random_prefix(random, family);
    table.add(p, {}, i);
    addresses.push_back(p.address.bytes);
  }
  table.build();
  std::shuffle(addresses.begin(), addresses.end(), random);
  size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.find(addresses[at], family, {1, 1}));
    benchmark::DoNotOptimize(table.find(addresses[(at + 1) % addresses.size()], family, {1, 2}));
    at = (at + 2) % addresses.size();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(find_both_ends)
    ->ArgNames({"family", "prefixes"})
    ->ArgsProduct({{4, 6}, {1'000, 100'000, 1'000'000}});

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
