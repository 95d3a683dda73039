// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "config/config.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

const ConfigVocabulary kVocabulary{{"identity", "dpi", "firewall", "forwarding"}};

Config read(const std::string& text) {
  ConfigErrors errors;
  const auto document = ConfigDocument::parse(text, "f", errors);
  EXPECT_NE(document, nullptr) << errors.to_string();
  if (document == nullptr) return {};
  Config config = read_config(document->root(errors), kVocabulary);
  EXPECT_TRUE(errors.empty()) << errors.to_string();
  return config;
}

std::string port(const std::string& name, const std::string& more) {
  return "[[port]]\nname = \"" + name + "\"\ndevice = \"net_null" + name.substr(1) + "\"\n" + more +
         "\n";
}

const std::string kWire = port("p0", "peer = \"p1\"") + port("p1", "peer = \"p0\"");

TEST(Config, TakesDefaultsForWhatIsNotSaid) {
  const Config c = read(kWire);
  EXPECT_EQ(c.line, kVocabulary.stages);
  EXPECT_EQ(c.burst, 32u);
  EXPECT_EQ(c.instance, "sluice");
  EXPECT_EQ(c.rss, RssMode::Auto);
  ASSERT_EQ(c.chains.size(), 1u);
  EXPECT_EQ(c.chains[0].name, "default");
  EXPECT_EQ(c.chains[0].stages, kVocabulary.stages);
  ASSERT_EQ(c.lanes.size(), 1u);
  ASSERT_EQ(c.lanes[0].workers.size(), 1u);
  EXPECT_EQ(c.lanes[0].workers[0].lcore, 1u);
  EXPECT_EQ(c.lanes[0].workers[0].stages, kVocabulary.stages);
  EXPECT_EQ(c.flowtable.capacity, 65536u);
  EXPECT_EQ(c.flowtable.timeouts.tcp_established, 7440u);
  EXPECT_EQ(c.log.level, "info");
  EXPECT_EQ(c.ports[0].mtu, 1500u);
  EXPECT_EQ(c.ports[0].peer_index, 1);
  EXPECT_EQ(c.ports[1].peer_index, 0);
}

