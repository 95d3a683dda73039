// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/ssh_parser.h"

#include <gtest/gtest.h>

#include "transcript.h"

namespace sluice {
namespace {

constexpr Direction kClient = Direction::Original;
constexpr Direction kServer = Direction::Reply;

struct Spoken {
  Transcript told;
  bool finished[2];
  size_t left[2];  // bytes not consumed
};

Spoken speak(const std::string& client, const std::string& server, size_t step = SIZE_MAX,
             bool end = false) {
  TestLane lane;
  Spoken spoken;
  {
    SshParser parser(lane.lane);
    for (const auto& [from, bytes] : {std::pair{kServer, server}, std::pair{kClient, client}}) {
      std::string pending;
      for (size_t at = 0; at < bytes.size() && !parser.finished(from); at += step) {
        pending += bytes.substr(at, step);
        const std::vector<uint8_t> exact(pending.begin(), pending.end());
        const bool last = end && at + step >= bytes.size();
        const Consumed consumed = parser.consume(from, exact, last, spoken.told);
        EXPECT_LE(consumed.bytes, pending.size());
        pending.erase(0, consumed.bytes);
      }
      spoken.left[static_cast<size_t>(from)] = pending.size();
      spoken.finished[static_cast<size_t>(from)] = parser.finished(from);
    }
  }
  EXPECT_EQ(lane.arena.in_use(), 0u);
  return spoken;
}

TEST(SshParser, ReadsBothBanners) {
  for (const size_t step : {size_t{1}, size_t{5}, size_t{1000}}) {
    const Spoken spoken = speak("SSH-2.0-PuTTY_Release_0.78\r\nencrypted",
                                "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u2\r\n", step);
    EXPECT_EQ(spoken.told.one(Buffer::SshProtocol), "2.0");
    EXPECT_EQ(spoken.told.one(Buffer::SshSoftware), "PuTTY_Release_0.78");
    EXPECT_EQ(spoken.told.one(Buffer::SshProtocol, kServer), "2.0");
    EXPECT_EQ(spoken.told.one(Buffer::SshSoftware, kServer), "OpenSSH_9.2p1");
    EXPECT_TRUE(spoken.finished[0]);
    EXPECT_TRUE(spoken.finished[1]);
    EXPECT_TRUE(spoken.told.states.at(0).finished);
    EXPECT_EQ(spoken.told.calls.size(), 2u);
  }
}

TEST(SshParser, ReadsALineThatEndsWithoutReturn) {
  const Spoken spoken = speak("SSH-1.99-OpenSSH_3.9\n", "");
  EXPECT_EQ(spoken.told.one(Buffer::SshProtocol), "1.99");
  EXPECT_EQ(spoken.told.one(Buffer::SshSoftware), "OpenSSH_3.9");
}

TEST(SshParser, PassesOverWhatAServerSaysBefore) {
  const Spoken spoken = speak("", "Welcome\r\nto SSH-2.0-here\r\nSSH-2.0-x\r\n", 1);
  EXPECT_EQ(spoken.told.one(Buffer::SshSoftware, kServer), "x");
}

TEST(SshParser, BoundsWhatAServerSaysBefore) {
  std::string server;
  for (int i = 0; i < 100; ++i) server += std::string(99, 'w') + "\n";
  const Spoken spoken = speak("", server + "SSH-2.0-x\r\n", 100);
  EXPECT_TRUE(spoken.finished[1]);
  EXPECT_TRUE(spoken.told.calls.empty());
}

TEST(SshParser, BoundsABanner) {
  const std::string banner = "SSH-2.0-" + std::string(1000, 'x');
  for (const size_t step : {size_t{1}, size_t{5000}}) {
    const Spoken spoken = speak(banner, "", step);
    EXPECT_TRUE(spoken.finished[0]);
    EXPECT_EQ(spoken.told.one(Buffer::SshSoftware), std::string(SshParser::kMaxBanner - 8, 'x'));
  }
}

TEST(SshParser, LeavesWhatIsNoSsh) {
  const Spoken spoken = speak("GET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_TRUE(spoken.finished[0]);
  EXPECT_FALSE(spoken.finished[1]);
  EXPECT_TRUE(spoken.told.calls.empty());
  EXPECT_TRUE(speak("SSH-2.0\r\n", "").told.calls.empty());
}

TEST(SshParser, ReadsABannerThatBreaksOff) {
  const std::string banner = "SSH-2.0-Example_1.0\r\n";
  for (size_t size = 1; size < banner.size(); ++size) {
    const Spoken spoken = speak(banner.substr(0, size), "", 3, true);
    EXPECT_TRUE(spoken.finished[0]);
    const std::string whole = "Example_1.0";
    const std::string software = spoken.told.one(Buffer::SshSoftware);
    if (size >= 8) {
      EXPECT_EQ(software, whole.substr(0, size - 8));
    } else {
      EXPECT_EQ(software, "<none>");
    }
  }
}

TEST(SshParser, RecognisesItsBeginning) {
  const auto is = [](std::string_view text) {
    return SshParser::looks_like(kClient, bytes_of(text));
  };
  EXPECT_EQ(is("SSH-2.0-x"), Recognition::Yes);
  EXPECT_EQ(is("SSH-1.99"), Recognition::Yes);
  for (const char* more : {"", "S", "SSH-", "SSH-2"}) EXPECT_EQ(is(more), Recognition::NeedMore);
  for (const char* no : {"ssh-2.0", "SSH-3.0", "SSH 2", "SSH-2-"}) {
    EXPECT_EQ(is(no), Recognition::No);
  }
}

}  // namespace
}  // namespace sluice
