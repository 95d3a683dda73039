// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What putting a stream together costs: cycles a byte and a segment, reading
// and consuming included. Every second segment is acknowledged, as receivers do;
// `in_flight` bytes are not.
#include <benchmark/benchmark.h>
#include <rte_cycles.h>

#include <cstdint>
#include <vector>

#include "flowtable/tcp_state.h"
#include "stages/dpi/arena.h"
#include "stages/dpi/stream/tcp_stream.h"

namespace sluice {
namespace {

constexpr uint32_t kIsn[2] = {1000, 5000};

class Line {
 public:
  explicit Line(const StreamOptions& options) : options_(options) {
    stream_.feed(context(), {Direction::Original, kTcpSyn, kIsn[0], 0, {}});
    stream_.feed(context(), {Direction::Reply, kTcpSyn | kTcpAck, kIsn[1], kIsn[0] + 1, {}});
  }

  void send(uint64_t position, std::span<const uint8_t> bytes) {
    const auto seq = kIsn[0] + 1 + static_cast<uint32_t>(position);
    const StreamOutcome outcome =
        stream_.feed(context(), {Direction::Original, kTcpAck, seq, kIsn[1] + 1, bytes});
    if (!outcome.readable[0]) return;
    StreamView view;
    while (stream_.read(context(), Direction::Original, view)) {
      benchmark::DoNotOptimize(view.data);
      stream_.consume(Direction::Original, view.size);
    }
  }
  void acknowledge(uint64_t position) {
    const auto ack = kIsn[0] + 1 + static_cast<uint32_t>(position);
    stream_.feed(context(), {Direction::Reply, kTcpAck, kIsn[1] + 1, ack, {}});
  }
  const StreamCounters& counters() const { return counters_; }

 private:
  StreamContext context() { return {arena_, options_, counters_}; }

  Arena arena_{4 << 20, true};
  StreamOptions options_;
  StreamCounters counters_;
  TcpStream stream_;
};

StreamOptions endless() {
  StreamOptions options;
  options.depth = 0;
  return options;
}

void report(benchmark::State& state, uint64_t begin, uint64_t segments, uint64_t bytes) {
  const auto cycles = static_cast<double>(rte_rdtsc() - begin);
  state.counters["cycles_per_segment"] = cycles / static_cast<double>(segments);
  state.counters["cycles_per_byte"] = cycles / static_cast<double>(bytes);
}

// Payloads from memory that the caches do not hold, as frames come.
void in_order(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  const auto in_flight = static_cast<uint64_t>(state.range(1));
  Line line(endless());
  const std::vector<uint8_t> frames(4096 * 2048, 'x');
  uint64_t position = 0, segments = 0;
  const uint64_t begin = rte_rdtsc();
  for (auto _ : state) {
    line.send(position, {frames.data() + segments % 4096 * 2048, size});
    position += size;
    if (++segments % 2 == 0 && position > in_flight) line.acknowledge(position - in_flight);
  }
  report(state, begin, segments, position);
  if (line.counters().bytes != position) state.SkipWithError("bytes are missing");
}
BENCHMARK(in_order)
    ->ArgNames({"size", "in_flight"})
    ->Args({1460, 0})
    ->Args({1460, 32768})
    ->Args({1460, 500000})
    ->Args({1, 0})
    ->Args({1, 60000})
    ->Args({100, 0});

// Segments in pairs that have changed places.
void swapped(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  Line line(endless());
  const std::vector<uint8_t> bytes(size, 'x');
  uint64_t position = 0;
  const uint64_t begin = rte_rdtsc();
  for (auto _ : state) {
    line.send(position + size, bytes);
    line.send(position, bytes);
    position += 2 * size;
    line.acknowledge(position);
  }
  report(state, begin, position / size, position);
  if (line.counters().bytes != position) state.SkipWithError("bytes are missing");
}
BENCHMARK(swapped)->Arg(1460)->Arg(1);

// Ever the same unacknowledged bytes again.
void retransmitted(benchmark::State& state) {
  Line line(endless());
  const std::vector<uint8_t> bytes(1460, 'x');
  line.send(0, bytes);
  uint64_t segments = 0;
  const uint64_t begin = rte_rdtsc();
  for (auto _ : state) {
    line.send(0, bytes);
    ++segments;
  }
  report(state, begin, segments, segments * bytes.size());
}
BENCHMARK(retransmitted);

// One byte a segment, from the far end of the window to its front, over and over.
void backwards(benchmark::State& state) {
  constexpr uint64_t kWindow = 60'000;
  Line line(endless());
  const uint8_t byte = 'x';
  uint64_t base = 0, left = kWindow, segments = 0;
  const uint64_t begin = rte_rdtsc();
  for (auto _ : state) {
    line.send(base + --left, {&byte, 1});
    ++segments;
    if (left != 0) continue;
    base += kWindow;
    left = kWindow;
    line.acknowledge(base);
  }
  report(state, begin, segments, segments);
}
BENCHMARK(backwards);

// As many holes as there may be, and no segment that closes one.
void holes(benchmark::State& state) {
  Line line(endless());
  const uint8_t byte = 'x';
  uint64_t segments = 0;
  const uint64_t begin = rte_rdtsc();
  for (auto _ : state) {
    line.send(2 + segments % 40 * 1000, {&byte, 1});
    ++segments;
  }
  report(state, begin, segments, segments);
}
BENCHMARK(holes);

// A short connection: handshake, request, answer, end.
void short_connection(benchmark::State& state) {
  Arena arena(4 << 20, true);
  StreamOptions options;
  StreamCounters counters;
  const StreamContext context{arena, options, counters};
  const std::vector<uint8_t> request(400, 'q'), answer(1400, 'a');
  const auto feed = [&](TcpStream& stream, Direction d, uint8_t flags, uint32_t at, uint32_t acked,
                        std::span<const uint8_t> bytes) {
    const auto i = static_cast<size_t>(d);
    stream.feed(context, {d, flags, kIsn[i] + at, kIsn[1 - i] + acked, bytes});
    StreamView view;
    while (stream.read(context, d, view)) stream.consume(d, view.size);
  };
  const uint64_t begin = rte_rdtsc();
  for (auto _ : state) {
    TcpStream stream;
    feed(stream, Direction::Original, kTcpSyn, 0, 0, {});
    feed(stream, Direction::Reply, kTcpSyn | kTcpAck, 0, 1, {});
    feed(stream, Direction::Original, kTcpAck, 1, 1, {});
    feed(stream, Direction::Original, kTcpAck, 1, 1, request);
    feed(stream, Direction::Reply, kTcpAck, 1, 401, answer);
    feed(stream, Direction::Original, kTcpAck | kTcpFin, 401, 1401, {});
    feed(stream, Direction::Reply, kTcpAck | kTcpFin, 1401, 402, {});
    feed(stream, Direction::Original, kTcpAck, 402, 1402, {});
  }
  state.counters["cycles_per_connection"] =
      static_cast<double>(rte_rdtsc() - begin) / static_cast<double>(state.iterations());
}
BENCHMARK(short_connection);

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
