// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <rte_errno.h>
#include <rte_mempool.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>

#include "app/host.h"
#include "app/port.h"

namespace sluice {

namespace {

constexpr unsigned kPoolCache = 256;                // mbufs that each lcore keeps at hand
constexpr unsigned kRingRoom = 4096;                // mbufs that wait in a worker's rings, at most
constexpr uint16_t kLinkOverhead = 14 + 2 * 4 + 4;  // Ethernet, two VLAN tags, CRC

size_t workers(const Config& config) {
  size_t n = 0;
  for (const LaneConfig& lane : config.lanes) n += lane.workers.size();
  return n;
}

}  // namespace

uint16_t mbuf_data_room(const Config& config) {
  // Below 2048 bytes drivers turn to several segments.
  unsigned room = 2048;
  for (const PortConfig& port : config.ports) {
    room = std::max(room, (port.mtu + kLinkOverhead + 63u) / 64 * 64);
    if (const auto frame = device_argument(port.device, "framesz")) {
      room = std::max(room, static_cast<unsigned>(std::strtoul(frame->c_str(), nullptr, 10)));
    }
  }
  return static_cast<uint16_t>(std::min(room, 65535u - RTE_PKTMBUF_HEADROOM));
}

unsigned mbufs_needed(const Config& config) {
  const size_t lanes = config.lanes.size();
  size_t n = 0;
  for (const PortConfig& port : config.ports) {
    n += lanes * (size_t{port.rx_descriptors} + port.tx_descriptors);
  }
  n += workers(config) * (kRingRoom + kPoolCache * 3 / 2);
  n += lanes * (lanes - 1) * kRingRoom;
  if (config.flowtable.fragments == FragmentMode::Reassemble) {
    n += lanes * config.flowtable.fragment_datagrams * config.flowtable.fragment_max;
  }
  return static_cast<unsigned>(std::min<size_t>(std::max<size_t>(n, 8192), 1u << 26));
}

std::string vdev_string(const PortConfig& port, size_t lanes) {
  std::string out = port.device;
  if (is_af_packet(port.device) && lanes > 1 && !device_argument(port.device, "qpairs")) {
    out += ",qpairs=" + std::to_string(lanes);
  }
  return out;
}

Ports::Ports(const Config& config) {
  try {
    for (unsigned i = 0; i < config.ports.size(); ++i) {
      ports_.push_back(std::make_unique<Port>(config, i));
    }
    choose_rss(config);
    for (auto& port : ports_) port->configure(rss_);
    create_pools(config);
    for (auto& port : ports_) {
      const auto pool = std::find_if(pools_.begin(), pools_.end(), [&](const Pool& p) {
        return p.socket_id == port->socket_id();
      });
      port->setup_queues(pool->pool);
    }
  } catch (...) {
    ports_.clear();
    for (Pool& pool : pools_) rte_mempool_free(pool.pool);
    throw;
  }
  const unsigned lanes = static_cast<unsigned>(config.lanes.size());
  inputs_.resize(lanes);
  outputs_.resize(lanes);
  for (const auto& port : ports_) {
    for (unsigned queue = 0; queue < port->rx_queues(); ++queue) {
      inputs_[queue % lanes].push_back(port->input(queue));
    }
    for (unsigned lane = 0; lane < lanes; ++lane) outputs_[lane].push_back(port->output(lane));
  }
}

Ports::~Ports() {
  close();
  for (Pool& pool : pools_) rte_mempool_free(pool.pool);
}

// Which lane a flow belongs to is one answer for all ports: one device that cannot
// spread leaves it to software for all.
void Ports::choose_rss(const Config& config) {
  rss_ = config.rss == RssMode::Software ? RssMode::Software : RssMode::Device;
  if (config.rss == RssMode::Software || config.lanes.size() == 1) return;
  for (const auto& port : ports_) {
    const std::string why = port->why_not_spread();
    if (why.empty()) continue;
    const std::string whole =
        "port " + port->config().name + " (" + port->config().device + "): " + why;
    if (config.rss == RssMode::Device) {
      throw std::runtime_error(whole + "; set rss = \"software\" or leave it out");
    }
    rss_ = RssMode::Software;
    why_software_ = whole;
    return;
  }
}

void Ports::create_pools(const Config& config) {
  std::map<int, unsigned> ports_on;
  for (const auto& port : ports_) ++ports_on[port->socket_id()];
  for (const auto& [socket_id, n] : ports_on) {
    const std::string name = config.instance.substr(0, 16) + "_mbuf_" + std::to_string(socket_id);
    rte_mempool* pool = rte_pktmbuf_pool_create(
        name.c_str(), mbufs_needed(config), kPoolCache, 0,
        static_cast<uint16_t>(mbuf_data_room(config) + RTE_PKTMBUF_HEADROOM), socket_id);
    if (!pool) {
      throw std::runtime_error("no memory for " + std::to_string(mbufs_needed(config)) +
                               " mbufs on NUMA node " + std::to_string(socket_id) + ": " +
                               rte_strerror(rte_errno));
    }
    pools_.push_back({socket_id, pool});
  }
}

void Ports::start() {
  for (auto& port : ports_) port->start();
}

void Ports::close() {
  for (auto& port : ports_) port->close();
}

Port* Ports::find(const std::string& name) {
  for (auto& port : ports_) {
    if (port->config().name == name) return port.get();
  }
  return nullptr;
}

std::vector<std::vector<Input*>> Ports::inputs() const {
  std::vector<std::vector<Input*>> out(inputs_.size());
  for (size_t lane = 0; lane < inputs_.size(); ++lane) {
    for (const auto& input : inputs_[lane]) out[lane].push_back(input.get());
  }
  return out;
}

std::vector<std::vector<Output*>> Ports::outputs() const {
  std::vector<std::vector<Output*>> out(outputs_.size());
  for (size_t lane = 0; lane < outputs_.size(); ++lane) {
    for (const auto& output : outputs_[lane]) out[lane].push_back(output.get());
  }
  return out;
}

std::vector<MacAddress> Ports::macs() const {
  std::vector<MacAddress> out;
  for (const auto& port : ports_) out.push_back(port->mac());
  return out;
}

unsigned Ports::mbufs_missing() const {
  unsigned missing = 0;
  for (const Pool& pool : pools_) missing += rte_mempool_in_use_count(pool.pool);
  return missing;
}

}  // namespace sluice
