// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/http_request.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

namespace sluice {
namespace {

struct Row {
  const char* name;
  std::string payload;
  const char *method, *url, *host, *agent;
  bool complete;
};

class HttpRequestTest : public ::testing::TestWithParam<Row> {};

INSTANTIATE_TEST_SUITE_P(
    Requests, HttpRequestTest,
    ::testing::Values(
        Row{"Plain", "GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nUser-Agent: curl/8.0\r\n\r\n",
            "GET", "/a?b=c", "example.com", "curl/8.0", true},
        Row{"Port", "GET / HTTP/1.1\r\nhost:example.com:8080 \r\n\r\n", "GET", "/", "example.com",
            "", true},
        Row{"Ipv6Literal", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", "GET", "/",
            "[2001:db8::1]", "", true},
        Row{"BareLineFeeds", "HEAD /x HTTP/1.0\nHost: a\nUser-Agent: b\n\n", "HEAD", "/x", "a", "b",
            true},
        Row{"AbsoluteForm", "GET http://example.org:81/path?q HTTP/1.1\r\n\r\n", "GET",
            "http://example.org:81/path?q", "example.org", "", true},
        Row{"HeaderBeatsTarget", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "GET", "http://a/",
            "b", "", true},
        Row{"UserInfo", "GET http://u:p@example.org/ HTTP/1.1\r\n\r\n", "GET",
            "http://u:p@example.org/", "example.org", "", true},
        Row{"Connect", "CONNECT example.net:443 HTTP/1.1\r\n\r\n", "CONNECT", "example.net:443",
            "example.net", "", true},
        Row{"FirstHostCounts", "GET / HTTP/1.1\r\nHost: one\r\nHost: two\r\n\r\n", "GET", "/",
            "one", "", true},
        Row{"CutInAHeader", "GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: cu", "GET", "/",
            "example.com", "", false},
        Row{"CutInTheHost", "GET / HTTP/1.1\r\nHost: examp", "GET", "/", "", "", false},
        Row{"CutInTheTarget", "GET /very/long", "GET", "/very/long", "", "", false},
        Row{"BodyIsNoHeader", "POST /f HTTP/1.1\r\nA: b\r\n\r\nHost: evil\r\n", "POST", "/f", "",
            "", true},
        Row{"SpacesInTheTarget", "GET /a b HTTP/1.1\r\nHost: c\r\n\r\n", "GET", "/a b", "c", "",
            true},
        Row{"HeaderWithoutColon", "GET / HTTP/1.1\r\nnonsense\r\nHost: c\r\n\r\n", "GET", "/", "c",
            "", true}),
    [](const auto& info) { return info.param.name; });

TEST_P(HttpRequestTest, ReadsLineAndHeaders) {
  const Row& row = GetParam();
  HttpRequest request;
  ASSERT_TRUE(parse_http_request(row.payload, request));
  EXPECT_EQ(request.method, row.method);
  EXPECT_EQ(request.url, row.url);
  EXPECT_EQ(request.host, row.host);
  EXPECT_EQ(request.agent, row.agent);
  EXPECT_EQ(request.complete, row.complete);
}

// Each in a heap buffer of its exact length: a sanitizer sees overreads.
TEST_P(HttpRequestTest, StaysWithinEveryPrefix) {
  const std::string& payload = GetParam().payload;
  for (size_t length = 0; length <= payload.size(); ++length) {
    const std::string prefix = payload.substr(0, length);
    HttpRequest request;
    const auto exact = std::make_unique<char[]>(length);
    std::copy(prefix.begin(), prefix.end(), exact.get());
    const std::string_view view(exact.get(), length);
    if (!parse_http_request(view, request)) continue;
    for (std::string_view field : {request.method, request.url, request.host, request.agent}) {
      if (field.empty()) continue;
      EXPECT_GE(field.data(), view.data());
      EXPECT_LE(field.data() + field.size(), view.data() + view.size());
    }
  }
}

TEST(HttpRequest, LeavesOtherProtocolsAlone) {
  HttpRequest request;
  for (const char* payload :
       {"", "GET", "GET ", "HTTP/1.1 200 OK\r\n\r\n",
        "OPTIONS rtsp://a RTSP/1.0\r\nCSeq: 1\r\n\r\n", "REGISTER sip:a SIP/2.0\r\n\r\n",
        "get / HTTP/1.1\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "XYZZY / HTTP/1.1\r\n\r\n",
        "GET /\r\n\r\n"}) {
    EXPECT_FALSE(parse_http_request(payload, request)) << payload;
  }
}

}  // namespace
}  // namespace sluice
