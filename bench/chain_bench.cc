// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The whole chain in one process: cycles and packets per second for
// established, decided flows, run to completion and as a pinned pipeline, each
// beside its floor (the same frames, parsed, MAC addresses swapped). Prints JSON.

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/eal.h"
#include "bench/traffic.h"
#include "chain/appliance.h"
#include "chain/parse.h"
#include "chain/worker.h"
#include "stages/registry.h"

namespace sluice::bench {
namespace {

using nlohmann::json;

constexpr unsigned kMbufs = 512;  // frames in flight, a direction
constexpr auto kSettleTime = std::chrono::milliseconds(20);

std::string bench_toml(const std::string& placement, unsigned flows) {
  std::string toml = R"(
[[port]]
name = "a"
device = "net_null0"
peer = "b"
[[port]]
name = "b"
device = "net_null1"
peer = "a"
[[stage.identity.binding]]
prefix = ["10.0.0.0/8"]
user = "clients"
groups = ["inside"]
[stage.firewall]
default = "deny"
[[stage.firewall.rule]]
name = "inside-out"
from = ["group:inside"]
action = "allow"
)";
  toml += "[flowtable]\ncapacity = " + std::to_string(std::max(1024u, flows + flows / 4)) + "\n";
  if (placement == "pipeline") {
    toml +=
        "[[lane]]\nworkers = [{ lcore = 0, stages = [\"identity\", \"dpi\"] },"
        " { lcore = 1, stages = [\"firewall\", \"forwarding\"] }]\n";
  } else {
    toml += "[[lane]]\nlcore = 1\n";
  }
  return toml;
}

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what);
}

