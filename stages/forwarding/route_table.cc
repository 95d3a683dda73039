// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/forwarding/route_table.h"

#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_memory.h>
#include <rte_version.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <string>
#include <tuple>

namespace sluice {

namespace {

// DPDK 24.11 gave IPv6 addresses a type of their own.
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
using FibAddress = rte_ipv6_addr;
const rte_ipv6_addr* fib_argument(const FibAddress& address) {
  return &address;
}
#else
using FibAddress = uint8_t[RTE_FIB6_IPV6_ADDR_SIZE];
const uint8_t* fib_argument(const FibAddress& address) {
  return address;
}
#endif

// EAL's registries want names; those of a running policy and of the one that
// is compiled beside it must differ.
std::string unique_name(const char* kind) {
  static std::atomic<unsigned> number{0};
  return std::string("sluice_") + kind + "_" + std::to_string(number++);
}

[[noreturn]] void fail(const char* call, int error) {
  throw std::runtime_error(std::string(call) + ": " + rte_strerror(error));
}

// Shorter prefixes before the longer ones that they cover.
std::vector<const RouteTable::Route*> sorted(const std::vector<RouteTable::Route>& routes,
                                             uint8_t family) {
  std::vector<const RouteTable::Route*> out;
  for (const RouteTable::Route& route : routes) {
    if (route.prefix.address.family == family) out.push_back(&route);
  }
  std::sort(out.begin(), out.end(), [](const auto* a, const auto* b) {
    return std::tie(a->prefix.address.bytes, a->prefix.length) <
           std::tie(b->prefix.address.bytes, b->prefix.length);
  });
  return out;
}

constexpr uint32_t kSpareBlocks = 64;

// Blocks of 256 entries that prefixes longer than 24 bits need.
uint32_t ipv4_blocks(const std::vector<const RouteTable::Route*>& routes) {
  uint32_t blocks = kSpareBlocks;
  const uint8_t* last = nullptr;
  for (const RouteTable::Route* route : routes) {
    const uint8_t* bytes = route->prefix.address.bytes.data();
    if (route->prefix.length <= 24 || (last != nullptr && std::memcmp(last, bytes, 3) == 0)) {
      continue;
    }
    last = bytes;
    ++blocks;
  }
  return blocks;
}

// The trie reserves for each route a block for every byte between the prefix
// that covers it and its own end, though neighbours may share them.
uint32_t ipv6_blocks(const std::vector<const RouteTable::Route*>& routes) {
  const auto bytes_of = [](const IpPrefix& p) { return (p.length + 7u) / 8; };
  uint32_t blocks = kSpareBlocks;
  std::vector<const IpPrefix*> covering;
  for (const RouteTable::Route* route : routes) {
    const IpPrefix& prefix = route->prefix;
    while (!covering.empty() && !covering.back()->contains(prefix.address)) covering.pop_back();
    const unsigned base = std::max(3u, covering.empty() ? 0 : bytes_of(*covering.back()));
    if (bytes_of(prefix) > base) blocks += bytes_of(prefix) - base;
    covering.push_back(&prefix);
  }
  return blocks;
}

uint32_t ipv4_number(const uint8_t* address) {
  uint32_t number;
  std::memcpy(&number, address, sizeof(number));
  return __builtin_bswap32(number);
}

}  // namespace

void RouteTable::FreeFib::operator()(rte_fib* fib) const noexcept {
  rte_fib_free(fib);
}
void RouteTable::FreeFib::operator()(rte_fib6* fib) const noexcept {
  rte_fib6_free(fib);
}

RouteTable::RouteTable(const std::vector<Route>& routes, size_t small_table) {
  targets_.emplace_back();
  build_ipv4(sorted(routes, 4), small_table);
  build_ipv6(sorted(routes, 6), small_table);
}

RouteTable::~RouteTable() = default;

// Routes that lead to the same place follow one another in a configuration.
uint32_t RouteTable::add_target(const RouteTarget& target) {
  const RouteTarget& last = targets_.back();
  if (last.kind != target.kind || last.port != target.port || !(last.mac == target.mac)) {
    targets_.push_back(target);
  }
  return static_cast<uint32_t>(targets_.size() - 1);
}

void RouteTable::build_ipv4(const std::vector<const Route*>& routes, size_t small_table) {
  if (routes.empty()) return;
  rte_fib_conf conf{};
  conf.max_routes = static_cast<int>(routes.size() + 1);
  if (routes.size() <= small_table) {
    conf.type = RTE_FIB_DUMMY;
  } else {
    conf.type = RTE_FIB_DIR24_8;
    conf.dir24_8.nh_sz = RTE_FIB_DIR24_8_4B;
    conf.dir24_8.num_tbl8 = ipv4_blocks(routes);
  }
  ipv4_.reset(rte_fib_create(unique_name("fib4").c_str(), SOCKET_ID_ANY, &conf));
  if (!ipv4_) fail("rte_fib_create", rte_errno);
  for (const Route* route : routes) {
    const int result = rte_fib_add(ipv4_.get(), ipv4_number(route->prefix.address.bytes.data()),
                                   route->prefix.length, add_target(route->target));
    if (result != 0) fail("rte_fib_add", -result);
  }
}

void RouteTable::build_ipv6(const std::vector<const Route*>& routes, size_t small_table) {
  if (routes.empty()) return;
  rte_fib6_conf conf{};
  conf.max_routes = static_cast<int>(routes.size() + 1);
  if (routes.size() <= small_table) {
    conf.type = RTE_FIB6_DUMMY;
  } else {
    conf.type = RTE_FIB6_TRIE;
    conf.trie.nh_sz = RTE_FIB6_TRIE_4B;
    conf.trie.num_tbl8 = ipv6_blocks(routes);
  }
  ipv6_.reset(rte_fib6_create(unique_name("fib6").c_str(), SOCKET_ID_ANY, &conf));
  if (!ipv6_) fail("rte_fib6_create", rte_errno);
  for (const Route* route : routes) {
    FibAddress address;
    std::memcpy(&address, route->prefix.address.bytes.data(), sizeof(address));
    const int result = rte_fib6_add(ipv6_.get(), fib_argument(address), route->prefix.length,
                                    add_target(route->target));
    if (result != 0) fail("rte_fib6_add", -result);
  }
}

uint32_t RouteTable::find_ipv4(const uint8_t* address) const noexcept {
  if (!ipv4_) return 0;
  uint32_t number = ipv4_number(address);
  uint64_t index = 0;
  rte_fib_lookup_bulk(ipv4_.get(), &number, &index, 1);
  return static_cast<uint32_t>(index);
}

uint32_t RouteTable::find_ipv6(const uint8_t* address) const noexcept {
  if (!ipv6_) return 0;
  FibAddress copy;
  std::memcpy(&copy, address, sizeof(copy));
  uint64_t index = 0;
  rte_fib6_lookup_bulk(ipv6_.get(), &copy, &index, 1);
  return static_cast<uint32_t>(index);
}

}  // namespace sluice
