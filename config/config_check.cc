// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "config/config_check.h"

#include <algorithm>
#include <map>

namespace sluice {
namespace {

using Names = std::vector<std::string>;

bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

size_t index_in(const Names& names, std::string_view name) {
  return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

std::string joined(const Names& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string string_found(const std::string& text) {
  return "string " + quoted(text);
}

// Unknown and repeated names in the array at `key`. True if there are none.
bool check_stage_names(ConfigSection& s, std::string_view key, const Names& stages,
                       const Names& allowed) {
  bool ok = true;
  for (size_t i = 0; i < stages.size(); ++i) {
    if (!contains(allowed, stages[i])) {
      s.error_at(key, i, string_found(stages[i]), one_of(allowed, stages[i]));
      ok = false;
    } else if (index_in(stages, stages[i]) < i) {
      s.error_at(key, i, string_found(stages[i]) + " a second time", "each stage once");
      ok = false;
    }
  }
  return ok;
}

void check_chain(ConfigReading& r, ConfigSection& s, const ChainConfig& chain) {
  const Names& line = r.config.line;
  const Names& stages = chain.stages;
  if (s.failed("stages")) return;
  if (stages.empty()) {
    s.error("stages", "", "stages of the line: " + joined(line));
    return;
  }
  bool ok = check_stage_names(s, "stages", stages, r.line_valid ? line : r.vocabulary.stages);
  if (r.line_valid) {
    for (size_t i = 1; i < stages.size(); ++i) {
      const size_t before = index_in(line, stages[i - 1]);
      const size_t here = index_in(line, stages[i]);
      if (before == line.size() || here == line.size() || here >= before) continue;
      s.error_at("stages", i, string_found(stages[i]) + " behind " + quoted(stages[i - 1]),
                 "the order of the line: " + joined(line));
      ok = false;
    }
  }
  if (contains(r.vocabulary.stages, kLastStage) && stages.back() != kLastStage &&
      (ok || !contains(stages, kLastStage))) {
    s.error_at("stages", stages.size() - 1, string_found(stages.back()) + " as the last stage",
               std::string(kLastStage) + " as the last stage of every chain");
  }
}

}  // namespace

const char* const kNameForm = "1 to 31 letters, digits, '_', '-' or '.'";

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameLength) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

void check_line(ConfigReading& r) {
  ConfigSection& root = r.root;
  const Names& line = r.config.line;
  if (!root.has("line")) return;
  const size_t errors_before = root.errors().all().size();
  if (root.failed("line")) {
    r.line_valid = false;
    return;
  }
  if (line.empty()) root.error("line", "", one_of(r.vocabulary.stages, ""));
  check_stage_names(root, "line", line, r.vocabulary.stages);
  if (const size_t first = index_in(line, kFirstStage); first != 0 && first < line.size()) {
    root.error_at("line", first, string_found(line[first]) + " behind " + quoted(line[first - 1]),
                  std::string(kFirstStage) + " as the first stage");
  }
  if (!line.empty() && line.back() != kLastStage && contains(r.vocabulary.stages, kLastStage)) {
    root.error_at("line", line.size() - 1, string_found(line.back()) + " as the last stage",
                  std::string(kLastStage) + " as the last stage");
  }
  r.line_valid = root.errors().all().size() == errors_before;
}

void check_chains(ConfigReading& r) {
  if (r.chains.size() > kMaxChains) {
    r.chains[kMaxChains].error("", std::to_string(r.chains.size()) + " chains",
                               "at most " + std::to_string(kMaxChains));
  }
  std::map<std::string, std::string> seen;
  for (size_t i = 0; i < r.chains.size(); ++i) {
    ConfigSection& s = r.chains[i];
    const ChainConfig& chain = r.config.chains[i];
    if (s.has("name") && !s.failed("name") && !is_name(chain.name)) s.error("name", "", kNameForm);
    const auto [it, fresh] = seen.try_emplace(chain.name, s.path());
    if (!fresh && !chain.name.empty()) {
      s.error("name", string_found(chain.name) + ", the name of " + it->second,
              "a name that no other chain has");
    }
    check_chain(r, s, chain);
  }
}

void check_lanes(ConfigReading& r) {
  const Names& line = r.config.line;
  if (r.lanes.size() > kMaxLanes) {
    r.lanes[kMaxLanes].error("", std::to_string(r.lanes.size()) + " lanes",
                             "at most " + std::to_string(kMaxLanes));
  }
  std::map<unsigned, std::string> users;
  for (size_t i = 0; i < r.lanes.size(); ++i) {
    ConfigSection& s = r.lanes[i];
    Names all;
    bool ok = true;
    for (size_t k = 0; k < r.workers[i].size(); ++k) {
      ConfigSection& worker = r.workers[i][k];
      const WorkerConfig& w = r.config.lanes[i].workers[k];
      if (worker.has("lcore") && !worker.failed("lcore")) {
        const auto [it, fresh] = users.try_emplace(w.lcore, worker.path());
        if (!fresh) {
          worker.error("lcore", "lcore " + std::to_string(w.lcore) + ", which runs " + it->second,
                       "an lcore that runs nothing else");
        }
      }
      if (!s.has("workers")) continue;
      if (worker.failed("stages")) {
        ok = false;
        continue;
      }
      if (w.stages.empty()) {
        worker.error("stages", "", "at least one stage of the line: " + joined(line));
        ok = false;
      }
      if (!check_stage_names(worker, "stages", w.stages,
                             r.line_valid ? line : r.vocabulary.stages)) {
        ok = false;
      }
      all.insert(all.end(), w.stages.begin(), w.stages.end());
    }
    if (s.has("workers") && !s.failed("workers") && ok && r.line_valid && all != line) {
      s.error("workers", all.empty() ? "" : "the stages " + joined(all),
              "workers that together run exactly the line: " + joined(line));
    }
  }
}

}  // namespace sluice