void pin(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu % std::max(1u, std::thread::hardware_concurrency()), &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

struct Measurement {
  double cycles_per_packet;  // busy cycles of all workers
  double mpps;
  uint64_t packets;
};

class ChainBench {
 public:
  ChainBench(const std::string& placement, unsigned flows, rte_mempool* pool)
      : tuples_(make_tuples(flows)),
        from_a_(tuples_, false, pool, kMbufs),
        from_b_(tuples_, true, pool, kMbufs),
        to_b_(from_a_),
        to_a_(from_b_) {
    from_b_.port = 1;
    ConfigErrors errors;
    document_ = ConfigDocument::parse(bench_toml(placement, flows), "bench.toml", errors);
    if (!document_) fail(errors.to_string());
    ConfigVocabulary vocabulary;
    for (const StageType* type : stage_types()) vocabulary.stages.emplace_back(type->name);
    config_ = read_config(document_->root(errors), vocabulary);
    std::vector<const StageType*> line;
    for (const std::string& name : config_.line) line.push_back(find_stage_type(name));

    ApplianceOptions options;
    options.config = &config_;
    options.line = line;
    options.directory = &directory_;
    options.inputs = {{&from_a_, &from_b_}};
    options.outputs = {{&to_a_, &to_b_}};
    options.mempool = pool;
    options.name = "bench";
    appliance_ = std::make_unique<Appliance>(options);

    CompileContext context{.config = config_,
                           .directory = directory_,
                           .port_macs = {{}, {}},
                           .base_dir = "",
                           .replay = false,
                           .extra_rules = {}};
    auto policy =
        compile_policy(line, document_->root(errors), context, appliance_->next_generation());
    if (!policy) fail(errors.to_string());
    std::string error;
    if (!appliance_->install(std::move(policy), error)) fail(error);
    for (Worker* worker : appliance_->workers()) {
      threads_.emplace_back([worker] {
        pin(worker->lcore());
        rte_thread_register();
        worker->run();
        rte_thread_unregister();
      });
    }
    // Somebody takes the events, as the event writer would.
    drain_ = std::thread([this] {
      while (!done_) {
        if (drain_events() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
    warm_up();
  }

  ~ChainBench() {
    rest();
    pause();
    appliance_->request_shutdown();
    for (std::thread& t : threads_) t.join();
    done_ = true;
    drain_.join();
  }

  Measurement measure(FrameMix mix, std::chrono::milliseconds time) {
    rest();
    from_a_.set_mix(mix);
    from_b_.set_mix(mix);
    from_a_.set_endless(true);
    from_b_.set_endless(true);
    std::this_thread::sleep_for(kSettleTime);
    const WorkerStatistics before = appliance_->total();
    const uint64_t begin = rte_rdtsc();
    std::this_thread::sleep_for(time);
    const WorkerStatistics after = appliance_->total();
    const double seconds =
        static_cast<double>(rte_rdtsc() - begin) / static_cast<double>(rte_get_tsc_hz());
    rest();
    Measurement m;
    m.packets = after.transmitted - before.transmitted;
    m.cycles_per_packet = static_cast<double>(after.busy_cycles - before.busy_cycles) /
                          static_cast<double>(m.packets);
    m.mpps = static_cast<double>(m.packets) / seconds / 1e6;
    if (dropped_total(after) != dropped_total(before)) fail("packets were dropped while measuring");
    return m;
  }

  // Share of the packets that each deciding stage did not have to look at, and
  // what a packet costs in each stage: what the figures are worth.
  json stages() const {
    const WorkerStatistics sum = appliance_->total();
    json out = json::array();
    for (size_t i = 0; i < appliance_->line().size(); ++i) {
      const StageStatistics& s = sum.stage[i];
      const double seen = static_cast<double>(s.packets + s.skipped);
      out.push_back(
          {{"stage", appliance_->line()[i]->name},
           {"settled", seen > 0 ? static_cast<double>(s.skipped) / seen : 0},
           {"cycles_per_packet", s.sampled_packets ? static_cast<double>(s.sampled_cycles) /
                                                         static_cast<double>(s.sampled_packets)
                                                   : 0}});
    }
    return out;
  }
  json latency_us() const {
    const Histogram h = appliance_->total().chain_latency;
    return {{"p50", static_cast<double>(h.percentile(50)) / 1e3},
            {"p99", static_cast<double>(h.percentile(99)) / 1e3},
            {"p999", static_cast<double>(h.percentile(99.9)) / 1e3}};
  }
  double bytes_per_flow() const {
    const FlowTable& table = appliance_->flow_table(0);
    return static_cast<double>(table.memory_bytes()) / table.capacity();
  }
  bool huge_pages() const { return appliance_->flow_table(0).uses_huge_pages(); }

  // The same frames in the calling thread: received, parsed, MAC addresses
  // swapped, sent.
  Measurement floor(FrameMix mix, std::chrono::milliseconds time) {
    rest();
    pause();  // the inputs have one reader
    from_a_.set_mix(mix);
    from_a_.set_endless(true);
    pin(1);
    uint64_t packets = 0, sink = 0;
    const uint64_t begin = rte_rdtsc();
    const uint64_t end = begin + rte_get_tsc_hz() / 1000 * static_cast<uint64_t>(time.count());
    while (rte_rdtsc() < end) {
      rte_mbuf* pkts[32];
      const uint16_t n = from_a_.receive(pkts, 32);
      for (unsigned i = 0; i < n; ++i) {
        ParsedPacket parsed;
        meta(pkts[i]) = {};
        parse(pkts[i], {}, parsed);
        sink += parsed.sender_end;
        auto* eth = rte_pktmbuf_mtod(pkts[i], rte_ether_hdr*);
        std::swap(eth->src_addr, eth->dst_addr);
      }
      to_b_.transmit(pkts, n);
      packets += n;
    }
    const auto cycles = static_cast<double>(rte_rdtsc() - begin);
    from_a_.set_endless(false);
    appliance_->resume();
    if (sink == UINT64_MAX) fail("cannot be");
    return {cycles / static_cast<double>(packets),
            static_cast<double>(packets) / cycles * static_cast<double>(rte_get_tsc_hz()) / 1e6,
            packets};
  }

 private:
  void pause() {
    appliance_->pause();
    while (!appliance_->paused()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  unsigned drain_events() {
    unsigned taken = 0;
    for (EventQueue* queue : appliance_->event_queues()) {
      Event* events[64];
      const unsigned n = queue->take(events, 64);
      for (unsigned i = 0; i < n; ++i) EventQueue::recycle(events[i]);
      taken += n;
    }
    return taken;
  }

  // Every flow is opened, classified and answered once.
  void warm_up() {
    for (TrafficInput* input : {&from_a_, &from_b_}) {
      input->begin_warm_up();
      while (!input->warm()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      rest();
    }
  }

  void rest() {
    from_a_.set_endless(false);
    from_b_.set_endless(false);
    uint64_t seen;
    do {
      seen = appliance_->total().transmitted;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    } while (appliance_->total().transmitted != seen);
  }

  std::vector<Tuple> tuples_;
  TrafficInput from_a_, from_b_;
  TrafficOutput to_b_, to_a_;
  std::unique_ptr<ConfigDocument> document_;
  Config config_;
  Directory directory_;
  std::unique_ptr<Appliance> appliance_;
  std::vector<std::thread> threads_;
  std::thread drain_;
  std::atomic<bool> done_{false};
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

json summary(const std::vector<Measurement>& rounds) {
  std::vector<double> cycles, mpps;
  for (const Measurement& m : rounds) {
    cycles.push_back(m.cycles_per_packet);
    mpps.push_back(m.mpps);
  }
  return {{"cycles", median(cycles)},
          {"cycles_min", *std::min_element(cycles.begin(), cycles.end())},
          {"cycles_max", *std::max_element(cycles.begin(), cycles.end())},
          {"mpps", median(mpps)}};
}

int run(int argc, char** argv) {
  CLI::App cli("Cycles a packet of the whole chain, established flows, beside its floor");
  std::vector<unsigned> flow_counts = {1'000, 100'000, 1'000'000};
  unsigned rounds = 5, milliseconds = 200;
  cli.add_option("--flows", flow_counts, "numbers of flows")->delimiter(',');
  cli.add_option("--rounds", rounds, "interleaved repetitions; the median is reported");
  cli.add_option("--ms", milliseconds, "milliseconds a repetition");
  CLI11_PARSE(cli, argc, argv);

  start_private_eal(512);
  register_packet_meta();
  rte_mempool* pool = rte_pktmbuf_pool_create("bench", 8191, 0, 0, 2048, SOCKET_ID_ANY);
  if (!pool) fail("no memory for frames");
  const std::chrono::milliseconds time(milliseconds);

  json results = json::array();
  for (const unsigned flows : flow_counts) {
    for (const char* placement : {"run-to-completion", "pipeline"}) {
      std::cerr << "measuring " << placement << ", " << flows << " flows\n";
      ChainBench bench(placement, flows, pool);
      for (const FrameMix mix : {FrameMix::Smallest, FrameMix::Imix}) {
        std::vector<Measurement> chain, floor;
        for (unsigned i = 0; i < rounds; ++i) {
          chain.push_back(bench.measure(mix, time));
          floor.push_back(bench.floor(mix, time / 2));
        }
        json row = {{"placement", placement},
                    {"flows", flows},
                    {"frames", mix == FrameMix::Smallest ? "64B" : "IMIX"},
                    {"chain", summary(chain)},
                    {"floor", summary(floor)}};
        row["ratio"] = row["chain"]["cycles"].get<double>() / row["floor"]["cycles"].get<double>();
        if (mix == FrameMix::Smallest) {
          row["stages"] = bench.stages();
          row["latency_us"] = bench.latency_us();
          row["bytes_per_flow"] = bench.bytes_per_flow();
          row["huge_pages"] = bench.huge_pages();
        }
        results.push_back(row);
      }
    }
  }
  std::cout << json{{"tsc_hz", rte_get_tsc_hz()}, {"chain", results}}.dump(2) << "\n";
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  try {
    return sluice::bench::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "chain_bench: %s\n", e.what());
    return 1;
  }
}
