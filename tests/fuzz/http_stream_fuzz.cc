// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Two sides that say anything. The first byte chooses limits and the size of
// the pieces; then come messages: direction, whether they are lost, and
// size in two bytes. Views stay as they were shown, bodies lack nothing between
// their windows, the stream's window never stays full, no memory is left; and
// with gaps and scarce memory left out, pieces show what the whole shows.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "stages/dpi/arena.h"
#include "stages/dpi/protocol/http_parser.h"

using namespace sluice;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

using Shown = std::map<std::pair<uint32_t, size_t>, std::string>;  // number; buffer and direction

class Sink final : public TransactionSink {
 public:
  Shown shown;

  void advanced(Transaction& transaction, Direction by) noexcept override {
    check(transaction.fresh[static_cast<size_t>(by)] != 0);
    take(transaction);
  }
  void finished(Transaction& transaction) noexcept override { take(transaction); }

 private:
  void take(Transaction& transaction) {
    for (size_t d = 0; d < 2; ++d) {
      for (size_t b = 0; b < kBuffers; ++b) {
        BufferView& view = transaction.views[d][b];
        if (!view.present()) continue;
        std::string& all = shown[{transaction.number, b * 2 + d}];
        const bool body = b == static_cast<size_t>(Buffer::HttpRequestBody) ||
                          b == static_cast<size_t>(Buffer::FileData);
        check(view.scanned <= view.size);
        check(body || view.offset == 0);
        check(view.offset + view.scanned == all.size());
        const auto rest = view.bytes().subspan(view.scanned);
        all.append(reinterpret_cast<const char*>(rest.data()), rest.size());
        view.scanned = view.size;
      }
      for (const Transaction::More& more : transaction.more[d]) {
        const auto bytes = more.view.bytes();
        check(std::find(bytes.begin(), bytes.end(), ':') != bytes.end());
      }
    }
  }
};

struct Message {
  Direction from;
  bool gap;
  std::vector<uint8_t> bytes;
};

Shown play(const std::vector<Message>& talk, HttpSettings settings, size_t arena_bytes, bool scarce,
           size_t step) {
  Arena arena(arena_bytes, false);
  std::vector<void*> hogs;
  while (scarce && arena.capacity() - arena.in_use() > 24 * 1024) {
    void* hog = arena.allocate(8 * 1024 - 16);
    if (hog == nullptr) break;
    hogs.push_back(hog);
  }
  const size_t before = arena.in_use();
  HttpLane lane{arena, settings, {}};
  Sink sink;
  {
    HttpParser parser(lane);
    std::array<std::vector<uint8_t>, 2> waiting;
    for (const Message& message : talk) {
      auto& left = waiting[static_cast<size_t>(message.from)];
      if (message.gap) {
        left.clear();
        (void)parser.gap(message.from, message.bytes.size() + 1, sink);
        continue;
      }
      for (size_t at = 0; at < message.bytes.size(); at += step) {
        const size_t n = std::min(step, message.bytes.size() - at);
        left.insert(left.end(), message.bytes.begin() + static_cast<ptrdiff_t>(at),
                    message.bytes.begin() + static_cast<ptrdiff_t>(at + n));
        (void)HttpParser::looks_like(message.from, left);
        const std::vector<uint8_t> exact(left);
        const Consumed consumed = parser.consume(message.from, exact, false, sink);
        check(consumed.bytes <= exact.size());
        if (parser.tunnelled()) break;  // the rest is another's
        check(exact.size() - consumed.bytes < std::max<size_t>(settings.header_limit, 256));
        left.erase(left.begin(), left.begin() + static_cast<ptrdiff_t>(consumed.bytes));
      }
    }
    for (const Direction from : {Direction::Original, Direction::Reply}) {
      const std::vector<uint8_t> exact(waiting[static_cast<size_t>(from)]);
      const Consumed consumed = parser.consume(from, exact, true, sink);
      check(consumed.finished && (consumed.bytes == exact.size() || parser.tunnelled()));
    }
    parser.end(sink);
  }
  check(arena.in_use() == before);
  for (void* hog : hogs) arena_free(hog);
  return sink.shown;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const uint8_t choice = data[0];
  HttpSettings settings;
  if (choice & 1) settings.body_window = 1024;
  if (choice & 2) settings.request_body_limit = settings.response_body_limit = 1500;
  if (choice & 4) settings.header_limit = 512;
  if (choice & 8) settings.max_outstanding = 2;
  const bool scarce = (choice & 16) != 0;
  bool gaps = false;
  std::vector<Message> talk;
  for (size_t at = 1; at + 2 <= size;) {
    const size_t word = static_cast<size_t>(data[at] << 8 | data[at + 1]);
    at += 2;
    const size_t n = std::min<size_t>(word & 0x3fff, size - at);
    const bool gap = (word & 0x4000) != 0;
    gaps |= gap;
    talk.push_back({(word & 0x8000) != 0 ? Direction::Reply : Direction::Original,
                    gap,
                    {data + at, data + at + n}});
    at += n;
  }
  const size_t step = size_t{1} << (choice >> 5);
  const Shown whole = play(talk, settings, 1 << 20, scarce, 1 << 20);
  const Shown cut = play(talk, settings, 1 << 20, scarce, step);
  // Where headers are cut at a limit depends on what has come by then.
  if (!scarce && !gaps && (choice & 4) == 0) check(whole == cut);
  return 0;
}
