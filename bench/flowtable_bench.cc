// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Bare look-up of a packet's flow, the entry touched as every packet touches
// it, beside rte_hash doing the same over entries of the same size. Cycles are
// those of the TSC. Keys come from registers: no memory but the tables' own.

#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_memory.h>
#include <sys/mman.h>
#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "flowtable/flow_table.h"

namespace sluice {
namespace {

constexpr unsigned kBurst = 32;
constexpr size_t kTail = 128;
constexpr uint64_t kNow = 1'700'000'000'000'000'000;

uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// The flow's number is spread over addresses and port; two numbers never share a key.
FlowKey make_key(uint32_t n) {
  FlowKey key{};
  const uint64_t random = mix(n);
  const uint32_t client = htonl(0x0a000000U | (n & 0xffffff));
  std::memcpy(key.addr[0].data(), &client, sizeof(client));
  const auto server = static_cast<uint32_t>(random) | 0x80U;
  std::memcpy(key.addr[1].data(), &server, sizeof(server));
  key.port[0] = static_cast<uint16_t>(random >> 32);
  key.port[1] = htons(443);
  key.proto = IPPROTO_TCP;
  key.family = kFamilyIpv4;
  normalise(key);
  return key;
}

// What an IPv4-only table would need.
struct ShortKey {
  uint32_t addr[2];
  uint16_t port[2];
  uint16_t zone;
  uint8_t proto;
  uint8_t family;
};
static_assert(sizeof(ShortKey) == 16);

ShortKey shorten(const FlowKey& key) {
  ShortKey s{};
  std::memcpy(&s.addr[0], key.addr[0].data(), sizeof(s.addr[0]));
  std::memcpy(&s.addr[1], key.addr[1].data(), sizeof(s.addr[1]));
  s.port[0] = key.port[0];
  s.port[1] = key.port[1];
  s.zone = key.zone;
  s.proto = key.proto;
  s.family = key.family;
  return s;
}

// Random order over all flows and both directions.
struct Traffic {
  uint32_t flows;
  uint64_t state = 88172645463325252;

  uint64_t next() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
  }
  uint32_t flow() { return static_cast<uint32_t>(((next() >> 32) * flows) >> 32); }
};

uint64_t begin_cycles() {
  _mm_lfence();
  return __rdtsc();
}
uint64_t end_cycles() {
  unsigned core;
  const uint64_t now = __rdtscp(&core);
  _mm_lfence();
  return now;
}

// The median burst: other work on the machine stretches some bursts by a time
// slice and would govern a mean.
class Bursts {
 public:
  void add(uint64_t cycles) { ++count_[std::min<size_t>(cycles, count_.size() - 1)]; }
  double per_packet(double share) const {
    uint64_t all = 0;
    for (uint64_t n : count_) all += n;
    uint64_t seen = 0;
    size_t cycles = 0;
    while (cycles < count_.size() - 1) {
      seen += count_[cycles];
      if (static_cast<double>(seen) >= share * static_cast<double>(all)) break;
      ++cycles;
    }
    return static_cast<double>(cycles) / kBurst;
  }

