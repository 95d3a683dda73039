// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Decided flows under few and under many rules: the same flows in the same
// entries, under one policy after another.

#include <iostream>
#include <stdexcept>

#include "bench/chain_rig.h"
#include "bench/established_row.h"
#include "bench/scenario.h"

namespace sluice::bench {

namespace {
constexpr unsigned kWindows = 10;
}

json run_rules(const Settings& settings, rte_mempool* pool) {
  RigOptions options;
  options.flows = settings.flows.front();
  options.rules = settings.rules.front();
  ChainRig rig(options, pool);
  std::vector<EstablishedRow> rows(settings.rules.size());
  std::vector<double> share;  // of the first one's throughput, by the last one, round by round
  json chain = json::array();
  for (unsigned round = 0; round < settings.rounds; ++round) {
    std::cerr << "rules, round " << round + 1 << "\n";
    std::vector<double> mpps(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      // Each is the first and the last of a round as often.
      const size_t at = round % 2 == 0 ? i : rows.size() - 1 - i;
      rig.set_rules(settings.rules[at]);
      // Others on the machine only take away: the best of short windows is undisturbed.
      for (unsigned window = 0; window < kWindows; ++window) {
        const Sample sample = rig.measure(64, std::chrono::milliseconds(settings.ms) / kWindows);
        rows[at].add(sample);
        mpps[at] = std::max(mpps[at], sample.mpps);
      }
      rig.check_settled();
      if (round + 1 == settings.rounds) chain.push_back(rows[at].to_json(rig, 64));
    }
    share.push_back(mpps.back() / mpps.front());
  }
  return {{"chain", chain},
          {"rules",
           {{"few", settings.rules.front()},
            {"many", settings.rules.back()},
            {"share", median(share)},
            {"min", *std::min_element(share.begin(), share.end())},
            {"max", *std::max_element(share.begin(), share.end())}}}};
}

}  // namespace sluice::bench
