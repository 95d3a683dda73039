// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The summary of a replay as a person likes to read it.

#include <algorithm>
#include <string>
#include <vector>

#include "app/replay_report.h"
#include "app/text_table.h"

namespace sluice {

namespace {

constexpr std::string_view kBold = "\033[1m";
constexpr std::string_view kRed = "\033[31m";
constexpr std::string_view kGreen = "\033[32m";
constexpr std::string_view kYellow = "\033[33m";
constexpr std::string_view kNormal = "\033[0m";

enum class Align : uint8_t { Left, Right };

struct Column {
  std::string_view title;
  Align align = Align::Left;
  size_t max_width = 40;
};

// Texts from the wire and from files: nothing that moves a terminal's cursor.
std::string printable(std::string_view text, size_t max_width) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    out += byte < 0x20 || byte >= 0x7f ? '?' : c;
  }
  if (out.size() > max_width) out = out.substr(0, max_width - 2) + "..";
  return out;
}

class Table {
 public:
  explicit Table(std::vector<Column> columns, bool colour)
      : columns_(std::move(columns)), colour_(colour) {}

  void row(const std::vector<std::string>& cells) {
    std::vector<std::string>& row = rows_.emplace_back();
    for (size_t i = 0; i < cells.size(); ++i) {
      row.push_back(printable(cells[i], columns_[i].max_width));
    }
  }

  std::string text() const {
    std::vector<size_t> widths;
    for (size_t i = 0; i < columns_.size(); ++i) {
      size_t width = columns_[i].title.size();
      for (const auto& row : rows_) width = std::max(width, row[i].size());
      widths.push_back(width);
    }
    std::string out;
    std::vector<std::string> titles;
    for (const Column& column : columns_) titles.emplace_back(column.title);
    append(out, titles, widths);
    for (const auto& row : rows_) append(out, row, widths);
    return out;
  }

 private:
  std::string_view colour_of(const std::string& cell) const {
    if (!colour_) return {};
    if (cell == "allow") return kGreen;
    if (cell == "drop") return kRed;
    if (cell == "reject") return kYellow;
    return {};
  }

  void append(std::string& out, const std::vector<std::string>& cells,
              const std::vector<size_t>& widths) const {
    std::string line = "  ";
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::string padding(widths[i] - cells[i].size(), ' ');
      const std::string_view colour = colour_of(cells[i]);
      if (i != 0) line += "  ";
      if (columns_[i].align == Align::Right) line += padding;
      line += colour;
      line += cells[i];
      if (!colour.empty()) line += kNormal;
      if (columns_[i].align == Align::Left) line += padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }

  std::vector<Column> columns_;
  bool colour_;
  std::vector<std::vector<std::string>> rows_;
};

std::string count_of(uint64_t n, std::string_view one, std::string_view many) {
  return format_count(n) + ' ' + std::string(n == 1 ? one : many);
}

std::string application_text(const std::string& master, const std::string& app) {
  return master == app ? app : master + '.' + app;
}

std::string party(const std::string& name, const std::string& address) {
  return name.empty() ? address : name + " (" + address + ')';
}

class Report {
 public:
  Report(const ReplayReport& report, const ReplayCollector& collector, bool colour)
      : report_(report), collector_(collector), colour_(colour) {}

  std::string text() {
    capture();
    flows();
    applications();
    verdicts();
    alerts();
    drops();
    stages();
    files();
    return std::move(out_);
  }

 private:
  void heading(const std::string& text) {
    out_ += '\n';
    out_ += colour_ ? std::string(kBold) + text + std::string(kNormal) : text;
    out_ += '\n';
  }

  Table table(std::vector<Column> columns) const { return Table(std::move(columns), colour_); }

  void capture() {
    const CaptureFacts& c = report_.capture;
    const std::string chain = [&] {
      std::string names;
      for (const std::string& stage : report_.line) names += (names.empty() ? "" : " > ") + stage;
      return names;
    }();
    out_ += printable(c.file, 200) + ": " + count_of(c.packets, "packet", "packets") + ", " +
            format_bytes(c.bytes) + ", " +
            format_duration_ns(c.packets ? c.last_ns - c.first_ns : 0) + " (" + c.link_type + ")\n";
    out_ += "through " + chain + " on " + report_.placement + '\n';
    if (!c.damage.empty()) {
      out_ += "the capture ends early: " + printable(c.damage, 200) + '\n';
    }
    if (c.cut_frames != 0) {
      out_ +=
          count_of(c.cut_frames, "frame was", "frames were") + " longer than 65535 bytes and cut\n";
    }
    const WorkerStatistics& t = report_.total;
    out_ += format_count(t.received) + " received + " + format_count(t.generated) +
            " generated = " + format_count(t.transmitted) + " transmitted + " +
            format_count(sum_of_drops(t)) + " dropped" +
            (t.held ? " + " + format_count(t.held) + " held" : "") + '\n';
  }

  void flows() {
    const std::vector<ReportedFlow> top = collector_.top_flows();
    if (top.empty()) return;
    const ReportSum& all = collector_.flows();
    heading(top.size() == all.flows ? "Who talked to what: " + count_of(all.flows, "flow", "flows")
                                    : "Who talked to what: the " + std::to_string(top.size()) +
                                          " largest of " + format_count(all.flows) + " flows");
    Table t = table({{"who", Align::Left, 44},
                     {"with", Align::Left, 56},
                     {"proto"},
                     {"application", Align::Left, 28},
                     {"verdict"},
                     {"rule or reason"},
                     {"packets", Align::Right},
                     {"bytes", Align::Right}});
    ReportSum rest = all;
    for (const ReportedFlow& flow : top) {
      t.row({party(flow.who, flow.source), party(flow.with, flow.destination), flow.proto,
             application_text(flow.master, flow.app), flow.action,
             flow.rule.empty() ? flow.reason : flow.rule, format_count(flow.packets),
             format_bytes(flow.bytes)});
      rest.flows -= 1;
      rest.packets -= flow.packets;
      rest.bytes -= flow.bytes;
    }
    if (rest.flows != 0) {
      t.row({count_of(rest.flows, "other flow", "other flows"), "", "", "", "", "",
             format_count(rest.packets), format_bytes(rest.bytes)});
    }
    out_ += t.text();
  }

