// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A TCP conversation as a table of segments with what tracking must say of each.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>

#include "flow_builder.h"
#include "flowtable/tcp_state.h"

namespace sluice::test {

inline constexpr auto kOriginal = Direction::Original;
inline constexpr auto kReply = Direction::Reply;
inline constexpr uint8_t kFinAck = kTcpFin | kTcpAck;
inline constexpr uint8_t kSynAck = kTcpSyn | kTcpAck;
inline constexpr uint8_t kRstAck = kTcpRst | kTcpAck;

struct Step {
  Direction direction;
  uint8_t flags;
  uint32_t seq;  // relative to that side's initial sequence number
  uint32_t ack;  // relative to the peer's
  uint16_t len;
  TcpTrack verdict;
  FlowState state;
  uint16_t window = 1000;
  uint8_t window_scale = kNoWindowScale;
};

// Both families and initial sequence numbers on both sides of the wrap-around.
struct Setting {
  uint8_t family;
  uint32_t isn[2];
};

class Tcp : public testing::TestWithParam<Setting> {
 protected:
  TcpSegment segment(const Step& step) const {
    const auto from = static_cast<size_t>(step.direction);
    return {.seq = GetParam().isn[from] + step.seq,
            .ack = (step.flags & kTcpAck) != 0 ? GetParam().isn[1 - from] + step.ack : 0,
            .window = step.window,
            .payload_len = step.len,
            .flags = step.flags,
            .window_scale = step.window_scale};
  }

  // The first step opens a new flow.
  void play(std::initializer_list<Step> steps, bool may_pick_up = false) {
    flow = Flow{};
    flow.key = make_key(1, GetParam().family);
    const Step& first = *steps.begin();
    ASSERT_TRUE(tcp_open(flow, segment(first), may_pick_up));
    ASSERT_EQ(flow.state, first.state);
    go_on({steps.begin() + 1, steps.end()});
  }

  void go_on(const std::vector<Step>& steps) {
    int number = 1;
    for (const Step& step : steps) {
      const Flow before = flow;
      ASSERT_EQ(tcp_track(flow, step.direction, segment(step)), step.verdict) << "step " << number;
      ASSERT_EQ(flow.state, step.state) << "step " << number;
      if (step.verdict != TcpTrack::Ok) {
        ASSERT_EQ(std::memcmp(&before, &flow, sizeof(Flow)), 0) << "step " << number;
      }
      ++number;
    }
  }

  // Handshake without options; both sides have sent and received nothing yet.
  void establish() {
    play({{kOriginal, kTcpSyn, 0, 0, 0, TcpTrack::Ok, FlowState::SynSent},
          {kReply, kSynAck, 0, 1, 0, TcpTrack::Ok, FlowState::SynReceived},
          {kOriginal, kTcpAck, 1, 1, 0, TcpTrack::Ok, FlowState::Established}});
  }

  Flow flow{};
};

inline const auto kSettings = testing::Values(
    Setting{kFamilyIpv4, {1000, 500000}}, Setting{kFamilyIpv6, {1000, 500000}},
    Setting{kFamilyIpv4, {0xffffffff, 0xfffffff0}}, Setting{kFamilyIpv6, {0xfffffe00, 0x7fffffff}});

}  // namespace sluice::test
