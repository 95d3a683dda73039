// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The chain's own floor: what it costs to find a packet's flow and count the
// packet there, with nothing decided and nothing forwarded; and the same by
// rte_hash, so that the floor is seen to be an honest one.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "bench/traffic.h"
#include "flowtable/flow_table.h"

namespace sluice::bench {

// A table with the flows of `tuples`.
class BareLookup {
 public:
  BareLookup(const std::vector<Tuple>& tuples, Family family);

  // One burst: five-tuple, hash, bucket, entry, counters.
  void look_up(rte_mbuf** pkts, unsigned n) noexcept;

 private:
  std::unique_ptr<FlowTable> table_;
  FlowKey keys_[FlowTable::kMaxBurst];
  const FlowKey* pointers_[FlowTable::kMaxBurst];
};

// rte_hash with 16-byte keys (IPv4: 36), entries of one line that are counted in.
class HashLookup {
 public:
  HashLookup(const std::vector<Tuple>& tuples, Family family);
  ~HashLookup();
  void look_up(rte_mbuf** pkts, unsigned n) noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::bench
