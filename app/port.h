// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The ports of a running appliance: devices set up with DPDK's ethdev, their
// queues, and the mempools that they receive into.
#pragma once

#include <rte_ethdev.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chain/port_io.h"
#include "config/config.h"

struct rte_mempool;

namespace sluice {

// One receive queue of a device.
class PortInput final : public Input {
 public:
  PortInput(uint16_t port_id, uint16_t queue_id, uint16_t position)
      : port_id_(port_id), queue_id_(queue_id) {
    port = position;
  }
  uint16_t receive(rte_mbuf** pkts, uint16_t n) noexcept override;

 private:
  const uint16_t port_id_;
  const uint16_t queue_id_;
};

// One transmit queue of a device.
class PortOutput final : public Output {
 public:
  PortOutput(uint16_t port_id, uint16_t queue_id, const std::atomic<bool>& link_up)
      : port_id_(port_id), queue_id_(queue_id), link_up_(link_up) {}
  uint16_t transmit(rte_mbuf** pkts, uint16_t n) noexcept override;
  bool link_up() const noexcept override { return link_up_.load(std::memory_order_relaxed); }

 private:
  const uint16_t port_id_;
  const uint16_t queue_id_;
  const std::atomic<bool>& link_up_;  // the port's; written by the control loop
};

// A device of the configuration. Control thread, but for the queues.
class Port {
 public:
  // Finds the device by its name and configures it. Throws std::runtime_error
  // with call, port and reason.
  Port(const Config& config, unsigned position);
  ~Port();  // stops and closes the device
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  void setup_queues(rte_mempool* pool);
  void start();
  // Stops and closes: from here on the device holds no mbuf.
  void close();

  const PortConfig& config() const { return config_; }
  uint16_t id() const { return id_; }
  int socket_id() const { return socket_id_; }
  unsigned rx_queues() const { return rx_queues_; }
  unsigned tx_queues() const { return tx_queues_; }
  uint16_t rx_descriptors() const { return rx_descriptors_; }
  uint16_t tx_descriptors() const { return tx_descriptors_; }
  const MacAddress& mac() const { return mac_; }
  VerifyChecksum verify_checksum() const { return verify_; }  // worked out, never Auto
  const rte_eth_dev_info& info() const { return info_; }
  const std::vector<std::string>& remarks() const { return remarks_; }  // for the log

  // Reads the device's link; true if it has changed since the last call.
  bool update_link();
  bool link_up() const { return link_up_.load(std::memory_order_relaxed); }
  rte_eth_link link() const;
  rte_eth_stats statistics() const;  // the last ones, once it is closed

  std::unique_ptr<PortInput> input(unsigned queue) const;
  std::unique_ptr<PortOutput> output(unsigned queue) const;

 private:
  void find();
  void plan_queues(const Config& config);
  void plan_checksums();
  void configure(const Config& config);
  void spread();
  [[noreturn]] void fail(const std::string& call, int error) const;

  const PortConfig& config_;
  const unsigned position_;
  uint16_t id_ = 0;
  int socket_id_ = 0;
  unsigned lanes_ = 1;
  unsigned rx_queues_ = 1, tx_queues_ = 1;
  uint16_t rx_descriptors_ = 0, tx_descriptors_ = 0;
  MacAddress mac_;
  VerifyChecksum verify_ = VerifyChecksum::Ip;
  rte_eth_dev_info info_{};
  rte_eth_stats last_statistics_{};
  std::vector<std::string> remarks_;
  std::atomic<bool> link_up_{true};
  bool spreads_ = false;  // RSS over the lanes
  bool open_ = false;
  bool started_ = false;
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
  rte_mempool* pool() const { return pools_.front().pool; }

  // Mbufs that are not back in their pool; 0 once everything is closed and
  // nothing was lost.
  unsigned mbufs_missing() const;

 private:
  struct Pool {
    int socket_id;
    rte_mempool* pool;
  };
  void create_pools(const Config& config);

  std::vector<std::unique_ptr<Port>> ports_;
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
