// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// EVE events that the control loop writes: "stats" and "port".
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sluice {

class Appliance;
class JsonWriter;

enum class StatsDetail : uint8_t {
  Packets,    // what the packets alone decide: the same wherever stages run
  Everything  // and the stages' own counters
};

// One line, with its line end. `uptime_s`: since start; in replay of the capture.
// `more` adds members to the object "stats". Any thread but a worker.
std::string eve_stats_line(const Appliance& appliance, uint64_t time_ns, uint64_t uptime_s,
                           StatsDetail detail, uint64_t events_failed = 0,
                           const std::function<void(JsonWriter&)>& more = {});

// What became of a port: `what` is of PortKeeper::on_change, `detail` may be empty.
struct PortEvent {
  std::string_view port, device, what, detail;
};
std::string eve_port_line(uint64_t time_ns, const PortEvent& event);

}  // namespace sluice
