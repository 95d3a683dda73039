// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Keys, options and shorthands for the flow table's tests.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "flowtable/flow_table.h"

namespace sluice::test {

inline constexpr uint64_t kSecond = 1'000'000'000;
inline constexpr uint64_t kStart = 1'700'000'000 * kSecond;  // Unix epoch, ns

// A different flow for each `n`; normalised.
inline FlowKey make_key(uint32_t n, uint8_t family = kFamilyIpv4, uint8_t proto = IPPROTO_TCP) {
  FlowKey key{};
  const std::array<uint8_t, 4> number = {static_cast<uint8_t>(n >> 24),
                                         static_cast<uint8_t>(n >> 16),
                                         static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)};
  if (family == kFamilyIpv4) {
    std::memcpy(key.addr[0].data(), number.data(), 4);
    key.addr[1] = {192, 0, 2, 1};
  } else {
    key.addr[0] = {0x20, 0x01, 0x0d, 0xb8};
    std::memcpy(key.addr[0].data() + 12, number.data(), 4);
    key.addr[1] = {0x20, 0x01, 0x0d, 0xb8, 0xff};
  }
  key.port[0] = htons(static_cast<uint16_t>(1024 + n % 60000));
  key.port[1] = htons(443);
  key.proto = proto;
  key.family = family;
  normalise(key);
  return key;
}

inline FlowTableOptions small_options(uint32_t capacity = 64) {
  FlowTableOptions options;
  options.capacity = capacity;
  options.huge_pages = false;
  options.seed = 42;
  return options;
}

inline Flow* create(FlowTable& table, const FlowKey& key, uint64_t now_ns = kStart) {
  return table.create(key, table.hash(key), 0, now_ns);
}

inline std::vector<Flow*> take_all(FlowTable& table) {
  std::vector<Flow*> all;
  std::array<Flow*, 32> some;
  while (const unsigned n = table.take_ended(some))
    all.insert(all.end(), some.begin(), some.begin() + n);
  return all;
}

// As the first worker does when the events come back; returns how many.
inline size_t release_all(FlowTable& table) {
  const std::vector<Flow*> all = take_all(table);
  for (Flow* flow : all) table.release(*flow);
  return all.size();
}

// lookup_bulk() for keys that lie side by side.
inline void look_up(FlowTable& table, const FlowKey* keys, unsigned n, uint64_t now_ns,
                    uint64_t* hashes, Flow** found) {
  std::array<const FlowKey*, FlowTable::kMaxBurst> pointers;
  for (unsigned i = 0; i < n; ++i) pointers[i] = &keys[i];
  table.lookup_bulk(pointers.data(), n, now_ns, hashes, found);
}

}  // namespace sluice::test
