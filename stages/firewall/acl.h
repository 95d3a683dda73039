// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// rte_acl over a flow's 5-tuple, originator first, for one family.
#pragma once

#include <rte_acl.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/net_types.h"
#include "flowtable/flow.h"
#include "stages/firewall/rule.h"

namespace sluice::firewall {

inline constexpr unsigned kAclCategories = RTE_ACL_MAX_CATEGORIES;

// What rte_acl reads; network byte order. The family says which arrays count.
struct alignas(4) AclKey {
  uint8_t proto;
  uint8_t padding[3];
  uint8_t from[16];  // IPv4: the first four bytes
  uint8_t to[16];
  uint16_t from_port;
  uint16_t port;
};

AclKey acl_key(const Flow& flow) noexcept;

struct AclEntry {
  const IpPrefix* from = nullptr;  // null: any
  const IpPrefix* to = nullptr;
  int proto = -1;  // -1: any
  PortRange from_port;
  PortRange port;
  unsigned category = 0;
  uint32_t priority = 1;  // the higher one wins within a category
  uint32_t userdata = 0;  // not 0
};

class Acl {
 public:
  // `family`: 4 or 6.
  explicit Acl(uint8_t family) : family_(family) {}
  ~Acl();
  Acl(const Acl&) = delete;
  Acl& operator=(const Acl&) = delete;

  // ---- compiler thread ----
  // Entries wait in memory of the heap until build(), which needs EAL's.
  void add(const AclEntry& entry);
  size_t size() const noexcept { return entries_; }
  // False with `error` set where rte_acl has no room.
  bool build(unsigned categories, int socket_id, std::string& error);

  // ---- worker ----
  // Without entries nothing matches. results[i * categories() + category] is
  // the userdata of the entry, 0: none.
  bool empty() const noexcept { return context_ == nullptr; }
  unsigned categories() const noexcept { return categories_; }
  void classify(const AclKey* keys, unsigned n, uint32_t* results) const noexcept;

 private:
  const uint8_t family_;
  unsigned categories_ = 1;
  size_t entries_ = 0;
  std::vector<uint64_t> pending_;  // rules in rte_acl's own form, one behind the other
  rte_acl_ctx* context_ = nullptr;
};

}  // namespace sluice::firewall
