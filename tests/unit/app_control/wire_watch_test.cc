// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/wire_watch.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(WireWatch, NamesTheAddressAndIsQuietForAWhile) {
  Config config;
  config.ports.resize(2);
  config.ports[0].name = "lan";
  config.ports[0].peer = "wan";
  config.ports[1].name = "wan";
  config.ports[1].peer = "lan";
  WireWatch watch;
  EXPECT_TRUE(watch.turn({{0, 0, 0}, {1, 0, 0}}, config, 1000).empty());
  const uint64_t key = 0x0100'0000'0002, in_vlan = key | uint64_t{7} << 48;
  const auto first = watch.turn({{0, 0, 0}, {1, in_vlan, 3}}, config, 2000);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_TRUE(
      first[0].starts_with("wire wan - lan: 02:00:00:00:00:01 in VLAN 7 is heard on both "
                           "sides, last at wan (3 changes"))
      << first[0];
  EXPECT_TRUE(watch.turn({{0, key, 5}, {1, in_vlan, 4}}, config, 3000).empty());
  const auto later = watch.turn({{0, key, 9}, {1, in_vlan, 4}}, config, 2000 + WireWatch::kQuietMs);
  ASSERT_EQ(later.size(), 2u);
  EXPECT_NE(later[0].find("02:00:00:00:00:01 is heard on both sides, last at lan (9 changes"),
            std::string::npos)
      << later[0];
  EXPECT_TRUE(watch.turn({{0, key, 9}, {1, in_vlan, 4}}, config, 90'000).empty());
}

}  // namespace
}  // namespace sluice
