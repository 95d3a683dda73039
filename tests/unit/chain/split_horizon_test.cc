// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/split_horizon.h"

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/test_environment.h"

namespace sluice {
namespace {

constexpr uint64_t kSeed = 7, kHost = 0x0000'0200'0000'0001, kMs = 1'000'000;

TEST(SplitHorizon, KnowsWhereAHostWasLastHeard) {
  SplitHorizon horizon(kSeed);
  EXPECT_TRUE(horizon.admit(kHost, 0, 5000 * kMs));
  EXPECT_FALSE(horizon.admit(kHost, 1, 5000 * kMs + 50'000)) << "its own frame comes back";
  EXPECT_TRUE(horizon.admit(kHost, 0, 5001 * kMs));
  EXPECT_TRUE(horizon.admit(kHost + (1 << 16), 1, 5001 * kMs)) << "another host";
}

TEST(SplitHorizon, LetsAHostMoveOnceItHasBeenSilentWhereItWas) {
  SplitHorizon horizon(kSeed);
  const uint64_t moved = 5000 * kMs;
  EXPECT_TRUE(horizon.admit(kHost, 0, moved));
  // However often it speaks where it is now.
  for (uint64_t ms = 1; ms < 1000; ms += 9) {
    EXPECT_FALSE(horizon.admit(kHost, 1, moved + ms * kMs)) << ms;
  }
  EXPECT_TRUE(horizon.admit(kHost, 1, moved + SplitHorizon::kHold_ns));
  EXPECT_FALSE(horizon.admit(kHost, 0, moved + SplitHorizon::kHold_ns + kMs));
}

// A million made-up senders a second on one side; a host on the other speaks now
// and then, and its frame comes back 50 us later.
TEST(SplitHorizon, KnowsACopyInTheMidstOfAFlood) {
  SplitHorizon horizon(kSeed);
  uint64_t now_ns = 5000 * kMs, copy_ns = 0;
  unsigned spoken = 0, heard = 0, copies_passed = 0;
  for (uint64_t i = 1; i < 3'000'000; ++i, now_ns += 1000) {
    horizon.admit(i << 8, 1, now_ns);
    if (i % 2000 == 0) {
      ++spoken;
      heard += horizon.admit(kHost, 0, now_ns);
      copy_ns = now_ns + 50'000;
    } else if (now_ns == copy_ns) {
      copies_passed += horizon.admit(kHost, 1, now_ns);
    }
  }
  EXPECT_EQ(spoken, 1499u);
  EXPECT_EQ(heard, spoken);
  EXPECT_EQ(copies_passed, 0u);
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
