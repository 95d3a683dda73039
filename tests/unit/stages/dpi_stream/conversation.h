// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A TCP connection told segment by segment to a TcpStream, in positions: 0 is
// the first byte behind the SYN.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "flowtable/tcp_state.h"
#include "stages/dpi/stream/tcp_stream.h"

namespace sluice::test {

inline Arena& shared_arena() {
  static Arena arena(4 << 20, false);
  return arena;
}

struct Conversation {
  Arena& arena;
  StreamOptions options;
  StreamCounters counters;
  TcpStream stream;
  uint32_t isn[2] = {0x10002000, 0xa0b0c0d0};
  std::string seen[2];  // what was readable, gaps as "[n]"
  StreamEnd end[2] = {StreamEnd::No, StreamEnd::No};
  StreamView last[2];
  uint64_t acked[2] = {0, 0};  // what each side's segments acknowledge, as a position
  bool consumes = true;

  explicit Conversation(Arena& from = shared_arena()) : arena(from) {}

  StreamContext context() { return {arena, options, counters}; }

  uint32_t seq(Direction d, uint64_t position) const {
    return isn[static_cast<size_t>(d)] + 1 + static_cast<uint32_t>(position);
  }

  StreamOutcome feed(const StreamSegment& segment) {
    const StreamOutcome outcome = stream.feed(context(), segment);
    for (const Direction d : {Direction::Original, Direction::Reply}) read(d);
    return outcome;
  }

  void read(Direction d) {
    const auto i = static_cast<size_t>(d);
    StreamView view;
    while (stream.read(context(), d, view)) {
      if (view.gap != 0) seen[i] += "[" + std::to_string(view.gap) + "]";
      const auto fresh = view.fresh_bytes();
      seen[i].append(reinterpret_cast<const char*>(fresh.data()), fresh.size());
      if (view.end != StreamEnd::No) end[i] = view.end;
      last[i] = view;
      if (consumes) stream.consume(d, view.size);
    }
  }

  StreamOutcome segment(Direction d, uint64_t position, std::string_view bytes,
                        uint8_t flags = kTcpAck) {
    return feed({d,
                 flags,
                 seq(d, position),
                 seq(opposite(d), acked[static_cast<size_t>(d)]),
                 {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}});
  }
  // Of the originator, who speaks most of the time.
  StreamOutcome data(uint64_t position, std::string_view bytes, uint8_t flags = kTcpAck) {
    return segment(Direction::Original, position, bytes, flags);
  }
  // The responder acknowledges everything before `position`.
  StreamOutcome ack(uint64_t position) {
    acked[1] = position;
    return segment(Direction::Reply, 0, "");
  }

  void syn(std::string_view bytes = "") {
    feed({Direction::Original,
          kTcpSyn,
          isn[0],
          0,
          {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}});
  }
  void syn_ack(uint64_t acknowledged = 0) {
    feed({Direction::Reply, kTcpSyn | kTcpAck, isn[1], seq(Direction::Original, acknowledged), {}});
  }
  void handshake() {
    syn();
    syn_ack();
    data(0, "");
  }

  std::string window() const {
    const StreamView view = stream.view(Direction::Original);
    return {reinterpret_cast<const char*>(view.data), view.size};
  }
};

// `size` bytes of which no short run occurs twice.
inline std::string text(size_t size, unsigned variant = 0) {
  std::string out(size, '\0');
  for (size_t i = 0; i < size; ++i) {
    uint64_t x = (i + 1) * 0x9e3779b97f4a7c15u + variant;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    out[i] = static_cast<char>(x >> 56);
  }
  return out;
}

}  // namespace sluice::test
