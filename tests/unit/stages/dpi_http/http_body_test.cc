// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Bodies as windows: limits, sliding, and gaps.
#include "tests/unit/stages/dpi_http/http_conversation.h"

using namespace sluice;
using namespace sluice::http_test;

namespace {

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

std::string pattern(size_t size) {
  std::string out(size, '\0');
  uint32_t state = 1;
  for (char& c : out) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>('a' + (state >> 24) % 26);
  }
  return out;
}

std::string response(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// The recorder puts the windows together and fails where one is missing.
TEST(HttpBody, IsShownWholeThroughAWindowThatSlides) {
  const std::string body = pattern(90000);
  How how;
  how.settings.body_window = 4096;
  const Played played = play({{kClient, kGet}, {kServer, response(body)}}, how);
  EXPECT_EQ(played[0].get(Buffer::FileData, kServer), body);
  EXPECT_EQ(played.largest_view, 4096u - 16);
  EXPECT_FALSE(played[0].truncated);
}

TEST(HttpBody, KeepsHalfItsWindowBehindACut) {
  class Sink final : public TransactionSink {
   public:
    void advanced(Transaction& transaction, Direction) noexcept override {
      BufferView& view = transaction.view(Buffer::FileData, kServer);
      if (!view.present()) return;
      if (view.offset > 0) least = std::min<uint64_t>(least, view.scanned);
      view.scanned = view.size;
    }
    void finished(Transaction&) noexcept override {}
    uint64_t least = UINT64_MAX;
  };
  Arena arena(1 << 20, false);
  HttpLane lane{arena, {}, {}};
  lane.settings.body_window = 2048;
  HttpParser parser(lane);
  Sink sink;
  const std::string bytes = response(pattern(50000));
  EXPECT_TRUE(parser
                  .consume(kServer, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()},
                           true, sink)
                  .finished);
  EXPECT_EQ(sink.least, (2048u - 16) / 2);
}

TEST(HttpBody, BeyondTheLimitIsCountedOnly) {
  const std::string body = pattern(50000);
  How how;
  how.settings.response_body_limit = 20000;
  how.settings.request_body_limit = 10;
  const Played played = play({{kClient, "POST / HTTP/1.1\r\nContent-Length: 50000\r\n\r\n" + body},
                              {kServer, response(body)}},
                             how);
  EXPECT_EQ(played[0].get(Buffer::FileData, kServer), body.substr(0, 20000));
  EXPECT_EQ(played[0].get(Buffer::HttpRequestBody, kClient), body.substr(0, 10));
  EXPECT_EQ(played[0].get(Buffer::FileData, kClient), body.substr(0, 10));
  EXPECT_EQ(played[0].on_wire[1], 50000u);
  EXPECT_EQ(played[0].decoded[1], 20000u);
  EXPECT_TRUE(played[0].truncated);
  EXPECT_TRUE(played[0].complete.at({Buffer::FileData, kServer}));
}

TEST(HttpBody, OfExactlyTheLimitIsWhole) {
  const std::string body = pattern(20000);
  How how;
  how.settings.response_body_limit = 20000;
  const Played played = play({{kClient, kGet}, {kServer, response(body)}}, how);
  EXPECT_EQ(played[0].get(Buffer::FileData, kServer), body);
  EXPECT_FALSE(played[0].truncated);
}

TEST(HttpBody, GivesItsMemoryBackAtTheLimit) {
  Arena arena(1 << 20, false);
  HttpLane lane{arena, {}, {}};
  lane.settings.response_body_limit = 30000;
  Recorder recorder;
  HttpParser parser(lane);
  const auto say = [&](std::string_view what) {
    parser.consume(kServer, {reinterpret_cast<const uint8_t*>(what.data()), what.size()}, false,
                   recorder);
  };
  say("HTTP/1.1 200 OK\r\n\r\n");
  const size_t before = arena.in_use();
  say(pattern(29999));
  EXPECT_GE(arena.in_use(), before + 30000);
  say("x");
  EXPECT_EQ(arena.in_use(), before);
  say(pattern(60000));
  EXPECT_EQ(arena.in_use(), before);
  parser.end(recorder);
  EXPECT_EQ(recorder.transactions[0].get(Buffer::FileData, kServer).size(), 30000u);
  EXPECT_EQ(recorder.transactions[0].on_wire[1], 90000u);
}

