// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/doctor/examination.h"

#include <algorithm>
#include <set>

#include "app/host.h"

namespace sluice {

Examination::Examination(const Config& c, const LiveEalOptions& o, const HostState& h)
    : config(c),
      options(o),
      host(h),
      tree(h.tree),
      lifelines(h),
      running(running_instance(h, c.instance)) {}

void Examination::add(ProbeResult result, std::string topic, std::string name, std::string found,
                      std::string meaning, std::string mend, Fix fix) {
  if (mend.empty()) mend = to_shell(fix.actions);
  probes.push_back({.name = std::move(name),
                    .topic = std::move(topic),
                    .result = result,
                    .found = std::move(found),
                    .meaning = std::move(meaning),
                    .mend = std::move(mend),
                    .fix = std::move(fix)});
}

void Examination::pass(std::string topic, std::string name, std::string found) {
  add(ProbeResult::Pass, std::move(topic), std::move(name), std::move(found), {}, {}, {});
}

void Examination::warn(std::string topic, std::string name, std::string found, std::string meaning,
                       std::string mend, Fix fix) {
  add(ProbeResult::Warn, std::move(topic), std::move(name), std::move(found), std::move(meaning),
      std::move(mend), std::move(fix));
}

void Examination::fail(std::string topic, std::string name, std::string found, std::string meaning,
                       std::string mend, Fix fix) {
  add(ProbeResult::Fail, std::move(topic), std::move(name), std::move(found), std::move(meaning),
      std::move(mend), std::move(fix));
}

std::vector<unsigned> Examination::worker_lcores() const {
  std::set<unsigned> lcores;
  for (const LaneConfig& lane : config.lanes) {
    for (const WorkerConfig& worker : lane.workers) lcores.insert(worker.lcore);
  }
  return {lcores.begin(), lcores.end()};
}

bool Examination::has_pci_ports() const {
  return std::any_of(config.ports.begin(), config.ports.end(),
                     [](const PortConfig& port) { return port.is_pci; });
}

bool Examination::needs_vfio() const {
  return std::any_of(config.ports.begin(), config.ports.end(), [&](const PortConfig& port) {
    if (!port.is_pci) return false;
    const std::string driver = pci_device(port.device, tree).driver;
    return driver == "vfio-pci" || (!is_bifurcated_driver(driver) && !is_user_space_driver(driver));
  });
}

const PciFacts& Examination::facts(const std::string& address) {
  const auto found = facts_.find(address);
  if (found != facts_.end()) return found->second;
  return facts_.emplace(address, pci_facts(tree, address)).first->second;
}

std::optional<VfView> Examination::vf_view(const PciFacts& vf) {
  if (!vf.is_vf() || vf.vf_index < 0) return std::nullopt;
  const PciFacts& pf = facts(vf.pf);
  if (pf.interfaces.empty()) return std::nullopt;
  const std::string& interface = pf.interfaces.front();
  auto answer = pf_answers_.find(interface);
  if (answer == pf_answers_.end()) {
    answer =
        pf_answers_.emplace(interface, host.ask({"ip", "-j", "link", "show", "dev", interface}))
            .first;
  }
  if (!answer->second) return std::nullopt;
  return parse_vf_view(*answer->second, static_cast<unsigned>(vf.vf_index));
}

bool Examination::capable(unsigned capability) const {
  const std::string status = tree.text("/proc/self/status").value_or("");
  for (const std::string_view line : split_lines(status)) {
    const auto words = split_words(line);
    if (words.size() != 2 || words[0] != "CapEff:") continue;
    return (parse_number("0x" + std::string(words[1])).value_or(0) >> capability & 1) != 0;
  }
  return host.user == 0;
}

std::string port_probe(const PortConfig& port, const char* what) {
  return "port " + port.name + ": " + what;
}

std::string count_of(uint64_t n, const std::string& word) {
  return std::to_string(n) + ' ' + word + (n == 1 ? "" : "s");
}

std::string join_words(const std::vector<std::string>& words, const char* separator) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : separator) + word;
  return out;
}

}  // namespace sluice
