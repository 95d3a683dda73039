// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The sections that belong to no stage: ports, lanes, chains, flow table,
// logging. What a stage's own section says is the stage's business.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/section.h"

namespace sluice {

enum class VerifyChecksum : uint8_t { Auto, Off, Ip, All };
enum class RssMode : uint8_t { Auto, Device, Software };
enum class FragmentMode : uint8_t { Reassemble, Drop };
enum class MidstreamMode : uint8_t { PickUp, Drop };

// [[port]]
struct PortConfig {
  std::string name;    // unique: letters, digits, '_' '-' '.'; at most 31
  std::string device;  // PCI address "0000:01:10.0" or vdev "net_af_packet0,iface=eth1"
  bool is_pci = false;
  // Either a wire (peer) or routed (addresses); never both, never neither.
  std::string peer;  // name of the other end; must name this port back
  int peer_index = -1;
  std::vector<InterfaceAddress> addresses;
  std::optional<MacAddress> mac;  // set on the device; else the device's own
  std::string chain;              // name; default: the first chain
  std::optional<uint16_t> zone;   // routed: the routing domain (default 0); wire: overrides
  bool zone_per_vlan = true;      // wire: a zone for each VLAN id; false if `zone` is given
  // Worked out, equal at both ends of a wire: the zone of untagged frames. With
  // zone_per_vlan a frame of VLAN v is in zone first_zone + v.
  uint16_t first_zone = 0;
  uint16_t mtu = 1500;  // 68..9600
  uint16_t rx_descriptors = 1024;
  uint16_t tx_descriptors = 1024;
  bool promiscuous = true;      // wires need it
  std::vector<uint16_t> vlans;  // wire: ids put into the device's VLAN filter; 1..4094, ascending
  // Wires; null: worked out from the device.
  std::optional<bool> link_follow;    // this port's link goes down with the peer's
  std::optional<bool> split_horizon;  // chain/split_horizon.h; equal at both ends
  VerifyChecksum verify_checksum = VerifyChecksum::Auto;
};

// One worker: an lcore and the consecutive stages that it runs.
struct WorkerConfig {
  unsigned lcore = 0;
  std::vector<std::string> stages;
};

// [[lane]]: `lcore = 2` (run to completion: the whole line) or
// `workers = [{ lcore = 2, stages = [...] }, ...]`.
struct LaneConfig {
  std::vector<WorkerConfig> workers;  // together exactly the line
};

// [[chain]]
struct ChainConfig {
  std::string name;
  std::vector<std::string> stages;  // in the line's order
};

// [flowtable]
struct FlowTableConfig {
  uint32_t capacity = 1 << 16;  // flows a lane; 64..2^28
  MidstreamMode midstream = MidstreamMode::PickUp;
  unsigned midstream_window_s = 60;  // after start; 0: always
  bool tcp_window_strict = true;     // `tcp_window = "strict" | "loose"`: drop segments outside
  FragmentMode fragments = FragmentMode::Reassemble;
  // Virtual reassembly, bounds a lane.
  unsigned fragment_datagrams = 1024;
  unsigned fragment_max = 8;  // fragments a datagram
  unsigned fragment_timeout_ms = 2000;
  // Seconds of silence; keys in [flowtable.timeouts].
  struct Timeouts {
    unsigned udp_new = 30, udp_replied = 120;
    unsigned tcp_syn_sent = 30, tcp_syn_received = 30, tcp_established = 7440, tcp_picked_up = 300;
    unsigned tcp_fin_wait = 120, tcp_closing = 30, tcp_time_wait = 10, tcp_reset = 5;
    unsigned icmp = 30, other = 120;
  } timeouts;
};

// [log] and [log.eve]
struct LogConfig {
  std::string level = "info";          // trace debug info warning error critical off
  std::string file;                    // empty: standard error
  std::string eve_file;                // empty: no EVE log
  std::vector<std::string> eve_types;  // empty: all
  bool alert_payload = false;          // alerts have what matched
  unsigned stats_interval_s = 30;      // 0: no stats events
};

struct Config {
  std::vector<std::string> line;  // `line = [...]`; default: the registry's order
  RssMode rss = RssMode::Auto;    // `rss = "auto" | "device" | "software"`
  bool rss_ports = false;
  unsigned burst = 32;              // packets a poll, 1..64
  uint32_t reject_rate = 1000;      // rejects answered a second and lane, 0..1000000
  std::string instance = "sluice";  // names the control socket and the EAL file prefix
  unsigned memory_mb = 0;           // 0: worked out
  std::vector<PortConfig> ports;
  std::vector<LaneConfig> lanes;
  std::vector<ChainConfig> chains;
  FlowTableConfig flowtable;
  LogConfig log;
};

// What checks need to know of the world outside config/.
struct ConfigVocabulary {
  std::vector<std::string> stages;  // names of the registry, in order
};

// Reads every common section and finish()es the root; `[stage.NAME]` of known
// stages is left for the stages (get it with stage_section()), of unknown ones
// reported. All errors at once.
Config read_config(ConfigSection root, const ConfigVocabulary& vocabulary);

ConfigSection stage_section(ConfigSection root, std::string_view stage);

}  // namespace sluice