TEST(Config, ReadsEveryKeyOfTheCommonSections) {
  const Config c = read(R"(
instance = "edge-1"
line = ["identity", "firewall", "forwarding"]
rss = "software"
rss_ports = true
burst = 64
memory_mb = 2048
[flowtable]
capacity = 1_000_000
midstream = "drop"
midstream_window_s = 0
tcp_window = "loose"
fragments = "drop"
fragment_datagrams = 7
fragment_max = 9
fragment_timeout_ms = 500
[flowtable.timeouts]
udp_new = 1
udp_replied = 2
tcp_syn_sent = 3
tcp_syn_received = 4
tcp_established = 5
tcp_picked_up = 6
tcp_fin_wait = 7
tcp_closing = 8
tcp_time_wait = 9
tcp_reset = 10
icmp = 11
other = 12
[log]
level = "debug"
file = "s.log"
[log.eve]
file = "e.json"
types = ["flow", "drop"]
stats_interval_s = 5
[[lane]]
workers = [{ lcore = 4, stages = "identity" }, { lcore = 6, stages = ["firewall", "forwarding"] }]
[[chain]]
name = "short"
stages = ["identity", "forwarding"]
[[port]]
name = "a"
device = "0A:1f.7"
addresses = ["192.0.2.1/24", "2001:db8::1/64"]
mac = "02-00-00-00-00-0A"
chain = "short"
zone = 12
mtu = 9000
rx_descriptors = 512
tx_descriptors = 256
promiscuous = false
verify_checksum = "all"
)");
  EXPECT_EQ(c.instance, "edge-1");
  EXPECT_EQ(c.line.size(), 3u);
  EXPECT_EQ(c.rss, RssMode::Software);
  EXPECT_TRUE(c.rss_ports);
  EXPECT_EQ(c.burst, 64u);
  EXPECT_EQ(c.memory_mb, 2048u);
  const FlowTableConfig& f = c.flowtable;
  EXPECT_EQ(f.capacity, 1000000u);
  EXPECT_EQ(f.midstream, MidstreamMode::Drop);
  EXPECT_EQ(f.midstream_window_s, 0u);
  EXPECT_FALSE(f.tcp_window_strict);
  EXPECT_EQ(f.fragments, FragmentMode::Drop);
  EXPECT_EQ(f.fragment_datagrams, 7u);
  EXPECT_EQ(f.fragment_max, 9u);
  EXPECT_EQ(f.fragment_timeout_ms, 500u);
  const auto& t = f.timeouts;
  EXPECT_EQ(t.udp_new, 1u);
  EXPECT_EQ(t.udp_replied, 2u);
  EXPECT_EQ(t.tcp_syn_sent, 3u);
  EXPECT_EQ(t.tcp_syn_received, 4u);
  EXPECT_EQ(t.tcp_established, 5u);
  EXPECT_EQ(t.tcp_picked_up, 6u);
  EXPECT_EQ(t.tcp_fin_wait, 7u);
  EXPECT_EQ(t.tcp_closing, 8u);
  EXPECT_EQ(t.tcp_time_wait, 9u);
  EXPECT_EQ(t.tcp_reset, 10u);
  EXPECT_EQ(t.icmp, 11u);
  EXPECT_EQ(t.other, 12u);
  EXPECT_EQ(c.log.level, "debug");
  EXPECT_EQ(c.log.file, "s.log");
  EXPECT_EQ(c.log.eve_file, "e.json");
  EXPECT_EQ(c.log.eve_types, (std::vector<std::string>{"flow", "drop"}));
  EXPECT_EQ(c.log.stats_interval_s, 5u);
  ASSERT_EQ(c.lanes.size(), 1u);
  ASSERT_EQ(c.lanes[0].workers.size(), 2u);
  EXPECT_EQ(c.lanes[0].workers[1].lcore, 6u);
  EXPECT_EQ(c.lanes[0].workers[1].stages, (std::vector<std::string>{"firewall", "forwarding"}));
  ASSERT_EQ(c.ports.size(), 1u);
  const PortConfig& p = c.ports[0];
  EXPECT_EQ(p.device, "0000:0a:1f.7");
  EXPECT_TRUE(p.is_pci);
  ASSERT_EQ(p.addresses.size(), 2u);
  EXPECT_EQ(to_string(p.addresses[1].network()), "2001:db8::/64");
  EXPECT_EQ(to_string(*p.mac), "02:00:00:00:00:0a");
  EXPECT_EQ(p.chain, "short");
  EXPECT_EQ(p.zone, 12);
  EXPECT_EQ(p.first_zone, 12);
  EXPECT_FALSE(p.zone_per_vlan);
  EXPECT_EQ(p.mtu, 9000u);
  EXPECT_EQ(p.rx_descriptors, 512u);
  EXPECT_EQ(p.tx_descriptors, 256u);
  EXPECT_FALSE(p.promiscuous);
  EXPECT_EQ(p.verify_checksum, VerifyChecksum::All);
}

TEST(Config, ReadsWhatAWireOnVirtualFunctionsAsksFor) {
  const Config c = read(R"(
[[port]]
name = "a"
device = "01:10.0"
peer = "b"
vlans = [30, "10-12", 11, 4094]
link_follow = false
split_horizon = true
[[port]]
name = "b"
device = "02:10.0"
peer = "a"
vlans = ["10-12", 30, 4094]
split_horizon = true
[[port]]
name = "c"
device = "03:10.0"
peer = "d"
[[port]]
name = "d"
device = "04:10.0"
peer = "c"
)");
  EXPECT_EQ(c.ports[0].vlans, (std::vector<uint16_t>{10, 11, 12, 30, 4094}));
  EXPECT_EQ(c.ports[0].link_follow, false);
  EXPECT_EQ(c.ports[1].link_follow, std::nullopt) << "each end for itself";
  EXPECT_EQ(c.ports[1].split_horizon, true);
  EXPECT_TRUE(c.ports[2].vlans.empty());
  EXPECT_EQ(c.ports[2].split_horizon, std::nullopt);
}

