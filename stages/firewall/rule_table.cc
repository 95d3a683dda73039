// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/firewall/rule_table.h"

#include <utility>

#include "chain/burst.h"

namespace sluice::firewall {

RuleTable::RuleTable(std::vector<Rule> rules, int socket_id)
    : rules_(std::move(rules)),
      ipv4_(kFamilyIpv4, rules_, socket_id),
      ipv6_(kFamilyIpv6, rules_, socket_id) {}

void RuleTable::judge(const Flow* const* flows, unsigned n, const Directory& directory,
                      Judgement* out) const noexcept {
  const Flow* sorted[2][Burst::kCapacity];
  uint8_t place[2][Burst::kCapacity];
  unsigned count[2] = {};
  for (unsigned i = 0; i < n; ++i) {
    const unsigned side = flows[i]->key.family == kFamilyIpv6 ? 1 : 0;
    place[side][count[side]] = static_cast<uint8_t>(i);
    sorted[side][count[side]++] = flows[i];
  }
  Judgement judgements[Burst::kCapacity];
  for (unsigned side = 0; side < 2; ++side) {
    if (count[side] == 0) continue;
    const FamilyTable& table = side == 0 ? ipv4_ : ipv6_;
    table.judge(sorted[side], count[side], directory, judgements);
    for (unsigned i = 0; i < count[side]; ++i) out[place[side][i]] = judgements[i];
  }
}

}  // namespace sluice::firewall
