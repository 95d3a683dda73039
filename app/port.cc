// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/port.h"

#include <rte_ether.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "app/host.h"
#include "chain/lane_hash.h"

namespace sluice {

namespace {

uint64_t rss_functions(bool ports) {
  return rss_address_functions() | (ports ? rss_port_functions() : 0);
}

constexpr uint64_t kChecksumOffloads =
    RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;

}  // namespace

uint16_t PortInput::receive(rte_mbuf** pkts, uint16_t n) noexcept {
  const uint16_t nb_rx = rte_eth_rx_burst(port_id_, queue_id_, pkts, n);
  // Everybody behind counts ports as the configuration does.
  if (port_id_ != port) {
    for (uint16_t i = 0; i < nb_rx; ++i) pkts[i]->port = port;
  }
  return nb_rx;
}

uint16_t PortOutput::transmit(rte_mbuf** pkts, uint16_t n) noexcept {
  return rte_eth_tx_burst(port_id_, queue_id_, pkts, n);
}

Port::Port(const Config& config, unsigned position)
    : config_(config.ports[position]), position_(position), lanes_(config.lanes.size()) {
  find();
  const int error = rte_eth_dev_info_get(id_, &info_);
  if (error != 0) fail("rte_eth_dev_info_get", error);
  socket_id_ = std::max(0, rte_eth_dev_socket_id(id_));
  plan_queues(config);
  plan_checksums();
  configure(config);
}

Port::~Port() {
  close();
}

void Port::fail(const std::string& call, int error) const {
  throw std::runtime_error("port " + config_.name + " (" + config_.device + "): " + call + ": " +
                           rte_strerror(-error));
}

void Port::find() {
  const std::string name = config_.is_pci ? config_.device : device_name(config_.device);
  const int error = rte_eth_dev_get_port_by_name(name.c_str(), &id_);
  if (error == 0) return;
  std::string why = "no such device";
  if (config_.is_pci) {
    const PciDevice pci = pci_device(config_.device);
    if (pci.present) {
      why = "DPDK does not drive it; its kernel driver is " +
            (pci.driver.empty() ? std::string("none (bind it to vfio-pci)") : pci.driver);
    }
  }
  throw std::runtime_error("port " + config_.name + " (" + config_.device + "): " + why);
}

void Port::plan_queues(const Config& config) {
  tx_queues_ = lanes_;
  if (info_.max_tx_queues < tx_queues_) {
    throw std::runtime_error("port " + config_.name + ": " + std::to_string(tx_queues_) +
                             " lanes need as many transmit queues, the device has " +
                             std::to_string(info_.max_tx_queues));
  }
  if (config.rss == RssMode::Software || lanes_ == 1) {
    // The kernel spreads over all sockets of an af_packet device, so that each
    // has to be read; elsewhere one queue serves.
    rx_queues_ = is_af_packet(config_.device) ? info_.max_rx_queues : 1;
    if (is_af_packet(config_.device)) tx_queues_ = std::max<unsigned>(tx_queues_, rx_queues_);
    return;
  }
  const bool spreads = !is_af_packet(config_.device) && info_.max_rx_queues >= lanes_ &&
                       (info_.flow_type_rss_offloads & rss_functions(config.rss_ports)) != 0;
  if (!spreads) {
    throw std::runtime_error("port " + config_.name + " (" + config_.device +
                             "): the device cannot spread packets over " + std::to_string(lanes_) +
                             " lanes (RSS over " + std::to_string(info_.max_rx_queues) +
                             " receive queues); set rss = \"software\"");
  }
  if (config.rss_ports && (rss_port_functions() & ~info_.flow_type_rss_offloads) != 0) {
    throw std::runtime_error("port " + config_.name + " (" + config_.device +
                             "): the device does not hash the ports of TCP and UDP over IPv4 and "
                             "IPv6; set rss_ports = false");
  }
  rx_queues_ = lanes_;
  spreads_ = true;
}

void Port::plan_checksums() {
  const bool able = (info_.rx_offload_capa & kChecksumOffloads) == kChecksumOffloads;
  verify_ = config_.verify_checksum;
  if (verify_ == VerifyChecksum::Auto) verify_ = able ? VerifyChecksum::All : VerifyChecksum::Ip;
  if (verify_ == VerifyChecksum::All && !able) {
    throw std::runtime_error("port " + config_.name +
                             ": verify_checksum = \"all\" needs a device that checks IP, TCP and "
                             "UDP checksums on receive; this one does not (set \"ip\" or \"off\")");
  }
}

void Port::configure(const Config& config) {
  rte_eth_conf conf{};
  conf.rxmode.mtu = config_.mtu;
  if (verify_ == VerifyChecksum::All) conf.rxmode.offloads |= kChecksumOffloads;
  // rte_eth_rss_conf takes no const pointer, though drivers only read the key.
  std::array<uint8_t, kRssKeyLen> key;
  std::copy_n(kRssKey, kRssKeyLen, key.begin());
  if (spreads_) {
    const uint8_t length = info_.hash_key_size ? info_.hash_key_size : 40;
    if (length > kRssKeyLen) fail("RSS key of " + std::to_string(length) + " bytes", -ENOTSUP);
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_key = key.data();
    conf.rx_adv_conf.rss_conf.rss_key_len = length;
    conf.rx_adv_conf.rss_conf.rss_hf =
        rss_functions(config.rss_ports) & info_.flow_type_rss_offloads;
  }
  int error = rte_eth_dev_configure(id_, static_cast<uint16_t>(rx_queues_),
                                    static_cast<uint16_t>(tx_queues_), &conf);
  if (error != 0) fail("rte_eth_dev_configure (mtu " + std::to_string(config_.mtu) + ")", error);
  open_ = true;

  rx_descriptors_ = config_.rx_descriptors;
  tx_descriptors_ = config_.tx_descriptors;
  error = rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx_descriptors_, &tx_descriptors_);
  if (error != 0) fail("rte_eth_dev_adjust_nb_rx_tx_desc", error);
  if (rx_descriptors_ != config_.rx_descriptors || tx_descriptors_ != config_.tx_descriptors) {
    remarks_.push_back("descriptors adjusted to what the device takes: rx " +
                       std::to_string(rx_descriptors_) + ", tx " + std::to_string(tx_descriptors_));
  }

