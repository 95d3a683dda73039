// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The lanes with their workers, rings, flow tables and policies: everything
// between the ports. run, replay, the tests and the benchmarks build one of
// these and give it threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chain/directory.h"
#include "chain/event.h"
#include "chain/policy.h"
#include "chain/port_io.h"
#include "chain/reasons.h"
#include "chain/split_horizon.h"
#include "chain/stage.h"
#include "chain/statistics.h"
#include "config/config.h"
#include "flowtable/flow_table.h"

struct rte_mempool;

namespace sluice {

class Lane;
class Worker;

struct ApplianceOptions {
  const Config* config = nullptr;      // outlives the appliance
  std::vector<const StageType*> line;  // the stages of Config::line, in order
  Directory* directory = nullptr;      // outlives the appliance
  // inputs[lane]: the queues that the lane's first worker polls.
  std::vector<std::vector<Input*>> inputs;
  // outputs[lane][port]: by position in Config::ports; the lane's last worker's.
  std::vector<std::vector<Output*>> outputs;
  std::vector<int> socket_ids;     // by lane; empty: any
  rte_mempool* mempool = nullptr;  // for generated frames; as the ports' pools
  RssMode rss = RssMode::Auto;     // who spreads; Auto: as the configuration says
  std::string name = "sluice";     // prefix of names in EAL's registries
  bool replay = false;     // the packets' clock, nothing lost for want of room, idle workers yield
  bool huge_pages = true;  // for the flow tables
  bool events = true;      // somebody takes events from event_queues()
  bool alert_payload = false;  // alerts take the beginning of what matched with them
};

class Appliance {
 public:
  // Throws std::runtime_error (message for people). Control thread.
  explicit Appliance(const ApplianceOptions& options);
  ~Appliance();  // every worker has returned from run()

  // ---- control thread ----

  // Puts a policy into force: the first before start, later ones while workers
  // run (each adopts it at a burst boundary). Takes it over; builds its lane
  // parts. False, with `error` set, if it can't come into force now.
  bool install(std::unique_ptr<Policy> policy, std::string& error);
  uint16_t next_generation() const;
  const Policy* policy() const;  // the newest installed
  // Frees policies that every worker has left behind; called now and then.
  void reclaim();
  bool adopted() const;  // every worker has adopted the newest policy
  unsigned policies_alive() const;

  // All workers, lane by lane in the line's order. Worker::run() is called on
  // its own thread; an EAL or registered thread.
  const std::vector<Worker*>& workers() const;

  // Workers stop receiving, empty their rings, and wait (testpmd's stop). paused()
  // and idle() compare with their last call: ask again until true.
  void pause();
  void resume();
  bool paused() const;  // requested, and every worker has come to rest
  // A grace period: what this thread wrote before begin_grace_period() every worker
  // goes by once grace_period_over(), asked now and then, says so for its number.
  // No worker is then inside anything that it was told to keep out of. Nobody waits.
  uint32_t begin_grace_period();
  bool grace_period_over(uint32_t number) const;
  // Ends all flows (their events are written), then every run() returns. Only
  // when paused() or idle(), so that no lane passes packets to one that has left.
  void request_shutdown();
  // Replay: all inputs exhausted and nothing under way.
  bool idle() const;

  const ReasonTable& reasons() const;
  const std::vector<const StageType*>& line() const;
  const std::vector<EventQueue*>& event_queues() const;
  unsigned lanes() const;

  // ---- snapshots, any thread but a worker ----
  const WorkerStatistics& worker_statistics(unsigned worker) const;
  const FlowTable& flow_table(unsigned lane) const;
  FlowTable& flow_table(unsigned lane);
  const Stage& stage(unsigned lane, unsigned index) const;
  // Sum over all workers, or those of one lane.
  WorkerStatistics total() const;
  WorkerStatistics total(unsigned lane) const;
  // Addresses that were heard on both sides of a wire, by lane and wire.
  std::vector<WireDisputes> wire_disputes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
