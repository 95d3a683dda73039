// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Where messages begin and end, and which response answers which request.
#include "tests/unit/stages/dpi_http/http_conversation.h"

using namespace sluice;
using namespace sluice::http_test;

namespace {

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

std::string body_of(const std::string& response, const std::string& request = kGet) {
  const Played played = play({{kClient, request}, {kServer, response}});
  return played[0].get(Buffer::FileData, kServer);
}

struct Row {
  const char* says;
  std::string headers;
  std::string body;
  std::string expected;
};

const Row kBodies[] = {
    {"known length", "Content-Length: 5", "hello", "hello"},
    {"until the end", "X: y", "hello", "hello"},
    {"length with junk", "Content-Length: +5 bytes", "hello", "hello"},
    {"no number for a length", "Content-Length: many", "hello", "hello"},
    {"several lengths: the largest", "Content-Length: 2 5", "hello", "hello"},
    {"length zero", "Content-Length: 0", "", "(none)"},
    {"chunks", "Transfer-Encoding: chunked", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"},
    {"chunks go before a length", "Content-Length: 1\r\nTransfer-Encoding: chunked",
     "5\r\nhello\r\n0\r\n\r\n", "hello"},
    {"chunks with leading zeroes and capitals", "Transfer-Encoding: chunked",
     "000A\r\nhellohello\r\n0\r\n\r\n", "hellohello"},
    {"extensions and blanks", "Transfer-Encoding: chunked",
     "\t2 ;a=\"b\"\r\nhe\r\n\r\n 3\tx\nllo\n0\r\n\r\n", "hello"},
    {"what stands behind a chunk's data up to its line's end", "Transfer-Encoding: chunked",
     "2\r\nheXY\r\n3\r\nllo\r\n0\r\n\r\n", "hello"},
    {"chunks that never end", "Transfer-Encoding: chunked", "5\r\nhello\r\nff\r\nabc", "helloabc"},
    {"not chunked after all", "Transfer-Encoding: chunked", "X5O!P%@AP", "X5O!P%@AP"},
    {"not chunked any more", "Transfer-Encoding: chunked", "2\r\nhe\r\nxyz", "hexyz"},
    {"a size that is too large", "Transfer-Encoding: chunked", "fffffffff\r\nx", "fffffffff\r\nx"},
    {"a coding said strangely", "Transfer-Encoding: x-chUNKed", "1\r\na\r\n0\r\n\r\n", "a"},
    {"a coding folded", "Transfer-Encoding:\r\n \r\n chunked", "1\r\na\r\n0\r\n\r\n", "a"},
    {"a coding twice", "Transfer-Encoding: foo\r\nTransfer-Encoding: chunked",
     "1\r\na\r\n0\r\n\r\n", "a"},
    {"a name cut from its colon", "Transfer-Encoding\r\n :chunked", "1\r\na\r\n0\r\n\r\n", "a"},
    {"a field in a folded line", "X: y\r\n Transfer-Encoding: chunked", "1\r\na\r\n0\r\n\r\n", "a"},
    {"a blank before the colon", "Transfer-Encoding\v: chunked", "1\r\na\r\n0\r\n\r\n", "a"},
    {"two colons", "Transfer-Encoding:: chunked", "1\r\na\r\n0\r\n\r\n", "a"},
    {"CRs that end no headers", "\r\r\r\nTransfer-Encoding: chunked", "1\r\na\r\n0\r\n\r\n", "a"},
    {"a CR between lines", "X: y\rTransfer-Encoding: chunked", "1\r\na\r\n0\r\n\r\n", "a"},
};

TEST(HttpFraming, BodiesOfResponses) {
  for (const Row& row : kBodies) {
    SCOPED_TRACE(row.says);
    EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\n" + row.headers + "\r\n\r\n" + row.body), row.expected);
  }
}

TEST(HttpFraming, HeadersMayEndWithABlankLineOfOneBlank) {
  EXPECT_EQ(body_of("HTTP/1.1 200 ok\r\nContent-Length: 3\n \nabc"), "abc");
  EXPECT_EQ(body_of("HTTP/1.1 200 ok\r\nContent-Length: 3\n \n\nabc"), "abc");
  EXPECT_EQ(body_of("HTTP/1.1 200 ok\r\nContent-Length: 3\n\t\r\n\r\nabc"), "abc");
}

TEST(HttpFraming, ResponsesWithoutBody) {
  const std::string more = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nz";
  const auto second_is_read = [&](const std::string& request, const std::string& response) {
    const Played played = play({{kClient, request + kGet}, {kServer, response + more}});
    EXPECT_FALSE(played[0].has(Buffer::FileData, kServer));
    EXPECT_EQ(played[1].get(Buffer::FileData, kServer), "z");
    EXPECT_EQ(played.transactions.size(), 2u);
  };
  second_is_read("HEAD / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n");
  second_is_read(kGet, "HTTP/1.1 204 No Content\r\n\r\n");
  second_is_read(kGet, "HTTP/1.1 304 Not Modified\r\n\r\n");
  second_is_read(kGet, "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n");
  second_is_read(kGet, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST(HttpFraming, ABodyThatShouldNotBeThereIsReadAllTheSame) {
  EXPECT_EQ(body_of("HTTP/1.1 204 ok\r\nContent-Length: 3\r\n\r\nabc"), "abc");
  EXPECT_EQ(body_of("HTTP/1.1 304 ok\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
            "a");
}

TEST(HttpFraming, TheNextRequestEndsAResponseThatHasNoBody) {
  Arena arena(1 << 20, false);
  HttpLane lane{arena, {}, {}};
  Recorder recorder;
  HttpParser parser(lane);
  const auto say = [&](Direction from, std::string_view what) {
    const Consumed consumed = parser.consume(
        from, {reinterpret_cast<const uint8_t*>(what.data()), what.size()}, false, recorder);
    EXPECT_EQ(consumed.bytes, what.size());
  };
  say(kClient, kGet);
  say(kServer, "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n");
  EXPECT_FALSE(recorder.transactions[0].finished);
  say(kClient, kGet);
  EXPECT_TRUE(recorder.transactions[0].finished);
  say(kServer, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
  EXPECT_EQ(recorder.transactions[1].get(Buffer::FileData, kServer), "a");
}

TEST(HttpFraming, InterimResponsesDoNotCount) {
  const Played played =
      play({{kClient, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"},
            {kServer, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"},
            {kClient, "ab"},
            {kServer, "HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nc"}});
  ASSERT_EQ(played.transactions.size(), 1u);
  EXPECT_EQ(played[0].status, 201);
  EXPECT_EQ(played[0].get(Buffer::HttpRequestBody, kClient), "ab");
  EXPECT_EQ(played[0].get(Buffer::FileData, kServer), "c");
  EXPECT_EQ(played[0].get(Buffer::HttpHeader, kServer), "Content-Length: 1\r\n");
}

TEST(HttpFraming, ABodyBehindAnInterimResponseIsRead) {
  EXPECT_EQ(body_of("HTTP/1.1 100 ok\r\nContent-Length: 3\r\n\r\nabc"), "abc");
}

TEST(HttpFraming, PipelinedRequestsMeetTheirResponses) {
  std::string requests, responses;
  for (int i = 0; i < 10; ++i) {
    const std::string n = std::to_string(i);
    requests += i % 3 == 0 ? "POST /" + n + " HTTP/1.1\r\nContent-Length: 1\r\n\r\n" + n
                           : "GET /" + n + " HTTP/1.1\r\n\r\n";
    responses += i % 2 == 0 ? "HTTP/1.1 200 r" + n + "\r\nContent-Length: 1\r\n\r\n" + n
                            : "HTTP/1.1 200 r" + n + "\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n" +
                                  n + "\r\n0\r\n\r\n";
  }
  const Played played = play({{kClient, requests}, {kServer, responses}});
  ASSERT_EQ(played.transactions.size(), 10u);
  for (uint32_t i = 0; i < 10; ++i) {
    const std::string n = std::to_string(i);
    EXPECT_EQ(played[i].get(Buffer::HttpUri, kClient), "/" + n);
    EXPECT_EQ(played[i].get(Buffer::HttpStatusMessage, kServer), "r" + n);
    EXPECT_EQ(played[i].get(Buffer::FileData, kServer), n);
  }
}

TEST(HttpFraming, BeyondTheBoundTheOldestIsFinishedAndItsResponsePassedOver) {
  How how;
  how.settings.max_outstanding = 3;
  std::string requests, responses;
  for (const char* n : {"0", "1", "2", "3", "4"}) {
    requests += "GET /" + std::string(n) + " HTTP/1.1\r\n\r\n";
    responses += "HTTP/1.1 200 " + std::string(n) + "\r\nContent-Length: 1\r\n\r\n" + n;
  }
  const Played played = play({{kClient, requests}, {kServer, responses}}, how);
  EXPECT_EQ(played.counters.outstanding_full, 2u);
  ASSERT_EQ(played.transactions.size(), 5u);
  EXPECT_TRUE(played[0].truncated);
  EXPECT_EQ(played[0].status, 0);
  EXPECT_EQ(played[1].status, 0);
  EXPECT_EQ(played[2].get(Buffer::HttpStatusMessage, kServer), "2");
  EXPECT_EQ(played[4].get(Buffer::FileData, kServer), "4");
}

TEST(HttpFraming, ResponsesWithoutTheirRequest) {
  const Played played = play(
      {{kServer, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nHelloHTTP/1.0 200 OK\r\n\r\nWorld"}});
  ASSERT_EQ(played.transactions.size(), 2u);
  EXPECT_EQ(played[0].get(Buffer::FileData, kServer), "Hello");
  EXPECT_EQ(played[1].get(Buffer::FileData, kServer), "World");
  EXPECT_FALSE(played[0].has(Buffer::HttpUri, kClient));
}

TEST(HttpFraming, AResponseInProgressBelongsToTheRequestThatComesLate) {
  const Talk talk = {{kServer, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"},
                     {kClient, kGet},
                     {kServer, "cd"}};
  const Played played = play(talk);
  ASSERT_EQ(played.transactions.size(), 1u);
  EXPECT_EQ(played[0].get(Buffer::HttpUri, kClient), "/");
  EXPECT_EQ(played[0].get(Buffer::FileData, kServer), "abcd");
}

TEST(HttpFraming, ALineThatIsNoStatusLine) {
  EXPECT_EQ(body_of("just text\r\nand more"), "just text\r\nand more");
  EXPECT_EQ(body_of("no end of line"), "no end of line");
  EXPECT_EQ(body_of(std::string(70000, 'x')), std::string(70000, 'x'));
  const std::string blanks(300, ' ');
  EXPECT_EQ(body_of(blanks + "\r\nHTTP/1.1 200 ok\r\n\r\nabc"),
            blanks + "\r\nHTTP/1.1 200 ok\r\n\r\nabc");
  // Browsers pass over one that a status line follows.
  EXPECT_EQ(body_of("SIP/2.0 200 ok\r\nHTTP/1.1 200 ok\r\n\r\nabc"), "abc");
  EXPECT_EQ(body_of(" \t\r\r\nHTTP/1.1 200 ok\r\n\r\nabc"), "abc");
  EXPECT_EQ(body_of("\n\rHTTP/1.1 200 ok\r\n\r\nabc"), "abc");
}

TEST(HttpFraming, AnAnswerToASimpleRequest) {
  const Played played = play({{kClient, "GET /old\r\n"}, {kServer, "<html>"}});
  EXPECT_EQ(played[0].versions[0], 9);
  EXPECT_EQ(played[0].get(Buffer::FileData, kServer), "<html>");
  const Played modern = play(
      {{kClient, "GET /old\r\n"}, {kServer, "HTTP/1.1 400 Bad\r\nContent-Length: 1\r\n\r\nx"}});
  EXPECT_EQ(modern[0].get(Buffer::HttpStatusCode, kServer), "400");
  EXPECT_EQ(modern[0].get(Buffer::FileData, kServer), "x");
}

TEST(HttpFraming, ConnectEndsHttp) {
  How open;
  open.close = false;
  const Played played = play({{kClient, "CONNECT h:443 HTTP/1.1\r\n\r\n"},
                              {kServer, "HTTP/1.1 200 OK\r\nX: y\r\n\r\n"},
                              {kClient, "\x16\x03\x01 anything"},
                              {kServer, "HTTP/1.1 200 not ours\r\n\r\n"}},
                             open);
  ASSERT_EQ(played.transactions.size(), 1u);
  EXPECT_EQ(played[0].get(Buffer::HttpHeader, kServer), "X: y\r\n");
  EXPECT_TRUE(played.gone[0]);
  EXPECT_TRUE(played.gone[1]);
}

TEST(HttpFraming, ARefusedConnectIsFollowedByHttp) {
  const Played played = play({{kClient, "CONNECT h:443 HTTP/1.1\r\n\r\n"},
                              {kServer, "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"},
                              {kClient, kGet},
                              {kServer, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"}});
  ASSERT_EQ(played.transactions.size(), 2u);
  EXPECT_EQ(played[1].get(Buffer::FileData, kServer), "a");
}

TEST(HttpFraming, UpgradeEndsHttp) {
  How open;
  open.close = false;
  const Played played =
      play({{kClient, "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"},
            {kServer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"},
            {kClient, "GET /inside HTTP/1.1\r\n\r\n"},
            {kServer, "HTTP/1.1 200 inside\r\n\r\n"}},
           open);
  ASSERT_EQ(played.transactions.size(), 1u);
  EXPECT_EQ(played[0].status, 101);
  EXPECT_TRUE(played.gone[0]);
  EXPECT_TRUE(played.gone[1]);
}

TEST(HttpFraming, ARequestThatIsNoneEndsItsDirectionOnly) {
  How open;
  open.close = false;
  const Played played = play(
      {{kClient, "\x85\x01\x02\n"}, {kServer, "HTTP/1.1 400 Bad\r\nContent-Length: 1\r\n\r\nx"}},
      open);
  EXPECT_TRUE(played.gone[0]);
  EXPECT_FALSE(played.gone[1]);
  EXPECT_EQ(played[0].get(Buffer::HttpStatusLine, kServer), "HTTP/1.1 400 Bad");
  EXPECT_EQ(played.counters.given_up, 1u);
}

TEST(HttpFraming, ALengthThatIsNotReachedIsTruncated) {
  const Played played =
      play({{kClient, kGet}, {kServer, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"}});
  EXPECT_EQ(played[0].get(Buffer::FileData, kServer), "abc");
  EXPECT_TRUE(played[0].truncated);
}

TEST(HttpFraming, WithoutAnEndPendingTransactionsAreFinishedAllTheSame) {
  How how;
  how.close = false;
  const Played played =
      play({{kClient, kGet + kGet}, {kServer, "HTTP/1.1 200 OK\r\n\r\nsome"}}, how);
  ASSERT_EQ(played.transactions.size(), 2u);
  EXPECT_EQ(played[0].get(Buffer::FileData, kServer), "some");
  EXPECT_EQ(played[1].status, 0);
}

// A trailer, and a response right behind the last chunk.
TEST(HttpFraming, Trailers) {
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n";
  const std::string next = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb";
  for (const std::string trailer : {"\r\n", "T: 1\r\nU: 2\r\n\r\n", ""}) {
    const Played played = play({{kClient, kGet + kGet}, {kServer, chunked + trailer + next}});
    EXPECT_EQ(played[0].get(Buffer::FileData, kServer), "a");
    EXPECT_EQ(played[1].get(Buffer::FileData, kServer), "b");
  }
}

}  // namespace
