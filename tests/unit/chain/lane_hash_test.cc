// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/lane_hash.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_ethdev.h>
#include <rte_thash.h>

#include <array>
#include <cstring>
#include <set>
#include <utility>

namespace sluice {
namespace {

FlowKey key_of(uint32_t source, uint32_t destination, uint16_t port, uint8_t family) {
  FlowKey key{};
  source = rte_cpu_to_be_32(source);
  destination = rte_cpu_to_be_32(destination);
  std::memcpy(key.addr[0].data() + (family == kFamilyIpv6 ? 12 : 0), &source, 4);
  std::memcpy(key.addr[1].data() + (family == kFamilyIpv6 ? 12 : 0), &destination, 4);
  key.port[0] = port;
  key.port[1] = 443;
  key.proto = IPPROTO_TCP;
  key.family = family;
  return key;
}

TEST(LaneHash, PortsCountOnlyWhereTheyAreToldTo) {
  for (const RssMode mode : {RssMode::Device, RssMode::Software}) {
    for (const uint8_t family : {kFamilyIpv4, kFamilyIpv6}) {
      const LaneHash addresses(mode, false, 7), ports(mode, true, 7);
      unsigned moved = 0;
      for (uint16_t port = 1; port < 200; ++port) {
        const FlowKey key = key_of(0x0a000001, 0x0a000002, port, family);
        EXPECT_EQ(addresses.lane_of(key),
                  addresses.lane_of(key_of(0x0a000001, 0x0a000002, 1, family)));
        moved += ports.lane_of(key) != ports.lane_of(key_of(0x0a000001, 0x0a000002, 1, family));
      }
      EXPECT_GT(moved, 100u);
    }
  }
}

// The lanes must look for a flow where the device was told to put it.
TEST(LaneHash, CountsThePortsThatTheDeviceIsToldToHash) {
  const std::pair<uint8_t, uint64_t> protocols[] = {
      {IPPROTO_TCP, RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP},
      {IPPROTO_UDP, RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP},
      {IPPROTO_SCTP, RTE_ETH_RSS_NONFRAG_IPV4_SCTP | RTE_ETH_RSS_NONFRAG_IPV6_SCTP}};
  const LaneHash hash(RssMode::Device, true, 7);
  for (const auto& [proto, functions] : protocols) {
    std::set<unsigned> lanes;
    for (uint16_t port = 1; port < 200; ++port) {
      FlowKey key = key_of(0x0a000001, 0x0a000002, port, kFamilyIpv4);
      key.proto = proto;
      lanes.insert(hash.lane_of(key));
    }
    EXPECT_EQ(lanes.size() > 1, (rss_port_functions() & functions) == functions) << unsigned{proto};
    EXPECT_EQ(lanes.size() == 1, (rss_port_functions() & functions) == 0) << unsigned{proto};
  }
}

TEST(LaneHash, SpreadsFlowsOverAllLanes) {
  for (const RssMode mode : {RssMode::Device, RssMode::Software}) {
    const LaneHash hash(mode, false, 4);
    std::array<unsigned, 4> count{};
    for (uint32_t i = 0; i < 4000; ++i)
      ++count[hash.lane_of(key_of(0x0a000000 + i * 7, 0xc0a80001, 1, kFamilyIpv4))];
    for (const unsigned n : count) {
      EXPECT_GT(n, 700u);
      EXPECT_LT(n, 1300u);
    }
  }
}

// The key makes Toeplitz blind to the direction, as the devices compute it over
// the packet's own order of addresses.
TEST(LaneHash, TheDeviceKeyIsSymmetric) {
  for (uint32_t i = 0; i < 1000; ++i) {
    const uint32_t a = 0x0a000000 + i * 2654435761u, b = 0xc0a80000 + i;
    uint32_t there[] = {a, b}, back[] = {b, a};
    EXPECT_EQ(rte_softrss(there, 2, kRssKey), rte_softrss(back, 2, kRssKey));
  }
}

}  // namespace
}  // namespace sluice
