// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/live_eal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "app/port.h"

namespace sluice {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

Config config_with(std::vector<unsigned> lcores) {
  Config config;
  config.ports.resize(2);
  config.ports[0].device = "net_af_packet0,iface=lan";
  config.ports[1].device = "net_af_packet1,iface=wan";
  for (const unsigned lcore : lcores) {
    config.lanes.push_back({.workers = {{.lcore = lcore, .stages = {"identity"}}}});
  }
  return config;
}

// The argument behind `name`; "" if there is none.
std::string value_of(const LiveEalPlan& plan, const std::string& name) {
  const auto at = std::find(plan.arguments.begin(), plan.arguments.end(), name);
  return at == plan.arguments.end() || at + 1 == plan.arguments.end() ? "" : *(at + 1);
}
bool has(const LiveEalPlan& plan, const std::string& argument) {
  return std::find(plan.arguments.begin(), plan.arguments.end(), argument) != plan.arguments.end();
}

TEST(LiveEal, KeepsTheControlLoopOffTheWorkersCpus) {
  const auto plan = plan_live_eal(config_with({1, 2}), {{0, 1, 2, 3}, kGiB}, {});
  EXPECT_EQ(plan.main_lcore, 0u);
  EXPECT_EQ(value_of(plan, "--lcores"), "1@1,2@2,0@(0,3)");
}

TEST(LiveEal, SharesACpuWhereWorkersHaveAll) {
  const auto plan = plan_live_eal(config_with({0, 1}), {{0, 1}, kGiB}, {});
  EXPECT_EQ(plan.main_lcore, 2u);
  EXPECT_EQ(value_of(plan, "--lcores"), "0@0,1@1,2@(0-1)");
}

TEST(LiveEal, NamesAnLcoreWithoutACpu) {
  try {
    plan_live_eal(config_with({5}), {{0, 1}, kGiB}, {});
    FAIL() << "lcore 5 was taken";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("lcore 5"), std::string::npos) << e.what();
  }
}

TEST(LiveEal, AsksForMemoryAsMempoolsAndLanesNeedIt) {
  const unsigned one = eal_memory_mb(config_with({1}), 100 << 20);
  EXPECT_EQ(eal_memory_mb(config_with({1}), 300 << 20), one + 200);
  EXPECT_GT(eal_memory_mb(config_with({1, 2}), 100 << 20), one);
  Config told = config_with({1});
  told.memory_mb = 77;
  EXPECT_EQ(eal_memory_mb(told, 100 << 20), 77u);
}

TEST(LiveEal, TakesAMapOfLcoresMadeByHand) {
  LiveEalOptions options;
  options.lcores = "5@0,6@1";
  const auto plan = plan_live_eal(config_with({5, 6}), {{0, 1}, kGiB}, options);
  EXPECT_EQ(value_of(plan, "--lcores"), "5@0,6@1,0@(0-1)");
}

TEST(LiveEal, FallsBackToOrdinaryMemoryAndSaysSo) {
  const auto plan = plan_live_eal(config_with({1}), {{0, 1}, 0}, {});
  EXPECT_FALSE(plan.huge_pages);
  EXPECT_TRUE(has(plan, "--no-huge"));
  EXPECT_EQ(value_of(plan, "-m"), std::to_string(plan.memory_mb));
  EXPECT_FALSE(plan.remarks.empty());
}

// Those that another program has left: enough for EAL's start, not for a mempool.
TEST(LiveEal, TakesNoneOfTooFewHugePages) {
  const Config config = config_with({1});
  const uint64_t least = uint64_t{least_eal_memory_mb(config)} << 20;
  const auto plan = plan_live_eal(config, {{0, 1}, least - 1}, {});
  EXPECT_FALSE(plan.huge_pages);
  EXPECT_TRUE(has(plan, "--no-huge"));
  ASSERT_EQ(plan.remarks.size(), 1u);
  EXPECT_TRUE(plan.remarks[0].starts_with("too few huge pages are free (")) << plan.remarks[0];
  EXPECT_TRUE(plan_live_eal(config, {{0, 1}, least}, {}).huge_pages);
}

TEST(LiveEal, UsesHugePagesWhereThereAreAny) {
  const auto plan = plan_live_eal(config_with({1}), {{0, 1}, kGiB}, {});
  EXPECT_TRUE(plan.huge_pages);
  EXPECT_FALSE(has(plan, "--no-huge"));
  EXPECT_TRUE(plan.remarks.empty());
}

TEST(LiveEal, AllowsOnlyTheDevicesOfTheConfiguration) {
  Config config = config_with({1});
  EXPECT_TRUE(has(plan_live_eal(config, {{0, 1}, kGiB}, {}), "--no-pci"));
  config.ports[0].device = "0000:01:10.0";
  config.ports[0].is_pci = true;
  const auto plan = plan_live_eal(config, {{0, 1}, kGiB}, {});
  EXPECT_FALSE(has(plan, "--no-pci"));
  EXPECT_EQ(value_of(plan, "-a"), "0000:01:10.0");
  EXPECT_TRUE(has(plan, "--vdev=net_af_packet1,iface=wan"));
}

TEST(LiveEal, NamesTheInstanceForOtherDpdkPrograms) {
  Config config = config_with({1});
  config.instance = "edge-7";
  EXPECT_EQ(value_of(plan_live_eal(config, {{0, 1}, kGiB}, {}), "--file-prefix"), "edge-7");
}

TEST(LiveEal, GivesAnAfPacketDeviceAQueueForEachLane) {
  PortConfig port;
  port.device = "net_af_packet0,iface=lan";
  EXPECT_EQ(vdev_string(port, 1), port.device);
  EXPECT_EQ(vdev_string(port, 3), port.device + ",qpairs=3");
  port.device += ",qpairs=4";
  EXPECT_EQ(vdev_string(port, 3), port.device);
}

TEST(LiveEal, MakesMbufsAsLargeAsTheMtu) {
  Config config = config_with({1});
  EXPECT_EQ(mbuf_data_room(config), 2048);
  config.ports[1].mtu = 9000;
  EXPECT_GE(mbuf_data_room(config), 9000 + 14 + 8);
}

TEST(LiveEal, CountsMbufsForEveryQueueRingAndFragment) {
  Config config = config_with({1});
  const unsigned one = mbufs_needed(config);
  config.ports[0].rx_descriptors += 1000;
  EXPECT_EQ(mbufs_needed(config), one + 1000);
  EXPECT_GT(mbufs_needed(config_with({1, 2})), 2 * one);
}

}  // namespace
}  // namespace sluice
