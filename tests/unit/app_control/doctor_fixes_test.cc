// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// `sluice check --fix`: what it prints, in which order it works, and what it refuses.

#include "app/doctor/fixes.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "app/doctor/device_users.h"
#include "app/doctor/subprocess.h"
#include "fake_host.h"

namespace sluice {
namespace {

using Lines = std::vector<std::string>;

class FakeRunner final : public ActionRunner {
 public:
  explicit FakeRunner(Lines& log) : log_(log) {}
  std::string run(const Action& action) override {
    const std::string line = to_shell(action);
    log_.push_back("run " + line);
    return !failing.empty() && line.find(failing) != std::string::npos ? "no luck" : "";
  }
  std::string failing;

 private:
  Lines& log_;
};

class DoctorFixes : public testing::Test {
 protected:
  FixOutcome apply(const std::vector<Probe>& probes) {
    return apply_fixes(probes, host.state, runner, tried,
                       [this](const std::string& line) { log.push_back(line); });
  }
  size_t position(const std::string& part) const {
    for (size_t i = 0; i < log.size(); ++i) {
      if (log[i].find(part) != std::string::npos) return i;
    }
    ADD_FAILURE() << "nothing with " << part;
    return log.size();
  }
  void default_route(const std::string& interface) {
    host.file("/proc/net/route", "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n" +
                                     interface + "\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\n");
  }

