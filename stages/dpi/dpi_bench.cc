// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a flow's first packets cost: whole flows through nDPI, from the first
// segment to the release of their state, and dpi's own parsers and arena.
// Packets of decided flows never come here.
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stages/dpi/arena.h"
#include "stages/dpi/inspection.h"
#include "stages/dpi/ndpi_engine.h"
#include "stages/dpi/protocol/dissector.h"
#include "stages/dpi/protocol/protocol_crypto.h"

namespace sluice {
namespace {

using Packet = std::vector<uint8_t>;

struct Segment {
  bool reply;
  std::string payload;
};

Packet datagram(uint8_t protocol, uint16_t server_port, const Segment& segment) {
  const size_t header = protocol == IPPROTO_TCP ? sizeof(rte_tcp_hdr) : sizeof(rte_udp_hdr);
  Packet packet(sizeof(rte_ipv4_hdr) + header + segment.payload.size());
  rte_ipv4_hdr ip{};
  ip.version_ihl = 0x45;
  ip.total_length = rte_cpu_to_be_16(static_cast<uint16_t>(packet.size()));
  ip.time_to_live = 64;
  ip.next_proto_id = protocol;
  const rte_be32_t client = RTE_BE32(0x0a000001), server = RTE_BE32(0xc6336407);
  ip.src_addr = segment.reply ? server : client;
  ip.dst_addr = segment.reply ? client : server;
  std::memcpy(packet.data(), &ip, sizeof ip);
  const rte_be16_t near = RTE_BE16(40000), far = rte_cpu_to_be_16(server_port);
  uint8_t* l4 = packet.data() + sizeof ip;
  if (protocol == IPPROTO_TCP) {
    rte_tcp_hdr tcp{};
    tcp.src_port = segment.reply ? far : near;
    tcp.dst_port = segment.reply ? near : far;
    tcp.data_off = 5 << 4;
    tcp.tcp_flags = RTE_TCP_ACK_FLAG;
    std::memcpy(l4, &tcp, sizeof tcp);
  } else {
    rte_udp_hdr udp{};
    udp.src_port = segment.reply ? far : near;
    udp.dst_port = segment.reply ? near : far;
    udp.dgram_len = rte_cpu_to_be_16(static_cast<uint16_t>(header + segment.payload.size()));
    std::memcpy(l4, &udp, sizeof udp);
  }
  std::memcpy(l4 + header, segment.payload.data(), segment.payload.size());
  return packet;
}

const std::string& http_request() {
  static const std::string text =
      "GET /assets/site.css?v=20240101 HTTP/1.1\r\nHost: www.example.com\r\n"
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0\r\n"
      "Accept: text/css,*/*;q=0.1\r\nAccept-Language: en\r\nConnection: keep-alive\r\n\r\n";
  return text;
}

const std::string& http_answer() {
  static const std::string text =
      "HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nContent-Length: 4\r\n\r\nbody";
  return text;
}

const std::string& dns_query() {
  static const std::string text(
      "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07"
      "example\x03"
      "com\x00\x00\x01\x00\x01",
      33);
  return text;
}

const std::string& client_hello() {
  static const std::string text = [] {
    const auto u16 = [](size_t n) {
      return std::string{static_cast<char>(n >> 8), static_cast<char>(n & 0xff)};
    };
    const std::string name = "www.example.com";
    const std::string entry = std::string(1, '\0') + u16(name.size()) + name;
    const std::string list = u16(entry.size()) + entry;
    const std::string sni = u16(0) + u16(list.size()) + list;
    const std::string alpn = u16(16) + u16(5) + u16(3) + "\x02h2";
    const std::string extensions = sni + alpn;
    const std::string body = u16(0x0303) + std::string(32, 'r') + '\0' + u16(4) + "\x13\x01" +
                             "\xc0\x2f" + '\x01' + '\0' + u16(extensions.size()) + extensions;
    const std::string message = std::string("\x01\0", 2) + u16(body.size()) + body;
    return "\x16\x03\x01" + u16(message.size()) + message;
  }();
  return text;
}

void inspect_flow(benchmark::State& state, uint8_t protocol, uint16_t port,
                  const std::vector<Segment>& segments) {
  std::vector<Packet> packets;
  for (const Segment& segment : segments) packets.push_back(datagram(protocol, port, segment));
  Arena arena(size_t{16} << 20, true);
  NdpiEngine engine;
  InspectionPool pool(64, true);
  ArenaScope scope(&arena);
  bool known = false;
  uint64_t inspected = 0;
  const uint64_t begin = rte_rdtsc();
  for (auto _ : state) {
    Inspection* inspection = pool.take();
    Classification found;
    for (const Packet& packet : packets) {
      found = engine.inspect(*inspection->ndpi, packet.data(), static_cast<uint16_t>(packet.size()),
                             1'700'000'000'000'000'000);
      ++inspected;
      if (found.known() && !engine.wants_more(*inspection->ndpi)) break;
    }
    if (!found.known()) found = engine.give_up(*inspection->ndpi, true, known);
    benchmark::DoNotOptimize(found);
    NdpiEngine::release(*inspection->ndpi);
    pool.give_back(inspection);
  }
  state.counters["cycles_per_packet"] =
      static_cast<double>(rte_rdtsc() - begin) / static_cast<double>(inspected);
  state.counters["packets_per_flow"] =
      static_cast<double>(inspected) / static_cast<double>(state.iterations());
}

void http_flow(benchmark::State& state) {
  inspect_flow(state, IPPROTO_TCP, 80,
               {{false, ""}, {true, ""}, {false, ""}, {false, http_request()}, {true, http_answer()}});
}
BENCHMARK(http_flow);

void tls_flow(benchmark::State& state) {
  inspect_flow(state, IPPROTO_TCP, 443,
               {{false, ""}, {true, ""}, {false, ""}, {false, client_hello()}});
}
BENCHMARK(tls_flow);

void dns_flow(benchmark::State& state) {
  inspect_flow(state, IPPROTO_UDP, 53, {{false, dns_query()}});
}
BENCHMARK(dns_flow);

void unknown_flow(benchmark::State& state) {
  const Segment segment{false, std::string(600, '\x8f')};
  inspect_flow(state, IPPROTO_TCP, 9999, std::vector<Segment>(81, segment));
}
BENCHMARK(unknown_flow);

void build_module(benchmark::State& state) {
  size_t bytes = 0;
  for (auto _ : state) {
    NdpiEngine engine;
    bytes = engine.memory_bytes();
  }
  state.counters["bytes"] = static_cast<double>(bytes);
}
BENCHMARK(build_module)->Unit(benchmark::kMillisecond);

// Whom nobody asks: parsers' own cost.
struct Silence final : TransactionSink {
  void advanced(Transaction&, Direction) noexcept override {}
  void finished(Transaction& transaction) noexcept override {
    ++transactions;
    benchmark::DoNotOptimize(&transaction);
  }
  uint64_t transactions = 0;
};

// Whole flows through the parsers: recognition, transactions, their memory.
void dissect_flow(benchmark::State& state, const std::vector<Segment>& segments, bool stream) {
  Arena arena(size_t{16} << 20, true);
  ProtocolCrypto crypto;
  DissectorLane lane{{arena, {}, {}}, {arena, crypto}};
  Silence sink;
  for (auto _ : state) {
    Dissector dissector;
    for (const Segment& segment : segments) {
      const Direction from = segment.reply ? Direction::Reply : Direction::Original;
      const std::span bytes(reinterpret_cast<const uint8_t*>(segment.payload.data()),
                            segment.payload.size());
      if (stream) {
        dissector.bytes(lane, from, bytes, false, sink);
      } else {
        dissector.datagram(lane, from, bytes, sink);
      }
    }
    dissector.end(sink);
  }
  if (sink.transactions != static_cast<uint64_t>(state.iterations())) {
    state.SkipWithError("not one transaction a flow");
  }
}

void dissect_http(benchmark::State& state) {
  dissect_flow(state, {{false, http_request()}, {true, http_answer()}}, true);
}
BENCHMARK(dissect_http);

void dissect_tls_hello(benchmark::State& state) {
  dissect_flow(state, {{false, client_hello()}}, true);
}
BENCHMARK(dissect_tls_hello);

void dissect_dns_query(benchmark::State& state) {
  dissect_flow(state, {{false, dns_query()}}, false);
}
BENCHMARK(dissect_dns_query);

void arena_block(benchmark::State& state) {
  Arena arena(size_t{16} << 20, true);
  ArenaScope scope(&arena);
  for (auto _ : state) {
    void* block = arena_malloc(static_cast<size_t>(state.range(0)));
    benchmark::DoNotOptimize(block);
    arena_free(block);
  }
}
BENCHMARK(arena_block)->Arg(32)->Arg(2048);

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
