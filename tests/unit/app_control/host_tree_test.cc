// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/host_tree.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "app/doctor/pci_facts.h"
#include "app/doctor/report.h"
#include "fake_host.h"

namespace sluice {
namespace {

TEST(HostTree, ReadsNumbersWholeOrNotAtAll) {
  FakeHost host;
  const HostTree& tree = host.state.tree;
  const auto number = [&](const std::string& text) {
    host.file("/n", text);
    return tree.number("/n");
  };
  EXPECT_EQ(number("42\n"), 42u);
  EXPECT_EQ(number(" 0x10c9 \n"), 0x10c9u);
  EXPECT_EQ(number(""), std::nullopt);
  EXPECT_EQ(number("0x"), std::nullopt);
  EXPECT_EQ(number("12 13"), std::nullopt);
  EXPECT_EQ(number("-1"), std::nullopt);
  EXPECT_EQ(number("99999999999999999999999"), std::nullopt);
  host.file("/n", "-1\n");
  EXPECT_EQ(tree.signed_number("/n"), -1);
  EXPECT_EQ(tree.number("/nowhere"), std::nullopt);
}

TEST(HostTree, ReadsNothingEndlessNothingThatWaitsAndNoFolder) {
  FakeHost host;
  host.file("/long", std::string(1000, 'x'));
  EXPECT_EQ(host.state.tree.text("/long", 999), std::nullopt);
  EXPECT_EQ(host.state.tree.text("/long", 1000)->size(), 1000u);
  ASSERT_EQ(mkfifo(host.state.tree.at("/pipe").c_str(), 0600), 0);
  EXPECT_EQ(host.state.tree.text("/pipe"), std::nullopt);
  EXPECT_EQ(host.state.tree.text("/proc"), std::nullopt);
  host.link("/zero", "/dev/zero");
  EXPECT_EQ(host.state.tree.text("/zero"), std::nullopt);
  host.link("/circle", "circle");
  EXPECT_EQ(host.state.tree.text("/circle"), std::nullopt);
}

TEST(HostTree, ShowsNoControlCharacters) {
  EXPECT_EQ(printable("a\x1b[31m\tb\x7f"), "a?[31m b?");
  EXPECT_EQ(printable(std::string(10'000, 'x')).size(), 256u);
}

TEST(HostTree, ReadsListsOfCpus) {
  EXPECT_EQ(parse_cpu_list("0-2,8\n"), (std::vector<unsigned>{0, 1, 2, 8}));
  EXPECT_EQ(parse_cpu_list("\n"), std::vector<unsigned>{});
  EXPECT_EQ(parse_cpu_list("3-1"), std::nullopt);
  EXPECT_EQ(parse_cpu_list("0-4294967295"), std::nullopt);
  EXPECT_EQ(parse_cpu_list("a"), std::nullopt);
}

TEST(HostTree, TakesNoPathForAnAddressOrAName) {
  EXPECT_TRUE(is_pci_address("0000:01:10.0"));
  EXPECT_TRUE(is_pci_address("10000:ff:1f.7"));
  for (const char* bad : {"", "..", "0000:01:10.8", "0000:01:10.0/..", "../0:01:10.0", "01:10.0"}) {
    EXPECT_FALSE(is_pci_address(bad)) << bad;
  }
  EXPECT_TRUE(is_interface_name("ens1f0np0"));
  for (const char* bad : {"", ".", "..", "a/b", "-all", "a b", "a\n", "sixteen-or-longer"}) {
    EXPECT_FALSE(is_interface_name(bad)) << bad;
  }
}

TEST(VfView, IsReadAsEveryVersionOfIpWritesIt) {
  const auto old = parse_vf_view(
      R"([{"vfinfo_list":[{"vf":3,"mac":"02:AA:00:00:00:01","vlan":7,"spoofchk":false}]}])", 3);
  ASSERT_TRUE(old);
  EXPECT_EQ(old->mac, "02:aa:00:00:00:01");
  EXPECT_EQ(old->vlan, 7u);
  EXPECT_EQ(old->spoof_check, false);
  EXPECT_EQ(old->trust, std::nullopt);
  const auto now = parse_vf_view(
      R"([{"ifindex":2,"ifname":"eth0","flags":["BROADCAST","MULTICAST"],"mtu":1500,"vfinfo_list":[)"
      R"({"vf":0,"link_type":"ether","address":"02:00:00:00:0a:00","broadcast":"ff:ff:ff:ff:ff:ff",)"
      R"("vlan_list":[{}],"rate":{"max_tx":0,"min_tx":0},"spoofchk":false,"link_state":"auto",)"
      R"("trust":true}]}])",
      0);
  ASSERT_TRUE(now);
  EXPECT_EQ(now->mac, "02:00:00:00:0a:00");
  EXPECT_EQ(now->vlan, 0u);
  EXPECT_EQ(now->trust, true);
  EXPECT_EQ(now->link_state, "auto");
  EXPECT_FALSE(parse_vf_view(R"([{"vfinfo_list":[{"vf":3}]}])", 2));
  EXPECT_FALSE(parse_vf_view("[{}]", 0));
  EXPECT_FALSE(parse_vf_view("", 0));
}

TEST(Report, PutsWhatIsWrongFirstAndInFull) {
  Probe good, bad;
  good.name = good.topic = "rights";
  good.found = "root";
  bad.name = "IOMMU";
  bad.topic = "iommu";
  bad.result = ProbeResult::Fail;
  bad.found = "none";
  bad.meaning = "vfio refuses";
  bad.mend = "intel_iommu=on";
  const std::vector<Probe> probes = {good, bad};
  EXPECT_EQ(text_report(probes, false),
            "fail  IOMMU: none\n"
            "      vfio refuses  [docs/deploy-sriov.md#iommu]\n"
            "      > intel_iommu=on\n"
            "pass  rights\n"
            "1 pass, 0 warn, 1 fail: `sluice run` would not start, or pass nothing\n");
  EXPECT_NE(text_report(probes, true).find("pass  rights: root\n"), std::string::npos);
}

}  // namespace
}  // namespace sluice
