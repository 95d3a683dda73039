// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/firewall/family_table.h"

#include <algorithm>
#include <bit>
#include <deque>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "chain/burst.h"
#include "stages/firewall/layers.h"

namespace sluice::firewall {

namespace {

// rte_acl numbers its rules in 32 bits and needs some 200 bytes for each, and
// as much again while it builds.
constexpr size_t kMaxAclEntries = 2'000'000;

// One way in which an end may match: by address or by identity.
struct Alternative {
  std::vector<IpPrefix> prefixes;
  bool by_identity = false;
};

std::vector<Alternative> alternatives(const Party& party, uint8_t family) {
  if (party.any) return {Alternative{}};
  std::vector<Alternative> out;
  std::vector<IpPrefix> prefixes = normal_prefixes(party.prefixes, family);
  if (!prefixes.empty()) out.push_back({std::move(prefixes), false});
  if (!party.groups.empty() || !party.identities.empty()) out.push_back({{}, true});
  return out;
}

struct Member {
  uint32_t rule;
  bool from_identity, to_identity;
};

struct TupleClass {
  Tuple tuple;
  std::vector<Member> members;
};

}  // namespace

// What lives while the table is built.
struct FamilyTable::Builder {
  explicit Builder(uint8_t rule_family, FamilyTable& built) : family(rule_family), table(built) {}

  void take(uint32_t number, const Rule& rule);
  void gather();
  void lay_out();
  void enter(const Tuple& tuple, AclEntry entry);

  const uint8_t family;
  FamilyTable& table;
  std::deque<TupleClass> classes;
  std::unordered_map<std::string, TupleClass*> by_identity;
};

void FamilyTable::Builder::enter(const Tuple& tuple, AclEntry entry) {
  if (table.acl_.size() + tuple.entries() > kMaxAclEntries) {
    throw std::runtime_error("addresses, protocols and ports of the rules multiply to more than " +
                             std::to_string(kMaxAclEntries) + " entries");
  }
  tuple.expand(entry, [&](const AclEntry& e) { table.acl_.add(e); });
}

void FamilyTable::Builder::take(uint32_t number, const Rule& rule) {
  Tuple tuple;
  tuple.protocols = normal_protocols(rule.protocols);
  tuple.ports = normal_ranges(rule.ports);
  tuple.from_ports = normal_ranges(rule.from_ports);
  for (const Alternative& from : alternatives(rule.from, family)) {
    tuple.from = from.prefixes;
    for (const Alternative& to : alternatives(rule.to, family)) {
      tuple.to = to.prefixes;
      if (!from.by_identity && !to.by_identity && rule.conditions.empty()) {
        AclEntry entry;
        entry.priority = RTE_ACL_MAX_PRIORITY - number;
        entry.userdata = number + 1;
        enter(tuple, entry);
        continue;
      }
      TupleClass*& c = by_identity[tuple.identity()];
      if (c == nullptr) c = &classes.emplace_back(TupleClass{tuple, {}});
      c->members.push_back({number, from.by_identity, to.by_identity});
    }
  }
}

void FamilyTable::Builder::gather() {
  for (uint32_t i = 0; i < table.rules_.size(); ++i) take(i, table.rules_[i]);
}

void FamilyTable::Builder::lay_out() {
  size_t positions = 0;
  for (const TupleClass& c : classes) positions += c.members.size();
  table.from_ = PartyIndex(positions);
  table.to_ = PartyIndex(positions);
  table.rule_at_.reserve(positions);

  Layers layers(kAclCategories - 1);
  for (const TupleClass& c : classes) {
    const auto number = static_cast<uint32_t>(table.classes_.size());
    const auto begin = static_cast<uint32_t>(table.rule_at_.size());
    for (const Member& member : c.members) {
      const Rule& rule = table.rules_[member.rule];
      const size_t position = table.rule_at_.size();
      table.rule_at_.push_back(member.rule);
      member.from_identity ? table.from_.add(position, rule.from)
                           : table.from_.add_anybody(position);
      member.to_identity ? table.to_.add(position, rule.to) : table.to_.add_anybody(position);
    }
    table.classes_.push_back({begin, static_cast<uint32_t>(table.rule_at_.size())});

    const unsigned layer = layers.place(c.tuple);
    if (layer == Layers::kNone) {
      table.overflow_.push_back({c.tuple, number});
      continue;
    }
    table.layers_ = std::max(table.layers_, layer + 1);
    AclEntry entry;
    entry.category = layer + 1;
    entry.userdata = number + 1;
    enter(c.tuple, entry);
  }
}

FamilyTable::FamilyTable(uint8_t family, const std::vector<Rule>& rules, int socket_id)
    : rules_(rules), acl_(family), from_(0), to_(0) {
  Builder builder(family, *this);
  builder.gather();
  builder.lay_out();
  acl_entries_ = acl_.size();
  std::string error;
  if (!acl_.build(layers_ + 1, socket_id, error)) throw std::runtime_error(error);
}

// Both ends of a flow, looked up when the first class needs them.
struct FamilyTable::Ends {
  Ends(const FamilyTable& table, const FlowContext& c, const Directory& directory) noexcept
      : from(table.from_, c.source_identity, directory.groups(c.source_groups)),
        to(table.to_, c.destination_identity, directory.groups(c.destination_groups)) {}

