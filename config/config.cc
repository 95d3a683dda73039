// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "config/config.h"

#include <algorithm>

#include "config/config_check.h"

namespace sluice {
namespace {

constexpr unsigned kMaxLcore = 1023;
constexpr unsigned kMaxTimeout_s = 30 * 86400;

PortConfig read_port(ConfigSection s) {
  PortConfig port;
  port.name = s.required_string("name");
  port.device = s.required_string("device");
  port.peer = s.string("peer", "");
  port.addresses = s.interface_addresses("addresses");
  port.mac = s.mac_address("mac");
  port.chain = s.string("chain", "");
  if (const auto zone = s.integer("zone", 0, 4095)) port.zone = static_cast<uint16_t>(*zone);
  port.zone_per_vlan = s.boolean("zone_per_vlan", port.zone_per_vlan);
  port.mtu = static_cast<uint16_t>(s.integer("mtu", port.mtu, 68, 9600));
  port.rx_descriptors =
      static_cast<uint16_t>(s.integer("rx_descriptors", port.rx_descriptors, 64, 32768));
  port.tx_descriptors =
      static_cast<uint16_t>(s.integer("tx_descriptors", port.tx_descriptors, 64, 32768));
  port.promiscuous = s.boolean("promiscuous", port.promiscuous);
  for (const int64_t id : s.integer_set("vlans", 1, 4094)) {
    port.vlans.push_back(static_cast<uint16_t>(id));
  }
  if (s.has("link_follow")) port.link_follow = s.boolean("link_follow", false);
  if (s.has("split_horizon")) port.split_horizon = s.boolean("split_horizon", false);
  port.verify_checksum = s.choice("verify_checksum", port.verify_checksum,
                                  {{"auto", VerifyChecksum::Auto},
                                   {"off", VerifyChecksum::Off},
                                   {"ip", VerifyChecksum::Ip},
                                   {"all", VerifyChecksum::All}});
  s.finish();
  return port;
}

unsigned read_lcore(ConfigSection& s) {
  if (!s.has("lcore")) s.error("lcore", "nothing", "an integer; the key is required");
  return static_cast<unsigned>(s.integer("lcore", 0, 0, kMaxLcore));
}

LaneConfig read_lane(ConfigSection s, const std::vector<std::string>& line,
                     std::vector<ConfigSection>& sections) {
  LaneConfig lane;
  const bool pinned = s.has("workers");
  if (s.has("lcore") && pinned) {
    s.error("lcore", "lcore beside workers",
            "one of them: lcore for the whole line, or workers for a pipeline");
  } else if (!pinned) {
    if (s.has("lcore")) {
      lane.workers.push_back({read_lcore(s), line});
    } else {
      s.error("", "neither lcore nor workers",
              "lcore = N for the whole line, or workers = [{ lcore = N, stages = [...] }, ...]");
      lane.workers.push_back({0, line});
    }
    sections.push_back(s);
  }
  for (ConfigSection& worker : s.tables("workers")) {
    WorkerConfig w;
    w.lcore = read_lcore(worker);
    w.stages = worker.strings("stages");
    worker.finish();
    lane.workers.push_back(std::move(w));
    sections.push_back(worker);
  }
  s.finish();
  return lane;
}

void read_timeouts(ConfigSection s, FlowTableConfig::Timeouts& t) {
  const auto read = [&](std::string_view key, unsigned& value) {
    value = static_cast<unsigned>(s.integer(key, value, 1, kMaxTimeout_s));
  };
  read("udp_new", t.udp_new);
  read("udp_replied", t.udp_replied);
  read("tcp_syn_sent", t.tcp_syn_sent);
  read("tcp_syn_received", t.tcp_syn_received);
  read("tcp_established", t.tcp_established);
  read("tcp_picked_up", t.tcp_picked_up);
  read("tcp_fin_wait", t.tcp_fin_wait);
  read("tcp_closing", t.tcp_closing);
  read("tcp_time_wait", t.tcp_time_wait);
  read("tcp_reset", t.tcp_reset);
  read("icmp", t.icmp);
  read("other", t.other);
  s.finish();
}

FlowTableConfig read_flow_table(ConfigSection s) {
  FlowTableConfig f;
  f.capacity = static_cast<uint32_t>(s.integer("capacity", f.capacity, 64, 1 << 28));
  f.midstream = s.choice("midstream", f.midstream,
                         {{"pick_up", MidstreamMode::PickUp}, {"drop", MidstreamMode::Drop}});
  f.midstream_window_s =
      static_cast<unsigned>(s.integer("midstream_window_s", f.midstream_window_s, 0, 86400));
  f.tcp_window_strict =
      s.choice("tcp_window", f.tcp_window_strict, {{"strict", true}, {"loose", false}});
  f.fragments = s.choice("fragments", f.fragments,
                         {{"reassemble", FragmentMode::Reassemble}, {"drop", FragmentMode::Drop}});
  f.fragment_datagrams =
      static_cast<unsigned>(s.integer("fragment_datagrams", f.fragment_datagrams, 1, 65536));
  f.fragment_max = static_cast<unsigned>(s.integer("fragment_max", f.fragment_max, 2, 64));
  f.fragment_timeout_ms =
      static_cast<unsigned>(s.integer("fragment_timeout_ms", f.fragment_timeout_ms, 10, 60000));
  read_timeouts(s.table("timeouts"), f.timeouts);
  s.finish();
  return f;
}

LogConfig read_log(ConfigSection s) {
  static const std::vector<std::string> kLevels = {"trace", "debug",    "info", "warning",
                                                   "error", "critical", "off"};
  static const std::vector<std::string> kEveTypes = {"flow", "alert", "tls",  "http",  "dns",
                                                     "quic", "ssh",   "drop", "stats", "port"};
  LogConfig log;
  log.level = s.string("level", log.level);
  if (std::find(kLevels.begin(), kLevels.end(), log.level) == kLevels.end()) {
    s.error("level", "", one_of(kLevels, log.level));
  }
  log.file = s.string("file", "");
  ConfigSection eve = s.table("eve");
  log.eve_file = eve.string("file", "");
  if (eve.present() && log.eve_file.empty()) {
    eve.error("file", "", "the name of a file; the key is required");
  }
  log.eve_types = eve.strings("types");
  for (size_t i = 0; i < log.eve_types.size(); ++i) {
    const std::string& type = log.eve_types[i];
    if (std::find(kEveTypes.begin(), kEveTypes.end(), type) == kEveTypes.end()) {
      eve.error_at("types", i, "string " + quoted(type), one_of(kEveTypes, type));
    }
  }
  log.alert_payload = eve.boolean("alert_payload", log.alert_payload);
  log.stats_interval_s =
      static_cast<unsigned>(eve.integer("stats_interval_s", log.stats_interval_s, 0, 86400));
  eve.finish();
  s.finish();
  return log;
}

void read_ports(ConfigReading& r) {
  r.ports = r.root.tables("port");
  for (const ConfigSection& s : r.ports) r.config.ports.push_back(read_port(s));
}

// `lane = []` and `chain = []` ask for an appliance that carries nothing.
void refuse_empty_array(ConfigSection& root, const std::string& key) {
  if (!root.has(key) || root.failed(key)) return;
  root.error(key, "", "at least one [[" + key + "]], or no " + key + " at all");
}

void read_chains(ConfigReading& r) {
  r.chains = r.root.tables("chain");
  for (ConfigSection& s : r.chains) {
    ChainConfig chain;
    chain.name = s.required_string("name");
    chain.stages = s.strings("stages");
    s.finish();
    r.config.chains.push_back(std::move(chain));
  }
  if (!r.chains.empty()) return;
  refuse_empty_array(r.root, "chain");
  r.config.chains.push_back({"default", r.config.line});
}

void read_lanes(ConfigReading& r) {
  r.lanes = r.root.tables("lane");
  for (const ConfigSection& s : r.lanes) {
    r.config.lanes.push_back(read_lane(s, r.config.line, r.workers.emplace_back()));
  }
  if (!r.lanes.empty()) return;
  refuse_empty_array(r.root, "lane");
  r.config.lanes.push_back({{{1, r.config.line}}});
}

void read_stage_names(ConfigReading& r) {
  ConfigSection stages = r.root.table("stage");
  for (const std::string& name : r.vocabulary.stages) stages.table(name);
  stages.finish();
}

}  // namespace

Config read_config(ConfigSection root, const ConfigVocabulary& vocabulary) {
  ConfigReading r(root, vocabulary);
  Config& c = r.config;
  c.instance = root.string("instance", c.instance);
  if (!is_name(c.instance)) root.error("instance", "", kNameForm);
  c.line = root.strings("line");
  if (!root.has("line")) c.line = vocabulary.stages;
  c.rss = root.choice(
      "rss", c.rss,
      {{"auto", RssMode::Auto}, {"device", RssMode::Device}, {"software", RssMode::Software}});
  c.rss_ports = root.boolean("rss_ports", c.rss_ports);
  c.burst = static_cast<unsigned>(root.integer("burst", c.burst, 1, 64));
  c.reject_rate = static_cast<uint32_t>(root.integer("reject_rate", c.reject_rate, 0, 1'000'000));
  c.memory_mb = static_cast<unsigned>(root.integer("memory_mb", c.memory_mb, 0, 1 << 20));
  c.flowtable = read_flow_table(root.table("flowtable"));
  c.log = read_log(root.table("log"));

  check_line(r);
  read_chains(r);
  check_chains(r);
  read_lanes(r);
  check_lanes(r);
  read_ports(r);
  check_ports(r);
  read_stage_names(r);
  root.finish();
  return std::move(r.config);
}

ConfigSection stage_section(ConfigSection root, std::string_view stage) {
  return root.table("stage").table(stage);
}

}  // namespace sluice
