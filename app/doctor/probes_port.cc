// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Ports on the kernel's interfaces and other vdevs, and the two ends of a wire.

#include <algorithm>

#include "app/doctor/examination.h"
#include "app/host.h"
#include "app/port.h"

namespace sluice {

namespace {

void interface_queues(Examination& e, const PortConfig& port) {
  const size_t lanes = e.config.lanes.size();
  if (lanes == 1) return;
  const std::string name = port_probe(port, "queues");
  if (e.config.rss == RssMode::Device) {
    e.fail("queues", name, "needed: " + std::to_string(lanes) + ", RSS; offered: no RSS",
           "the device cannot spread packets over the lanes",
           "leave `rss` out (flows are then spread by software)");
  } else {
    e.pass("queues", name, vdev_string(port, lanes) + "; flows are spread by software");
  }
}

void interface_mtu(Examination& e, const PortConfig& port, const std::string& interface) {
  const auto has = e.tree.number("/sys/class/net/" + interface + "/mtu");
  if (!has) return;
  const std::string found =
      interface + " has " + std::to_string(*has) + ", the port " + std::to_string(port.mtu);
  if (*has >= port.mtu) {
    e.pass("mtu", port_probe(port, "MTU"), found);
  } else {
    e.warn("mtu", port_probe(port, "MTU"), found, "longer frames are lost",
           "ip link set dev " + interface + " mtu " + std::to_string(port.mtu));
  }
}

void interface_link(Examination& e, const PortConfig& port, const std::string& interface) {
  const std::string name = port_probe(port, "link");
  if ((e.tree.number("/sys/class/net/" + interface + "/flags").value_or(0) & 1) != 0) {
    e.pass("link", name, "up");
  } else {
    e.warn("link", name, "down", "nothing arrives and nothing leaves",
           "ip link set " + interface + " up");
  }
}

void offloads(Examination& e, const PortConfig& port, const std::string& interface) {
  const std::string name = port_probe(port, "offloads");
  const auto on = e.host.offloads(interface);
  if (!on) {
    e.warn("offloads", name, "the kernel does not say which are on",
           "frames may be joined or lack checksums", "ethtool -k " + interface);
  } else if (on->empty()) {
    e.pass("offloads", name, "off");
  } else {
    e.warn("offloads", name, "on: " + join_words(*on, " "),
           "frames may be joined or lack checksums, on the other end of a veth pair too",
           turn_off_command(interface, *on));
  }
}

std::optional<VfView> view_of(Examination& e, const PortConfig& port) {
  return e.vf_view(e.facts(port.device));
}

}  // namespace

void probe_interface_port(Examination& e, const PortConfig& port) {
  const std::string name = port_probe(port, "device");
  const auto interface = kernel_interface(port.device);
  if (!interface) {
    if (is_af_packet(port.device)) {
      e.fail("binding", name, port.device, "af_packet needs an interface",
             "device = \"" + device_name(port.device) + ",iface=NAME\"");
    } else {
      e.pass("binding", name, port.device);
    }
    return;
  }
  if (!is_interface_name(*interface) || !e.tree.exists("/sys/class/net/" + *interface)) {
    e.fail("binding", name, "no interface " + printable(*interface), "DPDK has nothing to open",
           "ip link (then correct port.device)");
    return;
  }
  e.pass("binding", name, "interface " + *interface);
  interface_link(e, port, *interface);
  interface_mtu(e, port, *interface);
  offloads(e, port, *interface);
  if (is_af_packet(port.device)) {
    // The driver asks for it with its sockets' fanout and has no option against it.
    e.warn("offloads", port_probe(port, "fragments"),
           "the kernel joins IPv4 fragments before af_packet sees them",
           "what is then longer than the MTU is lost; IPv6 fragments pass", "a NIC or VF");
  }
  interface_queues(e, port);
}

void probe_wires(Examination& e) {
  for (size_t i = 0; i < e.config.ports.size(); ++i) {
    const PortConfig& port = e.config.ports[i];
    if (!port.is_pci || port.peer_index <= static_cast<int>(i)) continue;
    const PortConfig& peer = e.config.ports[static_cast<size_t>(port.peer_index)];
    if (!peer.is_pci) continue;
    const PciFacts &one = e.facts(port.device), &other = e.facts(peer.device);
    const std::string name = "wire " + port.name + " - " + peer.name;
    if (one.pf == peer.device || other.pf == port.device) {
      e.fail("link", name, "one end is a VF of the other",
             "the NIC's own switch joins them past the cable: frames go round in a loop",
             "take devices of two PFs");
      continue;
    }
    const auto hidden = [](const PciFacts& facts) { return !facts.is_vf() && is_known_vf(facts); };
    if (hidden(one) && hidden(other)) {
      e.warn(
          "link", name, "both ends are VFs whose PFs are not in this machine",
          "two of one PF would be joined by the NIC's own switch: frames would go round in a loop",
          "on the machine that has the PFs: see that they are two");
      continue;
    }
    if (!one.is_vf() || !other.is_vf()) continue;
    if (one.pf != other.pf) {
      e.pass("link", name, "on two PFs: " + one.pf + ", " + other.pf);
      continue;
    }
    const auto here = view_of(e, port), there = view_of(e, peer);
    const std::string found = "both ends are VFs of " + one.pf;
    if (here && there && here->vlan != 0 && there->vlan != 0 && here->vlan != there->vlan) {
      e.pass("link", name,
             found + ", apart by VLAN " + std::to_string(here->vlan) + " and " +
                 std::to_string(there->vlan));
      continue;
    }
    e.fail("link", name, found,
           "the NIC's own switch joins them past the cable: frames go round in a loop",
           "take one VF of each of two PFs (or a port VLAN for each)");
  }
}

}  // namespace sluice
