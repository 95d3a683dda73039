// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Content codings: what servers send, what they send wrongly, and bombs.
#include <zlib.h>

#include "tests/unit/stages/dpi_http/http_conversation.h"

using namespace sluice;
using namespace sluice::http_test;

namespace {

enum Format { kRaw = -15, kZlib = 15, kGzip = 31 };

std::string deflated(const std::string& plain, Format format, int level = 6) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, level, Z_DEFLATED, format, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(compressBound(plain.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string sentence(size_t size) {
  std::string out;
  for (size_t i = 0; out.size() < size; ++i) out += "line " + std::to_string(i * i) + " of text\n";
  out.resize(size);
  return out;
}

Played get(const std::string& coding, const std::string& body, const How& how = {}) {
  return play({{kClient, "GET / HTTP/1.1\r\n\r\n"},
               {kServer, "HTTP/1.1 200 OK\r\n" + coding + "\r\nContent-Length: " +
                             std::to_string(body.size()) + "\r\n\r\n" + body}},
              how);
}

std::string decoded(const std::string& coding, const std::string& body) {
  return get(coding, body)[0].get(Buffer::FileData, kServer);
}

TEST(HttpDecoder, CodingsWhateverTheyAreCalled) {
  const std::string plain = sentence(5000);
  for (const char* name : {"gzip", "x-gzip", "GZip", "deflate", "deflate,", ", deflate", "xdeflate",
                           "identity, gzip", "gzip\r\n ", "gz\0ip"}) {
    for (const Format format : {kRaw, kZlib, kGzip}) {
      SCOPED_TRACE(std::string(name) + " " + std::to_string(format));
      EXPECT_EQ(decoded("Content-Encoding: " + std::string(name), deflated(plain, format)),
                std::string_view(name) == "gz" ? deflated(plain, format) : plain);
    }
  }
  EXPECT_EQ(decoded("Transfer-Encoding: gzip", deflated(plain, kGzip)), plain);
  const Played played = get("Content-Encoding: gzip", deflated(plain, kGzip));
  EXPECT_TRUE(played[0].response_decoded);
  EXPECT_EQ(played[0].on_wire[1], deflated(plain, kGzip).size());
  EXPECT_EQ(played[0].decoded[1], 5000u);
  EXPECT_EQ(played.counters.decode_errors, 0u);
}

TEST(HttpDecoder, InsideChunks) {
  const std::string plain = sentence(3000), body = deflated(plain, kGzip);
  std::string chunks;
  for (size_t at = 0; at < body.size(); at += 10) {
    const std::string piece = body.substr(at, 10);
    char size[8];
    (void)snprintf(size, sizeof(size), "%zx", piece.size());
    chunks += size + ("\r\n" + piece) + "\r\n";
  }
  const Played played =
      play({{kClient, "GET / HTTP/1.1\r\n\r\n"},
            {kServer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + chunks +
                          "0\r\n\r\n"}});
  EXPECT_EQ(played[0].get(Buffer::FileData, kServer), plain);
}

TEST(HttpDecoder, TwoCodings) {
  const std::string plain = sentence(60000);
  EXPECT_EQ(decoded("Content-Encoding: gzip, deflate", deflated(deflated(plain, kGzip), kRaw)),
            plain);
  EXPECT_EQ(decoded("Content-Encoding: deflate\r\nContent-Encoding: gzip",
                    deflated(deflated(plain, kZlib), kGzip)),
            plain);
  // One is said and none is there.
  EXPECT_EQ(decoded("Content-Encoding: gzip, gzip", plain), plain);
}

TEST(HttpDecoder, ABodyLargerThanItsWindow) {
  const std::string plain = sentence(100000);
  const Played played = get("Content-Encoding: gzip", deflated(plain, kGzip));
  EXPECT_EQ(played[0].get(Buffer::FileData, kServer), plain);
  EXPECT_LT(played.largest_view, 32768u);
}

TEST(HttpDecoder, GzipHeadersWithAllTheirFields) {
  const std::string plain = sentence(500), raw = deflated(plain, kRaw);
  const auto gzip = [&](char flags, const std::string& fields) {
    return std::string("\x1f\x8b\x08") + flags + std::string("\0\0\0\0\0\x03", 6) + fields + raw +
           "trailer!";
  };
  EXPECT_EQ(decoded("Content-Encoding: gzip", gzip(8, std::string("name\0", 5))), plain);
  EXPECT_EQ(decoded("Content-Encoding: gzip", gzip(16, std::string("comment\0", 8))), plain);
  EXPECT_EQ(decoded("Content-Encoding: gzip", gzip(4, std::string("\3\0abc", 5))), plain);
  EXPECT_EQ(decoded("Content-Encoding: gzip", gzip(2, "hc")), plain);
  EXPECT_EQ(decoded("Content-Encoding: gzip",
                    gzip(30, std::string("\1\0x", 3) + std::string("n\0c\0", 4) + "hc")),
            plain);
  // Said, but not there.
  EXPECT_EQ(decoded("Content-Encoding: gzip", gzip(2, "")), plain);
}

TEST(HttpDecoder, SeveralGzipMembers) {
  const std::string body = deflated("first ", kGzip) + deflated("second", kGzip);
  EXPECT_EQ(decoded("Content-Encoding: gzip", body), "first second");
  EXPECT_EQ(decoded("Content-Encoding: gzip", deflated("only", kGzip) + "and junk"), "only");
}

TEST(HttpDecoder, WhatIsNotCompressedIsShownAsItIs) {
  for (const std::string plain :
       {"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "<html><body>hello</body></html>", "{\"json\": 1}",
        "x", "ab", "PK\x03\x04zip", "\x1f\x8b", "\x1f\x8b\x08 and then nothing of the kind"}) {
    for (const char* coding : {"gzip", "deflate"}) {
      const std::string shown = decoded("Content-Encoding: " + std::string(coding), plain);
      EXPECT_TRUE(shown.ends_with(plain)) << shown << " of " << plain;
    }
  }
  EXPECT_EQ(get("Content-Encoding: gzip", "plain text")[0].response_decoded, false);
  EXPECT_EQ(get("Content-Encoding: gzip", "plain text").counters.decode_errors, 1u);
}

TEST(HttpDecoder, ABrokenStreamIsShownAsFarAsItGoes) {
  const std::string plain = sentence(20000);
  std::string body = deflated(plain, kGzip);
  body.resize(body.size() / 2);
  const std::string half = decoded("Content-Encoding: gzip", body);
  EXPECT_GT(half.size(), 4000u);
  EXPECT_EQ(half, plain.substr(0, half.size()));
  body += std::string(200, '\xff');
  EXPECT_TRUE(decoded("Content-Encoding: gzip", body).starts_with(half));
}

TEST(HttpDecoder, ABombIsStopped) {
  How how;
  how.settings.response_body_limit = 64u << 20;
  how.settings.inflate_limit = 100000;
  how.settings.inflate_ratio = 100;
  const std::string body = deflated(std::string(4u << 20, 'b'), kGzip, 9);
  const Played played =
      play_in_steps({{kClient, "GET / HTTP/1.1\r\n\r\n"},
                     {kServer, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " +
                                   std::to_string(body.size()) + "\r\n\r\n" + body}},
                    1460, how);
  EXPECT_EQ(played.counters.bombs, 1u);
  EXPECT_TRUE(played[0].truncated);
  EXPECT_LT(played[0].decoded[1], 400000u);
  // And one inside another, whose outside alone is large.
  const std::string nested = deflated(body, kGzip, 9);
  const Played twice =
      play_in_steps({{kClient, "GET / HTTP/1.1\r\n\r\n"},
                     {kServer, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\n" + nested}},
                    1460, how);
  EXPECT_EQ(twice.counters.bombs, 1u);
}

// The inner stream is over at once; what the outer one goes on to give is nobody's.
TEST(HttpDecoder, BehindTheInnerStreamTheOuterOneIsNotInflated) {
  const std::string inner = deflated("hello", kGzip) + std::string(4u << 20, '\0');
  const std::string body = deflated(inner, kGzip, 9);
  Arena arena(1u << 20, false);
  HttpLane lane{arena, {}, {}};
  Recorder recorder;
  HttpParser parser(lane);
  const auto say = [&](Direction from, std::string_view what) {
    parser.consume(from, {reinterpret_cast<const uint8_t*>(what.data()), what.size()}, false,
                   recorder);
  };
  say(kClient, "GET / HTTP/1.1\r\n\r\n");
  say(kServer, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\n");
  const size_t both = arena.in_use();
  say(kServer, body.substr(0, 1000));
  EXPECT_LT(arena.in_use(), both) << "the outer decoder is gone";
  say(kServer, body.substr(1000));
  EXPECT_EQ(recorder.transactions[0].get(Buffer::FileData, kServer), "hello");
  EXPECT_EQ(lane.counters.bombs, 0u);
}

// Streams of nothing, one behind the other: no byte of the body comes of them.
TEST(HttpDecoder, AllCodingsTogetherHaveABound) {
  std::string inner;
  while (inner.size() < (4u << 20)) inner += deflated("", kGzip);
  const Played played = play_in_steps(
      {{kClient, "GET / HTTP/1.1\r\n\r\n"},
       {kServer, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\n" +
                     deflated(inner, kGzip, 9)}},
      1460);
  EXPECT_EQ(played.counters.bombs, 1u);
  EXPECT_TRUE(played[0].truncated);
}

TEST(HttpDecoder, WithoutMemoryTheBodyIsGivenUpAndTheNextResponseRead) {
  // One block of the arena is the transactions'; the decoder finds no room.
  How how;
  how.arena_bytes = 1;
  Arena arena(how.arena_bytes, false);
  HttpLane lane{arena, {}, {}};
  Recorder recorder;
  std::vector<void*> hogs;
  while (void* hog = arena.allocate(http::Decoder::kBlock)) hogs.push_back(hog);
  arena_free(hogs.back());
  hogs.pop_back();
  {
    HttpParser parser(lane);
    const auto say = [&](Direction from, const std::string& what) {
      EXPECT_FALSE(parser
                       .consume(from, {reinterpret_cast<const uint8_t*>(what.data()), what.size()},
                                false, recorder)
                       .finished);
    };
    say(kClient, "GET / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
    const std::string body = deflated("hello", kGzip);
    say(kServer, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\n\r\n" + body);
    EXPECT_TRUE(recorder.transactions[0].truncated);
    EXPECT_FALSE(recorder.transactions[0].has(Buffer::FileData, kServer));
    say(kServer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    EXPECT_EQ(recorder.transactions[1].get(Buffer::FileData, kServer), "ok");
    EXPECT_EQ(lane.counters.no_memory, 1u);
  }
  for (void* hog : hogs) arena_free(hog);
  EXPECT_EQ(arena.in_use(), 0u);
}

}  // namespace
