// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Thresholds, flow bits, flow integers, bits by host.
#include "tests/unit/stages/dpi_detection/detection_fixture.h"

namespace sluice::rules {
namespace {

// How many of `packets` alert.
unsigned alerts(Detection& d, unsigned packets) {
  unsigned sum = 0;
  for (unsigned i = 0; i < packets; ++i) {
    d.segment(kClient, "EVIL");
    sum += static_cast<unsigned>(d.alerts().size());
  }
  return sum;
}

std::string evil(const std::string& options) {
  return "alert tcp any any -> any any (content:\"EVIL\"; " + options + " sid:1;)";
}

TEST(Thresholds, LetTellAsSuricatasDo) {
  constexpr uint64_t kMinute = 60'000'000'000;
  const struct {
    const char* options;
    unsigned of_ten, next_minute;
  } kCases[] = {
      {"threshold:type limit, track by_src, count 3, seconds 60;", 3, 3},
      {"threshold:type threshold, track by_src, count 3, seconds 60;", 3, 3},
      {"threshold:type both, track by_src, count 3, seconds 60;", 1, 1},
      {"detection_filter:track by_src, count 3, seconds 60;", 7, 7},
  };
  for (const auto& c : kCases) {
    Detection d(evil(c.options));
    EXPECT_EQ(alerts(d, 10), c.of_ten) << c.options;
    d.now_ns += kMinute;
    EXPECT_EQ(alerts(d, 10), c.next_minute) << c.options;
  }
}

TEST(Thresholds, CountEachHost) {
  Detection d(evil("threshold:type limit, track by_src, count 1, seconds 60;"));
  EXPECT_EQ(alerts(d, 3), 1u);
  d.client = 0x0a000002;
  EXPECT_EQ(alerts(d, 3), 1u);
  d.client = 0x0a000001;
  EXPECT_EQ(alerts(d, 3), 0u);
}

TEST(Thresholds, ByFlowAreTheFlowsOwnThoughItsEntryServesAnother) {
  Detection d(evil("threshold:type limit, track by_flow, count 1, seconds 3600;"));
  d.flow.identity = {77, 1000};
  EXPECT_EQ(alerts(d, 3), 1u);
  d.state.release();
  d.flow.identity = {77, 2000};
  EXPECT_EQ(alerts(d, 3), 1u);
}

TEST(FlowBits, SetAskedTakenBack) {
  Detection d(
      "alert tcp any any -> any any (content:\"on\"; flowbits:set,x; noalert; sid:1;)\n"
      "alert tcp any any -> any any (content:\"off\"; flowbits:unset,x; noalert; sid:2;)\n"
      "alert tcp any any -> any any (content:\"turn\"; depth:4; flowbits:toggle,x; noalert; sid:3;)\n"
      "alert tcp any any -> any any (content:\"ask\"; flowbits:isset,x; sid:4;)\n"
      "alert tcp any any -> any any (content:\"ask\"; flowbits:isnotset,x; sid:5;)");
  const auto ask = [&] {
    d.segment(kClient, "ask");
    return d.alerts();
  };
  EXPECT_EQ(ask(), Sids{5});
  d.segment(kClient, "on");
  EXPECT_EQ(ask(), Sids{4});
  d.segment(kClient, "off");
  EXPECT_EQ(ask(), Sids{5});
  d.begin(kClient, "turn");
  d.stream(kClient, "turn");
  d.detector->packet();
  EXPECT_EQ(ask(), Sids{4}) << "once a packet";
  d.segment(kClient, "on, ask");
  EXPECT_EQ(d.alerts(), Sids{4}) << "who sets is asked before who asks";
}

TEST(FlowIntegers, Count) {
  Detection d(
      "alert tcp any any -> any any (content:\"up\"; flowint:n,+,2; noalert; sid:1;)\n"
      "alert tcp any any -> any any (content:\"down\"; flowint:n,-,5; noalert; sid:2;)\n"
      "alert tcp any any -> any any (content:\"ask\"; flowint:n,isset; flowint:n,>,3; sid:3;)\n"
      "alert tcp any any -> any any (content:\"ask\"; flowint:n,notset; sid:4;)\n"
      "alert tcp any any -> any any (content:\"ask\"; flowint:n,==,0; sid:5;)");
  const auto ask = [&] {
    d.segment(kClient, "ask");
    return d.alerts();
  };
  EXPECT_EQ(ask(), Sids{4});
  d.segment(kClient, "up");
  EXPECT_EQ(ask(), Sids{});
  d.segment(kClient, "up");
  EXPECT_EQ(ask(), Sids{3});
  d.segment(kClient, "down");
  EXPECT_EQ(ask(), Sids{5}) << "not below nothing";
}

TEST(HostBits, OutliveTheFlowForAWhile) {
  Detection d(
      "alert tcp any any -> any any (content:\"on\"; xbits:set,x,track ip_src,expire 60; noalert; sid:1;)\n"
      "alert tcp any any -> any any (content:\"ask\"; xbits:isset,x,track ip_src; sid:2;)");
  d.segment(kClient, "on");
  d.state.release();
  d.segment(kClient, "ask");
  EXPECT_EQ(d.alerts(), Sids{2});
  d.client = 0x0a000009;
  d.segment(kClient, "ask");
  EXPECT_EQ(d.alerts(), Sids{});
  d.client = 0x0a000001;
  d.now_ns += 61'000'000'000;
  d.segment(kClient, "ask");
  EXPECT_EQ(d.alerts(), Sids{});
}

}  // namespace
}  // namespace sluice::rules
