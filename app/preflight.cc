// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/preflight.h"

#include "app/doctor/examination.h"

namespace sluice {

std::vector<Probe> preflight(const Config& config, const LiveEalOptions& options,
                             const HostState& host) {
  Examination e(config, options, host);
  probe_rights(e);
  probe_cpus(e);
  probe_memory(e);
  probe_iommu(e);
  for (const PortConfig& port : config.ports) {
    if (port.is_pci) {
      probe_pci_port(e, port);
    } else {
      probe_interface_port(e, port);
    }
  }
  probe_wires(e);
  return std::move(e.probes);
}

}  // namespace sluice