TEST(Config, NumbersTheZonesSoThatNoneOverlap) {
  const std::string plain = "\nzone_per_vlan = false";
  const Config c =
      read(kWire + port("p2", "peer = \"p3\"") + port("p3", "peer = \"p2\"") +  // zones per VLAN
           port("p4", "peer = \"p5\"" + plain) + port("p5", "peer = \"p4\"" + plain) +
           port("p6", "peer = \"p7\"\nzone = 4095") + port("p7", "peer = \"p6\"\nzone = 4095") +
           port("p8", "addresses = \"10.0.0.1/24\"") + port("p9", "addresses = \"10.1.0.1/24\""));
  ASSERT_EQ(c.ports.size(), 10u);
  const auto zone = [&](size_t i) { return c.ports[i].first_zone; };
  EXPECT_EQ(zone(0), 4096);
  EXPECT_EQ(zone(1), 4096);
  EXPECT_EQ(zone(2), 8192);
  EXPECT_EQ(zone(3), 8192);
  EXPECT_TRUE(c.ports[2].zone_per_vlan);
  EXPECT_EQ(zone(4), 4094) << "4095 is taken by hand";
  EXPECT_EQ(zone(5), 4094);
  EXPECT_EQ(zone(6), 4095);
  EXPECT_FALSE(c.ports[6].zone_per_vlan);
  EXPECT_EQ(zone(8), 0);
  EXPECT_EQ(zone(9), 0);
}

TEST(Config, AllowsTheSameNetworkInTwoZonesAndLinkLocalEverywhere) {
  read(port("p0", "addresses = [\"10.0.0.1/24\", \"fe80::1/64\"]") +
       port("p1", "zone = 1\naddresses = [\"10.0.0.1/24\"]") +
       port("p2", "addresses = [\"10.0.1.1/24\", \"10.0.1.2/24\", \"fe80::1/64\"]"));
}

TEST(Config, AcceptsTheFormsOfDevices) {
  for (const char* device :
       {"0000:01:10.0", "01:10.0", "10000:e1:00.0", "net_af_packet0,iface=eth1", "net_ring0",
        "net_pcap1,rx_pcap=a.pcap,tx_pcap=b.pcap", "eth_tap0"}) {
    const Config c = read("[[port]]\nname = \"a\"\ndevice = \"" + std::string(device) +
                          "\"\naddresses = \"10.0.0.1/24\"\n");
    EXPECT_EQ(c.ports[0].is_pci, std::string(device).find("_") == std::string::npos) << device;
  }
}

TEST(Config, RefusesWhatOnlyLooksLikeADevice) {
  for (const char* device :
       {"", "01:20.0", "01:10.8", "0000:01:10.0 ", "000:01:10.0", "0000:0g:10.0", "::.", "net_0",
        "net_ring", "net_af packet0", "NET_RING0", "net_ring0,a b", "0000:01:10.0,x=1"}) {
    ConfigErrors errors;
    const auto document =
        ConfigDocument::parse("[[port]]\nname = \"a\"\ndevice = \"" + std::string(device) +
                                  "\"\naddresses = \"10.0.0.1/24\"\n",
                              "f", errors);
    ASSERT_NE(document, nullptr);
    read_config(document->root(errors), kVocabulary);
    ASSERT_EQ(errors.all().size(), 1u) << device;
    EXPECT_EQ(errors.all()[0].key, "port[0].device") << device;
  }
}

TEST(Config, LeavesTheSectionsOfKnownStagesToTheStages) {
  ConfigErrors errors;
  const auto document =
      ConfigDocument::parse(kWire + "[stage.firewall]\nno_such_key = 1\n", "f", errors);
  ASSERT_NE(document, nullptr);
  const ConfigSection root = document->root(errors);
  read_config(root, kVocabulary);
  EXPECT_TRUE(errors.empty()) << errors.to_string();
  ConfigSection firewall = stage_section(root, "firewall");
  EXPECT_TRUE(firewall.present());
  EXPECT_EQ(firewall.path(), "stage.firewall");
  EXPECT_FALSE(stage_section(root, "dpi").present());
  firewall.finish();
  ASSERT_EQ(errors.all().size(), 1u);
  EXPECT_EQ(errors.all()[0].key, "stage.firewall.no_such_key");
}

}  // namespace
}  // namespace sluice
