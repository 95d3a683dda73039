// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// One row of the scenarios with decided flows: what its repetitions measured.
#pragma once

#include <vector>

#include "bench/chain_rig.h"
#include "bench/scenario.h"

namespace sluice::bench {

class EstablishedRow {
 public:
  void add(const Sample& sample);

  // `frame`: 64..1518 or kImix. Keys: bench/README.md, "report.json".
  json to_json(const ChainRig& rig, unsigned frame) const;

  double cycles() const { return median(chain_); }

 private:
  std::vector<double> chain_, wall_, io_, mpps_;
  WorkerStatistics counted_;
};

}  // namespace sluice::bench
