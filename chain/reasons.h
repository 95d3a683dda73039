// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Why packets are dropped. The chain's own reasons come first; a line's stages
// append theirs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chain/verdict.h"

namespace sluice {

struct DropReason {
  std::string_view name;  // "no_rule", printed as "firewall.no_rule"
  std::string_view help;  // one sentence, with what it usually means
};

enum class CoreReason : Reason {
  None,
  ParseTruncated,
  ParseBadIpHeader,
  ParseBadChecksum,
  ParseBadTransport,
  ParseHeadersTooLong,
  ParseMultiSegment,
  FragmentsDisabled,
  FragmentBad,
  FragmentOverlap,
  FragmentTooMany,
  FragmentTimeout,
  FragmentTableFull,
  FlowTableFull,
  FlowMidstream,
  FlowTcpOutOfWindow,
  FlowTcpBadFlags,
  FlowIcmpErrorUnknown,
  WorkerRingFull,
  LaneRingFull,
  NoEgress,
  TxFull,
  TxPortDown,
  TxPortStopped,
  SplitHorizon,
  Shutdown,
  Count
};

constexpr Reason reason(CoreReason r) {
  return static_cast<Reason>(r);
}

struct StageType;

// The concatenated table of one line.
class ReasonTable {
 public:
  explicit ReasonTable(const std::vector<const StageType*>& line);

  Reason first_of_stage(unsigned index) const { return first_[index]; }
  size_t size() const { return names_.size(); }
  const std::string& name(Reason r) const { return names_[r]; }  // "firewall.no_rule"
  std::string_view help(Reason r) const { return help_[r]; }

 private:
  std::vector<std::string> names_;
  std::vector<std::string_view> help_;
  std::vector<Reason> first_;
};

}  // namespace sluice
