// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What the targets of protocol parsers share: a talk of two sides out of a
// fuzzer's bytes, and a sink that holds transactions against their header.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "stages/dpi/protocol/protocol_lane.h"
#include "stages/dpi/protocol/transaction.h"

namespace sluice::fuzz {

inline void check(bool holds) {
  if (!holds) std::abort();
}

// By transaction and direction: every buffer's last value, in order.
using Shown = std::map<std::pair<uint32_t, int>, std::vector<std::pair<Buffer, std::string>>>;

class Sink : public TransactionSink {
 public:
  Shown shown;
  std::map<uint32_t, bool> over;  // by transaction: finished() has been called

  void advanced(Transaction& transaction, Direction) noexcept override {
    check(!over[transaction.number]);
    take(transaction);
  }
  void finished(Transaction& transaction) noexcept override {
    check(!over[transaction.number]);
    over[transaction.number] = true;
    check(transaction.complete[0] && transaction.complete[1]);
    take(transaction);
  }
  bool all_over() const {
    return std::all_of(over.begin(), over.end(), [](const auto& o) { return o.second; });
  }

 protected:
  virtual void take(const Transaction& transaction) {
    for (int d = 0; d < 2; ++d) {
      auto& values = shown[{transaction.number, d}];
      values.clear();
      for (size_t b = 0; b < kBuffers; ++b) {
        const BufferView& view = transaction.views[d][b];
        if (view.present()) values.emplace_back(static_cast<Buffer>(b), text(view));
      }
      for (const auto& more : transaction.more[d]) {
        check(transaction.views[d][static_cast<size_t>(more.buffer)].present());
        values.emplace_back(more.buffer, text(more.view));
      }
    }
  }

 private:
  static std::string text(const BufferView& view) {
    check(view.offset == 0 && view.scanned <= view.size);
    return {reinterpret_cast<const char*>(view.data), view.size};
  }
};

struct Words {
  Direction from;
  std::vector<uint8_t> bytes;
};

// Direction and size in two bytes, the words behind them.
inline std::vector<Words> talk_of(std::span<const uint8_t> data) {
  std::vector<Words> talk;
  while (data.size() >= 2) {
    const size_t size = std::min<size_t>((data[0] & 0x7f) << 8 | data[1], data.size() - 2);
    talk.push_back({data[0] & 0x80 ? Direction::Reply : Direction::Original,
                    {data.begin() + 2, data.begin() + 2 + static_cast<ptrdiff_t>(size)}});
    data = data.subspan(2 + size);
  }
  return talk;
}

// A lane, with little memory if `scarce`.
struct Lane {
  explicit Lane(bool scarce) : arena(1 << 20, false) {
    while (scarce && arena.capacity() - arena.in_use() > 12 * 1024) {
      hogs.push_back(arena.allocate(4 * 1024 - 16));
      if (hogs.back() == nullptr) break;
    }
    before = arena.in_use();
  }
  ~Lane() {
    check(arena.in_use() == before);
    for (void* hog : hogs) arena_free(hog);
  }
  Arena arena;
  std::vector<void*> hogs;
  size_t before;
  static inline ProtocolCrypto crypto;
  ProtocolLane lane{arena, crypto};
};

// Both streams through a parser of streams, `step` bytes at a time, as a reader
// of TCP shows them.
template <typename Parser>
Shown play_streams(const std::vector<Words>& talk, bool scarce, size_t step) {
  Lane lane(scarce);
  Sink sink;
  {
    Parser parser(lane.lane);
    std::vector<uint8_t> pending[2];
    bool finished[2] = {false, false};
    const auto show = [&](Direction from, bool end) {
      auto& left = pending[static_cast<size_t>(from)];
      // Of exact size, so that the sanitizer sees a byte read too much.
      const size_t size = std::min<size_t>(left.size(), 64 * 1024);
      const std::unique_ptr<uint8_t[]> window(new uint8_t[size]);
      std::copy_n(left.begin(), size, window.get());
      const Consumed consumed = parser.consume(from, {window.get(), size}, end, sink);
      check(consumed.bytes <= size);
      check(consumed.finished || size < 64 * 1024 || consumed.bytes > 0);
      left.erase(left.begin(), left.begin() + static_cast<ptrdiff_t>(consumed.bytes));
      finished[static_cast<size_t>(from)] = consumed.finished;
    };
    for (const Words& words : talk) {
      for (size_t at = 0; at < words.bytes.size(); at += step) {
        if (finished[static_cast<size_t>(words.from)]) break;
        auto& left = pending[static_cast<size_t>(words.from)];
        const size_t end = std::min(at + step, words.bytes.size());
        left.insert(left.end(), words.bytes.begin() + static_cast<ptrdiff_t>(at),
                    words.bytes.begin() + static_cast<ptrdiff_t>(end));
        show(words.from, false);
      }
    }
    for (const Direction from : {Direction::Original, Direction::Reply}) {
      if (!finished[static_cast<size_t>(from)]) show(from, true);
    }
    parser.end(sink);
    check(sink.all_over());
  }
  return sink.shown;
}

// The first byte: little memory, and how many bytes at a time.
template <typename Parser>
void fuzz_streams(std::span<const uint8_t> data) {
  if (data.empty()) return;
  const bool scarce = (data[0] & 0x80) != 0;
  const size_t step = 1 + (data[0] & 0x3f);
  const auto talk = talk_of(data.subspan(1));
  const Shown whole = play_streams<Parser>(talk, scarce, SIZE_MAX);
  const Shown parts = play_streams<Parser>(talk, scarce, step);
  if (!scarce) check(whole == parts);
}

}  // namespace sluice::fuzz
