// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Throughput of signature scanning: generated contents, payloads of 1,024
// bytes of text in which one packet in 16 has a match. The figure is payload
// bits a second.
#include <benchmark/benchmark.h>
#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "chain/packet_meta.h"
#include "stages/dpi/signature_compiler.h"
#include "stages/dpi/signature_scanner.h"

namespace sluice {
namespace {

constexpr size_t kPayloadBytes = 1024;
constexpr size_t kPackets = 1024;  // more than the second-level cache holds
constexpr size_t kHeaderBytes = 14 + 20 + 20;

class Text {
 public:
  std::string word(size_t length) {
    static constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789 /.-=&";
    std::string out;
    while (out.size() < length) out += kLetters[engine_() % kLetters.size()];
    return out;
  }
  size_t below(size_t limit) { return engine_() % limit; }

 private:
  std::mt19937 engine_{1};
};

struct Packet {
  alignas(64) rte_mbuf mbuf{};
  std::array<uint8_t, kHeaderBytes + kPayloadBytes> frame{};
};

void scan_signatures(benchmark::State& state) {
  Text text;
  std::vector<std::string> contents;
  std::string rules;
  for (int64_t i = 1; i <= state.range(0); ++i) {
    contents.push_back(text.word(8 + text.below(17)));
    rules += "alert tcp any any -> any any (content:\"" + contents.back() +
             "\"; sid:" + std::to_string(i) + ";)\n";
  }
  Directory directory;
  ConfigErrors errors;
  SignatureCompiler compiler(errors);
  compiler.add_text("generated", rules);
  const std::shared_ptr<const SignatureSet> set = compiler.compile(directory);
  if (!set) {
    state.SkipWithError(errors.to_string().c_str());
    return;
  }
  SignatureScanner scanner(set);

  std::vector<Packet> packets(kPackets);
  for (size_t i = 0; i < kPackets; ++i) {
    Packet& p = packets[i];
    std::string payload = text.word(kPayloadBytes);
    if (i % 16 == 0) {
      const std::string& content = contents[text.below(contents.size())];
      payload.replace(text.below(kPayloadBytes - content.size()), content.size(), content);
    }
    payload.copy(reinterpret_cast<char*>(p.frame.data()) + kHeaderBytes, kPayloadBytes);
    p.mbuf.buf_addr = p.frame.data();
    p.mbuf.data_len = static_cast<uint16_t>(p.frame.size());
    p.mbuf.l2_len = 14;
    p.mbuf.l3_len = 20;
    p.mbuf.l4_len = 20;
    meta(&p.mbuf).flags = kMetaTcp;
    meta(&p.mbuf).payload_len = kPayloadBytes;
  }

  size_t next = 0;
  uint64_t matches = 0;
  SignatureMatch out[8];
  for (auto _ : state) {
    matches += scanner.scan(&packets[next].mbuf, out, 8);
    next = (next + 1) % kPackets;
  }
  if (matches == 0) state.SkipWithError("no signature was found");
  const auto scanned = static_cast<double>(state.iterations());
  state.counters["bit/s"] =
      benchmark::Counter(scanned * kPayloadBytes * 8, benchmark::Counter::kIsRate);
  state.counters["matches/packet"] = static_cast<double>(matches) / scanned;
}
BENCHMARK(scan_signatures)->Arg(100)->Arg(2'000)->Arg(10'000);

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
