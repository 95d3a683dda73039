// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What every group of probes works with: the configuration, the host, and the
// list that the findings go into. Each probes_*.cc is one group.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/doctor/device_users.h"
#include "app/doctor/host_state.h"
#include "app/doctor/lifelines.h"
#include "app/doctor/pci_facts.h"
#include "app/doctor/probe.h"
#include "app/live_eal.h"
#include "config/config.h"

namespace sluice {

class Examination {
 public:
  Examination(const Config& config, const LiveEalOptions& options, const HostState& host);

  const Config& config;
  const LiveEalOptions& options;
  const HostState& host;
  const HostTree& tree;
  const Lifelines lifelines;
  const RunningInstance running;  // of this configuration
  std::vector<Probe> probes;

  void pass(std::string topic, std::string name, std::string found);
  // `mend` empty and a fix given: the fix's own commands are the mend.
  void warn(std::string topic, std::string name, std::string found, std::string meaning,
            std::string mend = {}, Fix fix = {});
  void fail(std::string topic, std::string name, std::string found, std::string meaning,
            std::string mend = {}, Fix fix = {});

  // The workers' lcores in order; each on the CPU of its number, unless they
  // are mapped by hand.
  std::vector<unsigned> worker_lcores() const;
  bool mapped_by_hand() const { return !options.lcores.empty(); }
  bool has_pci_ports() const;
  // Devices that DPDK reaches by vfio-pci, now or once they are bound.
  bool needs_vfio() const;
  const PciFacts& facts(const std::string& address);
  // As the PF tells of it; null if it does not, or if this is no VF.
  std::optional<VfView> vf_view(const PciFacts& vf);
  bool capable(unsigned capability) const;  // CAP_* of this process

 private:
  void add(ProbeResult result, std::string topic, std::string name, std::string found,
           std::string meaning, std::string mend, Fix fix);

  std::map<std::string, PciFacts> facts_;
  std::map<std::string, std::optional<std::string>> pf_answers_;  // PF's interface -> JSON
};

std::string port_probe(const PortConfig& port, const char* what);  // "port lan: what"
// "1 lane", "3 lanes"
std::string count_of(uint64_t n, const std::string& word);
std::string join_words(const std::vector<std::string>& words, const char* separator = ", ");

void probe_rights(Examination& e);
void probe_cpus(Examination& e);
void probe_memory(Examination& e);
void probe_iommu(Examination& e);
void probe_pci_port(Examination& e, const PortConfig& port);
void probe_vf(Examination& e, const PortConfig& port, const PciFacts& vf);
void probe_interface_port(Examination& e, const PortConfig& port);
void probe_wires(Examination& e);

// i40e, ice: whether VFs may be promiscuous in earnest; null: ethtool does not tell.
std::optional<bool> true_promiscuous(const Examination& e, const std::string& pf_interface);
// What switches it on, if it is off.
std::optional<Action> true_promiscuous_action(const Examination& e, const PciFacts& pf);

}  // namespace sluice
