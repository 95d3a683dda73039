// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// CPUs: what they can do, which ones the workers get, and who disturbs them there.

#include <algorithm>
#include <array>
#include <iterator>

#include "app/doctor/examination.h"
#include "app/host.h"

namespace sluice {

namespace {

constexpr const char* kTopic = "cpus";
// x86-64-v3 as /proc/cpuinfo spells it ("abm" is LZCNT), and what the flow hash needs.
constexpr std::array kFlags = {"avx",   "avx2",  "bmi1", "bmi2", "f16c",     "fma",
                               "movbe", "xsave", "abm",  "aes",  "pclmulqdq"};

void flags(Examination& e) {
  std::vector<std::string_view> have;
  const std::string cpuinfo = e.tree.text("/proc/cpuinfo", 16u << 20).value_or("");
  for (const std::string_view line : split_lines(cpuinfo)) {
    if (!line.starts_with("flags")) continue;
    have = split_words(line);
    break;
  }
  if (have.empty()) {
    e.warn(kTopic, "CPU flags", "/proc/cpuinfo names none", "whether Sluice runs here is unknown");
    return;
  }
  std::vector<std::string> missing;
  for (const char* flag : kFlags) {
    if (std::find(have.begin(), have.end(), flag) == have.end()) missing.emplace_back(flag);
  }
  if (missing.empty()) {
    const bool wide = std::find(have.begin(), have.end(), "avx512bw") != have.end();
    e.pass(kTopic, "CPU flags", std::string("x86-64-v3, AES") + (wide ? ", AVX-512" : ""));
  } else {
    e.fail(kTopic, "CPU flags", "missing: " + join_words(missing, " "),
           "Sluice is built for x86-64-v3 with AES and would end with an illegal instruction",
           "in a guest: the host's CPU model (QEMU: -cpu host); else another machine");
  }
}

// The workers' CPUs; empty if the probe has said why they are not known.
std::vector<unsigned> lcores(Examination& e) {
  const std::vector<unsigned> wanted = e.worker_lcores();
  const std::vector<unsigned>& cpus = e.host.cpus;
  const std::string have = "CPUs " + format_cpu_list(cpus);
  if (e.mapped_by_hand()) {
    e.warn(kTopic, "lcores", have + "; mapped by hand: " + e.options.lcores,
           "which CPUs the workers get is not checked");
    return {};
  }
  std::vector<unsigned> missing;
  std::set_difference(wanted.begin(), wanted.end(), cpus.begin(), cpus.end(),
                      std::back_inserter(missing));
  if (!missing.empty()) {
    e.fail(kTopic, "lcores", have + "; no CPU for lcore " + format_cpu_list(missing),
           "the workers of these lcores cannot start",
           "choose lcores among the CPUs in the configuration, or map them: --lcores " +
               std::to_string(missing.front()) + "@" +
               std::to_string(cpus.empty() ? 0 : cpus.back()));
    return {};
  }
  if (wanted.size() >= cpus.size()) {
    e.warn(kTopic, "lcores", have + ", workers on all of them",
           "the control loop and the kernel share a worker's CPU",
           "one lane less, or a machine with more CPUs");
  } else {
    e.pass(kTopic, "lcores", have + ", workers on " + format_cpu_list(wanted));
  }
  return wanted;
}

void isolation(Examination& e, const std::vector<unsigned>& workers) {
  const auto isolated =
      parse_cpu_list(e.tree.text("/sys/devices/system/cpu/isolated", 4096).value_or(""));
  std::vector<unsigned> shared;
  for (const unsigned cpu : workers) {
    const bool alone =
        isolated && std::find(isolated->begin(), isolated->end(), cpu) != isolated->end();
    if (!alone) shared.push_back(cpu);
  }
  const std::string list = format_cpu_list(workers);
  if (shared.empty()) {
    e.pass(kTopic, "isolated CPUs", format_cpu_list(*isolated));
    return;
  }
  e.warn(kTopic, "isolated CPUs", "not isolated: " + format_cpu_list(shared),
         "the scheduler puts other work there: jitter, and packets missed at high rates",
         "kernel command line: isolcpus=" + list + " nohz_full=" + list + " rcu_nocbs=" + list);
}

void governor(Examination& e, const std::vector<unsigned>& workers) {
  std::vector<unsigned> slow;
  std::string which;
  bool known = false;
  for (const unsigned cpu : workers) {
    const auto name = e.tree.line("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                                  "/cpufreq/scaling_governor");
    if (!name) continue;
    known = true;
    if (*name == "performance") continue;
    slow.push_back(cpu);
    which = *name;
  }
  if (!known) {
    e.pass(kTopic, "frequency", "not this system's to govern (firmware or hypervisor)");
  } else if (slow.empty()) {
    e.pass(kTopic, "frequency", "governor performance");
  } else {
    e.warn(kTopic, "frequency", "governor " + which + " on CPU " + format_cpu_list(slow),
           "clocks go down between bursts: latency and its spread grow",
           "cpupower -c " + format_cpu_list(slow) + " frequency-set -g performance");
  }
}

}  // namespace

void probe_cpus(Examination& e) {
  flags(e);
  const std::vector<unsigned> workers = lcores(e);
  if (workers.empty()) return;
  isolation(e, workers);
  governor(e, workers);
}

}  // namespace sluice
