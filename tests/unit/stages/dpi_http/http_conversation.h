// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Plays what two sides say through an HttpParser, cut up in different ways, and
// keeps what its transactions showed.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stages/dpi/arena.h"
#include "stages/dpi/protocol/http_parser.h"

namespace sluice::http_test {

inline constexpr Direction kClient = Direction::Original;
inline constexpr Direction kServer = Direction::Reply;

inline std::string text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// All that one transaction has shown.
struct Seen {
  std::map<std::pair<Buffer, Direction>, std::string> buffers;
  std::vector<std::string> fields[2];  // HttpHeaderField, in order
  std::map<std::pair<Buffer, Direction>, bool> complete;
  bool finished = false;
  bool truncated = false;
  bool sides_complete[2] = {false, false};
  uint16_t status = 0;
  uint8_t versions[2] = {0, 0};
  uint64_t on_wire[2] = {0, 0};
  uint64_t decoded[2] = {0, 0};
  bool response_decoded = false;

  bool operator==(const Seen&) const = default;
  bool has(Buffer buffer, Direction of) const { return buffers.contains({buffer, of}); }
  std::string get(Buffer buffer, Direction of) const {
    const auto found = buffers.find({buffer, of});
    return found == buffers.end() ? "(none)" : found->second;
  }
};

// Also holds each view against what buffer.h and http_transaction.h promise.
class Recorder final : public TransactionSink {
 public:
  void advanced(Transaction& transaction, Direction by) noexcept override {
    EXPECT_NE(transaction.fresh[static_cast<size_t>(by)], 0u);
    ++calls;
    take(transaction);
  }
  void finished(Transaction& transaction) noexcept override {
    EXPECT_EQ(transaction.fresh[0], 0u);
    EXPECT_EQ(transaction.fresh[1], 0u);
    take(transaction);
    Seen& seen = transactions[transaction.number];
    EXPECT_FALSE(seen.finished) << "finished twice";
    seen.finished = true;
  }

  std::map<uint32_t, Seen> transactions;
  size_t calls = 0;
  size_t largest_view = 0;

 private:
  static bool is_body(Buffer b) { return b == Buffer::HttpRequestBody || b == Buffer::FileData; }

  void take(Transaction& base) {
    EXPECT_EQ(base.protocol, AppProtocol::Http);
    auto& transaction = static_cast<HttpTransaction&>(base);
    Seen& seen = transactions[base.number];
    for (const Direction of : {kClient, kServer}) {
      const auto d = static_cast<size_t>(of);
      for (size_t b = 0; b < kBuffers; ++b) {
        const auto buffer = static_cast<Buffer>(b);
        BufferView& view = base.view(buffer, of);
        if (!view.present()) {
          EXPECT_EQ(base.fresh[d] & buffer_bit(buffer), 0u);
          continue;
        }
        const std::pair key{buffer, of};
        const bool known = seen.buffers.contains(key);
        if (!known) {
          EXPECT_NE(base.fresh[d] & buffer_bit(buffer), 0u) << "unannounced " << b;
        }
        std::string& all = seen.buffers[key];
        EXPECT_LE(view.scanned, view.size);
        if (is_body(buffer)) {
          EXPECT_LE(view.offset, all.size()) << "given up before it was shown";
          EXPECT_GE(view.offset + view.size, all.size());
          EXPECT_EQ(view.offset + view.scanned, all.size()) << "scanned lost its place";
          const size_t known_size = all.size() - view.offset;
          EXPECT_EQ(all.substr(view.offset), text(view.bytes().first(known_size)));
          if (view.offset + view.size > all.size()) {
            EXPECT_NE(base.fresh[d] & buffer_bit(buffer), 0u) << "grown in silence";
          }
          all += text(view.bytes().subspan(known_size));
        } else {
          if (known) {
            EXPECT_EQ(all, text(view.bytes()));
          }
          EXPECT_TRUE(view.complete);
          all = text(view.bytes());
        }
        view.scanned = view.size;
        seen.complete[key] = view.complete;
        largest_view = std::max<size_t>(largest_view, view.size);
      }
      seen.fields[d].clear();
      if (base.view(Buffer::HttpHeaderField, of).present()) {
        seen.fields[d].push_back(text(base.view(Buffer::HttpHeaderField, of).bytes()));
        for (const Transaction::More& more : base.more[d]) {
          seen.fields[d].push_back(text(more.view.bytes()));
        }
      }
      seen.sides_complete[d] = base.complete[d];
    }
    seen.truncated = base.truncated;
    seen.status = transaction.status;
    seen.versions[0] = transaction.request_version;
    seen.versions[1] = transaction.response_version;
    seen.on_wire[0] = transaction.request_body.on_wire;
    seen.on_wire[1] = transaction.response_body.on_wire;
    seen.decoded[0] = transaction.request_body.decoded;
    seen.decoded[1] = transaction.response_body.decoded;
    seen.response_decoded = transaction.response_decoded;
  }
};

struct Says {
  Direction from;
  std::string bytes;
};
using Talk = std::vector<Says>;

struct Played {
  std::map<uint32_t, Seen> transactions;
  HttpCounters counters;
  bool gone[2] = {false, false};  // that direction was finished before its end
  size_t calls = 0;
  size_t largest_view = 0;