  error = rte_eth_dev_set_mtu(id_, config_.mtu);
  if (error != 0 && error != -ENOTSUP) fail("rte_eth_dev_set_mtu", error);

  rte_ether_addr address;
  if (config_.mac) {
    std::memcpy(address.addr_bytes, config_.mac->bytes.data(), RTE_ETHER_ADDR_LEN);
    error = rte_eth_dev_default_mac_addr_set(id_, &address);
    if (error != 0) fail("rte_eth_dev_default_mac_addr_set", error);
  }
  error = rte_eth_macaddr_get(id_, &address);
  if (error != 0) fail("rte_eth_macaddr_get", error);
  std::memcpy(mac_.bytes.data(), address.addr_bytes, RTE_ETHER_ADDR_LEN);
}

void Port::setup_queues(rte_mempool* pool) {
  rte_eth_rxconf rx = info_.default_rxconf;
  rx.offloads = verify_ == VerifyChecksum::All ? kChecksumOffloads : 0;
  for (unsigned queue = 0; queue < rx_queues_; ++queue) {
    const int error = rte_eth_rx_queue_setup(id_, static_cast<uint16_t>(queue), rx_descriptors_,
                                             socket_id_, &rx, pool);
    if (error != 0) fail("rte_eth_rx_queue_setup", error);
  }
  rte_eth_txconf tx = info_.default_txconf;
  tx.offloads = 0;
  for (unsigned queue = 0; queue < tx_queues_; ++queue) {
    const int error =
        rte_eth_tx_queue_setup(id_, static_cast<uint16_t>(queue), tx_descriptors_, socket_id_, &tx);
    if (error != 0) fail("rte_eth_tx_queue_setup", error);
  }
}

void Port::start() {
  int error = rte_eth_dev_start(id_);
  if (error != 0) fail("rte_eth_dev_start", error);
  started_ = true;
  error = config_.promiscuous ? rte_eth_promiscuous_enable(id_) : rte_eth_promiscuous_disable(id_);
  if (error != 0 && config_.promiscuous) {
    remarks_.push_back(std::string("promiscuous mode refused (") + rte_strerror(-error) +
                       "): frames for other addresses may not arrive");
  }
  if (spreads_) spread();
  update_link();
}

// As chain/lane_hash.h works it out for packets that the device cannot place.
void Port::spread() {
  const unsigned size = info_.reta_size;
  const bool agrees = size >= kRssTableSize || kRssTableSize % lanes_ == 0;
  if (size == 0 || !agrees) {
    throw std::runtime_error("port " + config_.name + ": the device's RSS table of " +
                             std::to_string(size) + " entries cannot serve " +
                             std::to_string(lanes_) + " lanes; set rss = \"software\"");
  }
  std::vector<rte_eth_rss_reta_entry64> table((size + RTE_ETH_RETA_GROUP_SIZE - 1) /
                                              RTE_ETH_RETA_GROUP_SIZE);
  for (unsigned i = 0; i < size; ++i) {
    auto& group = table[i / RTE_ETH_RETA_GROUP_SIZE];
    group.mask |= uint64_t{1} << (i % RTE_ETH_RETA_GROUP_SIZE);
    group.reta[i % RTE_ETH_RETA_GROUP_SIZE] = static_cast<uint16_t>(i % kRssTableSize % lanes_);
  }
  const int error = rte_eth_dev_rss_reta_update(id_, table.data(), static_cast<uint16_t>(size));
  if (error != 0) fail("rte_eth_dev_rss_reta_update", error);
}

void Port::close() {
  if (!open_) return;
  last_statistics_ = statistics();
  if (started_) rte_eth_dev_stop(id_);
  rte_eth_dev_close(id_);
  started_ = false;
  open_ = false;
}

rte_eth_link Port::link() const {
  rte_eth_link link{};
  // A device that can't tell is a link that is down.
  if (started_ && rte_eth_link_get_nowait(id_, &link) != 0) link = {};
  // DPDK 22.11 reports every started af_packet port as up.
  if (is_af_packet(config_.device)) {
    if (const auto name = kernel_interface(config_.device)) {
      link.link_status = started_ && interface_is_running(*name);
    }
  }
  return link;
}

bool Port::update_link() {
  const bool now = link().link_status == RTE_ETH_LINK_UP;
  return link_up_.exchange(now) != now;
}

rte_eth_stats Port::statistics() const {
  if (!open_) return last_statistics_;
  rte_eth_stats stats{};
  rte_eth_stats_get(id_, &stats);
  return stats;
}

std::unique_ptr<PortInput> Port::input(unsigned queue) const {
  auto input = std::make_unique<PortInput>(id_, static_cast<uint16_t>(queue),
                                           static_cast<uint16_t>(position_));
  input->verify_ip_checksum = verify_ == VerifyChecksum::Ip;
  input->verify_by_flags = verify_ == VerifyChecksum::All;
  return input;
}

std::unique_ptr<PortOutput> Port::output(unsigned queue) const {
  return std::make_unique<PortOutput>(id_, static_cast<uint16_t>(queue), link_up_);
}

}  // namespace sluice
