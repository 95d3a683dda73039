// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/host.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Host, ReadsTheArgumentsOfAVdev) {
  const char* device = "net_af_packet0,iface=eth1,qpairs=2,xiface=no";
  EXPECT_EQ(device_argument(device, "iface"), "eth1");
  EXPECT_EQ(device_argument(device, "qpairs"), "2");
  EXPECT_EQ(device_argument(device, "face"), std::nullopt);
  EXPECT_EQ(device_argument("net_null0", "iface"), std::nullopt);
  EXPECT_EQ(device_argument("net_null0,", "iface"), std::nullopt);
  EXPECT_EQ(device_name(device), "net_af_packet0");
  EXPECT_EQ(device_name("net_null0"), "net_null0");
}

TEST(Host, KnowsWhichVdevsStandOnAKernelInterface) {
  EXPECT_EQ(kernel_interface("net_af_packet0,iface=eth1"), "eth1");
  EXPECT_EQ(kernel_interface("net_pcap0,iface=eth1"), "eth1");
  EXPECT_EQ(kernel_interface("net_pcap0,rx_pcap=a.pcap"), std::nullopt);
  EXPECT_EQ(kernel_interface("net_tap0,iface=tap7"), std::nullopt);
}

TEST(Host, WritesCpuListsShort) {
  EXPECT_EQ(format_cpu_list({}), "");
  EXPECT_EQ(format_cpu_list({3}), "3");
  EXPECT_EQ(format_cpu_list({0, 1, 2, 5, 7, 8}), "0-2,5,7-8");
}

TEST(Host, SaysHowToTurnOffloadsOff) {
  EXPECT_EQ(turn_off_command("eth1", {"gro", "tx"}), "ethtool -K eth1 gro off tx off");
}

TEST(Host, FindsTheLoopbackInterfaceAndNoOther) {
  EXPECT_TRUE(interface_exists("lo"));
  EXPECT_FALSE(interface_exists("no-such-if"));
  EXPECT_EQ(interface_is_up("an-interface-name-that-is-far-too-long"), std::nullopt);
  EXPECT_EQ(interface_is_up("no-such-one"), std::nullopt) << "not there is not down";
  EXPECT_FALSE(harmful_offloads("no-such-if").has_value());
}

TEST(Host, KnowsItsCpus) {
  EXPECT_FALSE(allowed_cpus().empty());
}

}  // namespace
}  // namespace sluice
