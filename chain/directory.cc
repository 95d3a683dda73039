// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/directory.h"

namespace sluice {

namespace {
constexpr size_t kMaxSets = 65'536;

// Identities of different kinds may share a name; NUL can't stand in a TOML
// key, so that plain names never meet these.
std::string identity_key(IdentityKind kind, std::string_view name) {
  std::string key(1, '\0');
  key += static_cast<char>('0' + static_cast<int>(kind));
  key += name;
  return key;
}
}  // namespace

Directory::Directory()
    : names_(1), sets_(std::make_unique<std::atomic<const GroupBits*>[]>(kMaxSets)) {
  set_bits_.emplace_back();
  by_set_.emplace(set_bits_.back(), GroupSetId{0});
  for (size_t i = 0; i < kMaxSets; ++i) {
    sets_[i].store(&set_bits_.front(), std::memory_order_relaxed);
  }
}

NameId Directory::intern_keyed(std::string key, std::string_view name, IdentityKind kind) {
  const auto [it, fresh] = by_name_.try_emplace(std::move(key), static_cast<NameId>(names_.size()));
  if (fresh) names_.push_back({std::string(name), kind});
  return it->second;
}

NameId Directory::intern(std::string_view name) {
  if (name.empty()) return 0;
  const std::lock_guard lock(mutex_);
  return intern_keyed(std::string(name), name, IdentityKind::User);
}

NameId Directory::intern_identity(IdentityKind kind, std::string_view name) {
  const std::lock_guard lock(mutex_);
  return intern_keyed(identity_key(kind, name), name, kind);
}

bool Directory::intern_group(std::string_view name, unsigned& group) {
  const std::lock_guard lock(mutex_);
  if (const auto it = by_group_.find(std::string(name)); it != by_group_.end()) {
    group = it->second;
    return true;
  }
  if (groups_.size() == kMaxGroups) return false;
  group = static_cast<unsigned>(groups_.size());
  groups_.emplace_back(name);
  by_group_.emplace(name, group);
  return true;
}

bool Directory::find_group(std::string_view name, unsigned& group) const {
  const std::lock_guard lock(mutex_);
  const auto it = by_group_.find(std::string(name));
  if (it == by_group_.end()) return false;
  group = it->second;
  return true;
}

NameId Directory::find_identity(IdentityKind kind, std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto it = by_name_.find(identity_key(kind, name));
  return it == by_name_.end() ? 0 : it->second;
}

std::vector<std::string> Directory::all_groups() const {
  const std::lock_guard lock(mutex_);
  return groups_;
}

std::vector<std::string> Directory::all_identities(IdentityKind kind) const {
  const std::string prefix = identity_key(kind, "");
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [key, id] : by_name_) {
    if (key.starts_with(prefix)) names.push_back(names_[id].name);
  }
  return names;
}

bool Directory::intern_group_set(const GroupBits& bits, GroupSetId& id) {
  const std::lock_guard lock(mutex_);
  if (const auto it = by_set_.find(bits); it != by_set_.end()) {
    id = it->second;
    return true;
  }
  if (set_bits_.size() == kMaxSets) return false;
  id = static_cast<GroupSetId>(set_bits_.size());
  set_bits_.push_back(bits);
  by_set_.emplace(bits, id);
  sets_[id].store(&set_bits_.back(), std::memory_order_release);
  return true;
}

std::string Directory::name(NameId id) const {
  const std::lock_guard lock(mutex_);
  return id < names_.size() ? names_[id].name : std::string();
}

IdentityKind Directory::kind(NameId id) const {
  const std::lock_guard lock(mutex_);
  return id < names_.size() ? names_[id].kind : IdentityKind::User;
}

std::vector<std::string> Directory::group_names(GroupSetId id) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  if (id >= set_bits_.size()) return names;
  for (unsigned i = 0; i < groups_.size(); ++i) {
    if (set_bits_[id].test(i)) names.push_back(groups_[i]);
  }
  return names;
}

}  // namespace sluice
