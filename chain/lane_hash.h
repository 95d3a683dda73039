// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Which lane owns a flow.
#pragma once

#include <cstdint>

#include "config/config.h"
#include "flowtable/flow_key.h"

namespace sluice {

// The key that makes Toeplitz symmetric: both directions of a flow hash alike
// (Woo and Park, "Scalable TCP Session Monitoring with Symmetric Receive-side
// Scaling"). app/port gives it to the devices.
inline constexpr unsigned kRssKeyLen = 52;
extern const uint8_t kRssKey[kRssKeyLen];
inline constexpr unsigned kRssTableSize = 128;  // entry i is queue i modulo the lanes

// What a device is to hash (RTE_ETH_RSS_*): without ports, addresses only. With
// ports it must offer all of `rss_port_functions()`, or it would not place a flow
// where LaneHash says.
uint64_t rss_address_functions() noexcept;
uint64_t rss_port_functions() noexcept;

class LaneHash {
 public:
  LaneHash(RssMode mode, bool ports, unsigned lanes) : mode_(mode), ports_(ports), lanes_(lanes) {}

  // Any worker. With RssMode::Device it answers as the device would, for the
  // packets that the device could not place by their flow.
  unsigned lane_of(const FlowKey& key) const noexcept;

 private:
  RssMode mode_;
  bool ports_;
  unsigned lanes_;
};

}  // namespace sluice
