// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The ports of a running appliance: devices set up with DPDK's ethdev, their
// queues, and the mempools that they receive into.
#pragma once

#include <rte_ethdev.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/device_counters.h"
#include "app/device_news.h"
#include "chain/port_io.h"
#include "config/config.h"

struct rte_mempool;

namespace sluice {

// With these a port verifies checksums by the NIC's flags.
inline constexpr uint64_t kChecksumOffloads =
    RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;

// What the control thread tells the workers of a port. On a line of its own:
// every poll of every worker reads it.
struct alignas(RTE_CACHE_LINE_SIZE) PortGate {
  // Closed, and a grace period later (Appliance::begin_grace_period), no worker
  // is in the device's queues, and none will be until it is open again.
  std::atomic<bool> open{true};
  std::atomic<bool> link_up{true};
};

// One receive queue of a device.
class PortInput final : public Input {
 public:
  PortInput(uint16_t port_id, uint16_t queue_id, uint16_t position, const PortGate& gate)
      : port_id_(port_id), queue_id_(queue_id), gate_(gate) {
    port = position;
  }
  uint16_t receive(rte_mbuf** pkts, uint16_t n) noexcept override;

 private:
  const uint16_t port_id_;
  const uint16_t queue_id_;
  const PortGate& gate_;
};

// One transmit queue of a device.
class PortOutput final : public Output {
 public:
  PortOutput(uint16_t port_id, uint16_t queue_id, const PortGate& gate)
      : port_id_(port_id), queue_id_(queue_id), gate_(gate) {}
  uint16_t transmit(rte_mbuf** pkts, uint16_t n) noexcept override;
  Reason refusal() const noexcept override;

 private:
  const uint16_t port_id_;
  const uint16_t queue_id_;
  const PortGate& gate_;
};

// A device of the configuration. Control thread, but for the queues and what is
// said to be for another thread.
class Port {
 public:
  // Finds the device by its name. Throws std::runtime_error with call, port and
  // reason, as what follows does.
  Port(const Config& config, unsigned position);
  ~Port();  // stops and closes the device
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // Why the device cannot spread flows over the lanes as they are spread by
  // chain/lane_hash.h; empty if it can.
  std::string why_not_spread() const;
  // `rss`: who spreads over the lanes, the devices (all can) or software.
  void configure(RssMode rss);
  void setup_queues(rte_mempool* pool);
  void start();
  // Stops and closes: from here on the device holds no mbuf.
  void close();

  // ---- on whichever thread has the port, while its gate is closed ----

  // The device from its reset to its start, with all that was set on it. Throws
  // std::runtime_error. Takes as long as the driver takes: seconds, where a PF
  // does not answer.
  void recover();
  // Closes, and DPDK lets go of the device, which may then go away. Throws
  // std::runtime_error if it does not; may be called again.
  void give_back();

  // Another thread has the port: nothing is asked of the device meanwhile.
  // Control thread.
  void lend(bool lent) {
    lent_ = lent;
    if (!lent) told_mac_ = mac_;
  }
  bool lent() const { return lent_; }

  PortGate& gate() { return gate_; }
  DeviceNews& news() { return news_; }

  const PortConfig& config() const { return config_; }
  uint16_t id() const { return id_; }
  unsigned position() const { return position_; }
  int socket_id() const { return socket_id_; }
  unsigned rx_queues() const { return rx_queues_; }
  unsigned tx_queues() const { return tx_queues_; }
  uint16_t rx_descriptors() const { return rx_descriptors_; }
  uint16_t tx_descriptors() const { return tx_descriptors_; }
  // As it was before the port was lent, while it is. Control thread.
  const MacAddress& mac() const { return told_mac_; }
  VerifyChecksum verify_checksum() const { return verify_; }  // worked out, never Auto
  bool split_horizon() const { return split_horizon_; }       // worked out
  bool link_follow() const { return link_follow_; }           // worked out
  bool filters_vlans() const { return filters_vlans_; }
  const rte_eth_dev_info& info() const { return info_; }
  // For the log, since the last call.
  std::vector<std::string> take_remarks() { return std::exchange(remarks_, {}); }
  bool is_open() const { return open_; }

  // Whether the PF behind a VF is up, as far as this process can see; null: it is no
  // VF, its PF is elsewhere, or in another network namespace. A VF may say "link up"
  // though its PF is down.
  std::optional<bool> pf_up() const;
  // The PF's interface may be renamed, or come only now.
  void look_for_pf();
  const std::string& pf_interface() const { return pf_interface_; }
  // How often the PF's link has come up, by the kernel; null: cannot be seen.
  std::optional<uint64_t> pf_rises() const;
  // A VF whose driver hears of its PF's resets by an interrupt that it may not
  // get, and of the link not at all: each time the link comes back it may be deaf.
  bool may_miss_resets() const { return may_miss_resets_; }
  // Reads the device's link; true if it has changed since the last call.
  bool update_link();
  bool link_up() const { return gate_.link_up.load(std::memory_order_relaxed); }
  rte_eth_link link() const;
  // Takes the link down, or lets it up. 0, or -ENOTSUP or the like.
  int hold_link_down(bool down);

