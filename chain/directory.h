// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Names that outlive a policy: users, groups, rules, chains, signature texts.
// Append-only, so that a number stays good while packets, flows and events that
// carry it are under way, over any number of reloads.
#pragma once

#include <atomic>
#include <bitset>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "chain/binding_epochs.h"
#include "chain/flow_context.h"

namespace sluice {

enum class IdentityKind : uint8_t { User, Device, Service };

// Groups are numbered from 0; a set is a bitset, interned.
inline constexpr unsigned kMaxGroups = 1024;
using GroupBits = std::bitset<kMaxGroups>;

// Names of dpi's applications and categories, by nDPI's numbers. Filled by the
// dpi stage when its policy is compiled, read by firewall when its rules are.
struct ApplicationNames {
  std::vector<std::string> applications;
  std::vector<std::string> categories;
};

class Directory {
 public:
  Directory();

  // ---- compiler thread: may allocate; a mutex keeps readers apart ----
  NameId intern(std::string_view name);
  NameId intern_identity(IdentityKind kind, std::string_view name);
  // False if kMaxGroups are in use already.
  bool intern_group(std::string_view name, unsigned& group);
  // The number of a known group; false if no binding has named it.
  bool find_group(std::string_view name, unsigned& group) const;
  NameId find_identity(IdentityKind kind, std::string_view name) const;  // 0: unknown
  // All that are known, for suggestions.
  std::vector<std::string> all_groups() const;
  std::vector<std::string> all_identities(IdentityKind kind) const;
  // False if all 65,535 sets are in use.
  bool intern_group_set(const GroupBits& bits, GroupSetId& id);

  ApplicationNames applications;  // compiler thread only

  // Read by workers, raised by whoever changes a binding.
  BindingEpochs epochs;

  // ---- any thread but a worker ----
  std::string name(NameId id) const;  // "" for 0; without the kind
  IdentityKind kind(NameId id) const;
  std::vector<std::string> group_names(GroupSetId id) const;

  // ---- workers: no lock; the set must have been interned by the policy in force ----
  const GroupBits& groups(GroupSetId id) const noexcept {
    return *sets_[id].load(std::memory_order_acquire);
  }

 private:
  struct Entry {
    std::string name;
    IdentityKind kind;
  };
  // With the mutex held.
  NameId intern_keyed(std::string key, std::string_view name, IdentityKind kind);

  mutable std::mutex mutex_;
  std::deque<Entry> names_;
  std::unordered_map<std::string, NameId> by_name_;  // kind-prefixed
  std::vector<std::string> groups_;
  std::unordered_map<std::string, unsigned> by_group_;
  std::deque<GroupBits> set_bits_;
  std::unordered_map<GroupBits, GroupSetId> by_set_;
  std::unique_ptr<std::atomic<const GroupBits*>[]> sets_;  // 65,536 pointers, fixed
};

}  // namespace sluice
