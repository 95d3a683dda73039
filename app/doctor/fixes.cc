// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/doctor/fixes.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "app/doctor/device_users.h"
#include "app/doctor/lifelines.h"
#include "app/doctor/subprocess.h"

namespace sluice {

namespace {

// modprobe and a write to sriov_numvfs take their time.
constexpr int kPatienceMs = 60'000;
constexpr size_t kMaxOutput = 1 << 16;

bool apply(const Fix& fix, ActionRunner& runner,
           const std::function<void(const std::string&)>& print) {
  bool good = true;
  for (const Action& action : fix.actions) {
    if (good ? action.on_failure : !action.always && !action.on_failure) continue;
    print("+ " + to_shell(action));
    if (const std::string error = runner.run(action); !error.empty()) {
      print("  failed: " + error);
      good = false;
    }
  }
  return good;
}

}  // namespace

std::string HostActionRunner::run(const Action& action) {
  if (!action.argv.empty()) {
    const SubprocessResult result = run_subprocess(action.argv, kMaxOutput, kPatienceMs);
    if (result.status == 0 && !result.cut_off) return {};
    return result.errors.empty() ? "exit code " + std::to_string(result.status) : result.errors;
  }
  // Neither made nor cut: a file of /sys is there, or the kernel has no such setting.
  const int fd = open(tree_.at(action.file).c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return std::strerror(errno);
  const std::string line = action.value + '\n';
  const ssize_t n = write(fd, line.data(), line.size());
  const int error = errno;
  close(fd);
  if (n == static_cast<ssize_t>(line.size())) return {};
  return n < 0 ? std::strerror(error) : "written in part";
}

FixOutcome apply_fixes(const std::vector<Probe>& probes, const HostState& host,
                       ActionRunner& runner, std::set<std::string>& tried,
                       const std::function<void(const std::string&)>& print) {
  FixOutcome out;
  std::vector<const Fix*> fixes;
  for (const Probe& probe : probes) {
    if (!probe.fix.actions.empty()) fixes.push_back(&probe.fix);
  }
  std::stable_sort(fixes.begin(), fixes.end(),
                   [](const Fix* a, const Fix* b) { return a->stage < b->stage; });
  for (const Fix* fix : fixes) {
    const std::string commands = to_shell(fix->actions);
    if (!tried.insert(commands).second) continue;
    // Looked at again each time: what was so a moment ago may have changed.
    std::string why;
    if (!fix->touches.empty()) {
      const Lifelines lifelines(host);
      const DeviceUsers users(host.tree);
      for (const std::string& device : fix->touches) {
        if (why.empty()) why = lifelines.why(host.tree, device);
        if (why.empty() && fix->stage == FixStage::Bind) why = lifelines.uses(host.tree, device);
        if (const int user = users.of(host.tree, device); why.empty() && user != 0) {
          why = device + " is in use by process " + std::to_string(user);
        }
      }
    }
    if (!why.empty()) {
      print("refused: " + commands + "\n  " + why);
      ++out.refused;
    } else if (apply(*fix, runner, print)) {
      ++out.done;
    } else {
      ++out.failed;
    }
  }
  return out;
}

}  // namespace sluice
