// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A flow and the metadata of packets, for tests of one stage without a lane.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "chain/flow_context.h"
#include "chain/packet_meta.h"
#include "chain/parse.h"
#include "flowtable/flow.h"

namespace sluice::test {

inline constexpr uint64_t kTestTime_ns = 1'700'000'000'000'000'000;

// Fills l2_len, l3_len, l4_len and PacketMeta, as a first worker does before
// it looks for the flow.
ParsedPacket headers_of(rte_mbuf* m, uint64_t time_ns = kTestTime_ns, ZoneRule zone = {});

// An entry as the table makes them, with a zeroed tail.
class TestFlow {
 public:
  // The flow that `first` opens.
  explicit TestFlow(rte_mbuf* first, uint64_t time_ns = kTestTime_ns, ZoneRule zone = {});
  TestFlow(const TestFlow&) = delete;
  TestFlow& operator=(const TestFlow&) = delete;

  Flow& operator*() noexcept { return *flow(); }
  Flow* operator->() noexcept { return flow(); }
  Flow* flow() noexcept { return reinterpret_cast<Flow*>(memory_.data()); }
  FlowContext& context() noexcept { return sluice::context(*flow()); }
  StageState& stage(unsigned index) noexcept { return stage_state(*flow(), index); }

  // Makes `m` a packet of the flow: headers, meta.flow, kMetaReply and
  // Flow::ingress by m->port.
  void adopt(rte_mbuf* m, uint64_t time_ns = kTestTime_ns) noexcept;

 private:
  static constexpr size_t kTailSize = 2048;
  alignas(64) std::array<std::byte, Flow::kHeadSize + kTailSize> memory_{};
};

}  // namespace sluice::test
