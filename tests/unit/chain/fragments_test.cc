// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/fragments.h"

#include <algorithm>
#include <map>

#include "chain/reasons.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_environment.h"

namespace sluice::test {
namespace {

struct Family {
  const char* source;
  const char* destination;
};

class Fragments : public PacketTestWith<Family> {
 protected:
  Fragments() {
    options_.name = "fragments_test";
    options_.datagrams = 4;
    start_test_eal();
    table_ = std::make_unique<FragmentTable>(options_);
    table_->set_dropper(
        [](void* self, rte_mbuf* m, Reason r) {
          ++static_cast<Fragments*>(self)->dropped_[static_cast<CoreReason>(r)];
          rte_pktmbuf_free(m);
        },
        this);
  }
  void TearDown() override {
    table_->drop_all(reason(CoreReason::Shutdown));
    EXPECT_EQ(table_->held(), 0u);
    EXPECT_TRUE(table_->copies_home());
    PacketTest::TearDown();
  }

  PacketBuilder datagram(uint32_t id = 7) const {
    return eth()
        .ip(GetParam().source, GetParam().destination)
        .ip_id(id)
        .udp(1000, 2000)
        .payload_size(3000);
  }
  rte_mbuf* collect(const Bytes& frame, uint64_t now_ns = 1) {
    rte_mbuf* m = make_mbuf(frame, pool);
    meta(m) = {};
    ParsedPacket parsed{};
    parse(m, {}, parsed);
    EXPECT_EQ(parsed.kind, PacketKind::Fragment);
    return table_->collect(m, parsed.fragment, now_ns);
  }

  FragmentOptions options_;
  std::unique_ptr<FragmentTable> table_;
  std::map<CoreReason, unsigned> dropped_;
};

TEST_P(Fragments, GiveTheWholeDatagramInAnyOrderAndKeepTheFrames) {
  std::vector<Bytes> frames = datagram().fragments(3);
  std::sort(frames.begin(), frames.end());
  do {
    rte_mbuf* flat = nullptr;
    for (const Bytes& frame : frames) {
      EXPECT_EQ(flat, nullptr);
      flat = collect(frame);
    }
    ASSERT_NE(flat, nullptr);
    EXPECT_EQ(bytes_of(flat), datagram().bytes());
    EXPECT_EQ(frame_count(flat), 3u);
    std::vector<Bytes> kept;
    for_each_frame(flat, [&](rte_mbuf* m) { kept.push_back(bytes_of(m)); });
    EXPECT_EQ(kept, frames) << "as they came, in the order of arrival";
    free_packet(flat);
  } while (std::next_permutation(frames.begin(), frames.end()));
  EXPECT_TRUE(dropped_.empty());
}

TEST_P(Fragments, OverlapDropsTheDatagramAndWhatStillComesOfIt) {
  const PacketBuilder header =
      eth().ip(GetParam().source, GetParam().destination).ip_id(9).protocol(17);
  EXPECT_EQ(collect(PacketBuilder(header).fragment(0, true).payload_size(64).bytes()), nullptr);
  EXPECT_EQ(collect(PacketBuilder(header).fragment(56, true).payload_size(64).bytes()), nullptr);
  EXPECT_EQ(collect(PacketBuilder(header).fragment(120, false).payload_size(8).bytes()), nullptr);
  EXPECT_EQ(dropped_[CoreReason::FragmentOverlap], 3u);
}

TEST_P(Fragments, TooManyDropTheDatagram) {
  const std::vector<Bytes> frames = datagram().fragments(9);
  for (const Bytes& frame : frames) EXPECT_EQ(collect(frame), nullptr);
  EXPECT_EQ(dropped_[CoreReason::FragmentTooMany], 9u);
}

TEST_P(Fragments, WaitNoLongerThanTheTimeOut) {
  const std::vector<Bytes> frames = datagram().fragments(2);
  EXPECT_EQ(collect(frames[0], 1), nullptr);
  EXPECT_EQ(table_->held(), 1u);
  for (int i = 0; i < 64; ++i) table_->expire(1 + options_.timeout_ns);
  EXPECT_EQ(table_->held(), 0u);
  EXPECT_EQ(dropped_[CoreReason::FragmentTimeout], 1u);
}

TEST_P(Fragments, AreTimedOutAtTheEndThatTheSweepHasNotReached) {
  const uint64_t timeout_ns = options_.timeout_ns;
  const auto old = datagram(1).fragments(2);
  const auto young = datagram(2).fragments(2);
  EXPECT_EQ(collect(old[0], 1), nullptr);
  EXPECT_EQ(collect(young[0], 1 + timeout_ns), nullptr);
  table_->drop_all(reason(CoreReason::Shutdown), 1 + timeout_ns);
  EXPECT_EQ(dropped_[CoreReason::FragmentTimeout], 1u);
  EXPECT_EQ(dropped_[CoreReason::Shutdown], 1u);
}

TEST_P(Fragments, MoreDatagramsThanTheBoundAreNotCollected) {
  for (uint32_t id = 0; id < 6; ++id) EXPECT_EQ(collect(datagram(id).fragments(2)[0]), nullptr);
  EXPECT_EQ(dropped_[CoreReason::FragmentTableFull], 2u);
  EXPECT_EQ(table_->held(), 4u);
}

TEST_P(Fragments, TwoDifferentEndsAreALie) {
  const PacketBuilder header =
      eth().ip(GetParam().source, GetParam().destination).ip_id(9).protocol(17);
  EXPECT_EQ(collect(PacketBuilder(header).fragment(64, false).payload_size(8).bytes()), nullptr);
  EXPECT_EQ(collect(PacketBuilder(header).fragment(128, false).payload_size(8).bytes()), nullptr);
  EXPECT_EQ(dropped_[CoreReason::FragmentBad], 2u);
}

INSTANTIATE_TEST_SUITE_P(BothFamilies, Fragments,
                         ::testing::Values(Family{"10.0.0.1", "10.0.0.2"},
                                           Family{"2001:db8::1", "2001:db8::2"}));

}  // namespace
}  // namespace sluice::test
