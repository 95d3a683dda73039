// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "bench/dpi/replay_source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace sluice::bench {
namespace {

using Bytes = std::vector<uint8_t>;

void put16(Bytes& bytes, size_t at, unsigned value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value);
}

uint32_t sum(const Bytes& bytes, size_t from, size_t to) {
  uint32_t total = 0;
  for (size_t i = from; i < to; ++i) total += i % 2 == from % 2 ? bytes[i] * 256u : bytes[i];
  return total;
}

uint16_t folded(uint32_t total) {
  while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
  return static_cast<uint16_t>(total);
}

// What a receiver adds up: 0xffff when the checksum is right.
uint16_t ip_sum(const Bytes& frame) {
  return folded(sum(frame, 14, 34));
}
uint16_t l4_sum(const Bytes& frame, bool v6, uint8_t protocol) {
  const size_t l4 = v6 ? 54 : 34;
  const size_t addresses = v6 ? 22 : 26;
  return folded(sum(frame, l4, frame.size()) + sum(frame, addresses, l4) +
                static_cast<uint32_t>(frame.size() - l4) + protocol);
}

// One frame, from the client to the server or back, with right checksums.
Bytes make(bool v6, uint8_t protocol, bool reply, uint8_t host = 1, uint16_t port = 1000) {
  const size_t l4 = v6 ? 54 : 34, header = protocol == 6 ? 20 : 8;
  Bytes f(l4 + header + 5);
  put16(f, 12, v6 ? 0x86dd : 0x0800);
  const size_t payload = f.size() - 14;
  if (v6) {
    f[14] = 0x60;
    put16(f, 18, static_cast<unsigned>(payload - 40));
    f[20] = protocol;
    f[22] = f[38] = 0xfd;
    (reply ? f[53] : f[37]) = host;
    (reply ? f[37] : f[53]) = 99;
  } else {
    f[14] = 0x45;
    put16(f, 16, static_cast<unsigned>(payload));
    f[23] = protocol;
    f[26] = f[30] = 10;
    (reply ? f[33] : f[29]) = host;
    (reply ? f[29] : f[33]) = 99;
    put16(f, 24, 0xffffu - ip_sum(f));
  }
  put16(f, l4, reply ? 80 : port);
  put16(f, l4 + 2, reply ? port : 80);
  if (protocol == 6) f[l4 + 12] = 5 << 4;
  if (protocol == 17) put16(f, l4 + 4, static_cast<unsigned>(f.size() - l4));
  std::memcpy(f.data() + f.size() - 5, "hello", 5);
  put16(f, l4 + (protocol == 6 ? 16 : 6), 0xffffu - l4_sum(f, v6, protocol));
  return f;
}

class ReplaySourceTest : public testing::Test {
 protected:
  ReplaySourceTest() : name_(testing::TempDir() + "replay" + std::to_string(getpid()) + ".pcap") {}
  ~ReplaySourceTest() override { std::remove(name_.c_str()); }

  const std::string& file(const std::vector<Bytes>& frames, uint32_t link = 1) {
    const auto word = [](std::ofstream& out, uint32_t value) {
      out.write(reinterpret_cast<const char*>(&value), sizeof value);
    };
    std::ofstream out(name_, std::ios::binary);
    for (const uint32_t value : {0xa1b2c3d4u, 0x00040002u, 0u, 0u, 65535u, link}) word(out, value);
    for (const Bytes& frame : frames) {
      const auto length = static_cast<uint32_t>(frame.size());
      for (const uint32_t value : {0u, 0u, length, length}) word(out, value);
      out.write(reinterpret_cast<const char*>(frame.data()), length);
    }
    return name_;
  }

  static Bytes take(ReplaySource& source, uint32_t& lap) {
    const ReplayFrame& frame = source.next(lap);
    Bytes out(frame.length);
    source.write(out.data(), frame, lap);
    return out;
  }

  std::string name_;
};

TEST_F(ReplaySourceTest, TheFirstLapIsTheCapture) {
  const std::vector<Bytes> frames = {make(false, 6, false), make(true, 17, false),
                                     make(false, 6, true), make(true, 17, true)};
  ReplaySource source(file(frames), 1);
  EXPECT_EQ(source.frames(), 4u);
  EXPECT_EQ(source.flows(), 2u);
  for (const Bytes& frame : frames) {
    uint32_t lap;
    EXPECT_EQ(take(source, lap), frame);
    EXPECT_EQ(lap, 0u);
  }
}

