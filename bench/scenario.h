// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What chain_bench can measure. Each scenario takes its own command line and
// returns one JSON object (bench/README.md says what its keys are).
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chain/histogram.h"

struct rte_mempool;

namespace sluice::bench {

using nlohmann::json;

struct Settings {
  std::vector<unsigned> flows = {1'000, 100'000, 1'000'000};
  std::vector<unsigned> sizes = {64};
  std::vector<unsigned> rules = {1};
  std::vector<std::string> families = {"ipv4"};
  std::vector<std::string> placements = {"run-to-completion"};
  unsigned rounds = 5;
  unsigned ms = 200;  // a repetition
  bool floors = true;
  unsigned memory_mb = 1024;  // for DPDK
};

json run_established(const Settings& settings, rte_mempool* pool);
json run_rules(const Settings& settings, rte_mempool* pool);
json run_latency(const Settings& settings, rte_mempool* pool);
json run_newflows(const Settings& settings, rte_mempool* pool);
json run_handover(const Settings& settings, rte_mempool* pool);
json run_lanes(const Settings& settings, rte_mempool* pool);

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

inline json spread(const std::vector<double>& values) {
  return {{"cycles", median(values)},
          {"min", *std::min_element(values.begin(), values.end())},
          {"max", *std::max_element(values.begin(), values.end())}};
}

// Microseconds, and the histogram itself.
inline json latency_json(const Histogram& h) {
  json buckets = json::array();
  for (unsigned i = 0; i < Histogram::kBuckets; ++i) {
    if (h.buckets()[i] == 0) continue;
    buckets.push_back({static_cast<double>(Histogram::upper_bound(i)) / 1e3, h.buckets()[i]});
  }
  const auto at = [&](double p) { return static_cast<double>(h.percentile(p)) / 1e3; };
  return {{"p50_us", at(50)},
          {"p99_us", at(99)},
          {"p999_us", at(99.9)},
          {"max_us", at(100)},
          {"buckets", buckets}};
}

}  // namespace sluice::bench