  const Seen& operator[](uint32_t number) const {
    static const Seen kNothing;
    const auto found = transactions.find(number);
    EXPECT_NE(found, transactions.end()) << "no transaction " << number;
    return found == transactions.end() ? kNothing : found->second;
  }
};

struct How {
  HttpSettings settings{};
  bool close = true;  // both directions end with their last bytes
  size_t arena_bytes = 8u << 20;
};

// Each message in pieces of `step` bytes.
inline Played play_in_steps(const Talk& talk, size_t step, const How& how = {}) {
  Arena arena(how.arena_bytes, false);
  HttpLane lane{arena, how.settings, {}};
  Recorder recorder;
  Played played;
  {
    HttpParser parser(lane);
    std::string waiting[2];
    for (size_t i = 0; i < talk.size(); ++i) {
      const auto d = static_cast<size_t>(talk[i].from);
      const bool last =
          how.close && std::none_of(talk.begin() + static_cast<ptrdiff_t>(i) + 1, talk.end(),
                                    [&](const Says& later) { return later.from == talk[i].from; });
      const std::string& bytes = talk[i].bytes;
      for (size_t at = 0; at < bytes.size() && !played.gone[d]; at += step) {
        waiting[d] += bytes.substr(at, step);
        const bool end = last && at + step >= bytes.size();
        while (true) {
          // A heap block of the exact size, so that a sanitizer sees what is
          // read behind it.
          const std::vector<uint8_t> shown(
              waiting[d].begin(), waiting[d].begin() + static_cast<ptrdiff_t>(std::min<size_t>(
                                                           waiting[d].size(), 64 * 1024)));
          const bool all = shown.size() == waiting[d].size();
          const Consumed consumed = parser.consume(talk[i].from, shown, end && all, recorder);
          EXPECT_LE(consumed.bytes, shown.size());
          EXPECT_LT(shown.size() - consumed.bytes, 64u * 1024) << "the window would stay full";
          waiting[d].erase(0, consumed.bytes);
          if (consumed.finished) {
            played.gone[d] = !end;
            break;
          }
          if (all) break;
        }
      }
    }
    parser.end(recorder);
  }
  EXPECT_EQ(arena.in_use(), 0u) << "memory is left over";
  played.transactions = recorder.transactions;
  for (const auto& [number, seen] : played.transactions) {
    EXPECT_TRUE(seen.finished) << "transaction " << number;
  }
  played.counters = lane.counters;
  played.calls = recorder.calls;
  played.largest_view = recorder.largest_view;
  return played;
}

// Whole messages; and the same in pieces must have shown the same.
inline Played play(const Talk& talk, const How& how = {}) {
  const Played whole = play_in_steps(talk, SIZE_MAX / 2, how);
  for (const size_t step : {1u, 2u, 7u, 64u}) {
    const Played cut = play_in_steps(talk, step, how);
    EXPECT_EQ(cut.transactions.size(), whole.transactions.size()) << "in steps of " << step;
    for (const auto& [number, seen] : whole.transactions) {
      const Seen& other = cut[number];
      EXPECT_EQ(other.buffers, seen.buffers) << number << " in steps of " << step;
      EXPECT_TRUE(other == seen) << number << " in steps of " << step;
    }
    if (!how.close) {
      EXPECT_EQ(cut.gone[0], whole.gone[0]) << "in steps of " << step;
      EXPECT_EQ(cut.gone[1], whole.gone[1]) << "in steps of " << step;
    }
  }
  return whole;
}

}  // namespace sluice::http_test
