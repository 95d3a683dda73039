// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What each buffer holds, for requests and responses well and badly made.
#include "tests/unit/stages/dpi_http/http_conversation.h"

using namespace sluice;
using namespace sluice::http_test;

namespace {

struct Row {
  const char* says;
  Direction from;
  std::string message;
  std::vector<std::pair<Buffer, std::string>> expected;  // "(none)": not there
};

void PrintTo(const Row& row, std::ostream* os) {
  *os << row.says;
}

class HttpBuffers : public testing::TestWithParam<Row> {};

TEST_P(HttpBuffers, Hold) {
  const Row& row = GetParam();
  Talk talk{{row.from, row.message}};
  const Played played = play(talk);
  ASSERT_EQ(played.transactions.size(), 1u);
  for (const auto& [buffer, value] : row.expected) {
    EXPECT_EQ(played[0].get(buffer, row.from), value)
        << row.says << ", buffer " << static_cast<int>(buffer);
  }
}

const std::string kNul(1, '\0');

const Row kRequests[] = {
    {"a plain request",
     kClient,
     "GET /a%20b?q=%20+ HTTP/1.1\r\nHost: WWW.Example.COM:8080\r\nUser-Agent: x y\r\n"
     "Referer: http://r/\r\nAccept: */*\r\nAccept-Language: de\r\nAccept-Encoding: gzip\r\n"
     "Connection: close\r\nCookie: a=b\r\nContent-Type: text/plain\r\n\r\n",
     {{Buffer::HttpMethod, "GET"},
      {Buffer::HttpUri, "/a b?q=%20+"},
      {Buffer::HttpUriRaw, "/a%20b?q=%20+"},
      {Buffer::HttpProtocol, "HTTP/1.1"},
      {Buffer::HttpRequestLine, "GET /a%20b?q=%20+ HTTP/1.1"},
      {Buffer::HttpHost, "www.example.com"},
      {Buffer::HttpHostRaw, "WWW.Example.COM:8080"},
      {Buffer::HttpUserAgent, "x y"},
      {Buffer::HttpReferer, "http://r/"},
      {Buffer::HttpAccept, "*/*"},
      {Buffer::HttpAcceptLanguage, "de"},
      {Buffer::HttpAcceptEncoding, "gzip"},
      {Buffer::HttpConnection, "close"},
      {Buffer::HttpContentType, "text/plain"},
      {Buffer::HttpContentLength, "(none)"},
      {Buffer::HttpCookie, "a=b"},
      {Buffer::HttpHeader,
       "Host: WWW.Example.COM:8080\r\nUser-Agent: x y\r\nReferer: http://r/\r\nAccept: */*\r\n"
       "Accept-Language: de\r\nAccept-Encoding: gzip\r\nConnection: close\r\n"
       "Content-Type: text/plain\r\n"},
      {Buffer::HttpHeaderNames,
       "\r\nHost\r\nUser-Agent\r\nReferer\r\nAccept\r\nAccept-Language\r\nAccept-Encoding\r\n"
       "Connection\r\nCookie\r\nContent-Type\r\n\r\n"},
      {Buffer::HttpRequestBody, "(none)"},
      {Buffer::FileData, "(none)"}}},
    {"the first line and headers together, cookies among them",
     kClient,
     "GET / HTTP/1.1\r\nA:1\r\nCookie: c\r\nB:  2  \r\n\r\n",
     {{Buffer::HttpStart, "GET / HTTP/1.1\r\nA: 1\r\nCookie: c\r\nB: 2\r\n\r\n"},
      {Buffer::HttpHeader, "A: 1\r\nB: 2\r\n"},
      {Buffer::HttpHeaderRaw, "A:1\r\nCookie: c\r\nB:  2  \r\n\r\n"},
      {Buffer::HttpHeaderField, "A: 1"}}},
    {"names that come again are joined at their first place",
     kClient,
     "GET / HTTP/1.1\r\nX: 1\r\nY: 2\r\nx: 3\r\nCookie: a\r\nX:\r\nCookie: b\r\n\r\n",
     {{Buffer::HttpHeader, "X: 1, 3, \r\nY: 2\r\n"},
      {Buffer::HttpCookie, "a, b"},
      {Buffer::HttpHeaderNames, "\r\nX\r\nY\r\nCookie\r\n\r\n"}}},
    {"folded lines belong to the one before",
     kClient,
     "GET / HTTP/1.1\r\nX: 1\r\n 2\r\n\t3 \r\nHost: a\r\n .b\r\n\r\n",
     {{Buffer::HttpHeader, "X: 1 2\t3\r\nHost: a .b\r\n"}}},
    {"LF alone ends lines",
     kClient,
     "GET / HTTP/1.1\nHost: h\nX: y\n\n",
     {{Buffer::HttpHeader, "Host: h\r\nX: y\r\n"}, {Buffer::HttpHost, "h"}}},
    {"CR alone does not end a request's lines",
     kClient,
     "GET / HTTP/1.1\r\nX: a\rHost: b\r\n\r\n",
     {{Buffer::HttpHeader, "X: a\rHost: b\r\n"}, {Buffer::HttpHost, "(none)"}}},
    {"blanks before the colon, names without one",
     kClient,
     "GET / HTTP/1.1\r\nHost : h\r\nno colon here\r\n: nameless\r\n\r\n",
     {{Buffer::HttpHeader, "Host: h\r\n: no colon here, nameless\r\n"}, {Buffer::HttpHost, "h"}}},
    {"NUL bytes in names and values",
     kClient,
     "GET / HTTP/1.1\r\nUser-" + kNul + "Agent: a" + kNul + "b\r\n\r\n",
     {{Buffer::HttpUserAgent, "a" + kNul + "b"},
      {Buffer::HttpHeader, "User-" + kNul + "Agent: a" + kNul + "b\r\n"}}},
    {"empty lines before a request are passed over",
     kClient,
     "\r\n\n \r\nGET /x HTTP/1.0\r\n\r\n",
     {{Buffer::HttpRequestLine, "GET /x HTTP/1.0"},
      {Buffer::HttpUri, "/x"},
      {Buffer::HttpHeader, "(none)"},
      {Buffer::HttpHeaderNames, "(none)"},
      {Buffer::HttpStart, "GET /x HTTP/1.0\r\n"}}},
    {"blanks around and inside the target",
     kClient,
     "  GET \t /a b  HTTP/1.1 \r\n\r\n",
     {{Buffer::HttpMethod, "GET"},
      {Buffer::HttpUriRaw, "/a b"},
      {Buffer::HttpUri, "/a b"},
      {Buffer::HttpProtocol, "HTTP/1.1"}}},
    {"an absolute target names the host",
     kClient,
     "GET http://user:pass@Proxy.Example:81/p?q HTTP/1.1\r\nHost: other\r\n\r\n",
     {{Buffer::HttpUri, "/p?q"},
      {Buffer::HttpUriRaw, "http://user:pass@Proxy.Example:81/p?q"},
      {Buffer::HttpHost, "proxy.example"},
      {Buffer::HttpHostRaw, "Proxy.Example"},
      {Buffer::HttpHeader, "Host: other\r\n"}}},
    {"CONNECT names a host and no path",
     kClient,
     "CONNECT Example.com:443 HTTP/1.1\r\n\r\n",
     {{Buffer::HttpMethod, "CONNECT"},
      {Buffer::HttpHost, "example.com"},
      {Buffer::HttpUri, ""},
      {Buffer::HttpUriRaw, "Example.com:443"}}},
    {"an IPv6 host",
     kClient,
     "GET / HTTP/1.1\r\nHost: [2001:DB8::1]:80\r\n\r\n",
     {{Buffer::HttpHost, "[2001:db8::1]"}, {Buffer::HttpHostRaw, "[2001:DB8::1]:80"}}},
    {"no protocol, but headers",
     kClient,
     "GET /gen.php?a=1\r\nHost: 5.8.88.25\r\nUser-Agent:M\r\n\r\n",
     {{Buffer::HttpUri, "/gen.php?a=1"},
      {Buffer::HttpProtocol, "(none)"},
      {Buffer::HttpHeaderNames, "\r\nHost\r\nUser-Agent\r\n\r\n"}}},
    {"HTTP/0.9",
     kClient,
     "GET /simple\r\n",
     {{Buffer::HttpUri, "/simple"}, {Buffer::HttpHeader, "(none)"}, {Buffer::HttpStart, "(none)"}}},
    {"a method nobody knows",
     kClient,
     "X-FETCH /y HTTP/1.1\r\nHost: h\r\n\r\n",
     {{Buffer::HttpMethod, "X-FETCH"}, {Buffer::HttpUri, "/y"}}},
    {"a request cut in its headers is read as far as it goes",
     kClient,
     "GET /cut HTTP/1.1\r\nHost: h\r\nUser-Agent: half of i",
     {{Buffer::HttpUri, "/cut"}, {Buffer::HttpHost, "h"}, {Buffer::HttpUserAgent, "half of i"}}},
    {"a request cut in its first line too",
     kClient,
     "GET /cut HTTP/1",
     {{Buffer::HttpUri, "/cut"}, {Buffer::HttpProtocol, "HTTP/1"}}},
    {"a body of known length, shown as a file where one is sent",
     kClient,
     "POST /f HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
     {{Buffer::HttpRequestBody, "hello"},
      {Buffer::FileData, "hello"},
      {Buffer::HttpContentLength, "5"}}},
    {"a body of a method that sends no file",
     kClient,
     "REPORT /f HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
     {{Buffer::HttpRequestBody, "hello"}, {Buffer::FileData, "(none)"}}},
    {"a chunked request",
     kClient,
     "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n"
     "Trailer: t\r\n\r\n",
     {{Buffer::HttpRequestBody, "abcde"}}},
};
INSTANTIATE_TEST_SUITE_P(Requests, HttpBuffers, testing::ValuesIn(kRequests));

const Row kResponses[] = {
    {"a plain response",
     kServer,
     "HTTP/1.1 404 Not Found\r\nServer: s\r\nLocation: /l\r\nSet-Cookie: a=1\r\n"
     "Content-Type: text/html; x\r\nConnection: close\r\nSet-Cookie: b=2\r\n"
     "Content-Length: 3\r\n\r\nabc",
     {{Buffer::HttpStatusLine, "HTTP/1.1 404 Not Found"},
      {Buffer::HttpProtocol, "HTTP/1.1"},
      {Buffer::HttpStatusCode, "404"},
      {Buffer::HttpStatusMessage, "Not Found"},
      {Buffer::HttpServer, "s"},
      {Buffer::HttpLocation, "/l"},
      {Buffer::HttpCookie, "a=1, b=2"},
      {Buffer::HttpContentType, "text/html; x"},
      {Buffer::HttpContentLength, "3"},
      {Buffer::HttpConnection, "close"},
      {Buffer::HttpHeader,
       "Server: s\r\nLocation: /l\r\nContent-Type: text/html; x\r\nConnection: close\r\n"
       "Content-Length: 3\r\n"},
      {Buffer::HttpStart,
       "HTTP/1.1 404 Not Found\r\nServer: s\r\nLocation: /l\r\nSet-Cookie: a=1, b=2\r\n"
       "Content-Type: text/html; x\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"},
      {Buffer::FileData, "abc"}}},
    {"no reason phrase",
     kServer,
     "HTTP/1.1 200\r\n\r\nx",
     {{Buffer::HttpStatusCode, "200"},
      {Buffer::HttpStatusMessage, "(none)"},
      {Buffer::FileData, "x"}}},
    {"blanks that the raw headers keep",
     kServer,
     "HTTP/1.1 200 OK\r\nServer:       Yx(yw)\r\n\r\n",
     {{Buffer::HttpHeaderRaw, "Server:       Yx(yw)\r\n\r\n"},
      {Buffer::HttpHeader, "Server: Yx(yw)\r\n"}}},
    {"CR alone and LF CR end a response's lines",
     kServer,
     "HTTP/1.1 200 ok\rA: 1\n\rB: 2\rContent-Length: 1\n\r\nxyz",
     {{Buffer::HttpStatusMessage, "ok"},
      {Buffer::HttpHeader, "A: 1\r\nB: 2\r\nContent-Length: 1\r\n"}}},
};
INSTANTIATE_TEST_SUITE_P(Responses, HttpBuffers,
                         testing::ValuesIn(std::vector<Row>(std::begin(kResponses),
                                                            std::end(kResponses) - 1)));

TEST(HttpBuffers, EachFieldIsABufferOfItsOwn) {
  const Played played =
      play({{kClient, "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\na: 2\r\nB: 3\r\n\r\n"}});
  EXPECT_EQ(played[0].fields[0], (std::vector<std::string>{"Host: h", "A: 1, 2", "B: 3"}));
}

TEST(HttpBuffers, LineEndsOfBrowsers) {
  const Row& row = kResponses[3];
  // What follows the body of known length is an answer nobody asked for.
  const Played played = play({{kServer, row.message}});
  for (const auto& [buffer, value] : row.expected) EXPECT_EQ(played[0].get(buffer, kServer), value);
  EXPECT_EQ(played[0].get(Buffer::FileData, kServer), "x");
  EXPECT_EQ(played[1].get(Buffer::FileData, kServer), "yz");
}

TEST(HttpBuffers, WhatNobodyWantsIsNotMade) {
  How how;
  how.settings.wanted = buffer_bit(Buffer::HttpUri);
  const Played played = play({{kClient, "POST /x HTTP/1.1\r\nContent-Length: 1\r\n\r\ny"}}, how);
  EXPECT_TRUE(played[0].has(Buffer::HttpUri, kClient));
  EXPECT_FALSE(played[0].has(Buffer::HttpHeaderRaw, kClient));
  EXPECT_FALSE(played[0].has(Buffer::HttpHeaderNames, kClient));
  EXPECT_FALSE(played[0].has(Buffer::HttpRequestBody, kClient));
  EXPECT_EQ(played[0].on_wire[0], 1u);
}

// Each buffer is the same whether others are asked for or not.
TEST(HttpBuffers, EachIsTheSameAlone) {
  const Talk talk = {{kClient,
                      "POST /a%20b?c HTTP/1.1\r\nHost: One.Example:81\r\nCookie: a=1\r\nX: y\r\n"
                      "User-Agent:  u \r\nCookie: b=2\r\nContent-Length: 1\r\n\r\nz"},
                     {kServer,
                      "HTTP/1.1 200 OK\r\nSet-Cookie: c\r\nServer: s\r\nLocation: /l\r\n"
                      "Content-Type: t\r\nContent-Length: 2\r\n\r\nok"}};
  const Played everything = play(talk);
  for (size_t b = 0; b < kBuffers; ++b) {
    const auto buffer = static_cast<Buffer>(b);
    How how;
    how.settings.wanted = buffer_bit(buffer);
    const Played alone = play(talk, how);
    for (const Direction of : {kClient, kServer}) {
      EXPECT_EQ(alone[0].get(buffer, of), everything[0].get(buffer, of)) << b;
    }
    if (buffer == Buffer::HttpHeaderField) {
      EXPECT_EQ(alone[0].fields[0], everything[0].fields[0]);
    }
  }
}

TEST(HttpBuffers, TheRequestIsThereUntilTheResponseIsRead) {
  const Played played = play({{kClient, "GET /u HTTP/1.1\r\nHost: h\r\n\r\n"},
                              {kServer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}});
  ASSERT_EQ(played.transactions.size(), 1u);
  const Seen& seen = played[0];
  EXPECT_EQ(seen.get(Buffer::HttpUri, kClient), "/u");
  EXPECT_EQ(seen.get(Buffer::HttpStatusCode, kServer), "200");
  EXPECT_EQ(seen.get(Buffer::FileData, kServer), "ok");
  EXPECT_EQ(seen.status, 200);
  EXPECT_EQ(seen.versions[0], 11);
  EXPECT_EQ(seen.versions[1], 11);
  EXPECT_TRUE(seen.sides_complete[0] && seen.sides_complete[1]);
  EXPECT_FALSE(seen.truncated);
}

}  // namespace
