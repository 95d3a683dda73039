// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Input made to hurt: too long, too much, too slow, or without sense.
#include <chrono>
#include <random>

#include <nmmintrin.h>

#include "tests/unit/stages/dpi_http/http_conversation.h"

using namespace sluice;
using namespace sluice::http_test;

namespace {

struct Quiet final : TransactionSink {
  void advanced(Transaction&, Direction) noexcept override {}
  void finished(Transaction&) noexcept override {}
};

TEST(HttpHostile, AFirstLineBeyondTheLimit) {
  const std::string request =
      "GET /" + std::string(200000, 'a') +
      " HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nbGET /2 HTTP/1.1\r\n\r\n";
  const Played played = play_in_steps({{kClient, request}}, 1460);
  ASSERT_EQ(played.transactions.size(), 2u);
  EXPECT_TRUE(played[0].truncated);
  EXPECT_EQ(played.counters.header_too_long, 1u);
  EXPECT_GE(played[0].get(Buffer::HttpUri, kClient).size(), HttpSettings::kMaxHeaderLimit - 8);
  EXPECT_EQ(played[0].get(Buffer::HttpHost, kClient), "h");
  EXPECT_EQ(played[0].get(Buffer::HttpRequestBody, kClient), "b");
  EXPECT_EQ(played[1].get(Buffer::HttpUri, kClient), "/2");
}

TEST(HttpHostile, AHeaderBlockBeyondTheLimitIsStillHeardForTheBody) {
  std::string headers = "Host: h\r\n";
  for (int i = 0; i < 20000; ++i) headers += "X-" + std::to_string(i) + ": y\r\n";
  const std::string response =
      "HTTP/1.1 200 OK\r\n" + headers + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
  const Played played = play_in_steps({{kServer, response}}, 1460);
  ASSERT_EQ(played.transactions.size(), 1u);
  EXPECT_TRUE(played[0].truncated);
  EXPECT_EQ(played.counters.header_too_long, 1u);
  EXPECT_EQ(played[0].get(Buffer::FileData, kServer), "a");
  EXPECT_TRUE(played[0].get(Buffer::HttpHeader, kServer).starts_with("Host: h\r\nX-0: y\r\n"));
}

TEST(HttpHostile, ZerosInFrontOfAChunkSize) {
  for (const size_t zeros : {size_t{1}, size_t{62}, size_t{63}, size_t{64}, size_t{500}}) {
    const Played played = play({{kClient, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" +
                                              std::string(zeros, '0') +
                                              "5\r\nhello\r\n0\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"}});
    ASSERT_EQ(played.transactions.size(), 2u) << zeros;
    EXPECT_EQ(played[0].get(Buffer::HttpRequestBody, kClient), "hello");
    EXPECT_EQ(played[1].get(Buffer::HttpUri, kClient), "/2");
  }
}

// No server reads on as a body what is no chunk: behind it may be a request.
TEST(HttpHostile, ARequestWhoseChunksAreNoneEndsThere) {
  const Played played = play({{kClient,
                               "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "GET /2 HTTP/1.1\r\n\r\n"}});
  ASSERT_EQ(played.transactions.size(), 2u);
  EXPECT_TRUE(played[0].truncated);
  EXPECT_EQ(played[1].get(Buffer::HttpUri, kClient), "/2");
}

TEST(HttpHostile, AChunkLargerThanAnyBrowserTakesIsARequestsBody) {
  const Played played = play({{kClient,
                               "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "fffffffff\r\nabc"}});
  EXPECT_EQ(played[0].get(Buffer::HttpRequestBody, kClient), "abc");
}

// Names of one hash are made at will, since CRC is linear: what is added to one and
// has a remainder of 0 changes nothing. Only a few are compared with one another.
std::vector<std::string> names_of_one_hash(size_t count) {
  uint32_t state = _mm_crc32_u8(0, 1);
  uint8_t added[5] = {1};
  for (int i = 1; i < 5; ++i, state >>= 8) added[i] = static_cast<uint8_t>(state);
  const auto plain = [](int c) { return c > ' ' && c < 0x7f && c != ':' && (c < 'A' || c > 'Z'); };
  std::string base(40, ' ');
  for (size_t i = 0; i < base.size(); ++i) {
    int c = '!';
    while (c < 256 && !(plain(c) && (plain(c ^ added[i % 5]) || (c ^ added[i % 5]) > 0x7f))) ++c;
    base[i] = static_cast<char>(c);
  }
  std::vector<std::string> names;
  for (size_t n = 0; n < count; ++n) {
    names.push_back(base);
    for (size_t i = 0; i < base.size(); ++i) {
      if ((n >> i / 5 & 1) != 0) names.back()[i] = static_cast<char>(base[i] ^ added[i % 5]);
    }
  }
  return names;
}

TEST(HttpHostile, NamesOfOneHashAreLittleWork) {
  for (const size_t count : {size_t{10}, size_t{200}}) {
    const std::vector<std::string> names = names_of_one_hash(count);
    std::string block;
    for (const std::string& name : names) block += name + ": v\r\n";
    block += names[0] + ": w\r\n\r\n";
    http::Framing framing;
    http::HeaderTable table;
    EXPECT_TRUE(table.read(http::bytes(block), http::LineEnds::Lf, framing));
    ASSERT_EQ(table.size(), count + 1);
    EXPECT_EQ(table[count].first, count > http::HeaderTable::kMaxStrangers)
        << "a field of its own where others would have to be compared with";
  }
}

TEST(HttpHostile, OneFieldBeyondTheLimit) {
  const std::string request =
      "POST / HTTP/1.1\r\nX: " + std::string(150000, 'x') + "\r\nContent-Length: 2\r\n\r\nab";
  const Played played = play_in_steps({{kClient, request}}, 1460);
  EXPECT_TRUE(played[0].truncated);
  EXPECT_EQ(played[0].get(Buffer::HttpRequestBody, kClient), "ab");
}

TEST(HttpHostile, MoreFieldsThanATableHolds) {
  std::string request = "POST / HTTP/1.1\r\n";
  for (int i = 0; i < 2000; ++i) request += "a:" + std::to_string(i) + "\r\n";
  const Played played = play({{kClient, request + "Content-Length: 2\r\n\r\nab"}});
  EXPECT_TRUE(played[0].truncated);
  EXPECT_EQ(played[0].get(Buffer::HttpRequestBody, kClient), "ab");
}

// What has been searched is not searched again: bytes that come one at a time
// take about as long as bytes that come at once.
TEST(HttpHostile, TinySegmentsAreNotQuadratic) {
  const std::string long_one(60000, 'x'), blanks(60000, ' ');
  const std::pair<Direction, std::string> streams[] = {
      {kClient, "GET / HTTP/1.1\r\nX: " + long_one + "\r\n\r\n"},
      {kClient, "GET /" + long_one + " HTTP/1.1\r\n\r\n"},
      {kClient, blanks + "\r\n"},
      {kServer, blanks + "\r\n"},
      {kServer, "HTTP/1.1 200 " + long_one + "\r\n\r\n"},
      {kServer, long_one},
      {kServer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + blanks},
      {kServer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + long_one},
      {kServer, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + long_one}};
  for (const auto& [from, bytes] : streams) {
    Arena arena(1 << 20, false);
    HttpLane lane{arena, {}, {}};
    Quiet quiet;
    HttpParser parser(lane);
    const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
    const auto begin = std::chrono::steady_clock::now();
    size_t consumed = 0;
    for (size_t n = 1; n <= bytes.size(); ++n) {
      consumed += parser.consume(from, {data + consumed, n - consumed}, false, quiet).bytes;
    }
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    // Quadratic, it is 1.8e9 bytes to look at.
    EXPECT_LT(taken.count(), 0.5) << bytes.substr(0, 60);
    parser.end(quiet);
  }
}

TEST(HttpHostile, WithoutMemoryTheFlowIsGivenUp) {
  Arena arena(1, false);
  std::vector<void*> hogs;
  for (size_t size = 512 * 1024; size > 0; size /= 2) {
    while (void* hog = arena.allocate(size)) hogs.push_back(hog);
  }
  const std::pair<Direction, std::string> beginnings[] = {
      {kClient, "GET / HTTP/1.1\r\n\r\n"},
      {kClient, "GET /" + std::string(70000, 'x')},
      {kServer, "HTTP/1.1 200 OK\r\n\r\nbody"},
      {kServer, "neither status line nor headers\r\nbut text"},
      {kServer, std::string(1000, 'x')}};
  for (const auto& [from, bytes] : beginnings) {
    SCOPED_TRACE(bytes.substr(0, 40));
    HttpLane lane{arena, {}, {}};
    Recorder recorder;
    HttpParser parser(lane);
    const std::vector<uint8_t> shown(bytes.begin(),
                                     bytes.begin() + std::min<ptrdiff_t>(65536, std::ssize(bytes)));
    const Consumed consumed = parser.consume(from, shown, false, recorder);
    EXPECT_TRUE(consumed.finished);
    EXPECT_EQ(consumed.bytes, shown.size());
    EXPECT_TRUE(parser.consume(opposite(from), {}, false, recorder).finished);
    EXPECT_EQ(lane.counters.given_up, 1u);
    EXPECT_EQ(lane.counters.no_memory, 1u);
    parser.end(recorder);
    EXPECT_TRUE(recorder.transactions.empty());
  }
  for (void* hog : hogs) arena_free(hog);
}

// However little memory there is, what is shown is right and nothing is left.
TEST(HttpHostile, AnyAmountOfMemory) {
  const std::string talk[2] = {
      "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /y HTTP/1.1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nX: y\r\n\r\nrest"};
  for (size_t left = 64; left < 40000; left += 128) {
    Arena arena(1, false);
    HttpLane lane{arena, {}, {}};
    Recorder recorder;
    std::vector<void*> hogs;
    while (arena.capacity() - arena.in_use() > left) {
      void* hog = nullptr;
      for (size_t size = 512 * 1024; size >= 32 && hog == nullptr; size /= 2) {
        if (size + 16 <= arena.capacity() - arena.in_use() - left) hog = arena.allocate(size - 16);
      }
      if (hog == nullptr) break;
      hogs.push_back(hog);
    }
    const size_t before = arena.in_use();
    {
      HttpParser parser(lane);
      for (const Direction from : {kClient, kServer}) {
        const std::string& bytes = talk[static_cast<size_t>(from)];
        (void)parser.consume(from, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()},
                             true, recorder);
      }
      parser.end(recorder);
    }
    EXPECT_EQ(arena.in_use(), before);
    for (void* hog : hogs) arena_free(hog);
  }
}

// Scraps of HTTP in any order: whole and in pieces they show the same, and the
// recorder's and the sanitizers' eyes are on it.
TEST(HttpHostile, ScrapsInAnyOrder) {
  const std::vector<std::string> scraps = {"GET / HTTP/1.1\r\n",
                                           "POST /a%2e HTTP/1.0\n",
                                           "CONNECT x:1 HTTP/1.1\r\n",
                                           "HEAD /\r\n",
                                           "HTTP/1.1 200 OK\r\n",
                                           "HTTP/1.1 304 x\r\n",
                                           "HTTP/1.1 100 \r\n",
                                           "HTTP/1.1 101 \r\n",
                                           "Content-Length: 5\r\n",
                                           "Content-Length: 70000\r\n",
                                           "Transfer-Encoding: chunked\r\n",
                                           "Content-Encoding: gzip\r\n",
                                           " folded\r\n",
                                           "\t: x\n",
                                           "\r\n",
                                           "\r\n\r\n",
                                           "\r",
                                           "\n",
                                           "\n\r",
                                           "5\r\nhello\r\n",
                                           "0\r\n",
                                           "0\r\n\r\n",
                                           "ffffffff\r\n",
                                           "\x1f\x8b\x08\x00",
                                           "hello",
                                           std::string(300, 'z'),
                                           std::string(1, '\0'),
                                           "H",
                                           ":",
                                           " "};
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    Talk talk;
    for (int i = 0; i < 4; ++i) {
      std::string bytes;
      const size_t n = random() % 8;
      for (size_t j = 0; j < n; ++j) bytes += scraps[random() % scraps.size()];
      talk.push_back({random() % 2 == 0 ? kClient : kServer, bytes});
    }
    const Played whole = play_in_steps(talk, SIZE_MAX / 2);
    const Played cut = play_in_steps(talk, 1 + random() % 5);
    ASSERT_EQ(cut.transactions.size(), whole.transactions.size()) << "round " << round;
    for (const auto& [number, seen] : whole.transactions) {
      ASSERT_EQ(cut[number].buffers, seen.buffers) << "round " << round;
    }
    if (testing::Test::HasFailure()) FAIL() << "round " << round;
  }
}

}  // namespace
