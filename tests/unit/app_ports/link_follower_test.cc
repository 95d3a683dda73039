// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/link_follower.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace sluice {
namespace {

// A wire of two ports whose cables the test plugs and pulls; a link is up if
// its cable is in and nobody holds it down.
class LinkFollowerTest : public ::testing::Test {
 protected:
  void run(uint64_t ms) {
    for (const uint64_t end = now_ms_ + ms; now_ms_ < end; now_ms_ += 200) {
      follower_.turn({up(0), up(1)}, now_ms_);
    }
  }
  bool up(unsigned port) const { return cable_[port] && !down_[port]; }

  int answer_ = 0;
  bool cable_[2] = {true, true};
  bool down_[2] = {false, false};
  uint64_t now_ms_ = 1000;
  std::vector<LinkFollower::End> ends_ = {{1, true}, {0, true}};
  LinkFollower follower_{ends_, [this](unsigned port, bool down) {
                           if (answer_ == 0) down_[port] = down;
                           return answer_;
                         }};
};

TEST_F(LinkFollowerTest, TakesDownTheOtherSideAndLetsItUpAgain) {
  cable_[0] = false;
  run(200);
  EXPECT_TRUE(down_[1]);
  EXPECT_EQ(follower_.hold(1), LinkHold::Held);
  run(60'000);
  EXPECT_TRUE(down_[1]);
  EXPECT_FALSE(down_[0]) << "a link that is held down is no loss of its own";
  cable_[0] = true;
  run(200);
  EXPECT_FALSE(down_[1]);
  run(60'000);
  EXPECT_TRUE(up(0) && up(1));
}

TEST_F(LinkFollowerTest, TheSideThatWasHeldMayHaveLostItsCableMeanwhile) {
  cable_[0] = false;
  run(1000);
  cable_[1] = false;
  run(1000);
  cable_[0] = true;
  run(1000);
  EXPECT_FALSE(down_[1]) << "let up, so that it can be seen";
  EXPECT_FALSE(down_[0]) << "it has time to come up";
  run(LinkFollower::kRiseMs + 1000);
  EXPECT_TRUE(down_[0]) << "its own cable is missing";
  cable_[1] = true;
  run(1000);
  EXPECT_TRUE(up(0) && up(1));
}

TEST_F(LinkFollowerTest, BothCablesOutAtOnceComeBackInEitherOrder) {
  for (const unsigned first : {0u, 1u}) {
    cable_[0] = cable_[1] = false;
    run(1000);
    EXPECT_FALSE(down_[0] || down_[1]) << "nothing to take down";
    cable_[first] = true;
    run(1000);
    EXPECT_TRUE(down_[first]);
    cable_[1 - first] = true;
    run(10'000);
    EXPECT_TRUE(up(0) && up(1));
  }
}

TEST_F(LinkFollowerTest, AsksADriverThatCannotOnce) {
  answer_ = -ENOTSUP;
  cable_[0] = false;
  run(5000);
  EXPECT_EQ(follower_.hold(1), LinkHold::Refused);
  EXPECT_EQ(follower_.error(1), -ENOTSUP);
  cable_[0] = true;
  run(200);
  EXPECT_EQ(follower_.hold(1), LinkHold::None);
}

// Its firmware is busy, or the port is with the mender at that moment.
TEST_F(LinkFollowerTest, LetsALinkUpLaterWhereTheDriverRefusesAtFirst) {
  cable_[0] = false;
  run(1000);
  ASSERT_TRUE(down_[1]);
  answer_ = -EBUSY;
  cable_[0] = true;
  run(LinkFollower::kRiseMs + 10'000);
  EXPECT_EQ(follower_.hold(1), LinkHold::Held);
  EXPECT_EQ(follower_.error(1), -EBUSY);
  EXPECT_FALSE(down_[0]) << "what is held down is no loss to be passed on";
  answer_ = 0;
  run(1000);
  EXPECT_EQ(follower_.error(1), 0);
  EXPECT_TRUE(up(0) && up(1));
}

TEST_F(LinkFollowerTest, LetsEverythingUpAtTheEnd) {
  cable_[1] = false;
  run(200);
  EXPECT_TRUE(down_[0]);
  follower_.release();
  EXPECT_FALSE(down_[0]);
}

TEST_F(LinkFollowerTest, APortSetUpAnewIsTakenDownAgain) {
  cable_[0] = false;
  run(200);
  down_[1] = false;  // by its reset
  follower_.started_anew(1);
  run(200);
  EXPECT_TRUE(down_[1]);
}

TEST(LinkFollower, LeavesAloneWhoDoesNotFollow) {
  unsigned acts = 0;
  LinkFollower follower({{1, false}, {0, false}, {-1, true}}, [&](unsigned, bool) {
    ++acts;
    return 0;
  });
  follower.turn({false, true, true}, 1000);
  EXPECT_EQ(acts, 0u);
}

}  // namespace
}  // namespace sluice
