// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A VF as far as its PF decides: link, MTU, address, spoof check, trust, VLAN.

#include <algorithm>
#include <cstdio>

#include "app/doctor/examination.h"

namespace sluice {

namespace {

constexpr std::string_view kFlag = "vf-true-promisc-support";
constexpr uint64_t kUp = 0x1, kPromiscuous = 0x100;  // IFF_*

class VfProbes {
 public:
  VfProbes(Examination& e, const PortConfig& port, const PciFacts& vf)
      : e_(e),
        port_(port),
        vf_(vf),
        pf_(e.facts(vf.pf)),
        wire_(!port.peer.empty()),
        interface_(pf_.interfaces.empty() ? std::string() : pf_.interfaces.front()) {}

  void run() {
    if (interface_.empty()) {
      e_.warn("link", name("PF"),
              vf_.pf + " has no kernel interface in sight (driver " +
                  (pf_.driver.empty() ? "none" : pf_.driver) + ")",
              "its link, and trust, spoof check and MAC address of the VF, cannot be read here",
              "on the machine that has the PF: ip link show");
      return;
    }
    link();
    mtu();
    const auto view = e_.vf_view(vf_);
    if (!view || vf_.vf_index < 0) {
      e_.warn("trust", name("PF's view"), "`ip -j link show dev " + interface_ + "` does not tell",
              "trust, spoof check, MAC address and VLAN of the VF are unknown",
              "apt-get install iproute2");
      return;
    }
    if (view->link_state == "disable") {
      e_.fail("link", name("VF's link"), "held down by " + interface_, "no packet passes",
              to_shell(set({"state", "auto"})));
    }
    mac(*view);
    port_vlan(*view);
    vlan_filter(*view);
    if (wire_) {
      spoof_check(*view);
      trust(*view);
      promiscuous();
    }
  }

 private:
  std::string name(const char* what) const { return port_probe(port_, what); }
  std::string file(const char* what) const { return "/sys/class/net/" + interface_ + '/' + what; }

  Action set(std::vector<std::string> words) const {
    std::vector<std::string> argv = {
        "ip", "link", "set", "dev", interface_, "vf", std::to_string(vf_.vf_index)};
    argv.insert(argv.end(), words.begin(), words.end());
    return command(std::move(argv));
  }
  Fix fix(std::vector<std::string> words) const {
    return {.stage = FixStage::SetVf, .actions = {set(std::move(words))}, .touches = {vf_.address}};
  }

  void link() {
    const uint64_t flags = e_.tree.number(file("flags")).value_or(0);
    if ((flags & kUp) == 0) {
      e_.fail("link", name("PF"), interface_ + " is down", "its VFs neither send nor receive",
              "ip link set dev " + interface_ + " up (then start again what has the VF open)");
    } else if (e_.tree.number(file("carrier")).value_or(0) == 0) {
      e_.warn("link", name("PF"), interface_ + " is up, without a link",
              "no packet passes until the cable has one", "ethtool " + interface_);
    } else {
      const int speed = e_.tree.signed_number(file("speed")).value_or(-1);
      e_.pass("link", name("PF"),
              interface_ + " is up" + (speed > 0 ? ", " + std::to_string(speed) + " Mbit/s" : ""));
    }
  }

  void mtu() {
    const auto has = e_.tree.number(file("mtu"));
    if (!has) return;
    const std::string found =
        interface_ + " has " + std::to_string(*has) + ", the port " + std::to_string(port_.mtu);
    if (*has >= port_.mtu) {
      e_.pass("mtu", name("MTU"), found);
    } else {
      e_.warn("mtu", name("MTU"), found, "longer frames are lost, or the VF refuses its MTU",
              "ip link set dev " + interface_ + " mtu " + std::to_string(port_.mtu));
    }
  }

  // One that is the same after every start, and differs between the VFs of all
  // ports of a card, and from the PF's own.
  std::string made_up_mac() const {
    MacAddress mac;
    if (const auto pf = parse_mac_address(e_.tree.line(file("address")).value_or(""))) mac = *pf;
    constexpr uint8_t kMulticast = 1, kLocal = 2, kOther = 4;
    mac.bytes[0] = static_cast<uint8_t>(((mac.bytes[0] & ~kMulticast) | kLocal) ^ kOther);
    mac.bytes[1] = static_cast<uint8_t>(vf_.vf_index);
    return to_string(mac);
  }

  void mac(const VfView& view) {
    if (view.mac.empty()) return;
    const std::string wanted = port_.mac ? to_string(*port_.mac) : std::string();
    if (view.mac == "00:00:00:00:00:00") {
      e_.warn("mac", name("MAC address"), "none given by " + interface_,
              "the VF gets another one at every start", {},
              fix({"mac", wanted.empty() ? made_up_mac() : wanted}));
    } else if (!wanted.empty() && view.mac != wanted) {
      e_.warn("mac", name("MAC address"), interface_ + " says " + view.mac + ", the port " + wanted,
              "the NIC refuses the change, or sends by another address", {}, fix({"mac", wanted}));
    } else {
      e_.pass("mac", name("MAC address"), view.mac);
    }
  }

  void port_vlan(const VfView& view) {
    if (view.vlan == 0) {
      e_.pass("trust", name("port VLAN"), "none");
    } else {
      e_.warn("trust", name("port VLAN"), std::to_string(view.vlan),
              "only this VLAN arrives, untagged, and what leaves gets its tag",
              "if that is not meant: " + to_shell(set({"vlan", "0"})));
    }
  }

