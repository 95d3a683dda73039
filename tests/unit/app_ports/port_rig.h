// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// An appliance on DPDK's own virtual devices, with its keeper; the test's thread
// is worker and control thread in turns.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/port.h"
#include "app/port_keeper.h"
#include "chain/appliance.h"
#include "chain/directory.h"
#include "tests/support/packet_builder.h"

namespace sluice::test {

class PortRig {
 public:
  // Creates the devices that the ports of `toml` name; throws std::runtime_error.
  explicit PortRig(std::string_view toml);
  // Ends everything; fails the test if packets or mbufs are not accounted for.
  ~PortRig();

  // The frame waits in the ring of a net_ring port to be received.
  void inject(unsigned port, const PacketBuilder& packet);
  void poll(unsigned times = 1);  // every worker
  void turn();                    // of the keeper, 5 ms later
  // Polls and turns until it is so; false after 20 s of the keeper's time.
  bool run_until(const std::function<bool()>& condition);
  void run_ms(uint64_t ms);

  uint64_t dropped(std::string_view reason) const;
  Config& config() { return config_; }
  Ports& ports() { return *ports_; }
  Port& port(unsigned i) { return (*ports_)[i]; }
  Appliance& appliance() { return *appliance_; }
  PortKeeper& keeper() { return *keeper_; }
  PortState state(unsigned i) const { return keeper_->state(i); }

 private:
  std::unique_ptr<Policy> compile();

  std::unique_ptr<ConfigDocument> document_;
  Config config_;
  Directory directory_;
  std::vector<const StageType*> line_;
  std::unique_ptr<Ports> ports_;
  std::unique_ptr<Appliance> appliance_;
  std::unique_ptr<PortKeeper> keeper_;
  uint64_t now_ms_ = 1'000'000;
};

// Two ports "a" and "b", a wire; `more` goes to each port, `rest` behind them.
std::string wire_of(std::string_view a, std::string_view b, std::string_view more = "",
                    std::string_view rest = "");

}  // namespace sluice::test
