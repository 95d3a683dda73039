// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Connections a second: without dpi, with nDPI, with nDPI and signatures, each
// beside what its parts cost alone.

#include <hs/hs_runtime.h>
#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <random>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>

#include "bench/appliance_runner.h"
#include "bench/conversation.h"
#include "bench/scenario.h"
#include "stages/dpi/arena.h"
#include "stages/dpi/detection/database_cache.h"
#include "stages/dpi/detection/prefilter.h"
#include "stages/dpi/inspection.h"
#include "stages/dpi/ndpi_engine.h"
#include "stages/dpi/protocol/dissector.h"
#include "stages/dpi/stream/tcp_stream.h"

namespace sluice::bench {

namespace {

constexpr unsigned kSignatures = 2000;
constexpr unsigned kRules = 5000;
constexpr unsigned kAlone = 20'000;  // connections through a part alone
constexpr size_t kHeaders = sizeof(rte_ether_hdr) + sizeof(rte_ipv4_hdr) + sizeof(rte_tcp_hdr);

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

struct Silence final : TransactionSink {
  void advanced(Transaction&, Direction) noexcept override {}
  void finished(Transaction&) noexcept override { ++exchanges; }
  unsigned exchanges = 0;
};

// Cycles a connection of its streams and the parser of HTTP alone: what dpi reads
// beside nDPI.
double reading_alone() {
  struct Piece {
    StreamSegment segment;
    std::vector<uint8_t> payload;
  };
  const std::vector<Step> steps = http_steps();
  std::vector<Piece> pieces;
  for (const Step& step : steps) {
    const uint8_t* frame = step.frame.data();
    rte_tcp_hdr tcp;
    std::memcpy(&tcp, frame + sizeof(rte_ether_hdr) + sizeof(rte_ipv4_hdr), sizeof tcp);
    pieces.push_back({{step.reply ? Direction::Reply : Direction::Original, tcp.tcp_flags,
                       rte_be_to_cpu_32(tcp.sent_seq), rte_be_to_cpu_32(tcp.recv_ack), {}},
                      {frame + kHeaders, frame + step.frame.size()}});
    pieces.back().segment.payload = pieces.back().payload;
  }
  Arena arena(size_t{4} << 20, true);
  ProtocolCrypto crypto;
  DissectorLane lane{{arena, {}, {}}, {arena, crypto}};
  const StreamOptions options;
  StreamCounters counters;
  const StreamContext context{arena, options, counters};
  Silence sink;
  const uint64_t begin = rte_rdtsc();
  for (unsigned i = 0; i < kAlone; ++i) {
    TcpStream stream;
    Dissector dissector;
    for (const Piece& piece : pieces) {
      const StreamOutcome outcome = stream.feed(context, piece.segment);
      for (const Direction of : {Direction::Original, Direction::Reply}) {
        StreamView view;
        while (outcome.readable[static_cast<size_t>(of)] && stream.read(context, of, view)) {
          stream.consume(of, dissector.bytes(lane, of, view.unconsumed_bytes(),
                                             view.end != StreamEnd::No, sink));
        }
      }
    }
    dissector.end(sink);
    stream.release();
  }
  const double cycles = static_cast<double>(rte_rdtsc() - begin) / kAlone;
  if (sink.exchanges != kAlone) throw std::runtime_error("the benchmark's exchange is not read");
  return cycles;
}

// Cycles a connection of the rules' prefilter alone over its payloads: Hyperscan
// and nothing else, since none of the patterns is in them.
double hyperscan_alone() {
  std::vector<rules::Prefilter::Pattern> patterns;
  for (std::string& text : contents()) {
    patterns.push_back({std::move(text), false, {{static_cast<uint32_t>(patterns.size()), 0, 0}}});
  }
  rules::DatabaseCache not_kept("");
  const rules::Prefilter prefilter(patterns, not_kept);
  hs_scratch_t* scratch = nullptr;
  if (hs_alloc_scratch(prefilter.database(), &scratch) != HS_SUCCESS) {
    throw std::runtime_error("no memory for Hyperscan's scratch");
  }
  const std::vector<Step> steps = http_steps();
  rules::Candidates candidates(kSignatures);
  const uint64_t begin = rte_rdtsc();
  for (unsigned i = 0; i < kAlone; ++i) {
    for (const Step& step : steps) {
      if (step.frame.size() == kHeaders) continue;
      prefilter.scan(std::span(step.frame).subspan(kHeaders), 0, 0, 1, scratch, candidates);
    }
  }
  const double cycles = static_cast<double>(rte_rdtsc() - begin) / kAlone;
  hs_free_scratch(scratch);
  if (!candidates.empty()) throw std::runtime_error("a signature of the benchmark's matches");
  return cycles;
}

}  // namespace

json run_newflows(const Settings& settings, rte_mempool* pool) {
  const std::chrono::milliseconds time(settings.ms);
  const RuleFile rules;
  std::vector<double> kps[5], cycles[5], ndpi, reading, hyperscan;
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
      reading.push_back(reading_alone());
      hyperscan.push_back(hyperscan_alone());
    });
    alone.join();
  }
  const double plain = median(cycles[0]);
  const double with_ndpi = plain + median(ndpi) + median(reading);
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
              {"reading_cycles", median(reading)},
              {"parts_cycles", with_ndpi}}},
            {"signatures",
             {{"kps", median(kps[2])},
              {"cycles", median(cycles[2])},
              {"alone_cycles", median(hyperscan)},
              {"parts_cycles", with_signatures}}}}}};
}

}  // namespace sluice::bench