 private:
  std::vector<uint64_t> count_ = std::vector<uint64_t>(1 << 16);
};

void report(benchmark::State& state, const Bursts& bursts, uint64_t missed, size_t memory) {
  const auto packets = static_cast<double>(state.iterations()) * kBurst;
  state.counters["cycles/packet"] = bursts.per_packet(0.5);
  state.counters["p10"] = bursts.per_packet(0.1);
  state.counters["MiB"] = static_cast<double>(memory) / (1 << 20);
  state.SetItemsProcessed(static_cast<int64_t>(packets));
  if (missed != 0) state.SkipWithError("a flow was not found");
}

void flow_table(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  FlowTableOptions options;
  options.capacity = flows;
  options.tail_size = kTail;
  options.seed = 1;
  FlowTable table(options);
  for (uint32_t n = 0; n < flows; ++n) {
    const FlowKey key = make_key(n);
    Flow* flow = table.create(key, table.hash(key), 0, kNow);
    flow->state = FlowState::Established;
  }
  Traffic traffic{flows};
  std::array<FlowKey, kBurst> keys;
  std::array<const FlowKey*, kBurst> pointers;
  for (unsigned i = 0; i < kBurst; ++i) pointers[i] = &keys[i];
  std::array<uint64_t, kBurst> hashes;
  std::array<Flow*, kBurst> found;
  Bursts bursts;
  uint64_t missed = 0;
  uint64_t now = kNow;
  for (auto _ : state) {
    for (FlowKey& key : keys) key = make_key(traffic.flow());
    const uint64_t directions = traffic.next();
    now += 1000;
    const uint64_t begin = begin_cycles();
    table.lookup_bulk(pointers.data(), kBurst, now, hashes.data(), found.data());
    for (unsigned i = 0; i < kBurst; ++i) {
      if (found[i] == nullptr) {
        ++missed;
        continue;
      }
      account(*found[i], static_cast<Direction>((directions >> i) & 1), 64, now);
    }
    bursts.add(end_cycles() - begin);
  }
  report(state, bursts, missed, table.memory_bytes());
}

struct HashDeleter {
  void operator()(rte_hash* hash) const { rte_hash_free(hash); }
};

template <typename Key>
Key key_of(uint32_t n) {
  if constexpr (sizeof(Key) == sizeof(FlowKey)) {
    return make_key(n);
  } else {
    return shorten(make_key(n));
  }
}

template <typename Key>
void dpdk_hash(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  rte_hash_parameters parameters{};
  parameters.name = "bench";
  parameters.entries = flows + flows / 8;  // it refuses keys before it is full
  parameters.key_len = sizeof(Key);
  parameters.hash_func = rte_hash_crc;
  const std::unique_ptr<rte_hash, HashDeleter> hash(rte_hash_create(&parameters));
  if (hash == nullptr) {
    state.SkipWithError("rte_hash_create failed");
    return;
  }
  constexpr size_t kEntry = Flow::kHeadSize + kTail;
  FlowMemory memory(kEntry * flows, true, -1);
  auto entry = [&](uint64_t n) { return reinterpret_cast<Flow*>(memory.data() + n * kEntry); };
  for (uint32_t n = 0; n < flows; ++n) {
    const Key key = key_of<Key>(n);
    if (rte_hash_add_key_data(hash.get(), &key, entry(n)) != 0) {
      state.SkipWithError("rte_hash refused a key");
      return;
    }
    entry(n)->last_seen_ns = kNow;
  }
  Traffic traffic{flows};
  std::array<Key, kBurst> keys;
  std::array<const void*, kBurst> pointers;
  std::array<void*, kBurst> found;
  for (unsigned i = 0; i < kBurst; ++i) pointers[i] = &keys[i];
  Bursts bursts;
  uint64_t missed = 0;
  uint64_t now = kNow;
  for (auto _ : state) {
    for (Key& key : keys) key = key_of<Key>(traffic.flow());
    const uint64_t directions = traffic.next();
    now += 1000;
    const uint64_t begin = begin_cycles();
    uint64_t hits = 0;
    rte_hash_lookup_bulk_data(hash.get(), pointers.data(), kBurst, &hits, found.data());
    for (unsigned i = 0; i < kBurst; ++i) {
      const auto* data = static_cast<const std::byte*>(found[i]);
      __builtin_prefetch(data, 1);
      __builtin_prefetch(data + 64, 1);
      __builtin_prefetch(data + Flow::kHeadSize);
    }
    for (unsigned i = 0; i < kBurst; ++i) {
      if (((hits >> i) & 1) == 0) {
        ++missed;
        continue;
      }
      account(*static_cast<Flow*>(found[i]), static_cast<Direction>((directions >> i) & 1), 64,
              now);
    }
    bursts.add(end_cycles() - begin);
  }
  report(state, bursts, missed, memory.size());
}

BENCHMARK(flow_table)->Arg(1000)->Arg(100'000)->Arg(1 << 20)->Arg(4 << 20);
BENCHMARK(dpdk_hash<FlowKey>)
    ->Name("rte_hash_40")
    ->Arg(1000)
    ->Arg(100'000)
    ->Arg(1 << 20)
    ->Arg(4 << 20);
BENCHMARK(dpdk_hash<ShortKey>)
    ->Name("rte_hash_16")
    ->Arg(1000)
    ->Arg(100'000)
    ->Arg(1 << 20)
    ->Arg(4 << 20);

// EAL's memory without hugetlbfs is of plain pages: ask for the same merging
// that the flow table asks for.
int merge_pages(const rte_memseg_list* list, void*) {
  madvise(list->base_va, list->len, MADV_HUGEPAGE);
  return 0;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  std::vector<std::string> arguments = {argv[0],       "--no-huge",        "--no-pci",
                                        "--no-shconf", "--no-telemetry",   "-m",
                                        "3072",        "--log-level=error"};
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) {
    std::fprintf(stderr, "flowtable_bench: EAL does not start\n");
    return 1;
  }
  rte_memseg_list_walk(sluice::merge_pages, nullptr);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  rte_eal_cleanup();
  return 0;
}
