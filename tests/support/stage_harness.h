// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// One stage, built through its StageType from TOML text, for tests without a
// lane.
#pragma once

#include <rte_mbuf.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chain/stage.h"
#include "config/config.h"
#include "config/errors.h"

namespace sluice::test {

// Ports, chains and line as a test's stage sees them.
struct HarnessOptions {
  Config config;
  std::vector<MacAddress> port_macs;  // missing ones: 02:00:00:00:01:<position>
  bool replay = true;
  uint16_t generation = 1;
};

class StageHarness {
 public:
  // `toml` is the stage's section with its header: "[stage.identity]\n...".
  StageHarness(const StageType& type, std::string_view toml, HarnessOptions options);

  bool compiled() const noexcept { return policy_ != nullptr; }
  const ConfigErrors& errors() const noexcept { return errors_; }

  // What the worker does: puts the packets into a burst, calls the stage.
  // compiled() only.
  void process(std::initializer_list<rte_mbuf*> packets);
  // Compiles other text as the next generation; flows and the stage stay.
  bool reload(std::string_view toml);

  template <typename S>
  S& stage() noexcept {
    return static_cast<S&>(*stage_);
  }
  template <typename P>
  const P& policy() const noexcept {
    return static_cast<const P&>(*policy_);
  }
  LanePart* part() noexcept { return part_.get(); }
  Directory& directory() noexcept { return directory_; }
  const Config& config() const noexcept { return options_.config; }
  uint16_t generation() const noexcept { return options_.generation; }
  // "" or "forwarding.no_route".
  std::string reason_of(const rte_mbuf* m) const;
  uint64_t counter(std::string_view name) const;
  // Output of `show stage NAME what`.
  std::string show(std::string_view what, std::vector<std::string> arguments = {}) const;

 private:
  void compile(std::string_view toml);

  const StageType& type_;
  HarnessOptions options_;
  ConfigErrors errors_;
  Directory directory_;
  ReasonTable reasons_;
  StageResources resources_;
  std::unique_ptr<const StagePolicy> policy_;
  std::unique_ptr<LanePart> part_;
  std::unique_ptr<Stage> stage_;
};

}  // namespace sluice::test
