// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// CPUs, memory and rights: what `sluice check` says of a machine without NICs too.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/host.h"
#include "app/preflight.h"
#include "fake_host.h"

namespace sluice {
namespace {

const char* const kLan = "net_af_packet0,iface=lan";
const char* const kWan = "net_af_packet1,iface=wan";

class DoctorHost : public testing::Test {
 protected:
  DoctorHost() {
    host.interface("lan", "0x1003");
    host.interface("wan", "0x1003");
  }
  Probe probe(const std::string& name) { return probe_named(examine(config, host.state), name); }
  ProbeResult result(const std::string& name) {
    const Probe found = probe(name);
    EXPECT_EQ(found.name, name) << "no such probe";
    return found.result;
  }

  FakeHost host;
  Config config = wire_config(kLan, kWan, {1});
};

TEST_F(DoctorHost, FindsNothingOnAHealthyMachine) {
  for (const Probe& p : examine(config, host.state)) {
    if (p.name.ends_with(": fragments")) continue;  // af_packet's nature
    EXPECT_EQ(p.result, ProbeResult::Pass) << p.name << ": " << p.found;
    EXPECT_TRUE(p.mend.empty()) << p.name;
  }
}

TEST_F(DoctorHost, EveryComplaintSaysWhatItMeansAndWhereToRead) {
  host.state.cpus = {0};
  host.capabilities("0");
  host.remove("/proc/mounts");
  for (const Probe& p : examine(config, host.state)) {
    EXPECT_TRUE(p.link().starts_with("docs/deploy-sriov.md#")) << p.name;
    EXPECT_FALSE(p.found.empty()) << p.name;
    if (p.result == ProbeResult::Pass) continue;
    EXPECT_FALSE(p.meaning.empty()) << p.name;
    EXPECT_FALSE(p.mend.empty()) << p.name;
  }
}

TEST_F(DoctorHost, NeedsTheFlagsThatItIsBuiltFor) {
  host.file("/proc/cpuinfo", "flags : fpu avx aes\n");
  EXPECT_EQ(result("CPU flags"), ProbeResult::Fail);
  EXPECT_NE(probe("CPU flags").found.find("avx2"), std::string::npos);
  host.remove("/proc/cpuinfo");
  EXPECT_EQ(result("CPU flags"), ProbeResult::Warn);
}

TEST_F(DoctorHost, ComparesLcoresWithItsCpus) {
  config = wire_config(kLan, kWan, {1, 126});
  EXPECT_EQ(result("lcores"), ProbeResult::Fail);
  EXPECT_NE(probe("lcores").found.find("126"), std::string::npos);
  config = wire_config(kLan, kWan, {0, 1, 2, 3});
  EXPECT_EQ(result("lcores"), ProbeResult::Warn);
  config = wire_config(kLan, kWan, {1});
  LiveEalOptions by_hand;
  by_hand.lcores = "1@0";
  EXPECT_EQ(probe_named(preflight(config, by_hand, host.state), "lcores").result,
            ProbeResult::Warn);
}

TEST_F(DoctorHost, NamesCpusThatAreNotIsolated) {
  host.file("/sys/devices/system/cpu/isolated", "\n");
  EXPECT_EQ(result("isolated CPUs"), ProbeResult::Warn);
  EXPECT_NE(probe("isolated CPUs").mend.find("isolcpus=1 "), std::string::npos);
  host.file("/sys/devices/system/cpu/isolated", "0-999999999999\n");
  EXPECT_EQ(result("isolated CPUs"), ProbeResult::Warn);
}

TEST_F(DoctorHost, WantsThePerformanceGovernor) {
  EXPECT_EQ(result("frequency"), ProbeResult::Pass);
  const std::string file = "/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor";
  host.file(file, "powersave\n");
  EXPECT_EQ(result("frequency"), ProbeResult::Warn);
  EXPECT_EQ(probe("frequency").mend, "cpupower -c 1 frequency-set -g performance");
  host.file(file, "performance\n");
  EXPECT_EQ(result("frequency"), ProbeResult::Pass);
}

TEST_F(DoctorHost, CountsHugepagesAgainstWhatIsNeeded) {
  EXPECT_EQ(result("hugepages"), ProbeResult::Pass);
  host.huge_pages(0, 16, 10);
  const Probe few = probe("hugepages");
  EXPECT_EQ(few.result, ProbeResult::Warn);
  ASSERT_EQ(few.fix.actions.size(), 1u);
  EXPECT_EQ(few.fix.actions[0].file,
            "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages");
  EXPECT_GT(std::stoul(few.fix.actions[0].value), 16u + 100u);
}

TEST_F(DoctorHost, TakesLargePagesForPoolsButNotForTables) {
  host.huge_pages(0, 0, 0);
  host.huge_pages(0, 4, 4, 1048576);
  const Probe tables = probe("hugepages");
  EXPECT_EQ(tables.result, ProbeResult::Warn);
  EXPECT_EQ(tables.fix.actions.at(0).value, "8");  // 65536 flows of 256 bytes
}

TEST_F(DoctorHost, ReservesNoMoreThanTheMachineCanSpare) {
  host.huge_pages(0, 0, 0);
  host.file("/proc/meminfo", "MemAvailable: 400000 kB\n");
  const Probe pages = probe("hugepages");
  EXPECT_EQ(pages.result, ProbeResult::Warn);
  EXPECT_TRUE(pages.fix.actions.empty());
  EXPECT_FALSE(pages.mend.empty());
}

TEST_F(DoctorHost, LooksForPagesOnTheLcoresNode) {
  host.cpu(1, 1);
  host.huge_pages(1, 0, 0);
  host.huge_pages(0, 2048, 2048);
  const Probe pages = probe("hugepages");
  EXPECT_EQ(pages.result, ProbeResult::Warn);
  EXPECT_NE(pages.mend.find("/node1/"), std::string::npos) << pages.mend;
}

TEST_F(DoctorHost, WantsHugetlbfsMounted) {
  host.file("/proc/mounts", "proc /proc proc rw 0 0\n");
  const Probe mount = probe("hugetlbfs");
  EXPECT_EQ(mount.result, ProbeResult::Warn);
  EXPECT_EQ(mount.mend,
            "mkdir -p /dev/hugepages; mount -t hugetlbfs -o pagesize=2M hugetlbfs /dev/hugepages");
}

// systemd mounts pages of the kernel's default size there.
TEST_F(DoctorHost, MountsEachSizeOnAFolderOfItsOwn) {
  host.file("/proc/meminfo", "MemAvailable: 16777216 kB\nHugepagesize: 1048576 kB\n");
  host.file("/proc/mounts", "hugetlbfs /dev/hugepages hugetlbfs rw,relatime,pagesize=1024M 0 0\n");
  const Probe mount = probe("hugetlbfs");
  EXPECT_EQ(mount.result, ProbeResult::Warn);
  EXPECT_EQ(mount.mend,
            "mkdir -p /dev/hugepages2M; mount -t hugetlbfs -o pagesize=2M hugetlbfs "
            "/dev/hugepages2M");
  const std::string both =
      "hugetlbfs /dev/hugepages hugetlbfs rw 0 0\n"
      "hugetlbfs /dev/hugepages2M hugetlbfs rw,pagesize=2M 0 0\n";
  host.file("/proc/mounts", both);
  EXPECT_EQ(result("hugetlbfs"), ProbeResult::Pass);
  host.file("/proc/mounts", both + "hugetlbfs /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\n");
  EXPECT_EQ(result("hugetlbfs"), ProbeResult::Fail) << "DPDK would wait for itself";
  EXPECT_NE(probe("hugetlbfs").found.find("twice"), std::string::npos);
}

// DPDK leaves its pages in their files when it ends, and takes them away when it starts.
TEST_F(DoctorHost, CountsPagesThatAnEndedProcessHasLeft) {
  host.huge_pages(0, 8, 0);
  const std::string file = "/dev/hugepages/rtemap_0";
  EXPECT_EQ(huge_pages(host.state.tree).free_bytes, 0u);
  host.file(file, std::string(4 << 20, 'x'));
  host.file("/dev/hugepages/else", std::string(4 << 20, 'x'));
  EXPECT_GE(huge_pages(host.state.tree).free_bytes, 4u << 20);
  EXPECT_LT(huge_pages(host.state.tree).free_bytes, 6u << 20);
  EXPECT_NE(probe("hugepages").found.find("free: 2 of 2 MiB"), std::string::npos)
      << probe("hugepages").found;
  const int fd = open(host.state.tree.at(file).c_str(), O_RDONLY);
  ASSERT_EQ(flock(fd, LOCK_SH), 0);
  EXPECT_EQ(huge_pages(host.state.tree).free_bytes, 0u) << "it runs";
  close(fd);
}

TEST_F(DoctorHost, CountsWhatLiesInPagesOnce) {
  host.huge_pages(0, 120, 120);
  host.file("/proc/meminfo", "MemAvailable: 200000 kB\n");
  EXPECT_EQ(result("memory"), ProbeResult::Pass) << probe("memory").found;
  host.huge_pages(0, 10, 10);
  EXPECT_EQ(result("memory"), ProbeResult::Fail);
}

TEST_F(DoctorHost, SaysWhenMemoryDoesNotSuffice) {
  host.huge_pages(0, 0, 0);
  host.file("/proc/meminfo", "MemAvailable: 1000 kB\n");
  EXPECT_EQ(result("memory"), ProbeResult::Fail);
}

TEST_F(DoctorHost, WantsTheRightToOpenInterfaces) {
  host.state.user = 1000;
  host.capabilities("0000000000000000");
  EXPECT_EQ(result("rights"), ProbeResult::Fail);
  host.capabilities("0000000000003000");  // NET_ADMIN, NET_RAW
  EXPECT_EQ(result("rights"), ProbeResult::Pass);
}

// As DPDK does: a lock on a part of the instance's file, by another process. By the
// file's own name, and as the unit starts it: elsewhere, under another.
TEST_F(DoctorHost, SeesAnotherProcessOfThatInstance) {
  host.state.config_file = "/etc/sluice/edge.toml";
  for (const std::string path : {"/var/run/dpdk/sluice/config", "/run/sluice/dpdk/edge/config"}) {
    host.file(path, std::string(1000, 'x'));
    EXPECT_EQ(result("instance"), ProbeResult::Pass);
    const std::string file = host.state.tree.at(path).string();
    int ready[2], done[2];
    ASSERT_EQ(pipe(ready), 0);
    ASSERT_EQ(pipe(done), 0);
    const pid_t child = fork();
    if (child == 0) {
      struct flock lock {};
      lock.l_type = F_WRLCK;
      lock.l_whence = SEEK_SET;
      lock.l_start = 500;
      lock.l_len = 100;
      const int fd = open(file.c_str(), O_RDWR);
      char c = fcntl(fd, F_SETLK, &lock) == 0 ? 'y' : 'n';
      if (write(ready[1], &c, 1) == 1) {
        close(done[1]);
        (void)!read(done[0], &c, 1);
      }
      _exit(0);
    }
    char c = 0;
    ASSERT_EQ(read(ready[0], &c, 1), 1);
    EXPECT_EQ(c, 'y');
    const std::string line = std::string("sluice\0run\0-c\0/etc/sluice/edge.toml\0--set\0x", 42);
    host.file("/proc/" + std::to_string(child) + "/cmdline", line);
    host.huge_pages(0, 64, 0);
    const auto probes = examine(config, host.state);
    for (const int fd : {ready[0], ready[1], done[0], done[1]}) close(fd);
    waitpid(child, nullptr, 0);
    const Probe used = probe_named(probes, "instance");
    EXPECT_EQ(used.result, ProbeResult::Fail);
    EXPECT_NE(used.found.find(std::to_string(child)), std::string::npos) << used.found;
    for (const Probe& p : probes) {
      EXPECT_TRUE(p.fix.actions.empty()) << p.name << ": it has taken the pages that are missing";
    }
    host.remove("/proc/" + std::to_string(child));
    host.huge_pages(0, 2048, 2048);
  }
}

TEST_F(DoctorHost, LooksAtKernelInterfaces) {
  host.interface("lan", "0x1002", 1400);
  host.state.offloads = [](const std::string& name) -> std::optional<std::vector<std::string>> {
    if (name == "wan") return std::nullopt;
    return std::vector<std::string>{"gro", "tx"};
  };
  const auto probes = examine(config, host.state);
  EXPECT_EQ(probe_named(probes, "port lan: link").mend, "ip link set lan up");
  EXPECT_EQ(probe_named(probes, "port lan: MTU").result, ProbeResult::Warn);
  EXPECT_EQ(probe_named(probes, "port lan: offloads").mend, "ethtool -K lan gro off tx off");
  EXPECT_EQ(probe_named(probes, "port wan: offloads").result, ProbeResult::Warn);
  EXPECT_EQ(probe_named(probes, "port wan: link").result, ProbeResult::Pass);
  host.remove("/sys/class/net/wan");
  EXPECT_EQ(result("port wan: device"), ProbeResult::Fail);
  config = wire_config(kLan, kWan, {1, 2});
  EXPECT_EQ(result("port lan: queues"), ProbeResult::Pass);
  config.rss = RssMode::Device;
  EXPECT_EQ(result("port lan: queues"), ProbeResult::Fail);
  config.rss = RssMode::Software;
  EXPECT_EQ(result("port lan: queues"), ProbeResult::Pass);
}

TEST_F(DoctorHost, WithoutNicsAsksForNeitherIommuNorVfio) {
  host.remove("/sys/kernel/iommu_groups");
  host.remove("/sys/bus/pci/drivers/vfio-pci");
  EXPECT_EQ(probe("IOMMU").name, "");
  EXPECT_EQ(probe("vfio-pci").name, "");
}

}  // namespace
}  // namespace sluice
