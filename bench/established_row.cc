// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "bench/established_row.h"

namespace sluice::bench {

namespace {

json stages_of(const Appliance& appliance, const WorkerStatistics& counted) {
  json stages = json::array();
  for (size_t i = 0; i < appliance.line().size(); ++i) {
    const StageStatistics& s = counted.stage[i];
    const auto sampled = static_cast<double>(s.sampled_packets);
    const auto seen = static_cast<double>(s.packets + s.skipped);
    stages.push_back({{"stage", appliance.line()[i]->name},
                      {"settled", seen > 0 ? static_cast<double>(s.skipped) / seen : 0},
                      {"cycles", sampled > 0 ? static_cast<double>(s.sampled_cycles) / sampled : 0}});
  }
  return stages;
}

}  // namespace

void EstablishedRow::add(const Sample& sample) {
  chain_.push_back(sample.chain_cycles);
  wall_.push_back(sample.wall_cycles);
  io_.push_back(sample.io_cycles);
  mpps_.push_back(sample.mpps);
  sluice::add(counted_, sample.counted);
}

json EstablishedRow::to_json(const ChainRig& rig, unsigned frame) const {
  const RigOptions& options = rig.options();
  const FlowTable& table = rig.appliance().flow_table(0);
  return {{"placement", options.placement == Placement::RunToCompletion ? "run-to-completion"
                                                                        : "pinned-pipeline"},
          {"family", options.family == Family::Ipv4 ? "ipv4" : "ipv6"},
          {"flows", options.flows},
          {"rules", options.rules},
          {"frame", frame == kImix ? json("IMIX") : json(frame)},
          {"chain", spread(chain_)},
          {"wall", spread(wall_)},
          {"io", spread(io_)},
          {"mpps", median(mpps_)},
          {"bytes_per_flow", static_cast<double>(table.memory_bytes()) / table.capacity()},
          {"huge_pages", table.uses_huge_pages()},
          {"stages", stages_of(rig.appliance(), counted_)},
          {"opening", stages_of(rig.appliance(), rig.opening())}};
}

}  // namespace sluice::bench
