// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/eve_stats.h"

#include "app/eve_json.h"
#include "app/json_writer.h"
#include "chain/appliance.h"

namespace sluice {

namespace {

uint64_t read_counter(const void* counters, size_t offset) {
  const auto* bytes = static_cast<const std::byte*>(counters) + offset;
  return *reinterpret_cast<const uint64_t*>(bytes);
}

void write_flow_table(JsonWriter& json, const Appliance& appliance) {
  uint64_t active = 0;
  FlowTableCounters sum{};
  for (unsigned lane = 0; lane < appliance.lanes(); ++lane) {
    const FlowTable& table = appliance.flow_table(lane);
    const FlowTableCounters& c = table.counters();
    active += table.size();
    sum.created += c.created;
    sum.ended_timeout += c.ended_timeout;
    sum.ended_replaced += c.ended_replaced;
    sum.ended_shutdown += c.ended_shutdown;
    sum.evicted_provisional += c.evicted_provisional;
    sum.evicted_half_open += c.evicted_half_open;
    sum.evicted_established += c.evicted_established;
    sum.create_failed += c.create_failed;
  }
  json.begin_object("flow")
      .field("active", active)
      .field("created", sum.created)
      .field("ended_timeout", sum.ended_timeout)
      .field("ended_replaced", sum.ended_replaced)
      .field("ended_shutdown", sum.ended_shutdown)
      .field("evicted_provisional", sum.evicted_provisional)
      .field("evicted_half_open", sum.evicted_half_open)
      .field("evicted_established", sum.evicted_established)
      .field("create_failed", sum.create_failed)
      .end_object();
}

// The packets' ends as inline Suricata sums them up; a fragment counts where it
// leaves, frames of our own do not count. `replaced` stays zero: no stage rewrites
// payload.
void write_ips(JsonWriter& json, const WorkerStatistics& total) {
  json.begin_object("ips")
      .field("accepted", total.transmitted - total.generated - total.passed_over)
      .field("blocked", dropped_total(total) - total.rejected)
      .field("rejected", total.rejected)
      .field("replaced", uint64_t{0})
      .end_object();
}

void write_stages(JsonWriter& json, const Appliance& appliance, const WorkerStatistics& total) {
  json.begin_object("stage");
  for (size_t i = 0; i < appliance.line().size(); ++i) {
    const StageType& type = *appliance.line()[i];
    json.begin_object(type.name)
        .field("packets", total.stage[i].packets)
        .field("skipped", total.stage[i].skipped)
        .field("dropped", total.stage[i].dropped);
    for (const CounterInfo& info : type.counters) {
      uint64_t sum = 0;
      for (unsigned lane = 0; lane < appliance.lanes(); ++lane) {
        const void* counters = appliance.stage(lane, static_cast<unsigned>(i)).counters();
        if (counters != nullptr) sum += read_counter(counters, info.offset);
      }
      json.field(info.name, sum);
    }
    json.end_object();
  }
  json.end_object();
}

}  // namespace

std::string eve_stats_line(const Appliance& appliance, uint64_t time_ns, uint64_t uptime_s,
                           StatsDetail detail, uint64_t events_failed,
                           const std::function<void(JsonWriter&)>& more) {
  const WorkerStatistics total = appliance.total();
  std::string out;
  JsonWriter json(out);
  json.begin_object()
      .field("timestamp", eve_timestamp(time_ns))
      .field("event_type", "stats")
      .begin_object("stats")
      .field("uptime", uptime_s)
      .field("received", total.received)
      .field("received_bytes", total.received_bytes)
      .field("generated", total.generated)
      .field("rejects_silent", total.rejects_silent)
      .field("transmitted", total.transmitted)
      .field("transmitted_bytes", total.transmitted_bytes)
      .field("held", total.held)
      .field("dropped", dropped_total(total));
  write_ips(json, total);
  json.begin_object("drop");
  const ReasonTable& reasons = appliance.reasons();
  for (size_t r = 0; r < reasons.size(); ++r) {
    if (total.dropped[r] == 0) continue;
    json.field(reasons.name(static_cast<Reason>(r)), total.dropped[r]);
  }
  json.end_object();
  write_flow_table(json, appliance);
  if (detail == StatsDetail::Everything) {
    write_stages(json, appliance, total);
    uint64_t lost = 0;
    for (const EventQueue* queue : appliance.event_queues()) lost += queue->lost();
    json.field("passed_over", total.passed_over)
        .field("events_lost", lost)
        .field("events_failed", events_failed);
  }
  if (more) more(json);
  json.end_object().end_object();
  out += '\n';
  return out;
}

std::string eve_port_line(uint64_t time_ns, const PortEvent& event) {
  std::string out;
  JsonWriter json(out);
  json.begin_object()
      .field("timestamp", eve_timestamp(time_ns))
      .field("event_type", "port")
      .field("in_iface", event.port)
      .begin_object("port")
      .field("device", event.device)
      .field("change", event.what);
  if (!event.detail.empty()) json.field("detail", event.detail);
  json.end_object().end_object();
  out += '\n';
  return out;
}

}  // namespace sluice
