// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A whole appliance from TOML text, its workers polled by the test's own
// thread: mbufs in, mbufs out.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chain/appliance.h"
#include "chain/worker.h"
#include "config/config.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_environment.h"

namespace sluice::test {

class TestAppliance {
 public:
  // Throws std::runtime_error with the configuration's errors.
  explicit TestAppliance(std::string_view toml, unsigned mbufs = 4095);
  // Ends all flows; fails the test if packets or mbufs are not accounted for.
  ~TestAppliance();

  // A frame comes in by a port at the test's present time; taken at the next poll().
  void inject(std::string_view port, const PacketBuilder& packet);
  void inject(std::string_view port, const Bytes& frame);
  void advance_ms(uint64_t ms) { now_ns_ += ms * 1'000'000; }
  void go_back_ms(uint64_t ms) { now_ns_ -= ms * 1'000'000; }
  uint64_t now_ns() const { return now_ns_; }
  // Polls every worker until none finds work any more.
  void poll();
  // inject() and poll().
  void send(std::string_view port, const PacketBuilder& packet);

  // What left by a port since the last call.
  std::vector<Bytes> take_sent(std::string_view port);
  // Whether exactly one frame left by `port`, and none by another; forgets all.
  bool left_by(std::string_view port);
  bool nothing_left();

  // The next policy from other text; the test polls for it to be adopted.
  bool reload(std::string_view toml, std::string& error);

  uint64_t dropped(std::string_view reason) const;
  WorkerStatistics total() const { return appliance_->total(); }
  Appliance& appliance() { return *appliance_; }
  Directory& directory() { return directory_; }
  const Config& config() const { return config_; }
  Flow* only_flow();  // of lane 0; null unless there is just one
  // Events published so far, oldest first a worker; copies.
  std::vector<Event> take_events();
  rte_mempool* pool() { return pool_.get(); }

 private:
  class QueueInput;
  class QueueOutput;

  std::unique_ptr<Policy> compile(std::string_view toml, const Config& config, uint16_t generation);
  unsigned port_index(std::string_view name) const;

  TestPool pool_;
  Directory directory_;
  std::unique_ptr<ConfigDocument> document_;
  Config config_;
  std::vector<const StageType*> line_;
  std::vector<std::unique_ptr<QueueInput>> inputs_;    // by port, lane 0
  std::vector<std::unique_ptr<QueueOutput>> outputs_;  // by port, all lanes
  std::unique_ptr<Appliance> appliance_;
  std::vector<Event> events_;
  uint64_t now_ns_ = 1'700'000'000'000'000'000;
};

// Two wired ports "a" and "b", one lane, everything allowed; rows of a test add to it.
std::string wire_toml(std::string_view more = "");

}  // namespace sluice::test
