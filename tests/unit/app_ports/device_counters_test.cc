// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/device_counters.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using Reading = DeviceCounters::Reading;

rte_eth_stats reading(uint64_t ipackets, uint64_t ibytes = 0) {
  rte_eth_stats s{};
  s.ipackets = ipackets;
  s.ibytes = ibytes;
  return s;
}

// What a reading has shown.
Reading take(DeviceCounters& counters, const rte_eth_stats& now,
             const DeviceCounters::Bound* bound) {
  counters.take(now, bound);
  return counters.take_news();
}

TEST(DeviceCounters, AddUpWhatADeviceCounts) {
  DeviceCounters counters;
  EXPECT_EQ(Reading::Fine, take(counters, reading(10, 600), nullptr));
  EXPECT_EQ(Reading::Fine, take(counters, reading(15, 900), nullptr));
  EXPECT_EQ(counters.total().ipackets, 15u);
  EXPECT_EQ(counters.total().ibytes, 900u);
}

TEST(DeviceCounters, GoOnWhereADeviceStartsOver) {
  DeviceCounters counters;
  take(counters, reading(1000, 64000), nullptr);
  EXPECT_EQ(Reading::StartedOver, take(counters, reading(3, 192), nullptr));
  EXPECT_EQ(counters.total().ipackets, 1003u);
  EXPECT_EQ(counters.total().ibytes, 64192u);
  EXPECT_EQ(Reading::Fine, take(counters, reading(4, 256), nullptr));
  EXPECT_EQ(counters.total().ipackets, 1004u);
}

TEST(DeviceCounters, WaitOutACounterThatStepsBackALittle) {
  DeviceCounters counters;
  take(counters, reading(1000), nullptr);
  EXPECT_EQ(Reading::Fine, take(counters, reading(998), nullptr));
  EXPECT_EQ(counters.total().ipackets, 1000u);
  EXPECT_EQ(Reading::Fine, take(counters, reading(1002), nullptr));
  EXPECT_EQ(counters.total().ipackets, 1002u);
}

// net_e1000_igb_vf adds (register - register before) modulo 2^32: behind a reset
// of the PF it once reported 4294593829 packets.
TEST(DeviceCounters, TakeAJumpOfNearly32BitsForAReset) {
  const auto bound = DeviceCounters::Bound::of(1000, 1000);
  EXPECT_LT(bound.packets, uint64_t{1} << 31);
  DeviceCounters counters;
  take(counters, reading(373467, 500'000), &bound);
  EXPECT_EQ(Reading::Jumped, take(counters, reading(4294593829, 4'294'000'000), &bound));
  EXPECT_EQ(counters.total().ipackets, 373467u);
  EXPECT_EQ(counters.total().ibytes, 500'000u);
  EXPECT_EQ(Reading::Fine, take(counters, reading(4294593829 + 20, 4'294'001'000), &bound));
  EXPECT_EQ(counters.total().ipackets, 373487u);
}

TEST(DeviceCounters, BelieveNoFieldOfAReadingThatJumps) {
  const auto bound = DeviceCounters::Bound::of(0, 1000);
  DeviceCounters counters;
  take(counters, reading(5, 500), &bound);
  // Bytes alone would pass for traffic of a fast link.
  EXPECT_EQ(Reading::Jumped, take(counters, reading((uint64_t{1} << 32) + 2, 4294961597), &bound));
  EXPECT_EQ(counters.total().ibytes, 500u);
}

TEST(DeviceCounters, TakeLineRateForTraffic) {
  for (const uint32_t mbps : {1000u, 10'000u, 100'000u, 400'000u, 0u, UINT32_MAX}) {
    const auto bound = DeviceCounters::Bound::of(mbps, 2000);
    const uint64_t rate = mbps == 0 || mbps == UINT32_MAX ? 400'000 : mbps;
    const uint64_t bytes = rate * 125'000 * 2;  // of two seconds
    DeviceCounters counters;
    EXPECT_EQ(Reading::Fine, take(counters, reading(bytes / 84, bytes), &bound)) << mbps;
  }
}

TEST(DeviceCounters, RestartFromAReadingOfADeviceSetUpAnew) {
  DeviceCounters counters;
  take(counters, reading(1000), nullptr);
  counters.restart(reading(0));
  EXPECT_EQ(Reading::Fine, take(counters, reading(5), nullptr));
  EXPECT_EQ(counters.total().ipackets, 1005u);
}

// The console may ask a moment before the keeper does.
TEST(DeviceCounters, KeepTheirNewsForWhoeverAsksForThem) {
  const auto bound = DeviceCounters::Bound::of(1000, 1000);
  DeviceCounters counters;
  counters.take(reading(100), &bound);
  counters.take(reading(4294593829), &bound);
  counters.take(reading(4294593829 + 7), &bound);
  EXPECT_EQ(counters.total().ipackets, 107u);
  EXPECT_EQ(counters.take_news(), Reading::Jumped);
  EXPECT_EQ(counters.take_news(), Reading::Fine) << "told once";
  counters.take(reading(3), &bound);
  counters.restart(reading(0));
  EXPECT_EQ(counters.take_news(), Reading::Fine) << "of the device before it was set up anew";
}

// 600 packets within the second behind the reset: no counter alone shows it.
TEST(DeviceCounters, TakeAStepBackOfAllForAReset) {
  DeviceCounters counters;
  take(counters, reading(1000, 64000), nullptr);
  EXPECT_EQ(Reading::StartedOver, take(counters, reading(600, 38400), nullptr));
  EXPECT_EQ(counters.total().ipackets, 1600u);
  EXPECT_EQ(counters.total().ibytes, 102400u);
  EXPECT_EQ(Reading::Fine, take(counters, reading(590, 38500), nullptr)) << "one lags behind";
  EXPECT_EQ(counters.total().ipackets, 1600u);
}

}  // namespace
}  // namespace sluice