  PartyIndex::View from, to;
};

void FamilyTable::judge_class(const Class& c, const FlowContext& context, Ends& ends,
                              Judgement& out) const noexcept {
  const uint32_t first = c.begin / 64, last = (c.end - 1) / 64;
  ends.from.seek(first);
  ends.to.seek(first);
  for (uint32_t w = first; w <= last; ++w) {
    if (rule_at_[std::max(c.begin, w * 64)] >= out.match) return;
    uint64_t bits = ends.from.word(w) & ends.to.word(w);
    if (w == first) bits &= ~uint64_t{0} << (c.begin % 64);
    if (w == last) bits &= ~uint64_t{0} >> (63 - (c.end - 1) % 64);
    for (; bits != 0; bits &= bits - 1) {
      const uint32_t rule = rule_at_[w * 64 + static_cast<uint32_t>(std::countr_zero(bits))];
      if (rule >= out.match) return;
      const Truth truth = rules_[rule].conditions.judge(context, rules_[rule].action);
      if (truth == Truth::True) {
        out.match = rule;
        return;
      }
      if (truth == Truth::Open) out.open = std::min(out.open, rule);
    }
  }
}

void FamilyTable::judge(const Flow* const* flows, unsigned n, const Directory& directory,
                        Judgement* out) const noexcept {
  AclKey keys[Burst::kCapacity];
  uint32_t results[Burst::kCapacity * kAclCategories];
  if (n == 0) return;
  for (unsigned i = 0; i < n; ++i) keys[i] = acl_key(*flows[i]);
  if (!acl_.empty()) acl_.classify(keys, n, results);

  for (unsigned i = 0; i < n; ++i) {
    Judgement& judgement = out[i];
    judgement = {};
    if (acl_.empty()) continue;
    const uint32_t* found = results + i * acl_.categories();
    if (found[0] != 0) judgement.match = found[0] - 1;
    if (classes_.empty()) continue;

    const FlowContext& c = context(*flows[i]);
    Ends ends(*this, c, directory);
    for (unsigned layer = 1; layer <= layers_; ++layer) {
      if (found[layer] != 0) judge_class(classes_[found[layer] - 1], c, ends, judgement);
    }
    for (const Overflow& overflow : overflow_) {
      const Class& candidate = classes_[overflow.number];
      if (rule_at_[candidate.begin] >= judgement.match) break;
      if (overflow.tuple.contains(keys[i])) judge_class(candidate, c, ends, judgement);
    }
    if (judgement.open > judgement.match) judgement.open = kNoRule;
  }
}

}  // namespace sluice::firewall
