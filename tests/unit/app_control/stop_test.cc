// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>

#include "app/commands.h"

namespace sluice {
namespace {

class StopTest : public testing::Test {
 protected:
  bool paused_ = false;
  unsigned starts_ = 3;
  uint64_t now_ms_ = 1000;
  PendingResult pending_ =
      answer_of_stop([this] { return paused_; }, starts_, [this] { return now_ms_; });
};

TEST_F(StopTest, IsAnsweredOnceEveryWorkerRests) {
  EXPECT_FALSE(pending_());
  paused_ = true;
  const auto result = pending_();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, CommandStatus::Done);
}

TEST_F(StopTest, IsOvertakenByAStartOfAnotherSession) {
  ++starts_;
  const auto result = pending_();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, CommandStatus::Failed);
  EXPECT_NE(result->text.find("overtaken by `start`"), std::string::npos) << result->text;
}

TEST_F(StopTest, IsAnsweredInTimeThoughAWorkerStalls) {
  now_ms_ += kStopPatienceMs - 1;
  EXPECT_FALSE(pending_());
  ++now_ms_;
  const auto result = pending_();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, CommandStatus::Failed);
  EXPECT_NE(result->text.find("stalled"), std::string::npos) << result->text;
}

}  // namespace
}  // namespace sluice