TEST_F(ReplaySourceTest, EachLapHasItsOwnClientsAndRightChecksums) {
  for (const bool v6 : {false, true}) {
    for (const uint8_t protocol : {uint8_t{6}, uint8_t{17}}) {
      ReplaySource source(file({make(v6, protocol, false), make(v6, protocol, true)}), 1);
      const size_t length = v6 ? 16 : 4, from = v6 ? 22 : 26, to = from + length;
      const Bytes original = make(v6, protocol, false);
      const Bytes server(original.begin() + static_cast<long>(to),
                         original.begin() + static_cast<long>(to + length));
      std::set<Bytes> clients;
      for (unsigned i = 0; i < 5000; ++i) {
        uint32_t lap;
        const Bytes out = take(source, lap), back = take(source, lap);
        const auto at = [&](const Bytes& frame, size_t offset) {
          return Bytes(frame.begin() + static_cast<long>(offset),
                       frame.begin() + static_cast<long>(offset + length));
        };
        ASSERT_EQ(lap, i);
        ASSERT_TRUE(clients.insert(at(out, from)).second) << "lap " << i;
        ASSERT_EQ(at(out, from), at(back, to));
        ASSERT_EQ(at(out, to), server);
        ASSERT_EQ(at(back, from), server);
        for (const Bytes& frame : {out, back}) {
          ASSERT_EQ(l4_sum(frame, v6, protocol), 0xffff) << "lap " << i;
          if (!v6) {
            ASSERT_EQ(ip_sum(frame), 0xffff) << "lap " << i;
            ASSERT_EQ(frame[26], 10) << "the network is another one";
          }
        }
      }
    }
  }
}

TEST_F(ReplaySourceTest, AUdpChecksumThatIsNotThereStaysAway) {
  Bytes frame = make(false, 17, false);
  put16(frame, 40, 0);
  ReplaySource source(file({frame}), 1);
  for (unsigned i = 0; i < 100; ++i) {
    uint32_t lap;
    const Bytes out = take(source, lap);
    ASSERT_EQ(out[40], 0);
    ASSERT_EQ(out[41], 0);
  }
}

TEST_F(ReplaySourceTest, CopiesBeginOneAfterAnotherAndTakeTurns) {
  std::vector<Bytes> frames;
  for (unsigned i = 0; i < 8 * ReplaySource::kTurn; ++i) {
    frames.push_back(make(false, 6, false, 1, static_cast<uint16_t>(1000 + i)));
  }
  ReplaySource source(file(frames), 2);
  std::vector<uint32_t> turns;
  for (unsigned i = 0; i < 40; ++i) {
    uint32_t lap = 0;
    for (unsigned j = 0; j < ReplaySource::kTurn; ++j) source.next(lap);
    turns.push_back(lap);
  }
  // The second copy comes when the first is half through; then each lap is a new one.
  const std::vector<uint32_t> first(turns.begin(), turns.begin() + 12);
  EXPECT_EQ(first, (std::vector<uint32_t>{0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0}));
  std::set<uint32_t> laps(turns.begin(), turns.end());
  EXPECT_GE(laps.size(), 5u);
  std::map<uint32_t, unsigned> count;
  for (const uint32_t lap : turns) ++count[lap];
  for (const auto& [lap, n] : count) EXPECT_LE(n, 8u) << "lap " << lap;
}

TEST_F(ReplaySourceTest, EveryFrameOfALapComesOnce) {
  std::vector<Bytes> frames;
  for (unsigned i = 0; i < 70; ++i) {
    frames.push_back(make(false, 17, false, 1, static_cast<uint16_t>(1000 + i)));
  }
  ReplaySource source(file(frames), 3);
  std::map<uint32_t, std::set<uint32_t>> seen;
  for (unsigned i = 0; i < 70 * 30; ++i) {
    uint32_t lap;
    const ReplayFrame& frame = source.next(lap);
    ASSERT_TRUE(seen[lap].insert(frame.at).second) << "lap " << lap;
  }
  EXPECT_EQ(seen[0].size(), 70u);
  EXPECT_EQ(seen[3].size(), 70u);
}

TEST_F(ReplaySourceTest, WhatItCannotReplayIsAnError) {
  const auto refused = [&](const std::vector<Bytes>& frames, uint32_t link = 1) {
    EXPECT_THROW(ReplaySource(file(frames, link), 1), std::runtime_error);
  };
  refused({});
  refused({make(false, 6, false)}, 113);
  Bytes fragment = make(false, 17, false);
  fragment[20] = 0x20;
  refused({fragment});
  Bytes other = make(false, 17, false);
  other[23] = 1;
  refused({other});
  Bytes tagged = make(false, 6, false);
  tagged[12] = 0x81;
  refused({tagged});
  refused({Bytes(kLongestFrame + 1, 0)});
  for (size_t length = 0; length < 54; ++length) {
    Bytes cut = make(false, 6, false);
    cut.resize(length);
    refused({cut});
  }
  EXPECT_THROW(ReplaySource(name_ + ".none", 1), std::runtime_error);
  EXPECT_THROW(ReplaySource(file({make(false, 6, false)}), 0), std::runtime_error);
}

}  // namespace
}  // namespace sluice::bench
