// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/device_counters.h"

#include <algorithm>

namespace sluice {

namespace {

constexpr uint32_t kFastestMbps = 400'000;
constexpr uint64_t kLeastFrame = 84;  // bytes on the wire: 64, preamble, gap
// Readings are not taken on the tick, and a VF may share its NIC's inner switch.
constexpr uint64_t kSlack = 4;
constexpr uint64_t kLeastElapsedMs = 1000;

struct Field {
  uint64_t rte_eth_stats::*count;
  bool bytes;
};
constexpr Field kFields[] = {
    {&rte_eth_stats::ipackets, false}, {&rte_eth_stats::opackets, false},
    {&rte_eth_stats::ibytes, true},    {&rte_eth_stats::obytes, true},
    {&rte_eth_stats::imissed, false},  {&rte_eth_stats::ierrors, false},
    {&rte_eth_stats::oerrors, false},  {&rte_eth_stats::rx_nombuf, false},
};

// Behind a reset a counter starts over; one that is read a little late, or is
// worked out from others, may step back a little without any.
bool starts_over(uint64_t last, uint64_t now) {
  return now < last && now <= last / 2;
}

}  // namespace

DeviceCounters::Bound DeviceCounters::Bound::of(uint32_t mbps, uint64_t elapsed_ms) {
  if (mbps == 0 || mbps > kFastestMbps) mbps = kFastestMbps;
  const uint64_t bytes = mbps * uint64_t{125} * std::max(elapsed_ms, kLeastElapsedMs) * kSlack;
  return {.packets = bytes / kLeastFrame, .bytes = bytes};
}

// One counter alone may lag behind what it is worked out from; all together were
// reset, however much has come since.
bool DeviceCounters::all_back(const rte_eth_stats& reading) const {
  unsigned counting = 0, back = 0;
  for (const Field& field : kFields) {
    counting += last_.*field.count != 0;
    back += reading.*field.count < last_.*field.count;
  }
  return back > 1 && back == counting;
}

void DeviceCounters::take(const rte_eth_stats& reading, const Bound* bound) {
  const bool reset = all_back(reading);
  Reading shows = reset ? Reading::StartedOver : Reading::Fine;
  for (const Field& field : kFields) {
    const uint64_t now = reading.*field.count, last = last_.*field.count;
    if (starts_over(last, now)) {
      shows = std::max(shows, Reading::StartedOver);
    } else if (bound && now > last && now - last > (field.bytes ? bound->bytes : bound->packets)) {
      shows = Reading::Jumped;
    }
  }
  news_ = std::max(news_, shows);
  if (shows == Reading::Jumped) {
    // What has really come meanwhile cannot be told from any field, and is little.
    last_ = reading;
    return;
  }
  for (const Field& field : kFields) {
    const uint64_t now = reading.*field.count;
    uint64_t& last = last_.*field.count;
    uint64_t& total = total_.*field.count;
    if (reset || starts_over(last, now)) {
      total += now;
    } else if (now < last) {
      continue;  // waits for the counter to come back to where it was
    } else {
      total += now - last;
    }
    last = now;
  }
}

}  // namespace sluice