  FakeHost host;
  Lines log;
  FakeRunner runner{log};
  std::set<std::string> tried;
};

Probe bind_probe(const std::string& address, FixStage stage = FixStage::Bind) {
  return {.name = "port: driver",
          .topic = "binding",
          .result = ProbeResult::Fail,
          .found = {},
          .meaning = {},
          .mend = {},
          .fix = {.stage = stage,
                  .actions = {write_to("vfio-pci",
                                       "/sys/bus/pci/devices/" + address + "/driver_override")},
                  .touches = {address}}};
}

TEST_F(DoctorFixes, PrintsEachCommandBeforeItRuns) {
  host.file("/proc/mounts", "");
  const auto outcome = apply(examine(wire_config("net_null0", "net_null1", {1}), host.state));
  EXPECT_EQ(outcome.done, 1u);
  EXPECT_EQ(log, (Lines{"+ mkdir -p /dev/hugepages", "run mkdir -p /dev/hugepages",
                        "+ mount -t hugetlbfs -o pagesize=2M hugetlbfs /dev/hugepages",
                        "run mount -t hugetlbfs -o pagesize=2M hugetlbfs /dev/hugepages"}));
}

TEST_F(DoctorFixes, WorksInTheOrderInWhichOneNeedsTheOther) {
  add_wire(host, "ixgbe", "8086:1565");
  host.file("/proc/mounts", "");
  host.huge_pages(0, 0, 0);
  host.link("/sys/bus/pci/devices/0000:01:10.0/driver", "../drivers/ixgbevf");
  host.vf_views("pf0", vf_view(0, "00:00:00:00:00:00", true, false));
  apply(examine(wire_config("0000:01:10.0", "0000:02:10.0", {1}), host.state));
  const std::vector<size_t> order = {position("nr_hugepages"),
                                     position("run mount"),
                                     position("run ip link set dev pf0 vf 0 mac"),
                                     position("vf 0 spoofchk off"),
                                     position("vf 0 trust on"),
                                     position("driver_override"),
                                     position("driver/unbind"),
                                     position("drivers/vfio-pci/bind")};
  for (size_t i = 1; i < order.size(); ++i) EXPECT_LE(order[i - 1], order[i]) << i;
}

TEST_F(DoctorFixes, DoesNothingTwice) {
  add_wire(host, "ixgbe", "8086:1565");
  host.pf("0000:01:00.0", "ixgbe", "pf0", 0, 128, 2);
  host.remove("/sys/bus/pci/devices/0000:01:10.0");
  const Config config = wire_config("0000:01:10.0", "0000:01:10.2", {1});
  EXPECT_EQ(apply(examine(config, host.state)).done, 1u);
  EXPECT_EQ(log.size(), 6u) << "both ports lack the same VFs: off, create, on again";
  EXPECT_EQ(apply(examine(config, host.state)).done, 0u);
}

TEST_F(DoctorFixes, PutsBackWhatItChangedWhenAStepFails) {
  host.pf("0000:01:00.0", "ixgbe", "pf0", 0, 128, 2);
  runner.failing = "sriov_numvfs";
  const auto outcome = apply(examine(wire_config("0000:01:10.0", "0000:01:10.2", {1}), host.state));
  EXPECT_EQ(outcome.failed, 1u);
  EXPECT_NE(position("failed: no luck"), log.size());
  EXPECT_EQ(log.back(), "run echo 1 > /sys/bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe");
  log.clear();
  runner.failing = "mkdir";
  host.file("/proc/mounts", "");
  apply(examine(wire_config("net_null0", "net_null1", {1}), host.state));
  EXPECT_EQ(log, (Lines{"+ mkdir -p /dev/hugepages", "run mkdir -p /dev/hugepages",
                        "  failed: no luck"}));
}

TEST_F(DoctorFixes, GivesADeviceBackThatVfioDoesNotTake) {
  add_wire(host, "ixgbe", "8086:1565");
  host.link("/sys/bus/pci/devices/0000:01:10.0/driver", "../drivers/ixgbevf");
  const Config config = wire_config("0000:01:10.0", "0000:02:10.0", {1});
  apply(examine(config, host.state));
  EXPECT_NE(log.back().find("drivers/vfio-pci/bind"), std::string::npos) << log.back();
  log.clear();
  tried.clear();
  runner.failing = "vfio-pci/bind";
  EXPECT_EQ(apply(examine(config, host.state)).failed, 1u);
  EXPECT_EQ(log.back(), "run echo 0000:01:10.0 > /sys/bus/pci/drivers/ixgbevf/bind");
  position("run echo '' > /sys/bus/pci/devices/0000:01:10.0/driver_override");
}

// By the unit, whose files are not where those of a process of root's are, and under
// another name than the file's.
TEST_F(DoctorFixes, LeavesAloneWhatRuns) {
  add_wire(host, "ixgbe", "8086:1565");
  host.vf_views("pf0", vf_view(0, "00:00:00:00:00:00", true, false));
  host.huge_pages(0, 64, 0);
  const Config config = wire_config("0000:01:10.0", "0000:02:10.0", {1});
  EXPECT_EQ(apply(examine(config, host.state)).done, 4u) << "pages, MAC, spoof check, trust";
  tried.clear();
  log.clear();
  const std::string group = pci_facts(host.state.tree, "0000:01:10.0").group;
  host.link("/proc/4711/fd/9", "/dev/vfio/" + group);
  host.link("/proc/4711/fd/8", "/dev/null");
  EXPECT_EQ(apply(examine(config, host.state)).refused, 3u);
  EXPECT_NE(log.back().find("in use by process 4711"), std::string::npos) << log.back();
}

TEST_F(DoctorFixes, KnowsTheUserOfADeviceThatStaysWithItsKernelDriver) {
  host.link("/sys/class/infiniband_verbs/uverbs3/device", "../../../0000:05:00.1");
  host.link("/proc/4711/fd/9", "/dev/infiniband/uverbs3");
  const DeviceUsers users(host.state.tree);
  EXPECT_EQ(users.of(host.state.tree, "0000:05:00.1"), 4711);
  EXPECT_EQ(users.of(host.state.tree, "0000:05:00.2"), 0);
}

// Whatever a probe proposes.
TEST_F(DoctorFixes, RefusesTheInterfaceOfTheDefaultRoute) {
  host.pf("0000:01:00.0", "ixgbe", "pf0", 0);
  default_route("pf0");
  const auto outcome = apply({bind_probe("0000:01:00.0")});
  EXPECT_EQ(outcome.refused, 1u);
  ASSERT_EQ(log.size(), 1u);
  EXPECT_TRUE(log[0].starts_with("refused: echo vfio-pci > ")) << log[0];
  EXPECT_NE(log[0].find("pf0 carries the default route"), std::string::npos) << log[0];
}

TEST_F(DoctorFixes, RefusesWhatLiesBeneathIt) {
  host.pf("0000:01:00.0", "ixgbe", "pf0", 0);
  host.folder("/sys/class/net/vlan7/lower_bond0");
  host.folder("/sys/class/net/bond0/lower_pf0");
  default_route("vlan7");
  EXPECT_EQ(apply({bind_probe("0000:01:00.0")}).refused, 1u);
  EXPECT_NE(log.at(0).find("by bond0"), std::string::npos) << log[0];
}

TEST_F(DoctorFixes, RefusesTheIpv6DefaultRouteToo) {
  host.pf("0000:01:00.0", "ixgbe", "pf0", 0);
  host.route("-6", "");
  const std::string zero(32, '0');
  const auto route = [&](const char* flags, const char* interface) {
    host.file("/proc/net/ipv6_route", zero + " 00 " + zero + " 00 fe80" + std::string(28, '0') +
                                          " 00000400 00000001 00000000 " + flags + " " + interface +
                                          "\n");
  };
  route("00200200", "lo");
  EXPECT_EQ(apply({bind_probe("0000:01:00.0")}).done, 1u) << "a route that leads nowhere";
  tried.clear();
  route("00000003", "pf0");
  EXPECT_EQ(apply({bind_probe("0000:01:00.0")}).refused, 1u);
}

TEST_F(DoctorFixes, RefusesEachNextHopOfAnyTablesDefaultRoute) {
  host.pf("0000:01:00.0", "ixgbe", "pf0", 0);
  const auto refused = [&] {
    tried.clear();
    return apply({bind_probe("0000:01:00.0")}).refused == 1;
  };
  EXPECT_FALSE(refused());
  host.route(
      "-4", R"({"dst":"default","nexthops":[{"dev":"eth0"},{"gateway":"192.0.2.1","dev":"pf0"}]})");
  EXPECT_TRUE(refused());
  host.route("-4", R"({"dst":"0.0.0.0/1","dev":"pf0","table":"vpn"})");
  EXPECT_TRUE(refused());
  host.route("-4", R"({"dst":"default","dev":"vrf0"},7,{"dst":"default","dev":9,"nexthops":7})");
  EXPECT_FALSE(refused());
  host.route("-6", R"({"dst":"2000::/3","dev":"pf0"})");
  EXPECT_TRUE(refused());
  host.route("-6", "{");
  EXPECT_TRUE(refused()) << "nonsense";
  host.answers.clear();
  EXPECT_TRUE(refused()) << "nobody tells";
}

TEST_F(DoctorFixes, RefusesTheInterfaceOfTheSession) {
  host.pf("0000:01:00.0", "ixgbe", "pf0", 0);
  host.pf("0000:02:00.0", "ixgbe", "pf1", 0);
  host.state.addresses = {{"pf0", "192.0.2.9"}, {"pf1", "198.51.100.9"}, {"pf1", "2001:db8::9"}};
  host.state.ssh_connection = "203.0.113.5 50123 192.0.2.9 22";
  constexpr FixStage kStage = FixStage::CreateVfs;  // which an address alone does not forbid
  EXPECT_EQ(apply({bind_probe("0000:01:00.0", kStage)}).refused, 1u);
  EXPECT_EQ(apply({bind_probe("0000:02:00.0", kStage)}).done, 1u);
  tried.clear();
  EXPECT_EQ(apply({bind_probe("0000:02:00.0")}).refused, 1u) << "it has addresses";
  tried.clear();
  host.state.ssh_connection = "2001:db8::1 50123 2001:db8::9 22";
  EXPECT_EQ(apply({bind_probe("0000:02:00.0", kStage)}).refused, 1u);
}

// The variable may be that of a login of yesterday.
TEST_F(DoctorFixes, RefusesTheInterfaceOfAnySshSession) {
  host.pf("0000:01:00.0", "ixgbe", "pf0", 0);
  host.state.addresses = {{"pf0", "192.0.2.9"}, {"pf0", "2001:db8::9"}};
  const auto refused = [&](const char* file, const std::string& connection) {
    host.file("/proc/net/tcp", "");
    host.file("/proc/net/tcp6", "");
    host.file(file, "  sl  local_address rem_address   st\n   0: " + connection + " 0 0\n");
    tried.clear();
    return apply({bind_probe("0000:01:00.0", FixStage::CreateVfs)}).refused == 1;
  };
  EXPECT_TRUE(refused("/proc/net/tcp", "090200C0:0016 057100CB:C3AB 01"));
  EXPECT_FALSE(refused("/proc/net/tcp", "090200C0:0016 00000000:0000 0A")) << "it listens";
  EXPECT_FALSE(refused("/proc/net/tcp", "090200C0:01BB 057100CB:C3AB 01")) << "another service";
  EXPECT_FALSE(refused("/proc/net/tcp", "0A0200C0:0016 057100CB:C3AB 01")) << "another address";
  EXPECT_FALSE(refused("/proc/net/tcp", "zz:0016 x 01"));
  const std::string v6 = "B80D0120000000000000000009000000:0016 x 01";
  EXPECT_TRUE(refused("/proc/net/tcp6", v6));
  EXPECT_TRUE(refused("/proc/net/tcp6", "0000000000000000FFFF0000090200C0:0016 x 01"));
}

TEST_F(DoctorFixes, RefusesWhereItCannotTell) {
  host.pf("0000:01:00.0", "ixgbe", "pf0", 0);
  host.state.ssh_connection = "203.0.113.5 50123 192.0.2.77 22";
  EXPECT_EQ(apply({bind_probe("0000:01:00.0")}).refused, 1u) << "nobody has that address";
  host.state.ssh_connection.clear();
  host.remove("/proc/net/route");
  tried.clear();
  EXPECT_EQ(apply({bind_probe("0000:01:00.0")}).refused, 1u) << "no routes to be read";
}

TEST_F(DoctorFixes, RefusesToResetAPfWhoseVfIsNeeded) {
  add_wire(host, "ixgbe", "8086:1565");
  host.folder("/sys/bus/pci/devices/0000:01:10.0/net/vf0");
  default_route("vf0");
  EXPECT_EQ(apply({bind_probe("0000:01:00.0")}).refused, 1u);
}

TEST_F(DoctorFixes, FindsASessionThatSudoHasHidden) {
  host.file("/proc/" + std::to_string(getpid()) + "/status", "PPid:\t700\n");
  host.file("/proc/700/status", "Name:\tsudo\nPPid:\t600\n");
  host.file("/proc/700/environ", std::string("A=1\0B=2\0", 8));
  host.file("/proc/600/status", "PPid:\t700\n");  // a circle
  EXPECT_EQ(find_ssh_connection(host.state.tree, nullptr), "");
  host.file("/proc/600/environ", std::string("HOME=/\0SSH_CONNECTION=a 1 b 2\0", 30));
  EXPECT_EQ(find_ssh_connection(host.state.tree, nullptr), "a 1 b 2");
  EXPECT_EQ(find_ssh_connection(host.state.tree, "c 1 d 2"), "c 1 d 2");
}

TEST_F(DoctorFixes, WritesOnlyIntoFilesThatAreThere) {
  HostActionRunner real(host.state.tree);
  host.file("/sys/a", "");
  EXPECT_EQ(real.run(write_to("7", "/sys/a")), "");
  EXPECT_EQ(host.state.tree.number("/sys/a"), 7u);
  EXPECT_NE(real.run(write_to("7", "/sys/b")), "");
  EXPECT_FALSE(host.state.tree.exists("/sys/b"));
  EXPECT_EQ(real.run(command({"true"})), "");
  EXPECT_EQ(real.run(command({"false"})), "exit code 1");
  EXPECT_NE(real.run(command({"no-such-program"})).find("not installed"), std::string::npos);
}

TEST(Subprocess, IsBoundedInTimeAndInWhatItSays) {
  EXPECT_EQ(run_subprocess({"echo", "a b;c"}, 100, 5000).output, "a b;c\n");
  EXPECT_TRUE(run_subprocess({"yes"}, 10'000, 5000).cut_off);
  EXPECT_TRUE(run_subprocess({"sleep", "30"}, 100, 100).cut_off);
  EXPECT_EQ(run_subprocess({"ls", "/no/such"}, 1000, 5000).status, 2);
}

TEST(ToShell, QuotesWhatAShellWouldRead) {
  EXPECT_EQ(to_shell(command({"ip", "link", "set", "dev", "a b", "up"})),
            "ip link set dev 'a b' up");
  EXPECT_EQ(to_shell(command({"echo", "it's", ""})), "echo 'it'\\''s' ''");
  EXPECT_EQ(to_shell(write_to("$(reboot)", "/sys/x")), "echo '$(reboot)' > /sys/x");
}

}  // namespace
}  // namespace sluice
