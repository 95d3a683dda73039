// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/preflight.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "app/host.h"
#include "app/port.h"
#include "app/text_table.h"
#include "chain/flow_context.h"
#include "flowtable/flow.h"

namespace sluice {

namespace {

// Entry, index, links and spare, as bench/run.sh measures them; more stages than
// the usual four add to it.
constexpr uint64_t kBytesPerFlow = 256;

class Preflight {
 public:
  Preflight(const Config& config, const LiveEalOptions& options)
      : config_(config), options_(options), host_(HostFacts::read()) {}

  std::vector<Probe> run() {
    privileges();
    cpus();
    memory();
    for (const PortConfig& port : config_.ports) {
      if (port.is_pci) {
        pci(port);
      } else {
        vdev(port);
      }
    }
    return std::move(probes_);
  }

 private:
  void add(std::string name, ProbeResult result, std::string detail) {
    probes_.push_back({std::move(name), result, std::move(detail)});
  }

  void privileges() {
    const bool needed = std::any_of(config_.ports.begin(), config_.ports.end(), [](const auto& p) {
      return p.is_pci || kernel_interface(p.device).has_value();
    });
    if (geteuid() == 0) {
      add("privileges", ProbeResult::Pass, "root");
    } else if (needed) {
      add("privileges", ProbeResult::Warn,
          "not root: devices need CAP_NET_ADMIN, CAP_NET_RAW and access to /dev/vfio");
    } else {
      add("privileges", ProbeResult::Pass, "no device needs any");
    }
  }

  void cpus() {
    std::set<unsigned> lcores;
    for (const LaneConfig& lane : config_.lanes) {
      for (const WorkerConfig& worker : lane.workers) lcores.insert(worker.lcore);
    }
    const std::string have = "CPUs of this process: " + format_cpu_list(host_.cpus);
    if (!options_.lcores.empty()) {
      add("cpus", ProbeResult::Warn, have + "; lcores are mapped by hand: " + options_.lcores);
      return;
    }
    std::vector<unsigned> missing;
    std::set_difference(lcores.begin(), lcores.end(), host_.cpus.begin(), host_.cpus.end(),
                        std::back_inserter(missing));
    if (!missing.empty()) {
      add("cpus", ProbeResult::Fail, have + "; lcores without a CPU: " + format_cpu_list(missing));
    } else if (lcores.size() >= host_.cpus.size()) {
      add("cpus", ProbeResult::Warn,
          have +
              "; workers poll on all of them, so that the control loop and the kernel share "
              "a worker's CPU");
    } else {
      add("cpus", ProbeResult::Pass,
          have + "; workers on " +
              format_cpu_list(std::vector<unsigned>(lcores.begin(), lcores.end())));
    }
  }

  void memory() {
    const uint64_t pools = uint64_t{eal_memory_mb(config_)} << 20;
    const uint64_t tables = config_.lanes.size() * config_.flowtable.capacity * kBytesPerFlow;
    const std::string wanted = "about " + format_bytes(pools) + " for pools and rings, " +
                               format_bytes(tables) + " for flow tables";
    const uint64_t available = available_memory_bytes();
    if (!options_.no_huge && host_.free_huge_bytes >= pools + tables) {
      add("memory", ProbeResult::Pass,
          wanted + "; free in huge pages: " + format_bytes(host_.free_huge_bytes));
    } else if (available >= pools + tables) {
      add("memory", ProbeResult::Warn,
          wanted + "; free in huge pages: " + format_bytes(host_.free_huge_bytes) +
              ", so ordinary memory serves, which is slower");
    } else {
      add("memory", ProbeResult::Fail,
          wanted + "; available: " + format_bytes(available) + ", in huge pages " +
              format_bytes(host_.free_huge_bytes));
    }
  }

  void pci(const PortConfig& port) {
    const std::string name = "port " + port.name + ": ";
    const PciDevice device = pci_device(port.device);
    if (!device.present) {
      add(name + "device", ProbeResult::Fail, "no PCI device " + port.device);
      return;
    }
    add(name + "device", ProbeResult::Pass, "PCI device " + port.device);
    if (is_user_space_driver(device.driver) || is_bifurcated_driver(device.driver)) {
      add(name + "driver", ProbeResult::Pass, device.driver);
    } else {
      add(name + "driver", ProbeResult::Fail,
          (device.driver.empty() ? "none" : device.driver) +
              "; DPDK needs vfio-pci: driverctl set-override " + port.device + " vfio-pci");
    }
    for (const LaneConfig& lane : config_.lanes) {
      for (const WorkerConfig& worker : lane.workers) {
        const int node = cpu_numa_node(worker.lcore);
        if (node < 0 || device.numa_node < 0 || node == device.numa_node) continue;
        add(name + "NUMA node", ProbeResult::Warn,
            "the device is on node " + std::to_string(device.numa_node) + ", lcore " +
                std::to_string(worker.lcore) + " on node " + std::to_string(node));
      }
    }
  }

  void vdev(const PortConfig& port) {
    const std::string name = "port " + port.name + ": ";
    const auto interface = kernel_interface(port.device);
    if (!interface) {
      if (is_af_packet(port.device)) {
        add(name + "device", ProbeResult::Fail, "af_packet needs iface=NAME");
      } else {
        add(name + "device", ProbeResult::Pass, port.device);
      }
      return;
    }
    if (!interface_exists(*interface)) {
      add(name + "device", ProbeResult::Fail, "no interface " + *interface);
      return;
    }
    add(name + "device", ProbeResult::Pass, "interface " + *interface);
    if (interface_is_up(*interface)) {
      add(name + "link", ProbeResult::Pass, "up");
    } else {
      add(name + "link", ProbeResult::Warn, "down: ip link set " + *interface + " up");
    }
    const auto offloads = harmful_offloads(*interface);
    if (!offloads) {
      add(name + "offloads", ProbeResult::Warn, "the kernel does not say which are on");
    } else if (offloads->empty()) {
      add(name + "offloads", ProbeResult::Pass, "off");
    } else {
      add(name + "offloads", ProbeResult::Warn,
          "frames may be joined or lack checksums: " + turn_off_command(*interface, *offloads) +
              " (and on the other end of a veth pair)");
    }
    if (is_af_packet(port.device)) {
      // The driver asks for it with its sockets' fanout and has no option against it.
      add(name + "fragments", ProbeResult::Warn,
          "the kernel joins IPv4 fragments before DPDK's af_packet sees them, and what is then "
          "longer than the MTU is lost; IPv6 fragments pass");
    }
    queues(name, port);
  }

  void queues(const std::string& name, const PortConfig& port) {
    const size_t lanes = config_.lanes.size();
    if (lanes == 1) return;
    if (config_.rss == RssMode::Device) {
      add(name + "queues", ProbeResult::Fail,
          "the device cannot spread packets over " + std::to_string(lanes) +
              " lanes: set rss = \"software\"");
    } else {
      add(name + "queues", ProbeResult::Pass, vdev_string(port, lanes));
    }
  }

  const Config& config_;
  const LiveEalOptions& options_;
  const HostFacts host_;
  std::vector<Probe> probes_;
};

}  // namespace

const char* to_string(ProbeResult result) {
  switch (result) {
    case ProbeResult::Pass:
      return "pass";
    case ProbeResult::Warn:
      return "warn";
    case ProbeResult::Fail:
      break;
  }
  return "fail";
}

std::vector<Probe> preflight(const Config& config, const LiveEalOptions& options) {
  return Preflight(config, options).run();
}

}  // namespace sluice
