// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Connections a second: without dpi, with nDPI, with nDPI and signatures, each
// beside what its parts cost alone.

#include <hs.h>
#include <rte_cycles.h>
#include <rte_ether.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <random>
#include <stdexcept>
#include <thread>

#include "bench/appliance_runner.h"
#include "bench/conversation.h"
#include "bench/scenario.h"
#include "stages/dpi/arena.h"
#include "stages/dpi/inspection.h"
#include "stages/dpi/ndpi_engine.h"

namespace sluice::bench {

namespace {

constexpr unsigned kSignatures = 2000;
constexpr unsigned kRules = 5000;
constexpr unsigned kAlone = 20'000;  // connections through a part alone

std::vector<std::string> contents() {
  std::mt19937 random(1);
  std::vector<std::string> all;
  for (unsigned i = 0; i < kSignatures; ++i) {
    std::string text;
    const size_t length = 8 + random() % 17;
    while (text.size() < length) text += "abcdefghijklmnopqrstuvwxyz0123456789/.-=&"[random() % 41];
    all.push_back(text);
  }
  return all;
}

struct RuleFile {
  RuleFile() : name("/tmp/sluice_bench_" + std::to_string(getpid()) + ".rules") {
    std::ofstream file(name);
    unsigned sid = 1;
    for (const std::string& content : contents()) {
      file << "alert tcp any any -> any any (msg:\"m\"; content:\"" << content
           << "\"; sid:" << sid++ << ";)\n";
    }
  }
  ~RuleFile() { std::remove(name.c_str()); }
  const std::string name;
};

struct Rate {
  double kps, cycles;
};

struct Case {
  bool dpi = false;
  unsigned rules = 1;
  std::vector<std::string> rule_files = {};
  std::vector<Step> steps = http_steps();
};

Rate measure(const Case& c, std::chrono::milliseconds time, rte_mempool* pool) {
  Conversations talk(pool, c.steps);
  RunnerOptions options;
  options.toml = http_toml(c.dpi, c.rules);
  options.pool = pool;
  options.inputs = {{&talk.client(), &talk.server()}};
  options.outputs = {{&talk.server(), &talk.client()}};
  options.rule_files = c.rule_files;
  ApplianceRunner runner(options);
  talk.set_running(true);
  std::this_thread::sleep_for(2 * time);  // entries are touched for the first time
  const WorkerStatistics before = runner.appliance().total();
  const uint64_t n = talk.connections(), io = talk.io_cycles(), begin = rte_rdtsc();
  std::this_thread::sleep_for(time);
  const WorkerStatistics after = runner.appliance().total();
  const auto connections = static_cast<double>(talk.connections() - n);
  const auto cycles = static_cast<double>(after.busy_cycles - before.busy_cycles) -
                      static_cast<double>(talk.io_cycles() - io);
  const auto seconds =
      static_cast<double>(rte_rdtsc() - begin) / static_cast<double>(rte_get_tsc_hz());
  talk.set_running(false);
  runner.rest();
  if (dropped_total(after) != dropped_total(before)) {
    throw std::runtime_error("packets were dropped while measuring");
  }
  return {connections / seconds / 1e3, cycles / connections};
}

// Cycles a connection of nDPI alone, from the first segment to the release of
// its state.
double ndpi_alone() {
  const std::vector<Step> steps = http_steps();
  Arena arena(size_t{16} << 20, true);
  NdpiEngine engine;
  InspectionPool pool(64, true);
  ArenaScope scope(&arena);
  const uint64_t begin = rte_rdtsc();
  for (unsigned i = 0; i < kAlone; ++i) {
    Inspection* inspection = pool.take();
    Classification found;
    for (const Step& step : steps) {
      found = engine.inspect(*inspection->ndpi, step.frame.data() + sizeof(rte_ether_hdr),
                             static_cast<uint16_t>(step.frame.size() - sizeof(rte_ether_hdr)),
                             1'700'000'000'000'000'000);
      if (found.known() && !engine.wants_more(*inspection->ndpi)) break;
    }
    NdpiEngine::release(*inspection->ndpi);
    pool.give_back(inspection);
  }
  return static_cast<double>(rte_rdtsc() - begin) / kAlone;
}

// Cycles a connection of Hyperscan alone over its payloads.
double hyperscan_alone() {
  const std::vector<std::string> texts = contents();
  std::vector<std::string> escaped;
  for (const std::string& text : texts) {
    std::string out;
    for (const char c : text) {
      if (std::string_view(".-/=&").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
    escaped.push_back(out);
  }
  std::vector<const char*> expressions;
  std::vector<unsigned> flags(escaped.size(), HS_FLAG_SINGLEMATCH), ids;
  for (const std::string& e : escaped) {
    ids.push_back(static_cast<unsigned>(ids.size()));
    expressions.push_back(e.c_str());
  }
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  hs_scratch_t* scratch = nullptr;
  if (hs_compile_multi(expressions.data(), flags.data(), ids.data(),
                       static_cast<unsigned>(ids.size()), HS_MODE_BLOCK, nullptr, &database,
                       &error) != HS_SUCCESS ||
      hs_alloc_scratch(database, &scratch) != HS_SUCCESS) {
    throw std::runtime_error("Hyperscan does not compile the benchmark's patterns");
  }
  const std::vector<Step> steps = http_steps();
  constexpr size_t kHeaders = 54;
  const auto ignore = [](unsigned, unsigned long long, unsigned long long, unsigned, void*) {
    return 0;
  };
  const uint64_t begin = rte_rdtsc();
  for (unsigned i = 0; i < kAlone; ++i) {
    for (const Step& step : steps) {
      if (step.frame.size() == kHeaders) continue;
      hs_scan(database, reinterpret_cast<const char*>(step.frame.data()) + kHeaders,
              static_cast<unsigned>(step.frame.size() - kHeaders), 0, scratch, ignore, nullptr);
    }
  }
  const double cycles = static_cast<double>(rte_rdtsc() - begin) / kAlone;
  hs_free_scratch(scratch);
  hs_free_database(database);
  return cycles;
}

}  // namespace

json run_newflows(const Settings& settings, rte_mempool* pool) {
  const std::chrono::milliseconds time(settings.ms);
  const RuleFile rules;
  std::vector<double> kps[5], cycles[5], ndpi, hyperscan;
  for (unsigned round = 0; round < settings.rounds; ++round) {
    std::cerr << "new flows, round " << round + 1 << "\n";
    const Rate rates[5] = {
        measure({}, time, pool), measure({.dpi = true}, time, pool),
        measure({.dpi = true, .rule_files = {rules.name}}, time, pool),
        measure({.rules = kRules, .steps = datagram_steps()}, time, pool),
        measure({.rules = kRules}, time, pool)};
    for (unsigned i = 0; i < 5; ++i) {
      kps[i].push_back(rates[i].kps);
      cycles[i].push_back(rates[i].cycles);
    }
    std::thread alone([&] {
      pin(1);
      ndpi.push_back(ndpi_alone());
      hyperscan.push_back(hyperscan_alone());
    });
    alone.join();
  }
  const double plain = median(cycles[0]);
  const double with_ndpi = plain + median(ndpi);
  const double with_signatures = with_ndpi + median(hyperscan);
  return {{"newflows",
           {{"plain", {{"kps", median(kps[0])}, {"cycles", plain}}},
            {"rules_5k",
             {{"kps", median(kps[3])},
              {"cycles", median(cycles[3])},
              {"connection_cycles", median(cycles[4])}}},
            {"ndpi",
             {{"kps", median(kps[1])},
              {"cycles", median(cycles[1])},
              {"alone_cycles", median(ndpi)},
              {"parts_cycles", with_ndpi}}},
            {"signatures",
             {{"kps", median(kps[2])},
              {"cycles", median(cycles[2])},
              {"alone_cycles", median(hyperscan)},
              {"parts_cycles", with_signatures}}}}}};
}

}  // namespace sluice::bench
