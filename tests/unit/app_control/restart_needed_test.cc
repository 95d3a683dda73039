// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>

#include <functional>

#include "app/reload.h"

namespace sluice {
namespace {

Config base() {
  Config config;
  config.line = {"identity", "firewall"};
  config.ports.resize(2);
  config.ports[0].name = "lan";
  config.ports[1].name = "wan";
  config.lanes.push_back({.workers = {{.lcore = 1, .stages = config.line}}});
  config.chains.push_back({"default", config.line});
  return config;
}

struct Row {
  const char* key;  // named by the message; null: no restart
  std::function<void(Config&)> change;
};

TEST(RestartNeeded, NamesWhatARunningApplianceCannotChange) {
  const Row rows[] = {
      {"line",
       [](Config& c) {
         c.line = {"firewall", "identity"};
       }},
      {"rss", [](Config& c) { c.rss = RssMode::Software; }},
      {"burst", [](Config& c) { c.burst = 64; }},
      {"reject_rate", [](Config& c) { c.reject_rate = 7; }},
      {"instance", [](Config& c) { c.instance = "other"; }},
      {"port (their number)", [](Config& c) { c.ports.emplace_back(); }},
      {"port[1].device", [](Config& c) { c.ports[1].device = "net_null7"; }},
      {"port[0].mtu", [](Config& c) { c.ports[0].mtu = 9000; }},
      {"port[0].vlans", [](Config& c) { c.ports[0].vlans = {10}; }},
      {"port[1].link_follow", [](Config& c) { c.ports[1].link_follow = true; }},
      {"port[0].split_horizon", [](Config& c) { c.ports[0].split_horizon = false; }},
      {"port[0].addresses",
       [](Config& c) { c.ports[0].addresses.push_back(*parse_interface_address("192.0.2.1/24")); }},
      {"lane[0]", [](Config& c) { c.lanes[0].workers[0].lcore = 2; }},
      {"flowtable.capacity", [](Config& c) { c.flowtable.capacity *= 2; }},
      {"flowtable.midstream_window_s", [](Config& c) { c.flowtable.midstream_window_s = 0; }},
      {"flowtable.timeouts.icmp", [](Config& c) { c.flowtable.timeouts.icmp = 1; }},
      {"log.eve.file", [](Config& c) { c.log.eve_file = "elsewhere.json"; }},
      {nullptr, [](Config&) {}},
      {nullptr,
       [](Config& c) {
         c.chains.push_back({"short", {"identity"}});
       }},
      {nullptr, [](Config& c) { c.ports[0].chain = "default"; }},
      {nullptr, [](Config& c) { c.log.level = "debug"; }},
  };
  for (const Row& row : rows) {
    Config wanted = base();
    row.change(wanted);
    const auto keys = restart_needed(base(), wanted);
    if (row.key) {
      ASSERT_EQ(keys.size(), 1u) << row.key;
      EXPECT_EQ(keys[0], row.key);
    } else {
      EXPECT_TRUE(keys.empty()) << keys[0];
    }
  }
}

}  // namespace
}  // namespace sluice
