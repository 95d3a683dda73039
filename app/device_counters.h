// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A device's own counters, made to rise only. A device that is reset counts from
// zero again, and a VF driver that extends 32-bit registers then jumps ahead by
// nearly 2^32: neither is traffic.
#pragma once

#include <rte_ethdev.h>

#include <cstdint>
#include <utility>

namespace sluice {

// One thread.
class DeviceCounters {
 public:
  // What the link can have carried since the last reading; null pointer: no bound.
  struct Bound {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    // `mbps`: the link's speed; 0 or more than any: a link of the fastest kind.
    static Bound of(uint32_t mbps, uint64_t elapsed_ms);
  };

  enum class Reading : uint8_t {
    Fine,
    StartedOver,  // from zero: it was reset
    Jumped,       // ahead of what can have come: the driver took a reset for traffic
  };
  // Whoever wants to know the counters brings a reading, at any time.
  void take(const rte_eth_stats& reading, const Bound* bound);
  // The worst that readings have shown since the last call, whoever brought them:
  // one that only asks for figures must not keep a reset from who mends it.
  Reading take_news() { return std::exchange(news_, Reading::Fine); }
  // The device was set up anew: this reading is what counting goes on from.
  void restart(const rte_eth_stats& reading) {
    last_ = reading;
    news_ = Reading::Fine;
  }

  const rte_eth_stats& last() const { return last_; }
  const rte_eth_stats& total() const { return total_; }

 private:
  bool all_back(const rte_eth_stats& reading) const;

  rte_eth_stats last_{}, total_{};
  Reading news_ = Reading::Fine;
};

}  // namespace sluice
