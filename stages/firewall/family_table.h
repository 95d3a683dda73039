// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The rules as they apply to flows of one address family.
//
// Theory of operation. rte_acl gives the first rule whose 5-tuple part matches;
// whether that rule decides may also depend on identities and on what dpi
// found, and then the next one counts. So rules are cut in two kinds.
//  - Plain ones ask for nothing but the 5-tuple. They are ACL category 0 with
//    the rule's place as priority: one look-up gives the first of them.
//  - The others are gathered by equal 5-tuple part ("class"). Classes are
//    spread over the other 15 categories such that no two classes of one
//    category overlap: the same look-up then gives every class that the flow is
//    in. Within a class, rules lie in order, and bitmaps by group and identity
//    (party_index.h) leave those whose ends match; of these the first whose
//    conditions hold counts, if it stands before the plain one.
// A rule with addresses and identities in one list is entered once for each
// kind, so that class and bitmap together are the exact test. Classes that
// overlap in more than 15 ways are tried one after the other.
#pragma once

#include <cstdint>
#include <vector>

#include "chain/directory.h"
#include "flowtable/flow.h"
#include "stages/firewall/acl.h"
#include "stages/firewall/party_index.h"
#include "stages/firewall/rule.h"
#include "stages/firewall/tuple.h"

namespace sluice::firewall {

// No rule: behind all of them.
inline constexpr uint32_t kNoRule = UINT32_MAX;

struct Judgement {
  uint32_t match = kNoRule;  // first rule that matches for certain
  uint32_t open = kNoRule;   // first rule before it that dpi may still make match
};

class FamilyTable {
 public:
  // Throws std::runtime_error where rte_acl can't take the rules, which must
  // outlive this. Compiler thread.
  FamilyTable(uint8_t family, const std::vector<Rule>& rules, int socket_id);

  // Up to Burst::kCapacity flows of this family. Worker.
  void judge(const Flow* const* flows, unsigned n, const Directory& directory,
             Judgement* out) const noexcept;

  size_t acl_entries() const noexcept { return acl_entries_; }
  size_t classes() const noexcept { return classes_.size(); }
  size_t overflow() const noexcept { return overflow_.size(); }  // classes outside the ACL

 private:
  struct Builder;
  struct Class {
    uint32_t begin, end;  // positions
  };
  struct Overflow {
    Tuple tuple;
    uint32_t number;  // of the class
  };
  struct Ends;

  void judge_class(const Class& c, const FlowContext& context, Ends& ends,
                   Judgement& out) const noexcept;

  const std::vector<Rule>& rules_;
  Acl acl_;
  size_t acl_entries_ = 0;
  unsigned layers_ = 0;  // categories in use behind the first
  std::vector<Class> classes_;
  std::vector<Overflow> overflow_;  // by the place of their first rule
  std::vector<uint32_t> rule_at_;   // by position
  PartyIndex from_, to_;
};

}  // namespace sluice::firewall
