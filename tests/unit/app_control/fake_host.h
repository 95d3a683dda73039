// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A machine made of files in a temporary folder, for what `sluice check` reads.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/doctor/host_state.h"
#include "app/doctor/probe.h"
#include "config/config.h"

namespace sluice {

// Healthy as it begins: four isolated CPUs on node 0, hugepages, an IOMMU and
// vfio-pci, root. A test breaks one thing.
class FakeHost {
 public:
  FakeHost();
  ~FakeHost();
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  void file(const std::string& path, const std::string& text);
  void link(const std::string& path, const std::string& target);
  void folder(const std::string& path);
  void remove(const std::string& path);

  void cpu(unsigned number, int node);
  void huge_pages(int node, uint64_t total, uint64_t free, uint64_t size_kb = 2048);
  void capabilities(const std::string& hex);
  void interface(const std::string& name, const std::string& flags, unsigned mtu = 1500);
  void device(const std::string& address, const std::string& id, const std::string& driver,
              int node = 0);
  // With an interface of that name, which is up and has a link.
  void pf(const std::string& address, const std::string& driver, const std::string& name,
          unsigned vfs, unsigned offset = 384, unsigned stride = 2);
  void vf(const std::string& pf, unsigned index, const std::string& address, const std::string& id,
          const std::string& driver, int node = 0);
  // What `ip -j FAMILY route` says of default routes.
  void route(const std::string& family, const std::string& json);
  // What `ip -j link show dev NAME` says of its VFs.
  void vf_views(const std::string& pf_interface, const std::string& vfinfo_list);

  HostState state;                             // reads this tree
  std::map<std::string, std::string> answers;  // command line -> what it prints

 private:
  std::string root_;
};

// Two PFs of that driver, 0000:01:00.0 (pf0) and 0000:02:00.0 (pf1), with a VF
// each, 0000:01:10.0 and 0000:02:10.0, fit for a wire and bound to vfio-pci.
void add_wire(FakeHost& host, const std::string& pf_driver, const std::string& vf_id);
std::string vf_view(unsigned index, const std::string& mac, bool spoof_check, bool trust,
                    unsigned vlan = 0);

// A wire between these devices, a lane for each lcore.
Config wire_config(const std::string& lan, const std::string& wan,
                   const std::vector<unsigned>& lcores);

std::vector<Probe> examine(const Config& config, const HostState& host);
// The probe of that name; one without a name if there is none.
Probe probe_named(const std::vector<Probe>& probes, const std::string& name);

}  // namespace sluice
