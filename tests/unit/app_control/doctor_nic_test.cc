// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What `sluice check` says of PCI devices: VFs of igb, ixgbe, i40e and mlx5.

#include <gtest/gtest.h>

#include <set>

#include "app/doctor/pci_facts.h"
#include "fake_host.h"

namespace sluice {
namespace {

constexpr const char* kLan = "0000:01:10.0";
constexpr const char* kWan = "0000:02:10.0";
constexpr const char* kVf = "/sys/bus/pci/devices/0000:01:10.0";

class DoctorNic : public testing::Test {
 protected:
  Probe probe(const std::string& name) { return probe_named(examine(config, host.state), name); }
  ProbeResult result(const std::string& name) {
    const Probe found = probe(name);
    EXPECT_EQ(found.name, name) << "no such probe";
    return found.result;
  }

  FakeHost host;
  Config config = wire_config(kLan, kWan, {1});
};

TEST_F(DoctorNic, FindsNothingOnAWireOfMellanoxVfs) {
  add_wire(host, "mlx5_core", "15b3:1018");
  for (const Probe& p : examine(config, host.state)) {
    EXPECT_EQ(p.result, ProbeResult::Pass) << p.name << ": " << p.found;
  }
  EXPECT_EQ(probe("IOMMU").name, "") << "a bifurcated driver needs none";
}

TEST_F(DoctorNic, FailsNothingOnAWireOfIntelVfs) {
  for (const auto& [pf, vf] : {std::pair{"igb", "8086:10ca"},
                               {"ixgbe", "8086:1565"},
                               {"i40e", "8086:154c"},
                               {"ice", "8086:1889"}}) {
    add_wire(host, pf, vf);
    for (const Probe& p : examine(config, host.state)) {
      EXPECT_NE(p.result, ProbeResult::Fail) << pf << ", " << p.name << ": " << p.found;
    }
    EXPECT_EQ(result("IOMMU"), ProbeResult::Pass);
    EXPECT_EQ(result("port lan: IOMMU group"), ProbeResult::Pass);
    EXPECT_EQ(result("port lan: VLAN filter"), ProbeResult::Warn);
  }
}

TEST_F(DoctorNic, KnowsWherePromiscuousModeIsWithoutEffect) {
  add_wire(host, "igb", "8086:10ca");
  EXPECT_EQ(result("port lan: promiscuous"), ProbeResult::Warn);
  add_wire(host, "ixgbe", "8086:10ed");
  EXPECT_NE(probe("port lan: promiscuous").found.find("82599"), std::string::npos);
  add_wire(host, "ixgbe", "8086:1565");
  EXPECT_EQ(probe("port lan: promiscuous").mend, "ip link set dev pf0 promisc on");
  host.interface("pf0", "0x1103");
  EXPECT_EQ(result("port lan: promiscuous"), ProbeResult::Pass);
  add_wire(host, "ice", "8086:1889");
  EXPECT_EQ(result("port lan: promiscuous"), ProbeResult::Pass);
  host.answers["ethtool --show-priv-flags pf0"] = "Private flags:\nvf-true-promisc-support: off\n";
  EXPECT_EQ(probe("port lan: promiscuous").mend,
            "ethtool --set-priv-flags pf0 vf-true-promisc-support on");
  EXPECT_EQ(probe("port lan: promiscuous").fix.actions.size(), 1u);
  host.answers.erase("ethtool --show-priv-flags pf0");
  EXPECT_EQ(result("port lan: promiscuous"), ProbeResult::Warn);
}

TEST_F(DoctorNic, NamesAMissingIommu) {
  add_wire(host, "ixgbe", "8086:1565");
  host.remove("/sys/kernel/iommu_groups");
  host.remove(std::string(kVf) + "/iommu_group");
  const Probe iommu = probe("IOMMU");
  EXPECT_EQ(iommu.result, ProbeResult::Fail);
  EXPECT_NE(iommu.mend.find("intel_iommu=on iommu=pt"), std::string::npos);
  host.file("/proc/cmdline", "quiet intel_iommu=on\n");
  EXPECT_EQ(probe("IOMMU").mend.find("command line"), std::string::npos);
  host.file("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
  EXPECT_EQ(result("IOMMU"), ProbeResult::Warn);
}

TEST_F(DoctorNic, LoadsVfioWhereTheKernelHasIt) {
  add_wire(host, "ixgbe", "8086:1565");
  host.remove("/sys/bus/pci/drivers/vfio-pci");
  EXPECT_EQ(result("vfio-pci"), ProbeResult::Fail);
  EXPECT_TRUE(probe("vfio-pci").fix.actions.empty());
  host.file("/lib/modules/6.1.0-test/modules.dep", "kernel/drivers/vfio/pci/vfio-pci.ko.xz:\n");
  EXPECT_EQ(probe("vfio-pci").mend, "modprobe vfio-pci");
  EXPECT_EQ(probe("vfio-pci").fix.stage, FixStage::LoadModule);
}

TEST_F(DoctorNic, NamesAGroupThatIsSharedWithTheKernel) {
  add_wire(host, "ixgbe", "8086:1565");
  const std::string group = pci_facts(host.state.tree, kLan).group;
  host.device("0000:01:11.0", "8086:1565", "ixgbevf");
  host.folder("/sys/kernel/iommu_groups/" + group + "/devices/0000:01:11.0");
  EXPECT_EQ(result("port lan: IOMMU group"), ProbeResult::Fail);
  host.link("/sys/bus/pci/devices/0000:01:11.0/driver", "../drivers/vfio-pci");
  EXPECT_EQ(result("port lan: IOMMU group"), ProbeResult::Pass);
}

TEST_F(DoctorNic, BindsADeviceThatTheKernelHas) {
  add_wire(host, "igb", "8086:10ca");
  host.link(std::string(kVf) + "/driver", "../../../bus/pci/drivers/igbvf");
  const Probe driver = probe("port lan: driver");
  EXPECT_EQ(driver.result, ProbeResult::Fail);
  EXPECT_EQ(driver.found, "igbvf");
  EXPECT_EQ(driver.mend,
            "echo vfio-pci > /sys/bus/pci/devices/0000:01:10.0/driver_override; "
            "echo 0000:01:10.0 > /sys/bus/pci/devices/0000:01:10.0/driver/unbind; "
            "echo 0000:01:10.0 > /sys/bus/pci/drivers/vfio-pci/bind");
  EXPECT_EQ(driver.fix.stage, FixStage::Bind);
  host.remove("/sys/bus/pci/drivers/vfio-pci");
  EXPECT_TRUE(probe("port lan: driver").fix.actions.empty()) << "it would have no driver at all";
}

TEST_F(DoctorNic, DoesNotBindWhatTheMachineIsReachedBy) {
  host.pf("0000:01:00.0", "ixgbe", "pf0", 0);
  host.link("/sys/bus/pci/devices/0000:01:00.0/iommu_group", "../../kernel/iommu_groups/0");
  config = wire_config("0000:01:00.0", kWan, {1});
  EXPECT_FALSE(probe("port lan: driver").fix.actions.empty());
  host.file("/proc/net/route",
            "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
            "pf0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\n");
  const Probe driver = probe("port lan: driver");
  EXPECT_EQ(driver.result, ProbeResult::Fail);
  EXPECT_NE(driver.meaning.find("default route"), std::string::npos) << driver.meaning;
  EXPECT_TRUE(driver.fix.actions.empty());
}

TEST_F(DoctorNic, DoesNotTakeAPfFromUnderItsVfs) {
  add_wire(host, "ixgbe", "8086:1565");
  config = wire_config("0000:01:00.0", kWan, {1});
  const Probe driver = probe("port lan: driver");
  EXPECT_EQ(driver.result, ProbeResult::Fail);
  EXPECT_TRUE(driver.fix.actions.empty());
}

TEST_F(DoctorNic, TakesNoDiskForANic) {
  add_wire(host, "ixgbe", "8086:1565");
  host.device("0000:05:00.0", "144d:a808", "nvme");
  host.file("/sys/bus/pci/devices/0000:05:00.0/class", "0x010802\n");
  config = wire_config("0000:05:00.0", kWan, {1});
  const auto probes = examine(config, host.state);
  EXPECT_EQ(probe_named(probes, "port lan: device").result, ProbeResult::Fail);
  for (const Probe& p : probes) EXPECT_TRUE(p.fix.actions.empty()) << p.name;
}

TEST_F(DoctorNic, CreatesTheVfsThatAreMissing) {
  host.pf("0000:01:00.0", "ixgbe", "pf0", 0, 128, 2);
  config = wire_config("0000:01:10.0", "0000:01:10.4", {1});
  const Probe device = probe("port lan: device");
  EXPECT_EQ(device.result, ProbeResult::Fail);
  EXPECT_EQ(device.fix.stage, FixStage::CreateVfs);
  ASSERT_EQ(device.fix.actions.size(), 3u);
  EXPECT_EQ(to_shell(device.fix.actions[1]),
            "echo 3 > /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs");
  EXPECT_TRUE(device.fix.actions[2].always);
  EXPECT_EQ(probe("port wan: device").mend, device.mend) << "once for both";

  host.file("/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", "1\n");
  EXPECT_TRUE(probe("port lan: device").fix.actions.empty()) << "that one may be in use";
  config = wire_config("0000:77:10.0", kWan, {1});
  EXPECT_NE(probe("port lan: device").meaning.find("misspelt"), std::string::npos);
}

// A trusted VF made without that flag would see no foreign unicast.
TEST_F(DoctorNic, SwitchesTruePromiscuityOnBeforeThereAreVfs) {
  host.pf("0000:01:00.0", "ice", "pf0", 0, 128, 2);
  host.answers["ethtool --show-priv-flags pf0"] = "vf-true-promisc-support : off\n";
  Probe device = probe("port lan: device");
  ASSERT_EQ(device.fix.actions.size(), 4u);
  EXPECT_EQ(to_shell(device.fix.actions[0]),
            "ethtool --set-priv-flags pf0 vf-true-promisc-support on");
  host.answers["ethtool --show-priv-flags pf0"] = "vf-true-promisc-support : on\n";
  EXPECT_EQ(probe("port lan: device").fix.actions.size(), 3u);
}

TEST_F(DoctorNic, LeavesTheKernelsVfDriversAsTheyWere) {
  host.pf("0000:01:00.0", "ixgbe", "pf0", 0, 128, 2);
  host.file("/sys/bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe", "0\n");
  EXPECT_EQ(to_shell(probe("port lan: device").fix.actions.back()),
            "echo 0 > /sys/bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe");
}

TEST_F(DoctorNic, DoesNotBindWhatIsPlainlyInUse) {
  add_wire(host, "ixgbe", "8086:1565");
  host.link(std::string(kVf) + "/driver", "../../../bus/pci/drivers/ixgbevf");
  host.folder(std::string(kVf) + "/net/vf0");
  host.interface("vf0", "0x1003");
  host.state.addresses = {{"vf0", "fe80::1"}, {"pf0", "192.0.2.9"}};
  EXPECT_FALSE(probe("port lan: driver").fix.actions.empty());
  host.state.addresses.emplace_back("vf0", "198.51.100.9");
  EXPECT_NE(probe("port lan: driver").meaning.find("198.51.100.9"), std::string::npos);
  EXPECT_TRUE(probe("port lan: driver").fix.actions.empty());
  host.state.addresses.clear();
  host.link("/sys/class/net/vf0/master", "../bond7");
  EXPECT_NE(probe("port lan: driver").meaning.find("bond7"), std::string::npos);
  EXPECT_TRUE(probe("port lan: driver").fix.actions.empty());
  host.remove("/sys/class/net/vf0/master");
  EXPECT_FALSE(probe("port lan: driver").fix.actions.empty());
  const std::string group = pci_facts(host.state.tree, kLan).group;
  host.device("0000:01:11.0", "8086:1565", "ixgbevf");
  host.folder("/sys/kernel/iommu_groups/" + group + "/devices/0000:01:11.0");
  EXPECT_TRUE(probe("port lan: driver").fix.actions.empty()) << "vfio would not open it";
}

TEST_F(DoctorNic, NamesANodeWithoutPagesForItsPorts) {
  add_wire(host, "ixgbe", "8086:1565");
  for (const char* address : {kLan, kWan}) {
    host.file("/sys/bus/pci/devices/" + std::string(address) + "/numa_node", "1\n");
  }
  host.cpu(1, 1);
  host.huge_pages(1, 4, 4);
  host.huge_pages(0, 2048, 2048);
  EXPECT_EQ(result("hugepages"), ProbeResult::Fail)
      << "`run` would take pages, and find none there";
  host.huge_pages(0, 4, 4);
  EXPECT_EQ(result("hugepages"), ProbeResult::Warn) << "`run` would take ordinary memory";
}

TEST_F(DoctorNic, ComparesNumaNodes) {
  add_wire(host, "ixgbe", "8086:1565");
  EXPECT_EQ(result("port lan: NUMA node"), ProbeResult::Pass);
  host.file(std::string(kVf) + "/numa_node", "1\n");
  host.file("/sys/devices/system/node/node1/cpulist", "4-7\n");
  const Probe far = probe("port lan: NUMA node");
  EXPECT_EQ(far.result, ProbeResult::Warn);
  EXPECT_NE(far.mend.find("4-7"), std::string::npos);
}

TEST_F(DoctorNic, ComparesQueuesWhereTheyAreKnown) {
  add_wire(host, "igb", "8086:10ca");
  EXPECT_EQ(result("port lan: queues"), ProbeResult::Pass);
  config = wire_config(kLan, kWan, {1, 2});
  EXPECT_EQ(result("port lan: queues"), ProbeResult::Pass);
  EXPECT_NE(probe("port lan: queues").found.find("spread by software"), std::string::npos);
  config.rss = RssMode::Device;
  EXPECT_EQ(result("port lan: queues"), ProbeResult::Fail);
  EXPECT_NE(probe("port lan: queues").mend.find("leave `rss` out"), std::string::npos);
  config.rss = RssMode::Software;
  EXPECT_EQ(result("port lan: queues"), ProbeResult::Pass);
  config = wire_config(kLan, kWan, {1, 2, 3});
  config.rss = RssMode::Software;
  EXPECT_EQ(result("port lan: queues"), ProbeResult::Fail);
  add_wire(host, "ice", "8086:1889");
  const Probe unknown = probe("port lan: queues");
  EXPECT_EQ(unknown.result, ProbeResult::Warn);
  EXPECT_NE(unknown.found.find("known only once DPDK has opened it"), std::string::npos);
}

TEST_F(DoctorNic, WantsThePfUpAndAtItsCable) {
  add_wire(host, "igb", "8086:10ca");
  EXPECT_EQ(result("port lan: PF"), ProbeResult::Pass);
  host.file("/sys/class/net/pf0/carrier", "0\n");
  EXPECT_EQ(result("port lan: PF"), ProbeResult::Warn);
  host.interface("pf0", "0x1002");
  const Probe down = probe("port lan: PF");
  EXPECT_EQ(down.result, ProbeResult::Fail);
  EXPECT_TRUE(down.mend.starts_with("ip link set dev pf0 up")) << down.mend;
  host.remove("/sys/bus/pci/devices/0000:01:00.0/net");
  EXPECT_EQ(result("port lan: PF"), ProbeResult::Warn);
}

TEST_F(DoctorNic, WantsThePfToLetLongFramesThrough) {
  add_wire(host, "ixgbe", "8086:1565");
  EXPECT_EQ(result("port lan: MTU"), ProbeResult::Pass);
  config.ports[0].mtu = 9000;
  EXPECT_EQ(probe("port lan: MTU").mend, "ip link set dev pf0 mtu 9000");
}

TEST_F(DoctorNic, ReadsWhatThePfSaysOfTheVf) {
  add_wire(host, "ixgbe", "8086:1565");
  for (const char* what : {"MAC address", "port VLAN", "spoof check", "trust"}) {
    EXPECT_EQ(result(std::string("port lan: ") + what), ProbeResult::Pass);
  }
  host.vf_views("pf0", vf_view(0, "00:00:00:00:00:00", true, false, 100));
  const auto probes = examine(config, host.state);
  EXPECT_EQ(probe_named(probes, "port lan: MAC address").mend,
            "ip link set dev pf0 vf 0 mac 06:00:21:aa:bb:00");
  EXPECT_EQ(probe_named(probes, "port lan: spoof check").mend,
            "ip link set dev pf0 vf 0 spoofchk off");
  EXPECT_EQ(probe_named(probes, "port lan: trust").mend, "ip link set dev pf0 vf 0 trust on");
  EXPECT_EQ(probe_named(probes, "port lan: port VLAN").result, ProbeResult::Warn);
  EXPECT_EQ(probe_named(probes, "port wan: trust").result, ProbeResult::Pass);

  // Not the PF's own, even if that one is made up too.
  host.file("/sys/class/net/pf0/address", "06:00:21:aa:bb:00\n");
  EXPECT_EQ(probe("port lan: MAC address").mend, "ip link set dev pf0 vf 0 mac 02:00:21:aa:bb:00");

  host.vf_views("pf0", vf_view(0, "02:00:00:00:00:77", false, true));
  config.ports[0].mac = parse_mac_address("02:00:00:00:00:05");
  EXPECT_EQ(probe("port lan: MAC address").mend, "ip link set dev pf0 vf 0 mac 02:00:00:00:00:05");
  host.answers.clear();
  EXPECT_EQ(result("port lan: PF's view"), ProbeResult::Warn);
}

TEST_F(DoctorNic, NamesALinkThatThePfHoldsDown) {
  add_wire(host, "ixgbe", "8086:1565");
  EXPECT_EQ(probe("port lan: VF's link").name, "");
  for (const char* key : {"link_state", "link-state"}) {
    host.vf_views("pf0", std::string("{\"vf\":0,\"") + key + "\":\"disable\"}");
    EXPECT_EQ(probe("port lan: VF's link").mend, "ip link set dev pf0 vf 0 state auto");
  }
}

TEST_F(DoctorNic, ARoutedPortNeedsNeitherTrustNorForeignAddresses) {
  add_wire(host, "ixgbe", "8086:1565");
  host.vf_views("pf0", vf_view(0, "02:00:00:00:00:77", true, false));
  config.ports[0].peer.clear();
  config.ports[0].peer_index = -1;
  EXPECT_EQ(probe("port lan: trust").name, "");
  EXPECT_EQ(probe("port lan: spoof check").name, "");
}

TEST_F(DoctorNic, NamesAVfWhosePfIsNotInThisMachine) {
  host.device(kLan, "8086:1889", "vfio-pci");
  host.link(std::string(kVf) + "/iommu_group", "../../kernel/iommu_groups/0");
  EXPECT_EQ(result("port lan: PF's view"), ProbeResult::Warn);
}

TEST_F(DoctorNic, WantsTheEndsOfAWireOnTwoPfs) {
  add_wire(host, "igb", "8086:10ca");
  EXPECT_EQ(result("wire lan - wan"), ProbeResult::Pass);
  host.vf("0000:01:00.0", 1, "0000:01:10.2", "8086:10ca", "vfio-pci");
  config = wire_config(kLan, "0000:01:10.2", {1});
  EXPECT_EQ(result("wire lan - wan"), ProbeResult::Fail);
  host.vf_views("pf0", vf_view(0, "02:00:00:00:00:01", false, true, 10) + ',' +
                           vf_view(1, "02:00:00:00:00:02", false, true, 20));
  EXPECT_EQ(result("wire lan - wan"), ProbeResult::Pass) << "VLANs keep them apart";
  config = wire_config(kLan, "0000:01:00.0", {1});
  EXPECT_EQ(result("wire lan - wan"), ProbeResult::Fail) << "a VF and its own PF";
}

TEST_F(DoctorNic, SaysWhereItCannotTellWhetherTwoVfsAreOfOnePf) {
  for (const char* address : {kLan, kWan}) host.device(address, "8086:1889", "vfio-pci");
  EXPECT_EQ(result("wire lan - wan"), ProbeResult::Warn);
}

TEST_F(DoctorNic, WantsTheInterfaceOfABifurcatedDriverUp) {
  add_wire(host, "mlx5_core", "15b3:1018");
  host.folder(std::string(kVf) + "/net/vf0");
  host.interface("vf0", "0x1002");
  EXPECT_EQ(result("port lan: link"), ProbeResult::Fail);
  host.interface("vf0", "0x1003");
  EXPECT_EQ(result("port lan: link"), ProbeResult::Pass);
}

TEST_F(DoctorNic, WantsVfioToBeOpenedAndMemoryPinned) {
  add_wire(host, "ixgbe", "8086:1565");
  EXPECT_EQ(result("memlock"), ProbeResult::Pass);
  host.state.user = 1000;
  host.capabilities("0");
  host.file("/proc/self/limits", "Max locked memory         8388608    8388608    bytes\n");
  EXPECT_EQ(result("memlock"), ProbeResult::Fail);
  host.file("/proc/self/limits", "Max locked memory         unlimited    unlimited    bytes\n");
  EXPECT_EQ(result("memlock"), ProbeResult::Pass);
  host.remove("/proc/self/limits");
  EXPECT_EQ(result("memlock"), ProbeResult::Warn);
  EXPECT_EQ(result("rights"), ProbeResult::Pass);
  host.remove("/dev/vfio");
  EXPECT_EQ(result("rights"), ProbeResult::Fail);
}

// The headings of docs/deploy-sriov.md that findings lead to.
TEST_F(DoctorNic, LeadsToTheHeadingsOfThePageOnly) {
  const std::set<std::string> headings = {"hugepages", "iommu",  "vfio", "binding",  "trust",
                                          "mac",       "queues", "numa", "offloads", "rights",
                                          "cpus",      "link",   "mtu"};
  std::set<std::string> used;
  const auto collect = [&](const Config& of) {
    for (const Probe& p : examine(of, host.state)) used.insert(p.topic);
  };
  add_wire(host, "ixgbe", "8086:1565");
  collect(config);
  host.interface("lan", "0x1003");
  collect(wire_config("net_af_packet0,iface=lan", kWan, {1}));
  EXPECT_EQ(used, headings);
}

// Whoever writes /sys or stands in for `ip` can make it complain, not more.
TEST_F(DoctorNic, SurvivesNonsense) {
  add_wire(host, "ixgbe", "8086:1565");
  const std::string deep(200'000, '[');
  for (const std::string& text :
       {std::string("{"), deep, std::string("[{\"vfinfo_list\":[{\"vf\":-1},7,{\"vf\":\"0\"}]}]"),
        std::string(
            "[{\"vfinfo_list\":[{\"vf\":0,\"address\":7,\"vlan_list\":[3],\"trust\":[]}]}]"),
        std::string("\xff\xfe\0x", 4)}) {
    host.answers["ip -j link show dev pf0"] = text;
    examine(config, host.state);
  }
  const std::string vf = kVf;
  for (const char* name : {"/class", "/vendor", "/device", "/numa_node"}) {
    host.file(vf + name, std::string(100'000, '9'));
  }
  host.link(vf + "/driver", "../../\x1b[31mevil");
  host.link(vf + "/physfn", "../../../../etc");
  host.file("/proc/net/route", std::string(1000, '\t') + "\n\n");
  host.file("/proc/cpuinfo", "flags");
  for (const Probe& p : examine(config, host.state)) {
    EXPECT_EQ(p.found.find('\x1b'), std::string::npos) << p.name;
    EXPECT_EQ(p.found.find('\n'), std::string::npos) << p.name;
  }
}

}  // namespace
}  // namespace sluice
