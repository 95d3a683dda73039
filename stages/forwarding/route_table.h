// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Where a destination address leads: one longest-prefix match over connected
// networks, static routes, neighbours and the addresses that need care. One
// table a routing domain (zone).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "config/net_types.h"

struct rte_fib;
struct rte_fib6;

namespace sluice {

struct RouteTarget {
  enum class Kind : uint8_t {
    None,       // no route
    NextHop,    // out of `port` to `mac`
    Connected,  // in a network of `port`, but no neighbour entry
    Self,       // an address of one of the domain's ports
    Broadcast,  // IPv4: of a connected network, or that network's own number
  };
  Kind kind = Kind::None;
  uint16_t port = 0;  // position in Config::ports
  MacAddress mac;
};

class RouteTable {
 public:
  struct Route {
    IpPrefix prefix;
    RouteTarget target;
  };

  // Tables with more routes of a family than this are made for speed (DIR24_8,
  // trie: 64 MiB or more); smaller ones walk a tree.
  static constexpr size_t kSmallTable = 10'000;

  // Prefixes are distinct. Throws std::runtime_error where memory is missing.
  // Compiler thread, as the destructor.
  explicit RouteTable(const std::vector<Route>& routes, size_t small_table = kSmallTable);
  ~RouteTable();
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;

  // ---- workers: network byte order ----

  // Index for target(); 0: no route.
  uint32_t find_ipv4(const uint8_t* address) const noexcept;
  uint32_t find_ipv6(const uint8_t* address) const noexcept;
  const RouteTarget& target(uint32_t index) const noexcept { return targets_[index]; }

 private:
  struct FreeFib {
    void operator()(rte_fib* fib) const noexcept;
    void operator()(rte_fib6* fib) const noexcept;
  };

  void build_ipv4(const std::vector<const Route*>& routes, size_t small_table);
  void build_ipv6(const std::vector<const Route*>& routes, size_t small_table);
  uint32_t add_target(const RouteTarget& target);

  std::vector<RouteTarget> targets_;
  std::unique_ptr<rte_fib, FreeFib> ipv4_;  // null: no route of that family
  std::unique_ptr<rte_fib6, FreeFib> ipv6_;
};

}  // namespace sluice
