// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/port.h"

#include <rte_ether.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "app/doctor/pci_facts.h"
#include "app/host.h"
#include "chain/lane_hash.h"

namespace sluice {

namespace {

uint64_t rss_functions(bool ports) {
  return rss_address_functions() | (ports ? rss_port_functions() : 0);
}

bool is_vf(const PortConfig& port) {
  if (!port.is_pci) return false;
  const PciFacts facts = pci_facts(HostTree(), port.device);
  return facts.is_vf() || is_known_vf(facts);
}

}  // namespace

uint16_t PortInput::receive(rte_mbuf** pkts, uint16_t n) noexcept {
  // Opened behind a recovery: what was set up meanwhile is to be seen.
  if (!gate_.open.load(std::memory_order_acquire)) [[unlikely]]
    return 0;
  return rte_eth_rx_burst(port_id_, queue_id_, pkts, n);
}

uint16_t PortOutput::transmit(rte_mbuf** pkts, uint16_t n) noexcept {
  if (!gate_.open.load(std::memory_order_acquire)) [[unlikely]]
    return 0;
  return rte_eth_tx_burst(port_id_, queue_id_, pkts, n);
}

Reason PortOutput::refusal() const noexcept {
  if (!gate_.open.load(std::memory_order_relaxed)) return reason(CoreReason::TxPortStopped);
  const bool link_up = gate_.link_up.load(std::memory_order_relaxed);
  return reason(link_up ? CoreReason::TxFull : CoreReason::TxPortDown);
}

Port::Port(const Config& config, unsigned position)
    : all_(config),
      config_(config.ports[position]),
      position_(position),
      lanes_(static_cast<unsigned>(config.lanes.size())) {
  find();
  const int error = rte_eth_dev_info_get(id_, &info_);
  if (error != 0) fail("rte_eth_dev_info_get", error);
  socket_id_ = std::max(0, rte_eth_dev_socket_id(id_));
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

void Port::configure(RssMode rss) {
  plan_queues(rss);
  plan_checksums();
  plan_wire();
  if (config_.is_pci) {
    const PciFacts facts = pci_facts(HostTree(), config_.device);
    pf_ = facts.pf;
    look_for_pf();
  }
  may_miss_resets_ = is_vf(config_) && (*info_.dev_flags & RTE_ETH_DEV_INTR_LSC) == 0;
  configure_device();
  told_mac_ = mac_;
  news_.subscribe(id_, config_.is_pci ? config_.device : device_name(config_.device));
}

std::string Port::why_not_spread() const {
  const bool able = !is_af_packet(config_.device) && info_.max_rx_queues >= lanes_ &&
                    (info_.flow_type_rss_offloads & rss_functions(all_.rss_ports)) != 0;
  if (!able) {
    return "the device cannot spread packets over " + std::to_string(lanes_) + " lanes (" +
           std::to_string(info_.max_rx_queues) + " receive queues" +
           (info_.flow_type_rss_offloads == 0 ? ", no RSS)" : ")");
  }
  if (all_.rss_ports && (rss_port_functions() & ~info_.flow_type_rss_offloads) != 0) {
    return "the device does not hash the ports of TCP and UDP over IPv4 and IPv6 (rss_ports)";
  }
  // As chain/lane_hash.h works it out for packets that the device cannot place.
  const unsigned size = info_.reta_size;
  if (size == 0 || (size < kRssTableSize && kRssTableSize % lanes_ != 0)) {
    return "the device's RSS table of " + std::to_string(size) + " entries cannot serve " +
           std::to_string(lanes_) + " lanes";
  }
  const unsigned key_length = info_.hash_key_size ? info_.hash_key_size : 40;
  if (key_length > kRssKeyLen) {
    return "the device wants an RSS key of " + std::to_string(key_length) + " bytes";
  }
  return {};
}

void Port::plan_queues(RssMode rss) {
  tx_queues_ = lanes_;
  if (info_.max_tx_queues < tx_queues_) {
    throw std::runtime_error("port " + config_.name + " (" + config_.device + "): " +
                             std::to_string(tx_queues_) + " lanes need as many transmit queues, " +
                             "the device has " + std::to_string(info_.max_tx_queues) +
                             "; at most so many [[lane]], more lcores as their workers");
  }
  spreads_ = rss == RssMode::Device && lanes_ > 1;
  if (spreads_) {
    rx_queues_ = lanes_;
    return;
  }
  // The kernel spreads over all sockets of an af_packet device, so that each
  // has to be read; elsewhere one queue serves.
  rx_queues_ = is_af_packet(config_.device) ? info_.max_rx_queues : 1;
  if (is_af_packet(config_.device)) tx_queues_ = std::max<unsigned>(tx_queues_, rx_queues_);
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

void Port::plan_wire() {
  if (config_.peer_index < 0) return;
  const PortConfig& peer = all_.ports[static_cast<size_t>(config_.peer_index)];
  split_horizon_ = config_.split_horizon.value_or(is_vf(config_) || is_vf(peer));
  link_follow_ = config_.link_follow.value_or(config_.is_pci);
  filters_vlans_ =
      !config_.vlans.empty() && (info_.rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER) != 0;
  if (!config_.vlans.empty() && !filters_vlans_) {
    remarks_.push_back(
        "vlans: the driver has no VLAN filter; which tags arrive is up to the device");
  }
}

void Port::configure_device() {
  rte_eth_conf conf{};
  conf.rxmode.mtu = config_.mtu;
  if (verify_ == VerifyChecksum::All) conf.rxmode.offloads |= kChecksumOffloads;
  // To be asked for now: drivers refuse to switch it on later.
  if (filters_vlans_) conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
  // rte_eth_rss_conf takes no const pointer, though drivers only read the key.
  std::array<uint8_t, kRssKeyLen> key;
  std::copy_n(kRssKey, kRssKeyLen, key.begin());
  if (spreads_) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_key = key.data();
    conf.rx_adv_conf.rss_conf.rss_key_len = info_.hash_key_size ? info_.hash_key_size : 40;
    conf.rx_adv_conf.rss_conf.rss_hf = rss_functions(all_.rss_ports) & info_.flow_type_rss_offloads;
  }
  const auto try_configure = [&] {
    return rte_eth_dev_configure(id_, static_cast<uint16_t>(rx_queues_),
                                 static_cast<uint16_t>(tx_queues_), &conf);
  };
  // Where the driver has no interrupt for it, the link is polled all the same.
  conf.intr_conf.lsc = (*info_.dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;
  conf.intr_conf.rmv = (*info_.dev_flags & RTE_ETH_DEV_INTR_RMV) != 0;
  int error = try_configure();
  if (error != 0 && (conf.intr_conf.lsc || conf.intr_conf.rmv)) {
    conf.intr_conf.lsc = conf.intr_conf.rmv = 0;
    error = try_configure();
  }
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
  set_mac();
}

// False: the device keeps its own.
bool Port::write_mac(const MacAddress& mac) {
  rte_ether_addr address;
  std::memcpy(address.addr_bytes, mac.bytes.data(), RTE_ETHER_ADDR_LEN);
  return rte_eth_dev_default_mac_addr_set(id_, &address) == 0;
}

void Port::set_mac() {
  const auto read = [this] {
    rte_ether_addr address;
    const int error = rte_eth_macaddr_get(id_, &address);
    if (error != 0) fail("rte_eth_macaddr_get", error);
    MacAddress mac;
    std::memcpy(mac.bytes.data(), address.addr_bytes, RTE_ETHER_ADDR_LEN);
    return mac;
  };
  const MacAddress own = read();
  const MacAddress before = mac_;
  const std::string by_the_pf =
      is_vf(config_) ? " (by the PF: ip link set PF vf N mac ADDRESS)" : "";
  if (config_.mac) {
    if (own != *config_.mac && !write_mac(*config_.mac)) {
      throw std::runtime_error("port " + config_.name + " (" + config_.device +
                               "): the device keeps " + to_string(own) + " and refuses mac = \"" +
                               to_string(*config_.mac) + "\": give it that address from outside" +
                               by_the_pf + " and leave `mac` out");
    }
  } else if (config_.peer.empty() && before != MacAddress{} && own != MacAddress{} &&
             own != before) {
    // Made up anew by its reset, while neighbours know the former one. If the PF has
    // given it, it refuses another.
    write_mac(before);
  } else if (own == MacAddress{}) {
    // The one that it has had is known to the neighbours.
    MacAddress made_up = mac_;
    if (made_up == MacAddress{}) rte_eth_random_addr(made_up.bytes.data());
    if (!write_mac(made_up)) {
      // A wire's frames carry other addresses, and a software device filters none.
      if (config_.is_pci || config_.peer.empty()) {
        throw std::runtime_error("port " + config_.name + " (" + config_.device +
                                 "): the device has no MAC address and takes none: give it one" +
                                 by_the_pf);
      }
    } else if (before == MacAddress{}) {
      remarks_.push_back("the device has no MAC address: it has " + to_string(made_up) +
                         " until the next start; give it one" + by_the_pf +
                         " or set `mac` in the configuration");
    }
  }
  mac_ = read();
  if (before != MacAddress{} && before != mac_) {
    remarks_.push_back("its MAC address is " + to_string(mac_) + " now, no more " +
                       to_string(before) +
                       (config_.peer.empty() ? ": `reload`, so that routing knows" : ""));
  }
}

std::unique_ptr<PortInput> Port::input(unsigned queue) const {
  auto input = std::make_unique<PortInput>(id_, static_cast<uint16_t>(queue),
                                           static_cast<uint16_t>(position_), gate_);
  input->verify_ip_checksum = verify_ == VerifyChecksum::Ip;
  input->verify_by_flags = verify_ == VerifyChecksum::All;
  input->split_horizon = split_horizon_;
  return input;
}

std::unique_ptr<PortOutput> Port::output(unsigned queue) const {
  return std::make_unique<PortOutput>(id_, static_cast<uint16_t>(queue), gate_);
}

}  // namespace sluice
