// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/forwarding/route_table.h"

#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_memory.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

namespace sluice {

namespace {

// EAL's registries want names; those of a running policy and of the one that
// is compiled beside it must differ.
std::string unique_name(const char* kind) {
  static std::atomic<unsigned> number{0};
  return std::string("sluice_") + kind + "_" + std::to_string(number++);
}

[[noreturn]] void fail(const char* call, int error) {
  throw std::runtime_error(std::string(call) + ": " + rte_strerror(error));
}

// Blocks of 256 entries that prefixes longer than 24 bits need: one for each
// whole byte behind the third, at each distinct leading part.
uint32_t blocks_of(const std::vector<RouteTable::Route>& routes, uint8_t family) {
  std::set<std::pair<unsigned, std::array<uint8_t, 16>>> blocks;
  for (const RouteTable::Route& route : routes) {
    if (route.prefix.address.family != family) continue;
    for (unsigned bits = 24; bits < route.prefix.length; bits += 8) {
      std::array<uint8_t, 16> lead{};
      std::copy_n(route.prefix.address.bytes.begin(), bits / 8, lead.begin());
      blocks.emplace(bits, lead);
    }
  }
  return static_cast<uint32_t>(blocks.size() + 64);
}

size_t count_of(const std::vector<RouteTable::Route>& routes, uint8_t family) {
  return static_cast<size_t>(std::count_if(
      routes.begin(), routes.end(),
      [&](const RouteTable::Route& route) { return route.prefix.address.family == family; }));
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
  if (const size_t n = count_of(routes, 4)) build_ipv4(routes, n, small_table);
  if (const size_t n = count_of(routes, 6)) build_ipv6(routes, n, small_table);
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

void RouteTable::build_ipv4(const std::vector<Route>& routes, size_t count, size_t small_table) {
  rte_fib_conf conf{};
  conf.max_routes = static_cast<int>(count + 1);
  if (count <= small_table) {
    conf.type = RTE_FIB_DUMMY;
  } else {
    conf.type = RTE_FIB_DIR24_8;
    conf.dir24_8.nh_sz = RTE_FIB_DIR24_8_4B;
    conf.dir24_8.num_tbl8 = blocks_of(routes, 4);
  }
  ipv4_.reset(rte_fib_create(unique_name("fib4").c_str(), SOCKET_ID_ANY, &conf));
  if (!ipv4_) fail("rte_fib_create", rte_errno);
  for (const Route& route : routes) {
    if (route.prefix.address.family != 4) continue;
    const int result = rte_fib_add(ipv4_.get(), ipv4_number(route.prefix.address.bytes.data()),
                                   route.prefix.length, add_target(route.target));
    if (result != 0) fail("rte_fib_add", -result);
  }
}

void RouteTable::build_ipv6(const std::vector<Route>& routes, size_t count, size_t small_table) {
  rte_fib6_conf conf{};
  conf.max_routes = static_cast<int>(count + 1);
  if (count <= small_table) {
    conf.type = RTE_FIB6_DUMMY;
  } else {
    conf.type = RTE_FIB6_TRIE;
    conf.trie.nh_sz = RTE_FIB6_TRIE_4B;
    conf.trie.num_tbl8 = blocks_of(routes, 6);
  }
  ipv6_.reset(rte_fib6_create(unique_name("fib6").c_str(), SOCKET_ID_ANY, &conf));
  if (!ipv6_) fail("rte_fib6_create", rte_errno);
  for (const Route& route : routes) {
    if (route.prefix.address.family != 6) continue;
    const int result = rte_fib6_add(ipv6_.get(), route.prefix.address.bytes.data(),
                                    route.prefix.length, add_target(route.target));
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
  uint8_t copy[1][RTE_FIB6_IPV6_ADDR_SIZE];
  std::memcpy(copy[0], address, sizeof(copy[0]));
  uint64_t index = 0;
  rte_fib6_lookup_bulk(ipv6_.get(), copy, &index, 1);
  return static_cast<uint32_t>(index);
}

}  // namespace sluice
