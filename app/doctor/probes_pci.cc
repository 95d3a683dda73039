// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A port that is a PCI device: is it there, whose is it, where is it.

#include <algorithm>
#include <set>

#include "app/doctor/examination.h"
#include "app/host.h"

namespace sluice {

namespace {

std::string kind_of(const PciFacts& facts) {
  if (facts.is_vf()) {
    const std::string number = facts.vf_index < 0 ? "" : ' ' + std::to_string(facts.vf_index);
    return "VF" + number + " of " + facts.pf;
  }
  if (is_known_vf(facts)) return "VF; its PF is out of this machine's sight";
  if (facts.max_vfs != 0) {
    return "PF, " + std::to_string(facts.vfs) + " of " + count_of(facts.max_vfs, "VF");
  }
  return "PF, or a device of its own";
}

// VFs that a PF must have for all ports of the configuration that would be its.
unsigned vfs_needed(Examination& e, const std::string& pf) {
  unsigned n = 0;
  for (const PortConfig& port : e.config.ports) {
    if (!port.is_pci) continue;
    const auto future = future_vf(e.tree, port.device);
    if (future && future->pf == pf) n = std::max(n, future->index + 1);
  }
  return n;
}

void absent(Examination& e, const PortConfig& port) {
  const std::string name = port_probe(port, "device");
  const auto future = future_vf(e.tree, port.device);
  if (!future) {
    e.fail("binding", name, "no PCI device " + port.device,
           "it is misspelt, in another machine, or a VF that no PF here can have",
           "lspci -D -d ::0200 (then correct port.device)");
    return;
  }
  const PciFacts& pf = e.facts(future->pf);
  const unsigned needed = vfs_needed(e, future->pf);
  const std::string found = "no PCI device " + port.device + "; it would be VF " +
                            std::to_string(future->index) + " of " + future->pf + ", which has " +
                            count_of(pf.vfs, "VF");
  const std::string folder = "/sys/bus/pci/devices/" + future->pf;
  const Action create = write_to(std::to_string(needed), folder + "/sriov_numvfs");
  if (pf.vfs != 0) {
    e.fail("binding", name, found,
           "their number cannot grow without taking those away that are in use",
           to_shell({write_to("0", create.file), create}));
    return;
  }
  // Nobody but DPDK shall take them, unless the kernel's driver works beside it.
  std::vector<Action> actions = {create};
  const std::string autoprobe = folder + "/sriov_drivers_autoprobe";
  if (!is_bifurcated_driver(pf.driver) && e.tree.exists(autoprobe)) {
    // Whoever has switched it off wants VFs for guests.
    Action back = write_to(e.tree.line(autoprobe).value_or("1"), autoprobe);
    back.always = true;
    actions = {write_to("0", autoprobe), create, back};
  }
  if (pf.driver == "i40e" || pf.driver == "ice") {
    if (const auto flag = true_promiscuous_action(e, pf)) actions.insert(actions.begin(), *flag);
  }
  if (const std::string why = e.lifelines.why(e.tree, future->pf); !why.empty()) {
    e.fail("binding", name, found, why + ": creating VFs resets some NICs, so --fix leaves it",
           to_shell(actions));
    return;
  }
  e.fail("binding", name, found, "there is nothing to receive from", {},
         {.stage = FixStage::CreateVfs, .actions = actions, .touches = {future->pf}});
}

// Where DPDK works beside the kernel's driver, the interface has to be up too.
void own_interface(Examination& e, const PortConfig& port, const PciFacts& facts) {
  if (!is_bifurcated_driver(facts.driver) || facts.interfaces.empty()) return;
  const std::string& interface = facts.interfaces.front();
  const std::string name = port_probe(port, "link");
  if ((e.tree.number("/sys/class/net/" + interface + "/flags").value_or(0) & 1) != 0) {
    e.pass("link", name, interface + " is up");
  } else {
    e.fail("link", name, interface + " is down", "the NIC then receives nothing for DPDK either",
           "ip link set dev " + interface + " up");
  }
}

// Devices of its IOMMU group that the kernel has.
std::vector<std::string> group_strangers(Examination& e, const PortConfig& port,
                                         const PciFacts& facts) {
  std::vector<std::string> out;
  if (facts.group.empty()) return out;
  for (const std::string& other :
       e.tree.list("/sys/kernel/iommu_groups/" + facts.group + "/devices")) {
    if (other == port.device || !is_pci_address(other)) continue;
    const PciFacts& neighbour = e.facts(other);
    const bool harmless = neighbour.driver.empty() || neighbour.driver == "pcieport" ||
                          neighbour.driver == "vfio-pci" || neighbour.driver == "pci-stub";
    if (!harmless) out.push_back(other + " (" + neighbour.driver + ")");
  }
  return out;
}

// To the driver that it had, where vfio-pci does not take it.
std::vector<Action> go_back(const std::string& device, const std::string& driver) {
  std::vector<Action> out = {write_to("", "/sys/bus/pci/devices/" + device + "/driver_override")};
  if (!driver.empty()) out.push_back(write_to(device, "/sys/bus/pci/drivers/" + driver + "/bind"));
  for (Action& action : out) action.on_failure = true;
  return out;
}

// DPDK's driver would find the device taken, or vfio the group not its own.
void driver(Examination& e, const PortConfig& port, const PciFacts& facts) {
  const std::string name = port_probe(port, "driver");
  if (is_bifurcated_driver(facts.driver)) {
    e.pass("binding", name, facts.driver + " (DPDK works beside it)");
    return;
  }
  if (is_user_space_driver(facts.driver)) {
    e.pass("binding", name, facts.driver);
    return;
  }
  const std::string folder = "/sys/bus/pci/devices/" + port.device;
  const std::string found = (facts.driver.empty() ? std::string("none") : facts.driver) +
                            (facts.interfaces.empty() ? "" : " (" + facts.interfaces.front() + ")");
  std::vector<Action> bind = {write_to("vfio-pci", folder + "/driver_override")};
  if (!facts.driver.empty()) bind.push_back(write_to(port.device, folder + "/driver/unbind"));
  // Not by drivers_probe, which says nothing of a driver that does not take it.
  bind.push_back(write_to(port.device, "/sys/bus/pci/drivers/vfio-pci/bind"));

  const std::vector<Action> forward = bind;
  if (const std::string why = e.lifelines.why(e.tree, port.device); !why.empty()) {
    e.fail("binding", name, found, why + ": giving it to DPDK would cut this machine off",
           "take another device, or move that traffic to another interface first");
  } else if (const std::string use = e.lifelines.uses(e.tree, port.device); !use.empty()) {
    e.fail("binding", name, found, use + ": giving it to DPDK would take it from that",
           "another device, or, if it is meant: " + to_shell(bind));
  } else if (!group_strangers(e, port, facts).empty()) {
    e.fail("binding", name, found,
           "DPDK needs vfio-pci, which would not open it while the kernel has others of its group",
           to_shell(bind));
  } else if (facts.vfs != 0) {
    e.fail("binding", name, found,
           "it has " + count_of(facts.vfs, "VF") + ", which would go with its driver",
           "take one of its VFs as the port, or: echo 0 > " + folder + "/sriov_numvfs");
  } else if (!e.tree.exists("/sys/bus/pci/drivers/vfio-pci") ||
             (facts.group.empty() &&
              e.tree.line("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode").value_or("N") !=
                  "Y")) {
    e.fail("binding", name, found, "DPDK needs vfio-pci; see IOMMU and vfio-pci first",
           to_shell(bind));
  } else {
    for (Action& back : go_back(port.device, facts.driver)) bind.push_back(std::move(back));
    e.fail("binding", name, found, "DPDK reaches it by vfio-pci only", to_shell(forward),
           {.stage = FixStage::Bind, .actions = bind, .touches = {port.device}});
  }
}

void group(Examination& e, const PortConfig& port, const PciFacts& facts) {
  if (is_bifurcated_driver(facts.driver) || facts.group.empty()) return;
  const std::string name = port_probe(port, "IOMMU group");
  const auto strangers = group_strangers(e, port, facts);
  if (strangers.empty()) {
    e.pass("iommu", name, facts.group);
  } else {
    e.fail("iommu", name, facts.group + ", together with " + join_words(strangers),
           "vfio opens a group only if the kernel has no device of it",
           "BIOS: ACS on, or another slot; or give those devices to vfio-pci too");
  }
}

void numa(Examination& e, const PortConfig& port, const PciFacts& facts) {
  const std::string name = port_probe(port, "NUMA node");
  if (e.mapped_by_hand() || facts.numa_node < 0) {
    e.pass("numa", name, facts.numa_node < 0 ? "the machine has one" : "not compared (--lcores)");
    return;
  }
  std::vector<unsigned> far;
  for (const unsigned lcore : e.worker_lcores()) {
    const int node = cpu_numa_node(lcore, e.tree);
    if (node >= 0 && node != facts.numa_node) far.push_back(lcore);
  }
  const std::string here = std::to_string(facts.numa_node);
  if (far.empty()) {
    e.pass("numa", name, here + ", as its lcores");
    return;
  }
  const std::string local =
      e.tree.line("/sys/devices/system/node/node" + here + "/cpulist").value_or("of node " + here);
  e.warn("numa", name, here + "; on another: lcore " + format_cpu_list(far),
         "each packet crosses the bus between the sockets: expect a third less",
         "lcores among " + local + " in the configuration");
}

void queues(Examination& e, const PortConfig& port, const PciFacts& facts) {
  const std::string name = port_probe(port, "queues");
  const size_t lanes = e.config.lanes.size();
  const bool device_spreads = e.config.rss == RssMode::Device && lanes > 1;
  const auto offer = known_queues(facts);
  const std::string needed = "needed: " + std::to_string(lanes) + (device_spreads ? ", RSS" : "");
  if (!offer) {
    const std::string found =
        needed + "; what it offers is known only once DPDK has opened it (not done here)";
    if (lanes == 1) {
      e.pass("queues", name, "needed: 1, which every device has");
    } else {
      e.warn("queues", name, found, "`run` starts only if the device has them",
             device_spreads ? "if `run` says that it cannot spread: leave `rss` out" : "");
    }
    return;
  }
  const std::string found =
      needed + "; offered: " + std::to_string(offer->queues) + (offer->rss ? ", RSS" : ", no RSS");
  if (lanes > offer->queues) {
    e.fail("queues", name, found, "each lane needs a queue to send by",
           "at most " + count_of(offer->queues, "[[lane]]") + "; more lcores as its workers");
  } else if (device_spreads && !offer->rss) {
    e.fail("queues", name, found, "the device cannot spread flows over the lanes",
           "leave `rss` out (flows are then spread by software)");
  } else {
    const bool by_software = lanes > 1 && (e.config.rss == RssMode::Software || !offer->rss);
    e.pass("queues", name, found + (by_software ? "; flows are spread by software" : ""));
  }
}

}  // namespace

void probe_pci_port(Examination& e, const PortConfig& port) {
  const PciFacts facts = e.facts(port.device);
  if (!facts.present) {
    absent(e, port);
    return;
  }
  const std::string name = port_probe(port, "device");
  if (!facts.is_network) {
    e.fail("binding", name, port.device + " is no network device",
           "giving it to DPDK would take a disk or the like from the kernel",
           "lspci -D -d ::0200 (then correct port.device)");
    return;
  }
  e.pass("binding", name, port.device + ", " + kind_of(facts));
  driver(e, port, facts);
  own_interface(e, port, facts);
  group(e, port, facts);
  numa(e, port, facts);
  queues(e, port, facts);
  probe_vf(e, port, facts);
}

}  // namespace sluice