  // Which frames with tags reach the VF at all.
  void vlan_filter(const VfView& view) {
    if (!wire_ || view.vlan != 0) return;
    if (pf_.driver == "mlx5_core") {
      e_.pass("trust", name("VLAN filter"), "none while promiscuous");
      return;
    }
    if (!port_.vlans.empty()) {
      e_.pass("trust", name("VLAN filter"),
              count_of(port_.vlans.size(), "id") + " put into it (`vlans`)");
      return;
    }
    e_.warn(
        "trust", name("VLAN filter"),
        (pf_.driver.empty() ? std::string("the NIC") : pf_.driver) + " filters VLANs of its VFs",
        "tagged frames arrive only for ids put into the filter; untagged ones do",
        "vlans = [ID, ...] at both ends of the wire, if there are tagged frames");
  }

  void spoof_check(const VfView& view) {
    if (!view.spoof_check) {
      e_.pass("trust", name("spoof check"), "the NIC has none");
    } else if (*view.spoof_check) {
      e_.warn("trust", name("spoof check"), "on",
              "a wire sends with foreign addresses, and the NIC drops such frames in silence", {},
              fix({"spoofchk", "off"}));
    } else {
      e_.pass("trust", name("spoof check"), "off");
    }
  }

  void trust(const VfView& view) {
    if (!view.trust) {
      e_.pass("trust", name("trust"), "the NIC knows none");
    } else if (!*view.trust) {
      e_.warn("trust", name("trust"), "off",
              "the NIC lets no such VF be promiscuous: a wire's frames do not arrive", {},
              fix({"trust", "on"}));
    } else {
      e_.pass("trust", name("trust"), "on");
    }
  }

  // Accepted is one thing, effective another: by the kernel's PF drivers.
  void promiscuous() {
    const std::string what = name("promiscuous");
    if (pf_.driver == "igb") {
      e_.warn("trust", what, "accepted, but without effect for unicast on " + pf_.driver,
              "only broadcasts and what goes to the VF's own address arrive",
              "give the VF the address of the host on the wire's other side: " +
                  to_shell(set({"mac", "ADDRESS"})));
    } else if (pf_.driver == "ixgbe" && vf_.device == 0x10ed) {
      e_.warn("trust", what, "82599 refuses it to VFs",
              "only broadcasts and what goes to the VF's own address arrive",
              "X550 or another NIC, or the PF itself as the port");
    } else if (pf_.driver == "ixgbe" &&
               (e_.tree.number(file("flags")).value_or(0) & kPromiscuous) == 0) {
      e_.warn("trust", what, interface_ + " is not promiscuous itself",
              "ixgbe refuses it to VFs until the PF is",
              "ip link set dev " + interface_ + " promisc on");
    } else if (pf_.driver == "i40e" || pf_.driver == "ice") {
      true_promiscuous_flag(what);
    } else if (pf_.driver == "mlx5_core" || pf_.driver == "ixgbe") {
      e_.pass("trust", what, "as trust lets it");
    } else {
      e_.warn("trust", what,
              "nothing is known of VFs of " + (pf_.driver.empty() ? "this NIC" : pf_.driver),
              "if they refuse it, a wire's frames do not arrive: `run` logs a refusal", "");
    }
  }

  void true_promiscuous_flag(const std::string& what) {
    const auto on = true_promiscuous(e_, interface_);
    if (!on) {
      e_.warn("trust", what, "ethtool does not tell " + std::string(kFlag) + " of " + interface_,
              "where it is off, a promiscuous VF sees no unicast of others",
              "ethtool --show-priv-flags " + interface_);
    } else if (*on) {
      e_.pass("trust", what, std::string(kFlag) + " is on");
    } else {
      e_.warn(
          "trust", what, std::string(kFlag) + " is off on " + interface_,
          "a promiscuous VF then sees no unicast of others; to be set before one is promiscuous",
          {},
          {.stage = FixStage::SetVf,
           .actions = {*true_promiscuous_action(e_, pf_)},
           .touches = {vf_.address}});
    }
  }

  Examination& e_;
  const PortConfig& port_;
  const PciFacts& vf_;
  const PciFacts pf_;
  const bool wire_;
  const std::string interface_;  // the PF's
};

}  // namespace

std::optional<bool> true_promiscuous(const Examination& e, const std::string& pf_interface) {
  const auto flags = e.host.ask({"ethtool", "--show-priv-flags", pf_interface});
  if (!flags) return std::nullopt;
  for (const std::string_view line : split_lines(*flags)) {
    if (line.find(kFlag) != line.npos) return line.ends_with("on");
  }
  return std::nullopt;
}

std::optional<Action> true_promiscuous_action(const Examination& e, const PciFacts& pf) {
  if (pf.interfaces.empty()) return std::nullopt;
  const std::string& interface = pf.interfaces.front();
  if (true_promiscuous(e, interface).value_or(true)) return std::nullopt;
  return command({"ethtool", "--set-priv-flags", interface, std::string(kFlag), "on"});
}

void probe_vf(Examination& e, const PortConfig& port, const PciFacts& vf) {
  if (vf.is_vf()) {
    VfProbes(e, port, vf).run();
  } else if (is_known_vf(vf)) {
    e.warn("trust", port_probe(port, "PF's view"), "the PF is not in this machine",
           "trust, spoof check, MAC address and VLAN of the VF are unknown here",
           "on the machine that has the PF: ip link show");
  }
}

}  // namespace sluice
