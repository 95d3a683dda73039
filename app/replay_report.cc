// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/replay_report.h"

#include <algorithm>
#include <numeric>

#include "app/json_writer.h"

namespace sluice {

namespace {

// More bytes first; the rest only makes the order one that every run has.
bool before(const ReportedFlow& a, const ReportedFlow& b) {
  return std::tuple(b.bytes, a.first_seen_ns, a.id) < std::tuple(a.bytes, b.first_seen_ns, b.id);
}

std::string end_of(const Event& event, Direction of) {
  const std::string address = event_address(event, of);
  if (!has_ports(event.key.proto)) return address;
  const std::string port = std::to_string(event_port(event, of));
  return event.key.family == kFamilyIpv6 ? "[" + address + "]:" + port : address + ":" + port;
}

template <typename Key>
void add_to(std::map<Key, ReportSum>& table, const Key& key, const Key& others,
            const ReportedFlow& flow) {
  const bool has_room = table.size() < ReplayCollector::kMaxRows || table.contains(key);
  ReportSum& sum = table[has_room ? key : others];
  sum.flows += 1;
  sum.packets += flow.packets;
  sum.bytes += flow.bytes;
}

}  // namespace

void ReplayCollector::observe(const Event& event, EveFormatter& formatter) {
  if (event.type == EventType::Flow) {
    observe_flow(event, formatter);
  } else if (event.type == EventType::Alert) {
    ++alert_count_;
    AlertKey key{event.signature_gid, event.signature_id, event.signature_rev,
                 formatter.name(event.signature_msg), std::string(eve_action(event.action))};
    const bool has_room = alerts_.size() < kMaxRows || alerts_.contains(key);
    ++alerts_[has_room ? std::move(key) : AlertKey{0, 0, 0, "(others)", ""}];
  }
}

void ReplayCollector::observe_flow(const Event& event, EveFormatter& formatter) {
  const EveNames& names = formatter.names();
  ReportedFlow flow;
  flow.id = eve_flow_id(event.key, event.first_seen_ns);
  flow.first_seen_ns = event.first_seen_ns;
  flow.packets = uint64_t{event.packets[0]} + event.packets[1];
  flow.bytes = event.bytes[0] + event.bytes[1];
  flow.master = names.application(event.app_master ? event.app_master : event.app);
  flow.app = names.application(event.app ? event.app : event.app_master);
  flow.action = eve_action(event.action);
  flow.rule = formatter.name(event.rule);
  flow.reason = names.reason(event.reason);

  flows_.flows += 1;
  flows_.packets += flow.packets;
  flows_.bytes += flow.bytes;
  add_to(applications_, AppKey{flow.master, flow.app}, AppKey{"(others)", "(others)"}, flow);
  add_to(verdicts_, VerdictKey{flow.action, flow.rule, flow.reason}, VerdictKey{"(others)", "", ""},
         flow);

  const bool is_full = top_.size() == kTopFlows;
  if (is_full && !before(flow, top_.front())) return;
  flow.source = end_of(event, Direction::Original);
  flow.destination = end_of(event, Direction::Reply);
  flow.proto = eve_proto(event.key.proto);
  flow.who = formatter.name(event.source_identity);
  flow.with = formatter.name(event.destination_identity);
  const std::string_view host = event.get_text(kTextHost);
  if (!host.empty()) flow.with = host;
  if (is_full) {
    std::pop_heap(top_.begin(), top_.end(), before);
    top_.back() = std::move(flow);
  } else {
    top_.push_back(std::move(flow));
  }
  std::push_heap(top_.begin(), top_.end(), before);
}

std::vector<ReportedFlow> ReplayCollector::top_flows() const {
  std::vector<ReportedFlow> sorted = top_;
  std::sort(sorted.begin(), sorted.end(), before);
  return sorted;
}

uint64_t sum_of_drops(const WorkerStatistics& total) {
  return std::accumulate(total.dropped.begin(), total.dropped.end(), uint64_t{0});
}

int64_t conservation_gap(const WorkerStatistics& total) {
  return static_cast<int64_t>(total.received + total.generated - total.transmitted -
                              sum_of_drops(total) - total.held);
}

std::string report_json(const ReplayReport& report, const ReplayCollector& collector) {
  std::string out;
  JsonWriter json(out);
  const CaptureFacts& capture = report.capture;
  json.begin_object();
  json.begin_object("capture")
      .field("file", capture.file)
      .field("link_type", capture.link_type)
      .field("packets", capture.packets)
      .field("bytes", capture.bytes)
      .field("cut_frames", capture.cut_frames)
      .field("complete", capture.damage.empty());
  if (!capture.damage.empty()) json.field("damage", capture.damage);
  if (capture.packets != 0) {
    json.field("first", eve_timestamp(capture.first_ns))
        .field("last", eve_timestamp(capture.last_ns));
    json.number("duration_s", static_cast<double>(capture.last_ns - capture.first_ns) / 1e9, 6);
  }
  json.end_object();

  const WorkerStatistics& total = report.total;
  json.begin_object("packets")
      .field("received", total.received)
      .field("received_bytes", total.received_bytes)
      .field("generated", total.generated)
      .field("transmitted", total.transmitted)
      .field("transmitted_bytes", total.transmitted_bytes)
      .field("dropped", sum_of_drops(total))
      .field("held", total.held)
      .field("conserved", conservation_gap(total) == 0)
      .end_object();

  json.begin_object("flows")
      .field("total", collector.flows().flows)
      .field("packets", collector.flows().packets)
      .field("bytes", collector.flows().bytes)
      .begin_array("top");
  for (const ReportedFlow& flow : collector.top_flows()) {
    json.begin_object()
        .field("flow_id", flow.id)
        .field("proto", flow.proto)
        .field("source", flow.source)
        .field("destination", flow.destination)
        .field("who", flow.who)
        .field("with", flow.with)
        .field("master", flow.master)
        .field("app", flow.app)
        .field("action", flow.action)
        .field("rule", flow.rule)
        .field("reason", flow.reason)
        .field("packets", flow.packets)
        .field("bytes", flow.bytes)
        .end_object();
  }
  json.end_array().end_object();

  const auto sums = [&json](const ReportSum& sum) {
    json.field("flows", sum.flows).field("packets", sum.packets).field("bytes", sum.bytes);
  };
  json.begin_array("applications");
  for (const auto& [key, sum] : collector.applications()) {
    json.begin_object().field("master", key.first).field("app", key.second);
    sums(sum);
    json.end_object();
  }
  json.end_array().begin_array("verdicts");
  for (const auto& [key, sum] : collector.verdicts()) {
    const auto& [action, rule, reason] = key;
    json.begin_object().field("action", action).field("rule", rule).field("reason", reason);
    sums(sum);
    json.end_object();
  }
  json.end_array().begin_array("alerts");
  for (const auto& [key, count] : collector.alerts()) {
    json.begin_object()
        .field("gid", key.gid)
        .field("signature_id", key.sid)
        .field("rev", key.rev)
        .field("signature", key.message)
        .field("action", key.action)
        .field("count", count)
        .end_object();
  }
  json.end_array().begin_array("drops");
  for (const ReportedDrop& drop : report.drops) {
    json.begin_object()
        .field("reason", drop.reason)
        .field("packets", drop.packets)
        .field("help", drop.help)
        .end_object();
  }
  json.end_array().begin_array("stages");
  const auto latency = [&json](std::string_view name, const Histogram& histogram) {
    json.begin_object(name)
        .field("p50", histogram.percentile(50))
        .field("p99", histogram.percentile(99))
        .field("p99.9", histogram.percentile(99.9))
        .field("max", histogram.max())
        .end_object();
  };
  for (size_t i = 0; i < report.line.size(); ++i) {
    const StageStatistics& stage = total.stage[i];
    json.begin_object()
        .field("name", report.line[i])
        .field("packets", stage.packets)
        .field("skipped", stage.skipped)
        .field("dropped", stage.dropped);
    const double cycles = stage.sampled_packets == 0
                              ? 0
                              : static_cast<double>(stage.sampled_cycles) /
                                    static_cast<double>(stage.sampled_packets);
    json.number("cycles_per_packet", cycles, 1);
    latency("burst_latency_ns", stage.latency);
    json.end_object();
  }
  json.end_array();
  latency("chain_latency_ns", total.chain_latency);
  json.begin_object("events")
      .field("alerts", collector.alert_count())
      .field("eve_lines", report.eve_lines)
      .field("lost", report.events_lost)
      .end_object()
      .field("placement", report.placement)
      .end_object();
  out += '\n';
  return out;
}

}  // namespace sluice