  template <typename Map>
  static std::vector<const typename Map::value_type*> by_bytes(const Map& map) {
    std::vector<const typename Map::value_type*> rows;
    for (const auto& row : map) rows.push_back(&row);
    std::stable_sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) {
      return a->second.bytes > b->second.bytes;
    });
    return rows;
  }

  void applications() {
    if (collector_.applications().empty()) return;
    heading("Applications");
    Table t = table({{"application"},
                     {"flows", Align::Right},
                     {"packets", Align::Right},
                     {"bytes", Align::Right}});
    ReportSum rest;
    size_t shown = 0;
    for (const auto* row : by_bytes(collector_.applications())) {
      const auto& [key, sum] = *row;
      if (++shown > kRows) {
        rest.flows += sum.flows;
        rest.packets += sum.packets;
        rest.bytes += sum.bytes;
        continue;
      }
      t.row({application_text(key.first, key.second), format_count(sum.flows),
             format_count(sum.packets), format_bytes(sum.bytes)});
    }
    if (shown > kRows) {
      t.row({count_of(shown - kRows, "other", "others"), format_count(rest.flows),
             format_count(rest.packets), format_bytes(rest.bytes)});
    }
    out_ += t.text();
  }

  void verdicts() {
    if (collector_.verdicts().empty()) return;
    heading("Verdicts");
    Table t = table({{"verdict"},
                     {"rule"},
                     {"reason"},
                     {"flows", Align::Right},
                     {"packets", Align::Right},
                     {"bytes", Align::Right}});
    for (const auto* row : by_bytes(collector_.verdicts())) {
      const auto& [action, rule, reason] = row->first;
      t.row({action, rule.empty() ? "-" : rule, reason.empty() ? "-" : reason,
             format_count(row->second.flows), format_count(row->second.packets),
             format_bytes(row->second.bytes)});
    }
    out_ += t.text();
  }

  void alerts() {
    if (collector_.alert_count() == 0) return;
    heading("Alerts: " + format_count(collector_.alert_count()));
    Table t = table({{"sid", Align::Right},
                     {"signature", Align::Left, 72},
                     {"packet"},
                     {"count", Align::Right}});
    std::vector<const std::pair<const ReplayCollector::AlertKey, uint64_t>*> rows;
    for (const auto& row : collector_.alerts()) rows.push_back(&row);
    std::stable_sort(rows.begin(), rows.end(),
                     [](const auto* a, const auto* b) { return a->second > b->second; });
    for (size_t i = 0; i < std::min(rows.size(), kRows); ++i) {
      const auto& [key, count] = *rows[i];
      t.row({std::to_string(key.sid), key.message, key.action, format_count(count)});
    }
    if (rows.size() > kRows) {
      t.row({"", count_of(rows.size() - kRows, "other signature", "other signatures"), "", ""});
    }
    out_ += t.text();
  }

  void drops() {
    if (report_.drops.empty()) return;
    heading("Drops");
    Table t = table({{"reason"}, {"packets", Align::Right}, {"", Align::Left, 90}});
    for (const ReportedDrop& drop : report_.drops) {
      t.row({drop.reason, format_count(drop.packets), drop.help});
    }
    out_ += t.text();
  }

  void stages() {
    heading("Cost by stage (one burst in 16 is timed)");
    Table t = table({{"stage"},
                     {"packets", Align::Right},
                     {"settled", Align::Right},
                     {"dropped", Align::Right},
                     {"cycles/packet", Align::Right},
                     {"burst p50", Align::Right},
                     {"p99", Align::Right},
                     {"max", Align::Right}});
    for (size_t i = 0; i < report_.line.size(); ++i) {
      const StageStatistics& s = report_.total.stage[i];
      const bool timed = s.sampled_packets != 0;
      t.row({report_.line[i], format_count(s.packets), format_count(s.skipped),
             format_count(s.dropped),
             timed ? format_count(s.sampled_cycles / s.sampled_packets) : "-",
             timed ? format_duration_ns(s.latency.percentile(50)) : "-",
             timed ? format_duration_ns(s.latency.percentile(99)) : "-",
             timed ? format_duration_ns(s.latency.max()) : "-"});
    }
    const Histogram& chain = report_.total.chain_latency;
    if (chain.count() != 0) {
      t.row({"chain", format_count(report_.total.received), "", "", "",
             format_duration_ns(chain.percentile(50)), format_duration_ns(chain.percentile(99)),
             format_duration_ns(chain.max())});
    }
    out_ += t.text();
  }

  void files() {
    if (!report_.eve_file.empty()) {
      out_ += "\nevents: " + report_.eve_file + " (" +
              count_of(report_.eve_lines, "line", "lines") + ")\n";
    }
    if (!report_.out_file.empty()) out_ += "transmitted frames: " + report_.out_file + '\n';
  }

  static constexpr size_t kRows = 15;

  const ReplayReport& report_;
  const ReplayCollector& collector_;
  bool colour_;
  std::string out_;
};

}  // namespace

std::string report_text(const ReplayReport& report, const ReplayCollector& collector, bool colour) {
  return Report(report, collector, colour).text();
}

}  // namespace sluice
