// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// `sluice check --fix`: the mends that do no harm, each command printed before
// it runs.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "app/doctor/host_state.h"
#include "app/doctor/probe.h"

namespace sluice {

class ActionRunner {
 public:
  virtual ~ActionRunner() = default;
  // Empty if it went well, else why not.
  virtual std::string run(const Action& action) = 0;
};

// Really: programs without a shell, words into files below `tree`.
class HostActionRunner final : public ActionRunner {
 public:
  explicit HostActionRunner(HostTree tree = HostTree()) : tree_(std::move(tree)) {}
  std::string run(const Action& action) override;

 private:
  const HostTree tree_;
};

struct FixOutcome {
  unsigned done = 0, failed = 0, refused = 0;
};

// Makes the fixes of these probes in the order of their stages, those in
// `tried` not again. A device that carries the default route or this session, or is
// in use, is not touched, whatever a probe says. `print` gets a line at a time.
FixOutcome apply_fixes(const std::vector<Probe>& probes, const HostState& host,
                       ActionRunner& runner, std::set<std::string>& tried,
                       const std::function<void(const std::string&)>& print);

}  // namespace sluice
