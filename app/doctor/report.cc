// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/doctor/report.h"

#include <algorithm>

namespace sluice {

namespace {

constexpr size_t kMargin = 6;  // "fail  "
constexpr size_t kWidth = 100;

std::string names_of_passed(const std::vector<Probe>& probes) {
  std::string out, line;
  const auto end_line = [&] {
    out += (out.empty() ? "pass  " : ";\n      ") + line;
    line.clear();
  };
  for (const Probe& probe : probes) {
    if (probe.result != ProbeResult::Pass) continue;
    if (!line.empty() && kMargin + line.size() + 2 + probe.name.size() > kWidth) end_line();
    line += (line.empty() ? "" : "; ") + probe.name;
  }
  if (!line.empty()) end_line();
  return out.empty() ? out : out + '\n';
}

size_t count(const std::vector<Probe>& probes, ProbeResult result) {
  return static_cast<size_t>(std::count_if(
      probes.begin(), probes.end(), [&](const Probe& probe) { return probe.result == result; }));
}

}  // namespace

bool none_failed(const std::vector<Probe>& probes) {
  return count(probes, ProbeResult::Fail) == 0;
}

std::string text_report(const std::vector<Probe>& probes, bool all) {
  std::string out;
  bool fixable = false;
  for (const ProbeResult result : {ProbeResult::Fail, ProbeResult::Warn, ProbeResult::Pass}) {
    if (result == ProbeResult::Pass && !all) continue;
    for (const Probe& probe : probes) {
      if (probe.result != result) continue;
      out += std::string(to_string(result)) + "  " + probe.name + ": " + probe.found + '\n';
      if (result == ProbeResult::Pass) continue;
      out += "      " + probe.meaning + "  [" + probe.link() + "]\n";
      if (!probe.mend.empty()) out += "      > " + probe.mend + '\n';
      fixable = fixable || !probe.fix.actions.empty();
    }
  }
  if (!all) out += names_of_passed(probes);
  out += std::to_string(count(probes, ProbeResult::Pass)) + " pass, " +
         std::to_string(count(probes, ProbeResult::Warn)) + " warn, " +
         std::to_string(count(probes, ProbeResult::Fail)) + " fail: `sluice run` would " +
         (none_failed(probes) ? "start" : "not start, or pass nothing");
  if (fixable) out += "; `--fix` makes some of these mends";
  return out + '\n';
}

}  // namespace sluice
