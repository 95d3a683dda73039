// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Ports that are reset, taken away, or lose their link, while others work.

#include "app/port_keeper.h"

#include <gtest/gtest.h>
#include <rte_bus.h>
#include <rte_dev.h>

#include "chain/worker.h"
#include "tests/unit/app_ports/device_faults.h"
#include "tests/unit/app_ports/port_rig.h"

namespace sluice::test {
namespace {

// What "b" is sent is gone; "a" receives what the test puts into its ring.
const std::string kWire = wire_of("net_ring0", "net_null1,no-rx=1");

PacketBuilder frame(uint16_t port = 1000) {
  return eth().ip("10.0.0.1", "10.0.0.2").udp(port, 53).payload("hello");
}

TEST(PortKeeper, SetsAPortUpAnewBehindItsReset) {
  PortRig rig(kWire);
  rig.inject(0, frame());
  rig.poll();
  EXPECT_EQ(rig.port(1).statistics().opackets, 1u);

  rig.port(1).news().post(kNewsReset);
  rig.turn();
  EXPECT_EQ(rig.state(1), PortState::Stopping);
  rig.inject(0, frame());
  rig.poll();
  EXPECT_EQ(rig.dropped("tx.port_stopped"), 1u);
  ASSERT_TRUE(rig.run_until([&] { return rig.state(1) == PortState::Working; }));
  EXPECT_EQ(rig.keeper().counts(1).resets, 1u);
  EXPECT_EQ(rig.keeper().counts(1).recoveries, 1u);
  EXPECT_EQ(rig.keeper().trouble(1), "");

  rig.inject(0, frame());
  rig.poll();
  EXPECT_EQ(rig.port(1).statistics().opackets, 2u) << "counted on behind the reset";
  EXPECT_EQ(rig.appliance().flow_table(0).size(), 1u) << "the flow was kept";
  EXPECT_EQ(rig.state(0), PortState::Working);
}

TEST(PortKeeper, TouchesADeviceOnlyOnceEveryWorkerHasLeftIt) {
  PortRig rig(kWire + "[[lane]]\nlcore = 1\n[[lane]]\nlcore = 2\n");
  rig.port(0).news().post(kNewsReset);
  rig.turn();
  for (int i = 0; i < 100; ++i) {
    rig.appliance().workers()[0]->poll();
    rig.turn();
  }
  EXPECT_EQ(rig.state(0), PortState::Stopping) << "the second lane's worker may be in its queues";
  EXPECT_FALSE(rig.port(0).lent());
  rig.appliance().workers()[1]->poll();
  rig.turn();
  EXPECT_NE(rig.state(0), PortState::Stopping);
  EXPECT_TRUE(rig.run_until([&] { return rig.state(0) == PortState::Working; }));
}

TEST(PortKeeper, AStoppedPortReceivesNothingAndTheOthersGoOn) {
  PortRig rig(wire_of("net_ring0", "net_null1,no-rx=1") + R"(
[[port]]
name = "c"
peer = "d"
device = "net_ring2"
[[port]]
name = "d"
peer = "c"
device = "net_null3,no-rx=1"
)");
  rig.port(0).news().post(kNewsReset);
  rig.turn();
  rig.inject(0, frame());
  rig.inject(2, frame());
  rig.poll(3);
  EXPECT_EQ(rig.port(1).statistics().opackets, 0u);
  EXPECT_EQ(rig.port(3).statistics().opackets, 1u);
  ASSERT_TRUE(rig.run_until([&] { return rig.state(0) == PortState::Working; }));
  rig.poll();
  EXPECT_EQ(rig.port(1).statistics().opackets, 1u);
}

TEST(PortKeeper, TriesAgainLaterWhereTheDeviceRefuses) {
  PortRig rig(kWire);
  const uint16_t mtu = std::exchange(rig.config().ports[1].mtu, 20);  // no driver takes that
  rig.port(1).news().post(kNewsReset);
  ASSERT_TRUE(rig.run_until([&] { return rig.keeper().counts(1).failures == 3; }));
  EXPECT_EQ(rig.state(1), PortState::Waiting);
  EXPECT_NE(rig.keeper().trouble(1).find("rte_eth_dev_configure"), std::string::npos)
      << rig.keeper().trouble(1);
  rig.inject(0, frame());
  rig.poll();
  EXPECT_EQ(rig.dropped("tx.port_stopped"), 1u);
  rig.config().ports[1].mtu = mtu;
  ASSERT_TRUE(rig.run_until([&] { return rig.state(1) == PortState::Working; }));
  rig.inject(0, frame());
  rig.poll();
  EXPECT_EQ(rig.port(1).statistics().opackets, 1u);
}

TEST(PortKeeper, ResetsThatFollowOneAnotherAreAnsweredMoreAndMoreSlowly) {
  PortRig rig(kWire);
  unsigned within_a_second = 0;
  rig.run_until([&] {
    if (rig.state(1) == PortState::Working) rig.port(1).news().post(kNewsReset);
    return rig.keeper().counts(1).recoveries == 3;
  });
  const uint64_t before = rig.keeper().counts(1).recoveries;
  for (int i = 0; i < 200; ++i) {  // of 5 ms
    rig.port(1).news().post(kNewsReset);
    rig.poll();
    rig.turn();
  }
  within_a_second = static_cast<unsigned>(rig.keeper().counts(1).recoveries - before);
  EXPECT_LE(within_a_second, 2u);
  EXPECT_TRUE(rig.run_until([&] { return rig.state(1) == PortState::Working; }));
}

TEST(PortKeeper, GivesBackADeviceThatIsTakenAwayAndGoesOn) {
  PortRig rig(kWire);
  rig.inject(0, frame());
  rig.poll();
  rig.port(1).news().post(kNewsRemoved);
  ASSERT_TRUE(rig.run_until([&] { return rig.state(1) == PortState::Gone; }));
  uint16_t id = 0;
  EXPECT_NE(rte_eth_dev_get_port_by_name("net_null1", &id), 0) << "DPDK has let go of it";
  EXPECT_EQ(rig.keeper().counts(1).removals, 1u);
  EXPECT_EQ(rig.port(1).statistics().opackets, 1u) << "the last that was known";

  rig.inject(0, frame());
  rig.poll();
  EXPECT_EQ(rig.dropped("tx.port_stopped"), 1u);
  EXPECT_EQ(rig.state(0), PortState::Working);
  // Whatever is said of it now.
  rig.port(1).news().post(kNewsReset | kNewsLink | kNewsRemoved);
  rig.run_ms(2000);
  EXPECT_EQ(rig.state(1), PortState::Gone);
}

TEST(PortKeeper, NoticesADeviceThatWentWithoutAWord) {
  PortRig rig(kWire);
  rig.port(1).gate().open = false;  // the driver's queues go with it
  ASSERT_EQ(rte_eal_hotplug_remove("vdev", "net_null1"), 0);
  rig.port(1).news().post(kNewsReset);
  ASSERT_TRUE(rig.run_until([&] { return rig.state(1) == PortState::Gone; }));
  EXPECT_EQ(rig.keeper().counts(1).removals, 1u);
}

TEST(PortKeeper, PassesALostLinkOnOverTheWire) {
  PortRig rig(wire_of("net_ring0", "net_ring1", "link_follow = true"));
  std::vector<std::string> changes;
  rig.keeper().on_change = [&](unsigned port, std::string_view what, const std::string&) {
    changes.push_back(rig.config().ports[port].name + ' ' + std::string(what));
  };
  rte_eth_dev_set_link_down(rig.port(0).id());
  rig.run_ms(500);
  EXPECT_FALSE(rig.port(0).link_up());
  EXPECT_FALSE(rig.port(1).link_up());
  EXPECT_EQ(rig.keeper().link_hold(1), LinkHold::Held);
  EXPECT_EQ(rig.keeper().link_hold(0), LinkHold::None);
  rte_eth_dev_set_link_up(rig.port(0).id());
  rig.run_ms(500);
  EXPECT_TRUE(rig.port(0).link_up());
  EXPECT_TRUE(rig.port(1).link_up());
  EXPECT_EQ(changes, (std::vector<std::string>{"a link_down", "b link_held", "b link_down",
                                               "a link_up", "b link_released", "b link_up"}));
}

TEST(PortKeeper, APortThatIsGoneHasLostItsLink) {
  PortRig rig(wire_of("net_ring0", "net_ring1", "link_follow = true"));
  rig.port(0).news().post(kNewsRemoved);
  ASSERT_TRUE(rig.run_until([&] { return rig.state(0) == PortState::Gone; }));
  rig.run_ms(500);
  EXPECT_EQ(rig.keeper().link_hold(1), LinkHold::Held);
  EXPECT_FALSE(rig.port(1).link_up());
}

TEST(PortKeeper, ABriefResetIsNoLossOfTheLink) {
  PortRig rig(wire_of("net_ring0", "net_ring1", "link_follow = true"));
  const uint16_t mtu = std::exchange(rig.config().ports[0].mtu, 20);  // so that it takes a while
  rig.port(0).news().post(kNewsReset);
  rig.run_ms(PortKeeper::kOutageMs - PortKeeper::kLinkEveryMs);
  EXPECT_NE(rig.state(0), PortState::Working);
  EXPECT_EQ(rig.keeper().link_hold(1), LinkHold::None);
  rig.run_ms(2 * PortKeeper::kLinkEveryMs);
  EXPECT_EQ(rig.keeper().link_hold(1), LinkHold::Held) << "no more a brief one";
  rig.config().ports[0].mtu = mtu;
  ASSERT_TRUE(rig.run_until([&] { return rig.keeper().link_hold(1) == LinkHold::None; }));
  EXPECT_EQ(rig.state(0), PortState::Working);
}

// The driver of a VF says nothing of a reset, and the console reads its counters,
// which have jumped, before the keeper does.
TEST(PortKeeper, LearnsOfAResetFromCountersThatSomebodyElseHasRead) {
  PortRig rig(kWire);
  rig.config().ports[1].is_pci = true;  // what is no NIC has no speed that would bound it
  rig.run_ms(2000);
  device_faults().packets_ahead = 4'294'593'829;
  EXPECT_EQ(rig.port(1).statistics().ipackets, 0u) << "it is no packet";
  EXPECT_TRUE(rig.run_until([&] { return rig.keeper().counts(1).recoveries == 1; }));
  EXPECT_EQ(rig.keeper().counts(1).resets, 1u);
  EXPECT_EQ(rig.port(1).statistics().ipackets, 0u);
  // As where the device was pulled: its registers read as ones.
  device_faults().packets_ahead = uint64_t{1} << 60;
  rig.port(1).close();
  EXPECT_EQ(rig.port(1).statistics().ipackets, 0u) << "nor is the last reading";
  device_faults() = {};
  rig.config().ports[1].is_pci = false;
}

TEST(PortKeeper, IsNotContentUntilTheDeviceIsGivenBack) {
  PortRig rig(kWire);
  device_faults().remove_error = -EBUSY;
  rig.port(1).news().post(kNewsRemoved);
  ASSERT_TRUE(rig.run_until([&] { return rig.keeper().counts(1).failures == 2; }));
  EXPECT_EQ(rig.state(1), PortState::Waiting);
  EXPECT_NE(rig.keeper().trouble(1).find("rte_dev_remove"), std::string::npos);
  EXPECT_FALSE(rig.keeper().all_gone());
  device_faults() = {};
  ASSERT_TRUE(rig.run_until([&] { return rig.state(1) == PortState::Gone; }));
  EXPECT_FALSE(rig.port(1).link_up()) << "what is gone has no link";
  EXPECT_EQ(rig.keeper().counts(1).removals, 1u);
}

TEST(PortKeeper, SeesThatNothingCanPassAnyMore) {
  PortRig rig(kWire + R"(
[[port]]
name = "c"
addresses = ["10.9.0.1/24"]
device = "net_null2,no-rx=1"
)");
  rig.port(1).news().post(kNewsRemoved);
  ASSERT_TRUE(rig.run_until([&] { return rig.state(1) == PortState::Gone; }));
  EXPECT_FALSE(rig.keeper().all_gone()) << "c is there";
  rig.port(2).news().post(kNewsRemoved);
  ASSERT_TRUE(rig.run_until([&] { return rig.state(2) == PortState::Gone; }));
  EXPECT_TRUE(rig.keeper().all_gone()) << "a has nobody to pass frames to";
}

// A cable that flaps, on a VF whose driver may miss resets.
TEST(PortKeeper, APortThatMayWorkGoesOnUntilItIsSetUpAnew) {
  PortRig rig(kWire);
  const auto renewed = [&](uint64_t times) {
    return rig.run_until([&] {
      return rig.keeper().counts(1).recoveries == times && rig.state(1) == PortState::Working;
    });
  };
  for (uint64_t n = 1; n <= 4; ++n) {
    rig.port(1).news().post(kNewsRenew);
    ASSERT_TRUE(renewed(n));
  }
  rig.port(1).news().post(kNewsRenew);
  rig.run_ms(1000);
  EXPECT_EQ(rig.keeper().counts(1).recoveries, 4u) << "each later than the one before";
  EXPECT_EQ(rig.state(1), PortState::Working);
  rig.inject(0, frame());
  rig.poll();
  EXPECT_EQ(rig.port(1).statistics().opackets, 1u) << "meanwhile it carries";
  EXPECT_TRUE(renewed(5));
  // What is known to be deaf is closed at once.
  rig.port(1).news().post(kNewsRenew);
  rig.turn();
  EXPECT_EQ(rig.state(1), PortState::Working);
  rig.port(1).news().post(kNewsReset);
  rig.turn();
  EXPECT_EQ(rig.state(1), PortState::Stopping);
  EXPECT_TRUE(renewed(6));
}

TEST(PortKeeper, LeavesLinksAloneWhereTheyDoNotFollow) {
  PortRig rig(wire_of("net_ring0", "net_ring1"));
  rte_eth_dev_set_link_down(rig.port(0).id());
  rig.run_ms(500);
  EXPECT_FALSE(rig.port(0).link_up());
  EXPECT_TRUE(rig.port(1).link_up());
  EXPECT_EQ(rig.keeper().counts(0).link_changes, 1u);
}

TEST(PortKeeper, FramesForALostLinkHaveAReasonOfTheirOwn) {
  PortRig rig(kWire);
  PortGate& gate = rig.port(1).gate();
  const auto output = rig.port(1).output(0);
  EXPECT_EQ(output->refusal(), reason(CoreReason::TxFull));
  gate.link_up = false;
  EXPECT_EQ(output->refusal(), reason(CoreReason::TxPortDown));
  gate.open = false;
  EXPECT_EQ(output->refusal(), reason(CoreReason::TxPortStopped));
  gate.open = gate.link_up = true;
}

// Ring devices hand back whatever they are given to send, as some NICs do with a
// VF's broadcasts.
TEST(SplitHorizonOnDevices, EndsTheStormOfFramesThatComeBack) {
  for (const bool on : {false, true}) {
    PortRig rig(
        wire_of("net_ring0", "net_ring1", on ? "split_horizon = true" : "split_horizon = false"));
    rig.inject(0, frame());
    rig.poll(50);
    const uint64_t received = rig.appliance().total().received;
    if (on) {
      EXPECT_EQ(received, 2u);
      EXPECT_EQ(rig.dropped("wire.split_horizon"), 1u);
    } else {
      EXPECT_GT(received, 50u) << "else the devices hand nothing back, and this proves nothing";
    }
  }
}

// Ring devices have neither RSS nor as many queues as asked for by lanes.
TEST(Ports, SpreadBySoftwareWhereADeviceCannot) {
  const std::string lanes = "[[lane]]\nlcore = 1\n[[lane]]\nlcore = 2\n";
  PortRig rig(kWire + lanes);
  EXPECT_EQ(rig.ports().rss(), RssMode::Software);
  EXPECT_NE(rig.ports().why_software().find("port a"), std::string::npos);
  EXPECT_EQ(rig.port(0).rx_queues(), 1u);
  // Flows of many hosts reach both lanes through the one queue.
  for (int i = 1; i < 100; ++i) {
    rig.inject(0, eth().ip("10.0.0." + std::to_string(i), "10.0.1.1").udp(1, 2));
    rig.poll(3);
  }
  EXPECT_GT(rig.appliance().flow_table(0).size(), 20u);
  EXPECT_GT(rig.appliance().flow_table(1).size(), 20u);
  EXPECT_EQ(rig.port(1).statistics().opackets, 99u);
}

TEST(Ports, RefuseADeviceThatCannotSpreadWhereItIsToldTo) {
  const std::string text =
      "rss = \"device\"\n" + kWire + "[[lane]]\nlcore = 1\n[[lane]]\nlcore = 2\n";
  try {
    PortRig rig(text);
    FAIL() << "it started";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("cannot spread packets over 2 lanes"), std::string::npos)
        << e.what();
  }
  rte_eal_hotplug_remove("vdev", "net_ring0");
  rte_eal_hotplug_remove("vdev", "net_null1");
}

TEST(Ports, TakeAnAddressFromTheConfigurationAgainBehindAReset) {
  std::string text = kWire;
  text.insert(text.find("name = \"b\""), "mac = \"02:00:00:00:77:01\"\n");
  PortRig rig(text);
  EXPECT_EQ(to_string(rig.port(1).mac()), "02:00:00:00:77:01");
  rig.port(1).news().post(kNewsReset);
  ASSERT_TRUE(rig.run_until([&] { return rig.keeper().counts(1).recoveries == 1; }));
  rte_ether_addr address;
  ASSERT_EQ(rte_eth_macaddr_get(rig.port(1).id(), &address), 0);
  EXPECT_EQ(address.addr_bytes[4], 0x77);
}

constexpr std::string_view kRouted = R"(
[[port]]
name = "a"
addresses = ["10.1.0.1/24"]
device = "net_ring0"
[[port]]
name = "b"
addresses = ["10.2.0.1/24"]
device = "net_null1,no-rx=1"
[stage.firewall]
default = "allow"
)";

