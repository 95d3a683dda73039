// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What `replay` tells when it is done: for a person, or as one JSON object.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "app/eve_log.h"
#include "chain/appliance.h"

namespace sluice {

// One line of the table of flows.
struct ReportedFlow {
  uint64_t id = 0;
  std::string source;  // "10.0.0.1:31337"
  std::string destination;
  std::string who;   // identity of the source, if there is one
  std::string with;  // identity of the destination, its host name
  std::string proto;
  std::string master, app;
  std::string action, rule, reason;
  uint64_t first_seen_ns = 0;
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

struct ReportSum {
  uint64_t flows = 0;
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

// Collects from the events of flows and alerts, in bounded memory. The event
// writer's thread, and when that has ended, the control thread.
class ReplayCollector final : public EventObserver {
 public:
  static constexpr size_t kTopFlows = 20;
  static constexpr size_t kMaxRows = 1024;  // of each table; what comes later is summed up

  struct AlertKey {
    uint64_t gid, sid, rev;
    std::string message;
    std::string action;
    auto operator<=>(const AlertKey&) const = default;
  };
  using AppKey = std::pair<std::string, std::string>;                    // master, app
  using VerdictKey = std::tuple<std::string, std::string, std::string>;  // action, rule, reason

  void observe(const Event& event, EveFormatter& formatter) override;

  std::vector<ReportedFlow> top_flows() const;  // most bytes first
  const ReportSum& flows() const { return flows_; }
  const std::map<AppKey, ReportSum>& applications() const { return applications_; }
  const std::map<VerdictKey, ReportSum>& verdicts() const { return verdicts_; }
  const std::map<AlertKey, uint64_t>& alerts() const { return alerts_; }
  uint64_t alert_count() const { return alert_count_; }

 private:
  void observe_flow(const Event& event, EveFormatter& formatter);

  std::vector<ReportedFlow> top_;  // a heap, the flow with the fewest bytes in front
  ReportSum flows_;
  std::map<AppKey, ReportSum> applications_;
  std::map<VerdictKey, ReportSum> verdicts_;
  std::map<AlertKey, uint64_t> alerts_;
  uint64_t alert_count_ = 0;
};

struct CaptureFacts {
  std::string file;
  std::string link_type;
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint64_t cut_frames = 0;
  uint64_t first_ns = 0, last_ns = 0;  // 0: no packets
  std::string damage;                  // "" : whole
};

struct ReportedDrop {
  std::string reason;
  std::string help;
  uint64_t packets = 0;
};

struct ReplayReport {
  CaptureFacts capture;
  WorkerStatistics total;
  std::vector<std::string> line;    // names of the stages
  std::vector<ReportedDrop> drops;  // most packets first
  std::string placement;            // "one worker", "3 workers: ..."
  uint64_t events_lost = 0;
  uint64_t eve_lines = 0;
  std::string eve_file, out_file;  // "" : none
};

// received + generated - transmitted - dropped - held; 0 where every packet is
// accounted for.
int64_t conservation_gap(const WorkerStatistics& total);
uint64_t sum_of_drops(const WorkerStatistics& total);

std::string report_text(const ReplayReport& report, const ReplayCollector& collector, bool colour);
std::string report_json(const ReplayReport& report, const ReplayCollector& collector);

}  // namespace sluice
