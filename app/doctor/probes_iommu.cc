// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What has to be there before any device can be given to DPDK by vfio-pci.

#include "app/doctor/examination.h"

namespace sluice {

namespace {

bool has_cpu_vendor(const Examination& e, std::string_view vendor) {
  const std::string cpuinfo = e.tree.text("/proc/cpuinfo", 16u << 20).value_or("");
  for (const std::string_view line : split_lines(cpuinfo)) {
    if (line.starts_with("vendor_id")) return line.find(vendor) != line.npos;
  }
  return false;
}

void iommu(Examination& e) {
  const size_t groups = e.tree.list("/sys/kernel/iommu_groups").size();
  if (groups != 0) {
    e.pass("iommu", "IOMMU", "on, " + count_of(groups, "group"));
    return;
  }
  constexpr const char* kNoIommu = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
  if (e.tree.line(kNoIommu).value_or("N") == "Y") {
    e.warn("iommu", "IOMMU", "none; vfio is told to go without",
           "devices reach all memory of this machine", "switch VT-d or AMD-Vi on, if there is one");
    return;
  }
  const bool intel = has_cpu_vendor(e, "GenuineIntel");
  const std::string line = e.tree.text("/proc/cmdline", 1 << 16).value_or("");
  const bool asked =
      intel ? line.find("intel_iommu=on") != line.npos : line.find("amd_iommu=off") == line.npos;
  const std::string option = intel ? "intel_iommu=on iommu=pt" : "iommu=pt";
  std::string mend = "BIOS: switch on ";
  mend += intel ? "VT-d" : "AMD-Vi (IOMMU)";
  mend += "; in a guest: give it a virtual IOMMU";
  if (!asked || !intel) mend += "; kernel command line: " + option;
  e.fail("iommu", "IOMMU", "off or none: /sys/kernel/iommu_groups is empty",
         "vfio-pci refuses devices without it", std::move(mend));
}

// Is the module there to be loaded?
bool can_be_loaded(const Examination& e, const std::string& release) {
  const std::string folder = "/lib/modules/" + release;
  const auto list = e.tree.text(folder + "/modules.dep", 16u << 20);
  return list && list->find("/vfio-pci.ko") != std::string::npos;
}

void vfio(Examination& e) {
  if (e.tree.exists("/sys/bus/pci/drivers/vfio-pci")) {
    e.pass("vfio", "vfio-pci", "loaded");
    return;
  }
  const std::string release = e.tree.line("/proc/sys/kernel/osrelease").value_or("unknown");
  const std::string meaning = "no device can be given to DPDK";
  if (release.find('/') == std::string::npos && can_be_loaded(e, release)) {
    e.fail("vfio", "vfio-pci", "not loaded", meaning, {},
           {.stage = FixStage::LoadModule,
            .actions = {command({"modprobe", "vfio-pci"})},
            .touches = {}});
  } else {
    e.fail("vfio", "vfio-pci", "not loaded, and not among the modules of kernel " + release,
           meaning, "boot a kernel that has it (apt-get install linux-image-amd64)");
  }
}

}  // namespace

void probe_iommu(Examination& e) {
  if (!e.needs_vfio()) return;
  iommu(e);
  vfio(e);
}

}  // namespace sluice