// Neighbours of a routed port have its address in their caches.
TEST(Ports, KeepTheirAddressWhereAResetMakesUpAnother) {
  for (const bool by_the_pf : {false, true}) {
    device_faults() = {};
    device_faults().has_own_mac = true;
    device_faults().own_mac = {{0x02, 0, 0, 0, 0x88, 1}};
    PortRig rig(kRouted);
    ASSERT_EQ(to_string(rig.port(1).mac()), "02:00:00:00:88:01");
    device_faults().own_mac = {{0x02, 0, 0, 0, 0x99, 2}};
    device_faults().refuses_mac = by_the_pf;
    rig.port(1).news().post(kNewsReset);
    rig.turn();
    EXPECT_EQ(to_string(rig.port(1).mac()), "02:00:00:00:88:01");
    ASSERT_TRUE(rig.run_until([&] { return rig.keeper().counts(1).recoveries == 1; }));
    EXPECT_EQ(to_string(rig.port(1).mac()), by_the_pf ? "02:00:00:00:99:02" : "02:00:00:00:88:01");
  }
  device_faults() = {};
}

TEST(Ports, SayWhereVlansCannotBeFiltered) {
  PortRig rig(wire_of("net_ring0", "net_null1,no-rx=1", "vlans = [10, \"20-22\"]"));
  EXPECT_FALSE(rig.port(0).filters_vlans());
  const auto remarks = rig.port(0).take_remarks();
  ASSERT_EQ(remarks.size(), 1u);
  EXPECT_NE(remarks[0].find("no VLAN filter"), std::string::npos);
}

}  // namespace
}  // namespace sluice::test
