// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>

#include <string>

#include "stages/dpi/protocol/http_parser.h"

using namespace sluice;

namespace {

Recognition looks(Direction from, std::string_view bytes) {
  return HttpParser::looks_like(from,
                                {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

TEST(HttpRecognition, Requests) {
  using enum Recognition;
  struct Row {
    std::string bytes;
    Recognition expected;
  };
  const Row rows[] = {
      {"", NeedMore},
      {"G", NeedMore},
      {"GET", NeedMore},
      {"GET ", Yes},
      {"get /x", Yes},
      {"\r\nPOST /", Yes},
      {"CONNECT h:443 HTTP/1.1\r\n", Yes},
      {"OPTIONS ", NeedMore},
      {"OPTIONS * HTTP/1.1\r\n", Yes},
      {"OPTIONS rtsp://h/ RTSP/1.0\r\n", No},
      {"OPTIONS sip:u@h SIP/2.0\r\n", No},
      {"X-NEW /y HTTP/1.0\n", Yes},
      {"X-NEW /y HTTP/1.0", Yes},
      {"USER anonymous\r\n", No},
      {"EHLO mail.example\r\n", No},
      {"SSH-2.0-x\r\n", No},
      {"\x16\x03\x01", No},
      {"GET/ HTTP/1.1\r\n", No},
      {"HTTP/1.1 200 OK\r\n", No},
      {std::string(64, 'A'), NeedMore},
      {std::string(65, 'A'), No},
      {"OPTIONS /" + std::string(16'000, 'x'), NeedMore},
      {"OPTIONS /" + std::string(17'000, 'x'), Yes},
      {"M-SEARCH2 /" + std::string(1'000, 'x') + " HTTP/1.1", Yes},
      {std::string(100, '\n') + "GET /", Yes},
      {"SOMETHING " + std::string(300, 'x'), No},
      {"SOMETHING " + std::string(100, 'x'), NeedMore},
      {std::string(3, '\0'), No},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(looks(Direction::Original, row.bytes), row.expected) << row.bytes;
  }
}

TEST(HttpRecognition, Responses) {
  using enum Recognition;
  EXPECT_EQ(looks(Direction::Reply, ""), NeedMore);
  EXPECT_EQ(looks(Direction::Reply, "HTT"), NeedMore);
  EXPECT_EQ(looks(Direction::Reply, "HTTP/1.1 200 OK"), Yes);
  EXPECT_EQ(looks(Direction::Reply, "\r\n http/1.0"), Yes);
  EXPECT_EQ(looks(Direction::Reply, "HTTX"), No);
  EXPECT_EQ(looks(Direction::Reply, "GET / HTTP/1.1"), No);
  EXPECT_EQ(looks(Direction::Reply, "220 mail"), No);
  EXPECT_EQ(looks(Direction::Reply, std::string(100, ' ')), No);
}

// With more bytes an answer may only become sure, never another one.
TEST(HttpRecognition, NeverChangesItsMind) {
  const std::string samples[] = {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
                                 "DESCRIBE rtsp://x RTSP/1.0\r\n", "\r\n\r\nGET / HTTP/1.1\r\n",
                                 "HELO x\r\nHTTP/1.1\r\n"};
  for (const Direction from : {Direction::Original, Direction::Reply}) {
    for (const std::string& sample : samples) {
      Recognition sure = Recognition::NeedMore;
      for (size_t n = 0; n <= sample.size(); ++n) {
        const Recognition now = looks(from, sample.substr(0, n));
        if (sure != Recognition::NeedMore) {
          EXPECT_EQ(now, sure) << sample << " at " << n;
        }
        sure = now;
      }
      EXPECT_NE(sure, Recognition::NeedMore) << sample;
    }
  }
}

}  // namespace
