// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A port's device at work: queues, start, recovery, link, counters.

#include <rte_dev.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "app/doctor/pci_facts.h"
#include "app/host.h"
#include "app/port.h"
#include "chain/lane_hash.h"

namespace sluice {

namespace {

uint64_t monotonic_ms() {
  using namespace std::chrono;
  return static_cast<uint64_t>(
      duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}

}  // namespace

void Port::setup_queues(rte_mempool* pool) {
  pool_ = pool;
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
  // Whoever held it down last may have had no time to let it up.
  if (link_follow_ && is_af_packet(config_.device)) {
    if (const auto name = kernel_interface(config_.device)) set_interface_up(*name, true);
  }
  int error = rte_eth_dev_start(id_);
  if (error != 0) fail("rte_eth_dev_start", error);
  started_ = true;
  error = config_.promiscuous ? rte_eth_promiscuous_enable(id_) : rte_eth_promiscuous_disable(id_);
  if (error != 0 && config_.promiscuous) {
    remarks_.push_back(std::string("promiscuous mode refused (") + rte_strerror(-error) +
                       "): frames for other addresses may not arrive");
  }
  if (spreads_) spread();
  if (filters_vlans_) add_vlans();
  update_link();
  rte_eth_stats stats{};
  if (rte_eth_stats_get(id_, &stats) == 0) counters_.restart(stats);
  counters_read_ms_ = monotonic_ms();
}

// A driver may forget them in a reset, so they are put in after each start.
void Port::add_vlans() {
  for (const uint16_t id : config_.vlans) {
    const int error = rte_eth_dev_vlan_filter(id_, id, 1);
    if (error == 0) continue;
    fail("VLAN " + std::to_string(id) +
             ": the device does not take it into its filter, which may be full, or the PF does not "
             "answer (rte_eth_dev_vlan_filter)",
         error);
  }
}

void Port::spread() {
  const unsigned size = info_.reta_size;
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

void Port::recover() {
  int error = rte_eth_dev_reset(id_);
  if (error == -ENOTSUP) error = started_ ? rte_eth_dev_stop(id_) : 0;
  // -EIO and -ENODEV: the device is gone, which whoever called finds out.
  if (error != 0) fail("rte_eth_dev_reset", error);
  started_ = false;
  configure_device();
  setup_queues(pool_);
  start();
}

void Port::close() {
  if (!open_) return;
  news_.unsubscribe();
  // A device that went without a word took its port along.
  if (rte_eth_dev_is_valid_port(id_)) {
    sample_statistics();
    if (started_) rte_eth_dev_stop(id_);
    rte_eth_dev_close(id_);
  }
  started_ = false;
  open_ = false;
}

void Port::give_back() {
  if (open_) {
    leaving_ = rte_eth_dev_is_valid_port(id_) ? info_.device : nullptr;
    close();
  }
  if (!leaving_) return;
  // The kernel waits for it: what is not given back is no end.
  if (const int error = rte_dev_remove(leaving_); error < 0) fail("rte_dev_remove", error);
  leaving_ = nullptr;
}

rte_eth_link Port::link() const {
  rte_eth_link link{};
  if (lent_ || !started_) return link;
  // A device that can't tell is a link that is down.
  if (rte_eth_link_get_nowait(id_, &link) != 0) link = {};
  // DPDK 22.11 reports every started af_packet port as up.
  if (is_af_packet(config_.device)) {
    if (const auto name = kernel_interface(config_.device)) {
      link.link_status = interface_is_running(*name) ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN;
    }
  }
  if (!pf_up().value_or(true)) link.link_status = RTE_ETH_LINK_DOWN;
  return link;
}

std::optional<bool> Port::pf_up() const {
  if (pf_interface_.empty()) return std::nullopt;
  return interface_is_up(pf_interface_);
}

void Port::look_for_pf() {
  if (pf_.empty()) return;
  const auto interfaces = pci_facts(HostTree(), pf_).interfaces;
  pf_interface_ = interfaces.empty() ? std::string() : interfaces.front();
}

std::optional<uint64_t> Port::pf_rises() const {
  if (pf_interface_.empty()) return std::nullopt;
  return HostTree().number("/sys/class/net/" + pf_interface_ + "/carrier_up_count");
}

bool Port::update_link() {
  const bool now = link().link_status == RTE_ETH_LINK_UP;
  if (link_up() == now) return false;  // the workers' line stays theirs
  gate_.link_up.store(now, std::memory_order_relaxed);
  return true;
}

int Port::hold_link_down(bool down) {
  if (lent_ || !started_) return -ENODEV;
  if (is_af_packet(config_.device)) {
    const auto name = kernel_interface(config_.device);
    return name ? set_interface_up(*name, !down) : -ENOTSUP;
  }
  return down ? rte_eth_dev_set_link_down(id_) : rte_eth_dev_set_link_up(id_);
}

rte_eth_stats Port::statistics() const {
  sample_statistics();
  return counters_.total();
}

DeviceCounters::Reading Port::watch_statistics() {
  sample_statistics();
  return counters_.take_news();
}

void Port::sample_statistics() const {
  // What comes behind is written by whoever it is lent to.
  if (!lent_ && open_ && started_) take_reading();
}

void Port::take_reading() const {
  const uint64_t now_ms = monotonic_ms();
  const uint64_t elapsed_ms = now_ms - counters_read_ms_;
  counters_read_ms_ = now_ms;
  rte_eth_stats reading{};
  if (rte_eth_stats_get(id_, &reading) != 0) return;
  // What is no NIC has no speed that would bound it.
  if (!config_.is_pci) {
    counters_.take(reading, nullptr);
    return;
  }
  const rte_eth_link now = link();
  if (now.link_status && now.link_speed != RTE_ETH_SPEED_NUM_NONE &&
      now.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN) {
    speed_mbps_ = now.link_speed;
  }
  const auto bound = DeviceCounters::Bound::of(speed_mbps_, elapsed_ms);
  counters_.take(reading, &bound);
}

}  // namespace sluice