  // Since the start, whatever resets the device has had. The last ones where
  // the device cannot be asked.
  rte_eth_stats statistics() const;
  // Reads the device's counters, and says what they have shown since the last call,
  // be it to statistics().
  DeviceCounters::Reading watch_statistics();

  std::unique_ptr<PortInput> input(unsigned queue) const;
  std::unique_ptr<PortOutput> output(unsigned queue) const;

 private:
  void find();
  void plan_queues(RssMode rss);
  void plan_checksums();
  void plan_wire();
  void configure_device();
  void set_mac();
  bool write_mac(const MacAddress& mac);
  void add_vlans();
  void spread();
  void sample_statistics() const;
  void take_reading() const;
  [[noreturn]] void fail(const std::string& call, int error) const;

  const Config& all_;
  const PortConfig& config_;
  const unsigned position_;
  uint16_t id_ = 0;
  int socket_id_ = 0;
  unsigned lanes_ = 1;
  unsigned rx_queues_ = 1, tx_queues_ = 1;
  uint16_t rx_descriptors_ = 0, tx_descriptors_ = 0;
  MacAddress mac_;       // of whoever has the port
  MacAddress told_mac_;  // of the control thread
  VerifyChecksum verify_ = VerifyChecksum::Ip;
  rte_eth_dev_info info_{};
  rte_mempool* pool_ = nullptr;
  mutable DeviceCounters counters_;  // readings are news to whoever asks, not to the port
  mutable uint64_t counters_read_ms_ = 0;
  mutable uint32_t speed_mbps_ = 0;  // when the link was last up; 0: unknown
  std::vector<std::string> remarks_;
  std::string pf_;                 // PCI address of the PF; empty: none in this machine
  std::string pf_interface_;       // empty: none
  rte_device* leaving_ = nullptr;  // closed, and not yet given back
  DeviceNews news_;
  PortGate gate_;
  bool spreads_ = false;  // RSS over the lanes
  bool split_horizon_ = false, link_follow_ = false;
  bool filters_vlans_ = false;
  bool may_miss_resets_ = false;
  bool open_ = false;
  bool started_ = false;
  bool lent_ = false;
};

// All ports, their mempools (one per NUMA node), and their queues as the lanes
// use them.
class Ports {
 public:
  // `config` outlives the ports; the EAL runs. Throws std::runtime_error.
  explicit Ports(const Config& config);
  ~Ports();

  void start();
  void close();

  unsigned size() const { return static_cast<unsigned>(ports_.size()); }
  Port& operator[](unsigned i) { return *ports_[i]; }
  const Port& operator[](unsigned i) const { return *ports_[i]; }
  Port* find(const std::string& name);

  std::vector<std::vector<Input*>> inputs() const;    // [lane]
  std::vector<std::vector<Output*>> outputs() const;  // [lane][port]
  std::vector<MacAddress> macs() const;
  // Who spreads flows over the lanes; never Auto. And why not the devices, if
  // they might have.
  RssMode rss() const { return rss_; }
  const std::string& why_software() const { return why_software_; }
  rte_mempool* pool() const { return pools_.front().pool; }

  // Mbufs that are not back in their pool; 0 once everything is closed and
  // nothing was lost.
  unsigned mbufs_missing() const;

 private:
  struct Pool {
    int socket_id;
    rte_mempool* pool;
  };
  void choose_rss(const Config& config);
  void create_pools(const Config& config);

  std::vector<std::unique_ptr<Port>> ports_;
  RssMode rss_ = RssMode::Device;
  std::string why_software_;
  std::vector<Pool> pools_;
  std::vector<std::vector<std::unique_ptr<PortInput>>> inputs_;    // [lane]
  std::vector<std::vector<std::unique_ptr<PortOutput>>> outputs_;  // [lane]
};

// Bytes of data room behind the headroom that the mbufs of these ports need.
uint16_t mbuf_data_room(const Config& config);
// Mbufs that a pool for these ports needs (all NUMA nodes together).
unsigned mbufs_needed(const Config& config);
// The vdev string as EAL gets it: af_packet with a queue for every lane.
std::string vdev_string(const PortConfig& port, size_t lanes);

}  // namespace sluice
