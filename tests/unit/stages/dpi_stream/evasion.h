// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A sender that cheats, a receiver behind an inline TcpStream, and the one
// promise between them: the receiver never reads a byte that was not readable
// in the stream before, and never another one. `Draw` is where decisions come
// from: below(n) gives 0..n-1.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "flowtable/tcp_state.h"
#include "stages/dpi/stream/tcp_stream.h"
#include "tests/unit/stages/dpi_stream/receiver.h"

namespace sluice::test {

struct EvasionPlan {
  StreamOptions options;
  uint32_t isn = 0;
  uint32_t steps = 0;
  uint32_t segment = 0;  // largest
  uint32_t spread = 0;   // how far around what was read segments lie
  Receiver::Keeps keeps = Receiver::Keeps::First;
  uint32_t window = 65535;  // the receiver's
  bool slow_reader = false;
};

struct EvasionReport {
  const char* broken = nullptr;  // what does not hold
  size_t read = 0;               // by the receiver
  uint32_t refused = 0;
};

template <typename Draw>
class Evasion {
 public:
  Evasion(const EvasionPlan& plan, Arena& arena, Draw& draw)
      : plan_(plan), arena_(arena), draw_(draw), receiver_(plan.keeps, plan.window) {}

  EvasionReport run() {
    const size_t taken = arena_.in_use();
    {
      TcpStream stream;
      stream_ = &stream;
      feed(Direction::Original, kTcpSyn, plan_.isn, 0, {});
      feed(Direction::Reply, kTcpSyn | kTcpAck, kReplyIsn, plan_.isn + 1, {});
      for (uint32_t i = 0; i < plan_.steps && report_.broken == nullptr && draw_.more(); ++i)
        step();
      report_.read = receiver_.read().size();
    }
    require(arena_.in_use() == taken, "memory was not given back");
    return report_;
  }

 private:
  static constexpr uint32_t kReplyIsn = 0xfffffff0;

  void require(bool holds, const char* what) {
    if (!holds && report_.broken == nullptr) report_.broken = what;
  }

  static uint8_t content(uint64_t position, uint32_t variant) {
    return static_cast<uint8_t>((position * 0x9e3779b1u >> 16) + variant * 101);
  }

  void step() {
    const uint32_t what = draw_.below(16);
    if (what < 3) {
      acknowledge(what == 0);
    } else {
      send(what);
    }
  }

  // Of what the receiver has; sometimes that is of long ago, or was never true.
  void acknowledge(bool odd) {
    uint64_t ack = receiver_.acknowledges();
    uint8_t flags = kTcpAck;
    if (odd) {
      switch (draw_.below(3)) {
        case 0:
          ack -= std::min<uint64_t>(ack, draw_.below(2000));
          break;
        case 1:  // from a liar: behind everything that passed
          ack = passed_ + 2 + draw_.below(1000);
          break;
        default:
          flags = kTcpRst;
      }
    }
    feed(Direction::Reply, flags, kReplyIsn + 1, plan_.isn + 1 + static_cast<uint32_t>(ack), {});
  }

  void send(uint32_t what) {
    const uint64_t here = receiver_.read().size();
    uint64_t position = here;
    if (what >= 8) {
      position = here + draw_.below(plan_.spread);
      position -= std::min<uint64_t>(position, plan_.spread / 4);
    } else if (what >= 6) {
      position = shown_.size();
    }
    const uint32_t size = draw_.below(plan_.segment + 1);
    // Mostly one story, now and then another.
    const uint32_t story = draw_.below(8);
    std::vector<uint8_t> bytes(size);
    for (uint32_t i = 0; i < size; ++i) bytes[i] = content(position + i, story == 0 ? 1 : 0);
    if (story == 1 && size != 0) bytes[draw_.below(size)] ^= 0x20;
    uint8_t flags = kTcpAck;
    bool fin = false;
    switch (draw_.below(64)) {
      case 0:
        flags |= kTcpFin;
        fin = true;
        break;
      case 1:
        flags = kTcpRst;
        break;
      case 2:
        flags = kTcpPsh;
        break;
      case 3:
        flags |= kTcpUrg;
        break;
      case 4:
        flags = kTcpSyn;
        break;
      default:
        break;
    }
    const StreamOutcome outcome =
        feed(Direction::Original, flags, plan_.isn + 1 + static_cast<uint32_t>(position), 1, bytes);
    if (outcome.result > StreamResult::NoStream) {
      ++report_.refused;
      return;
    }
    passed_ = std::max(passed_, position + size + (fin ? 1 : 0));
    // A receiver takes no data from these.
    if ((flags & kTcpAck) == 0) return;
    // Not everything that passes arrives.
    if (draw_.below(4) == 0) return;
    receiver_.deliver(position, bytes, fin);
    // Behind the depth nothing is promised.
    const uint64_t depth = plan_.options.depth == 0 ? UINT64_MAX : plan_.options.depth;
    const size_t read = std::min<uint64_t>(receiver_.read().size(), depth);
    require(read <= shown_.size(), "the receiver reads what was not readable");
    require(report_.broken != nullptr || shown_.compare(checked_, read - checked_, receiver_.read(),
                                                        checked_, read - checked_) == 0,
            "the receiver reads other bytes");
    require(!receiver_.closed() || end_ != StreamEnd::No, "the receiver is closed first");
    checked_ = read;
  }

  StreamOutcome feed(Direction d, uint8_t flags, uint32_t seq, uint32_t ack,
                     std::span<const uint8_t> bytes) {
    const StreamContext context{arena_, plan_.options, counters_};
    const StreamOutcome outcome = stream_->feed(context, {d, flags, seq, ack, bytes});
    const size_t before = shown_.size();
    StreamView view;
    while (stream_->read(context, Direction::Original, view)) {
      require(plan_.options.depth == 0 || view.offset + view.size <= plan_.options.depth,
              "read beyond the depth");
      require(view.gap == 0, "a gap without loss");
      require(view.offset + view.fresh == shown_.size(), "fresh bytes lie elsewhere");
      shown_.append(reinterpret_cast<const char*>(view.fresh_bytes().data()),
                    view.size - view.fresh);
      require(view.offset <= consumed_, "bytes that were not consumed are gone");
      require(std::equal(view.data, view.data + view.size,
                         reinterpret_cast<const uint8_t*>(shown_.data()) + view.offset),
              "kept bytes have changed");
      end_ = view.end;
      const size_t unconsumed = view.size - view.unconsumed;
      const size_t done =
          plan_.slow_reader ? draw_.below(static_cast<uint32_t>(unconsumed) + 1) : unconsumed;
      stream_->consume(Direction::Original, done);
      consumed_ += done;
    }
    if (d == Direction::Original) {
      require(shown_.size() - before == outcome.fresh, "fresh is another number");
    }
    require(stream_->memory() <= 2 * (plan_.options.bound + 256), "more memory than the bound");
    require(counters_.bytes == shown_.size(), "bytes are not counted right");
    return outcome;
  }

  const EvasionPlan& plan_;
  Arena& arena_;
  Draw& draw_;
  Receiver receiver_;
  TcpStream* stream_ = nullptr;
  StreamCounters counters_;
  std::string shown_;
  size_t checked_ = 0;
  size_t consumed_ = 0;
  uint64_t passed_ = 0;
  StreamEnd end_ = StreamEnd::No;
  EvasionReport report_;
};

}  // namespace sluice::test
