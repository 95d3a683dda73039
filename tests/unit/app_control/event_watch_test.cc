// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/event_watch.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using Warnings = std::vector<std::string>;

TEST(EventWatch, SaysNothingWithoutTrouble) {
  EventWatch watch;
  EXPECT_EQ(watch.turn({}, 0), Warnings{});
}

TEST(EventWatch, TellsOfEachKindOfTroubleAndWhy) {
  EventWatch watch;
  EXPECT_EQ(
      watch.turn({.lost = 3, .failed = 2, .open_failed = true, .why = "eve.json: no space"}, 0),
      (Warnings{"3 events were lost since the last report: the event log does not keep up",
                "2 events were not written since the last report: eve.json: no space",
                "the event log cannot be opened anew: eve.json: no space; trying every second"}));
}

TEST(EventWatch, IsQuietForAWhileAndThenTellsOfAllSince) {
  EventWatch watch;
  EXPECT_EQ(watch.turn({.lost = 1}, 500).size(), 1u);
  EXPECT_EQ(watch.turn({.lost = 5}, 700), Warnings{});
  const uint64_t later = 500 + EventWatch::kQuietMs;
  EXPECT_EQ(watch.turn({.lost = 9}, later),
            Warnings{"8 events were lost since the last report: the event log does not keep up"});
  EXPECT_EQ(watch.turn({.lost = 9}, 2 * later), Warnings{});
}

}  // namespace
}  // namespace sluice
