// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/split_horizon.h"

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/test_environment.h"

namespace sluice {
namespace {

constexpr uint64_t kSeed = 7, kMs = 1'000'000;
constexpr uint64_t kGateway = 0x0100'0000'0002;  // 02:00:00:00:00:01 as it lies in a frame

class SplitHorizonTest : public test::PacketTest {
 protected:
  // Whether the host's frame with that payload may pass.
  bool admit(const std::string& payload, unsigned side, uint64_t now_ns) {
    rte_mbuf* m = test::make_mbuf(test::eth("02:00:00:00:00:01")
                                      .ip("10.0.0.1", "10.0.0.2")
                                      .udp(1, 2)
                                      .payload(payload)
                                      .bytes(),
                                  pool);
    const auto passage = horizon_.admit(m, SplitHorizon::source_key(m), side, now_ns);
    rte_pktmbuf_free(m);
    return passage != SplitHorizon::Passage::Refused;
  }

  SplitHorizon horizon_{kSeed};
  uint64_t now_ns_ = 50'000 * kMs;
};

TEST_F(SplitHorizonTest, KnowsAFrameThatComesBack) {
  for (int i = 0; i < 1000; ++i, now_ns_ += 20 * kMs) {
    const std::string payload = "frame " + std::to_string(i);
    EXPECT_TRUE(admit(payload, 0, now_ns_)) << i;
    EXPECT_FALSE(admit(payload, 1, now_ns_ + 50'000)) << i << ": its own frame comes back";
  }
  EXPECT_EQ(horizon_.disputes(), 0u);
}

// The whole burst is received before the first of it comes back.
TEST_F(SplitHorizonTest, KnowsABurstThatComesBack) {
  for (int round = 0; round < 100; ++round, now_ns_ += 20 * kMs) {
    for (const unsigned side : {0u, 1u}) {
      for (unsigned i = 0; i < SplitHorizon::kMaxCredit; ++i) {
        EXPECT_EQ(admit(std::to_string(round) + ' ' + std::to_string(i), side, now_ns_), side == 0);
      }
    }
  }
}

TEST_F(SplitHorizonTest, LetsAHostMoveOnceItHasBeenSilentWhereItWas) {
  for (unsigned i = 0; i < 1000; ++i) EXPECT_TRUE(admit("there", 0, now_ns_));
  EXPECT_FALSE(admit("here 1", 1, now_ns_ + 50 * kMs));
  EXPECT_TRUE(admit("here 2", 1, now_ns_ + SplitHorizon::kHold_ns + 2 * kMs));
  EXPECT_TRUE(admit("here 3", 1, now_ns_ + SplitHorizon::kHold_ns + 3 * kMs));
  EXPECT_EQ(horizon_.disputes(), 0u) << "no reason for a warning";
}

TEST_F(SplitHorizonTest, CutsAHostThatMovesOffForAFewFramesAtMost) {
  for (unsigned i = 0; i < 1000; ++i) EXPECT_TRUE(admit("there", 0, now_ns_));
  unsigned refused = 0;
  for (unsigned i = 0; i < 1000; ++i, now_ns_ += 1000) {
    refused += !admit("here " + std::to_string(i), 1, now_ns_);
  }
  EXPECT_EQ(refused, SplitHorizon::kMaxCredit);
  EXPECT_EQ(horizon_.disputes(), 1u);
}

// A host on one side writes the address of a gateway on the other into its frames:
// first while that is silent, then faster than it, then for an hour.
TEST_F(SplitHorizonTest, CannotBeUsedToCutAHostOff) {
  for (unsigned i = 0; i < 1000; ++i) EXPECT_TRUE(admit("gateway", 0, now_ns_));
  now_ns_ += 1000 * kMs;
  for (unsigned i = 0; i < 100'000; ++i, now_ns_ += 1000) EXPECT_TRUE(admit("forged", 1, now_ns_));
  unsigned refused = 0, sent = 0;
  for (unsigned i = 0; i < 60'000; ++i, now_ns_ += kMs) {  // a minute
    for (unsigned k = 0; k < 2; ++k)
      admit("f" + std::to_string(i) + '.' + std::to_string(k), 1, now_ns_);
    if (i % 2 != 0) continue;
    ++sent;
    refused += !admit("gateway " + std::to_string(i), 0, now_ns_ + 1000);
  }
  EXPECT_EQ(sent, 30'000u);
  EXPECT_LE(refused, SplitHorizon::kMaxCredit);
  EXPECT_GT(horizon_.disputes(), 1000u) << "there is something to warn of";
  EXPECT_EQ(horizon_.disputed_key() << 1 >> 1, kGateway);
}

// Whoever begins anew each time that a dispute is forgotten.
TEST_F(SplitHorizonTest, ADisputeThatBeginsAnewCostsLittle) {
  unsigned refused = 0, sent = 0, forged = 0;
  const uint64_t end_ns = now_ns_ + 600'000 * kMs;
  while (now_ns_ < end_ns) {
    now_ns_ += SplitHorizon::kDispute_ns + 100 * kMs;
    for (unsigned i = 0; i < 100; ++i) admit("f " + std::to_string(forged++), 1, now_ns_);
    for (unsigned i = 0; i < 1000; ++i, now_ns_ += 10'000, ++sent) {
      refused += !admit("g " + std::to_string(sent), 0, now_ns_);
    }
  }
  EXPECT_LE(refused, 60 * SplitHorizon::kMaxCredit) << "in ten minutes";
  EXPECT_GT(sent, 50'000u);
}

// Both sides speak with one address, and all that each of them sends comes back on the
// other: nothing goes round.
TEST_F(SplitHorizonTest, KnowsWhatComesBackInADisputeToo) {
  unsigned refused[2] = {0, 0}, copies_passed = 0;
  for (unsigned i = 0; i < 10'000; ++i, now_ns_ += kMs) {
    for (const unsigned side : {0u, 1u}) {
      const std::string payload = std::to_string(side) + " says " + std::to_string(i);
      refused[side] += !admit(payload, side, now_ns_);
      copies_passed += admit(payload, 1 - side, now_ns_ + 50'000);
    }
  }
  EXPECT_LE(refused[0] + refused[1], SplitHorizon::kMaxCredit);
  EXPECT_LE(copies_passed, SplitHorizon::kMaxCredit);
}

// A million made-up senders a second on one side; a host on the other speaks now
// and then, and its frame comes back 50 us later.
TEST_F(SplitHorizonTest, KnowsACopyInTheMidstOfAFlood) {
  rte_mbuf* m = test::make_mbuf(test::eth().ip("10.0.0.1", "10.0.0.2").udp(1, 2).bytes(), pool);
  uint64_t copy_ns = 0;
  unsigned spoken = 0, heard = 0, copies_passed = 0;
  for (uint64_t i = 1; i < 3'000'000; ++i, now_ns_ += 1000) {
    horizon_.admit(m, i << 8, 1, now_ns_);
    if (i % 2000 == 0) {
      ++spoken;
      heard += admit(std::to_string(i), 0, now_ns_);
      copy_ns = now_ns_ + 50'000;
    } else if (now_ns_ == copy_ns) {
      copies_passed += admit(std::to_string(i - 50), 1, now_ns_);
    }
  }
  rte_pktmbuf_free(m);
  EXPECT_EQ(spoken, 1499u);
  EXPECT_EQ(heard, spoken);
  EXPECT_EQ(copies_passed, 0u);
}

TEST_F(SplitHorizonTest, SurvivesAClockThatStepsBack) {
  EXPECT_TRUE(admit("a", 0, now_ns_));
  EXPECT_FALSE(admit("a", 1, now_ns_ - 5 * kMs));
}

class SourceKey : public test::PacketTest {
 protected:
  uint64_t key(const test::PacketBuilder& packet) {
    rte_mbuf* m = test::make_mbuf(packet.bytes(), pool);
    const uint64_t out = SplitHorizon::source_key(m);
    rte_pktmbuf_free(m);
    return out;
  }
};

TEST_F(SourceKey, IsTheSendersAddressAndItsOutermostVlan) {
  using test::eth;
  const uint64_t plain = key(eth("02:00:00:00:00:01").ip("10.0.0.1", "10.0.0.2").udp(1, 2));
  EXPECT_EQ(plain, key(eth("02:00:00:00:00:01").ip("fd00::1", "fd00::2").udp(3, 4)));
  EXPECT_NE(plain, key(eth("02:00:00:00:00:02").ip("10.0.0.1", "10.0.0.2").udp(1, 2)));
  const uint64_t ten = key(eth("02:00:00:00:00:01").vlan(10).ip("10.0.0.1", "10.0.0.2").udp(1, 2));
  EXPECT_NE(plain, ten);
  EXPECT_NE(ten, key(eth("02:00:00:00:00:01").vlan(11).ip("10.0.0.1", "10.0.0.2").udp(1, 2)));
  EXPECT_EQ(
      ten,
      key(eth("02:00:00:00:00:01").vlan(10, 0x88a8).vlan(11).ip("10.0.0.1", "10.0.0.2").udp(1, 2)));
}

TEST_F(SourceKey, NamesNobodyWhereNoSenderCanBe) {
  using test::eth;
  for (const char* source : {"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"}) {
    EXPECT_EQ(key(eth(source).ip("10.0.0.1", "10.0.0.2").udp(1, 2)), 0u) << source;
    EXPECT_EQ(key(eth(source).vlan(7).ip("10.0.0.1", "10.0.0.2").udp(1, 2)), 0u) << source;
  }
  const test::Bytes whole = eth().vlan(7).ip("10.0.0.1", "10.0.0.2").udp(1, 2).bytes();
  for (size_t length = 1; length < 18; ++length) {
    rte_mbuf* m = test::make_mbuf(test::Bytes(whole.begin(), whole.begin() + length), pool);
    EXPECT_EQ(SplitHorizon::source_key(m), 0u) << length;
    rte_pktmbuf_free(m);
  }
}

}  // namespace
}  // namespace sluice