TEST(HttpBody, NoneIsKeptWithALimitOfZero) {
  How how;
  how.settings.response_body_limit = 0;
  const Played played = play({{kClient, kGet}, {kServer, response("abc")}}, how);
  EXPECT_FALSE(played[0].has(Buffer::FileData, kServer));
  EXPECT_EQ(played[0].on_wire[1], 3u);
}

class HttpGap : public testing::Test {
 protected:
  bool say(Direction from, std::string_view what) {
    waiting_[static_cast<size_t>(from)] += what;
    std::string& all = waiting_[static_cast<size_t>(from)];
    const Consumed consumed = parser_.consume(
        from, {reinterpret_cast<const uint8_t*>(all.data()), all.size()}, false, recorder_);
    all.erase(0, consumed.bytes);
    return !consumed.finished;
  }
  bool gap(Direction from, uint64_t bytes) {
    waiting_[static_cast<size_t>(from)].clear();
    return parser_.gap(from, bytes, recorder_);
  }
  void TearDown() override {
    parser_.end(recorder_);
    EXPECT_EQ(arena_.in_use(), 0u);
  }

  Arena arena_{1 << 20, false};
  HttpLane lane_{arena_, {}, {}};
  Recorder recorder_;
  HttpParser parser_{lane_};
  std::string waiting_[2];
};

TEST_F(HttpGap, InABodyOfKnownLengthIsPassedOver) {
  say(kClient, kGet + kGet);
  say(kServer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
  EXPECT_TRUE(gap(kServer, 90));
  EXPECT_TRUE(say(kServer, "1234567HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"));
  const Seen& first = recorder_.transactions[0];
  EXPECT_EQ(first.get(Buffer::FileData, kServer), "abc") << "bytes behind a hole are not joined";
  EXPECT_TRUE(first.truncated);
  EXPECT_TRUE(first.finished);
  EXPECT_EQ(recorder_.transactions[1].get(Buffer::FileData, kServer), "b");
  EXPECT_FALSE(recorder_.transactions[1].truncated);
  EXPECT_EQ(lane_.counters.body_gaps, 1u);
}

TEST_F(HttpGap, ToTheVeryEndOfABody) {
  say(kClient, kGet + kGet);
  say(kServer, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(gap(kServer, 7));
  EXPECT_TRUE(recorder_.transactions[0].finished);
  EXPECT_TRUE(say(kServer, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"));
  EXPECT_EQ(recorder_.transactions[1].get(Buffer::FileData, kServer), "b");
}

TEST_F(HttpGap, BeyondABodyEndsTheDirection) {
  say(kClient, kGet);
  say(kServer, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_FALSE(gap(kServer, 8));
  EXPECT_FALSE(say(kServer, "HTTP/1.1 200 OK\r\n\r\n"));
  EXPECT_TRUE(recorder_.transactions[0].finished);
}

TEST_F(HttpGap, InsideAChunk) {
  say(kClient, kGet);
  say(kServer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nabc");
  EXPECT_TRUE(gap(kServer, 97));
  EXPECT_TRUE(say(kServer, "\r\n0\r\n\r\n"));
  EXPECT_TRUE(recorder_.transactions[0].finished);
}

TEST_F(HttpGap, InHeadersEndsTheDirection) {
  say(kClient, "GET / HTTP/1.1\r\nHost: h");
  EXPECT_FALSE(gap(kClient, 1));
  EXPECT_FALSE(say(kClient, "GET /again HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(say(kServer, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"));
  EXPECT_TRUE(recorder_.transactions[0].truncated);
  EXPECT_EQ(recorder_.transactions[0].get(Buffer::FileData, kServer), "b");
}

TEST_F(HttpGap, InABodyUntilTheEnd) {
  say(kClient, kGet);
  say(kServer, "HTTP/1.1 200 OK\r\n\r\nabc");
  EXPECT_TRUE(gap(kServer, 1000000));
  EXPECT_TRUE(say(kServer, "more"));
  EXPECT_EQ(recorder_.transactions[0].get(Buffer::FileData, kServer), "abc");
}

}  // namespace
