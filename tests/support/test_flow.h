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
#include "flowtable/flow.h"

namespace sluice::test {

// Fills l2_len, l3_len, l4_len and PacketMeta (flags, payload length) of a
// well-formed frame, as the chain's parser does. False where a header does not
// fit; what has been found by then is filled.
bool headers_of(rte_mbuf* m, uint64_t time_ns = 1'700'000'000'000'000'000);

// The packet's key, not normalised: its source is end 0. headers_of() first.
FlowKey key_of(rte_mbuf* m, uint16_t zone = 0);

// An entry as the table makes them, behind its 128 bytes a zeroed tail.
class TestFlow {
 public:
  // The flow that `first`, an mbuf after headers_of(), opens.
  explicit TestFlow(rte_mbuf* first, uint16_t zone = 0);
  TestFlow(const TestFlow&) = delete;
  TestFlow& operator=(const TestFlow&) = delete;

  Flow& operator*() noexcept { return *flow(); }
  Flow* operator->() noexcept { return flow(); }
  Flow* flow() noexcept { return reinterpret_cast<Flow*>(memory_.data()); }
  FlowContext& context() noexcept { return sluice::context(*flow()); }

  // Makes `m` a packet of the flow: meta.flow, kMetaReply, context().ingress.
  void adopt(rte_mbuf* m) noexcept;

 private:
  static constexpr size_t kTailSize = 2048;
  alignas(64) std::array<std::byte, Flow::kHeadSize + kTailSize> memory_{};
};

}  // namespace sluice::test
