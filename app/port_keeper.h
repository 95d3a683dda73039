// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What becomes of a port while the appliance runs: reset by its PF, taken away,
// link lost. One port is stopped, set up anew or given back while the others go
// on; flows are kept. Theory of operation:
//
//   Working --news--> Stopping --grace period--> Waiting --> Recovering --> Working
//                         |                         ^            |
//                         |                         +-- failed --+
//                         +------- removed ------> Removing --> Gone
//
// News comes from the driver (app/device_news.h), from the PF's interface where
// this machine has it, from a link that comes back where the driver may not hear
// of resets, and from counters that jump. The gate of the port
// is closed first; once every worker has begun another poll none is in its
// queues, and the device is lent to another thread (app/port_mender.h), for its
// driver may take seconds where a PF does not answer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/link_follower.h"
#include "app/port_mender.h"

namespace sluice {

class Appliance;
class Ports;

enum class PortState : uint8_t { Working, Stopping, Waiting, Recovering, Removing, Gone };
std::string_view to_string(PortState state);  // for people

// Since the start.
struct PortCounts {
  uint64_t resets = 0;        // told of by the driver, or seen
  uint64_t recoveries = 0;    // set up anew, and working
  uint64_t failures = 0;      // tries to set it up anew that failed
  uint64_t removals = 0;      // the device went
  uint64_t link_changes = 0;  // seen
};

// Control thread.
class PortKeeper {
 public:
  // Both outlive the keeper; the ports are started.
  PortKeeper(Ports& ports, Appliance& appliance);
  ~PortKeeper();  // lets links up that it holds down
  PortKeeper(const PortKeeper&) = delete;
  PortKeeper& operator=(const PortKeeper&) = delete;

  // A step for each port; waits for nothing. Several times a second, more often
  // while busy(). `now_ms`: monotonic.
  void turn(uint64_t now_ms);
  bool busy() const;  // a port is on its way from one state to another

  PortState state(unsigned port) const { return kept_[port].state; }
  const PortCounts& counts(unsigned port) const { return kept_[port].counts; }
  const std::string& trouble(unsigned port) const { return kept_[port].trouble; }
  LinkHold link_hold(unsigned port) const { return follower_.hold(port); }

  // Nothing can pass any more: of every port the device, or that of its wire's other
  // end, is gone.
  bool all_gone() const;

  // Called with each change, as it is logged: port's position, what ("reset",
  // "recovered", "failed", "removal", "removed", "link_down", "link_up", "link_held",
  // "link_released"), details or "".
  std::function<void(unsigned, std::string_view, const std::string&)> on_change;

  static constexpr uint64_t kLinkEveryMs = 200;
  static constexpr uint64_t kCountersEveryMs = 1000;
  static constexpr uint64_t kFirstDelayMs = 200;  // behind a try that failed
  static constexpr uint64_t kLongestDelayMs = 30'000;
  static constexpr uint64_t kSettledMs = 10'000;  // has worked so long: all is forgiven
  static constexpr uint64_t kOutageMs = 1000;     // a port that is out so long has lost its link

 private:
  struct Kept {
    PortState state = PortState::Working;
    bool renew = false, remove = false;  // asked for
    bool carries = false;                // renew: it may well work until then
    bool pf_was_up = true;
    std::optional<uint64_t> pf_rises;
    bool slow_told = false;
    bool had_link = false;  // when it stopped
    uint32_t grace = 0;
    uint64_t since_ms = 0;     // in this state
    uint64_t out_ms = 0;       // when it stopped
    uint64_t next_try_ms = 0;  // Waiting, or Working and to be renewed
    unsigned tries = 0;        // since it last was settled
    unsigned gone_tries = 0;   // to give the device back
    int let_up_error = 0;      // told: the driver does not let its link up
    PortCounts counts;
    std::string trouble;  // why it does not work; "" if it does
  };

  void take_results(uint64_t now_ms);
  void attend(unsigned port, uint64_t now_ms);
  void hear(unsigned port, uint64_t now_ms);
  void watch_pf(unsigned port);
  void watch_counters(unsigned port);
  void watch_link(unsigned port);
  void stop(unsigned port, uint64_t now_ms);
  void stopped(unsigned port, uint64_t now_ms);
  void wait(unsigned port, uint64_t now_ms);
  void recovered(unsigned port, uint64_t now_ms);
  void failed(unsigned port, uint64_t now_ms, const std::string& why, unsigned tries);
  void follow(uint64_t now_ms);
  void enter(unsigned port, PortState state, uint64_t now_ms);
  void change(unsigned port, std::string_view what, const std::string& detail);
  bool is_gone(unsigned port) const;

  Ports& ports_;
  Appliance& appliance_;
  std::vector<Kept> kept_;
  LinkFollower follower_;
  uint64_t next_link_ms_ = 0, next_counters_ms_ = 0;
  PortMender mender_;
};

}  // namespace sluice
