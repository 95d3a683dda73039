// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// show port info|stats

#include <string>

#include "app/commands.h"
#include "app/runtime.h"
#include "app/text_table.h"

namespace sluice {

namespace {

std::string verify_word(VerifyChecksum verify) {
  switch (verify) {
    case VerifyChecksum::All:
      return "all, by the device";
    case VerifyChecksum::Ip:
      return "ip, in software";
    default:
      return "off";
  }
}

// "working, reset 2 times, recovered 2 times", "gone: the device was taken away"
std::string state_words(const PortKeeper& keeper, unsigned port) {
  std::string out(to_string(keeper.state(port)));
  if (!keeper.trouble(port).empty()) out += ": " + keeper.trouble(port);
  const PortCounts& counts = keeper.counts(port);
  const std::pair<const char*, uint64_t> told[] = {{"resets", counts.resets},
                                                   {"recoveries", counts.recoveries},
                                                   {"failed recoveries", counts.failures},
                                                   {"removals", counts.removals},
                                                   {"link changes", counts.link_changes}};
  for (const auto& [what, n] : told) {
    if (n != 0) out += "; " + std::string(what) + ' ' + format_count(n);
  }
  return out;
}

std::string link_words(const Port& port, LinkHold hold) {
  const rte_eth_link link = port.link();
  std::string out = link.link_status ? "up" : "down";
  if (link.link_status && link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN) {
    out += ", " + format_count(link.link_speed) + " Mbit/s, " +
           (link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX ? "full duplex" : "half duplex");
  }
  if (hold == LinkHold::Held) out += ", held down: " + port.config().peer + " has lost its link";
  if (hold == LinkHold::Refused)
    out +=
        "; " + port.config().peer + " has lost its link, but the driver cannot take this one down";
  return out;
}

std::string vlan_words(const Port& port) {
  const std::vector<uint16_t>& ids = port.config().vlans;
  std::string out;
  for (size_t i = 0; i < ids.size();) {
    size_t last = i;
    while (last + 1 < ids.size() && ids[last + 1] == ids[last] + 1) ++last;
    out += (out.empty() ? "" : ", ") + std::to_string(ids[i]);
    if (last > i) out += '-' + std::to_string(ids[last]);
    i = last + 1;
  }
  return out + (port.filters_vlans() ? "" : " (the driver has no filter)");
}

std::string port_info(const Port& port, const PortKeeper& keeper) {
  const PortConfig& config = port.config();
  std::string out = "port " + config.name + '\n';
  const auto line = [&](const char* name, const std::string& value) {
    out += "  " + std::string(name) + std::string(18 - std::string_view(name).size(), ' ') + value +
           '\n';
  };
  line("device", config.device);
  line("state", state_words(keeper, port.position()));
  // Another thread has it, or there is none to be asked any more.
  const bool at_hand = !port.lent() && port.is_open();
  if (at_hand) {
    line("driver", std::string(port.info().driver_name ? port.info().driver_name : "?") +
                       ", DPDK port " + std::to_string(port.id()) + ", NUMA node " +
                       std::to_string(port.socket_id()));
    line("MAC address", to_string(port.mac()));
  }
  line("link", link_words(port, keeper.link_hold(port.position())));
  if (!port.pf_interface().empty()) {
    line("PF", port.pf_interface() + (port.pf_up().value_or(false) ? ", up" : ", down"));
  }
  line("MTU", std::to_string(config.mtu));
  if (!config.peer.empty()) {
    line("wire to", config.peer + (port.link_follow() ? ", link follows" : "") +
                        (port.split_horizon() ? ", split horizon" : ""));
    if (!config.vlans.empty()) line("VLAN filter", vlan_words(port));
  } else {
    std::string addresses;
    for (const InterfaceAddress& a : config.addresses) {
      addresses +=
          (addresses.empty() ? "" : ", ") + to_string(a.address) + '/' + std::to_string(a.length);
    }
    line("routed", addresses);
  }
  if (!at_hand) return out;
  line("receive queues", std::to_string(port.rx_queues()) + " of " +
                             std::to_string(port.rx_descriptors()) + " descriptors");
  line("transmit queues", std::to_string(port.tx_queues()) + " of " +
                              std::to_string(port.tx_descriptors()) + " descriptors");
  line("promiscuous", rte_eth_promiscuous_get(port.id()) == 1 ? "yes" : "no");
  line("checksums", verify_word(port.verify_checksum()));
  return out;
}

std::string port_stats(const Port& port, PortState state, const rte_eth_stats& stats) {
  std::string out = "port " + port.config().name;
  if (state != PortState::Working) {
    out += " (" + std::string(to_string(state)) + ')';
  } else if (!port.link_up()) {
    out += " (link down)";
  }
  out += '\n';
  const auto line = [&](const char* a, uint64_t x, const char* b, uint64_t y, const char* c,
                        uint64_t z) {
    const auto cell = [](const char* name, uint64_t value) {
      const std::string text = format_count(value);
      const size_t used = std::string_view(name).size() + text.size();
      return "  " + std::string(name) + std::string(used < 28 ? 28 - used : 1, ' ') + text;
    };
    out += cell(a, x) + cell(b, y) + (c ? cell(c, z) : "") + '\n';
  };
  line("RX-packets:", stats.ipackets, "RX-missed:", stats.imissed, "RX-bytes:", stats.ibytes);
  line("RX-errors:", stats.ierrors, "RX-nombuf:", stats.rx_nombuf, nullptr, 0);
  line("TX-packets:", stats.opackets, "TX-errors:", stats.oerrors, "TX-bytes:", stats.obytes);
  return out;
}

}  // namespace

void add_port_commands(Runtime& runtime, std::vector<Command>& commands) {
  std::vector<std::string> choices = {"all"};
  for (unsigned i = 0; i < runtime.ports->size(); ++i) {
    choices.push_back((*runtime.ports)[i].config().name);
  }
  const auto show = [&runtime](const std::vector<std::string>& words) -> CommandOutcome {
    const std::string wanted = words.size() > 3 ? words[3] : "all";
    std::string out;
    for (unsigned i = 0; i < runtime.ports->size(); ++i) {
      const Port& port = (*runtime.ports)[i];
      if (wanted != "all" && wanted != port.config().name) continue;
      if (!out.empty()) out += '\n';
      out += words[2] == "info"
                 ? port_info(port, *runtime.keeper)
                 : port_stats(port, runtime.keeper->state(i), runtime.counters->port(i));
    }
    return CommandResult::done(out);
  };
  commands.push_back({"show port info|stats", "all ports", show, {}});
  commands.push_back({"show port info|stats <port>", "one port, or all", show, choices});
}

}  // namespace sluice
