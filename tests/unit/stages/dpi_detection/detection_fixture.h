// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Rules compiled and asked of packets, streams and transactions that a test makes.
#pragma once

#include <gtest/gtest.h>

#include <netinet/in.h>

#include <array>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "stages/dpi/detection/database_cache.h"
#include "stages/dpi/detection/detector.h"
#include "stages/dpi/detection/rule_compiler.h"
#include "tests/unit/stages/dpi_rules/rule_parsing.h"

namespace sluice::rules {

inline std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// One TCP flow (unless a test says else) from 10.0.0.1:40000 to 198.51.100.7:80.
class Detection {
 public:
  explicit Detection(std::string_view text, DetectorLimits limits = {}) {
    static const RuleVariables kVariables;
    RuleLists lists(kVariables);
    RuleCompiler compiler(directory_, classifications_);
    for (const RuleText& one : split_rules(text)) {
      Rule& rule = rules_.emplace_back();
      const auto refusal = parse_rule(one, "test.rules", lists, rule);
      EXPECT_FALSE(refusal) << (refusal ? format(refusal->error) : "");
      std::string why;
      EXPECT_TRUE(compiler.add(rule, why)) << why;
    }
    DatabaseCache cache("");
    set = compiler.finish(cache);
    detector = std::make_unique<Detector>(set, directory_, limits);
    tcp_.resize(20);
    tcp_[12] = 0x50;
    flags(0x18);
    flow.app_decided = true;
    flow.established = true;
    flow.identity = {1, 1};
    packet.in_stream = true;
  }
  ~Detection() { state.release(); }

  void flags(uint8_t flags) { tcp_[13] = flags; }
  // A packet in that direction; what it brought is then told by the calls below.
  void begin(Direction of, std::string_view payload = {}) {
    payload_.assign(payload);
    packet.direction = of;
    PacketEnds& ends = packet.ends;
    ends = {};
    ends.packet_class = protocol == IPPROTO_TCP ? PacketClass::Tcp : PacketClass::Udp;
    ends.has_ports = true;
    ends.address[0] = client;
    ends.address[1] = 0xc6336407;
    ends.port[0] = 40000;
    ends.port[1] = server_port;
    if (of == Direction::Reply) ends.swap();
    packet.protocol = protocol;
    packet.l4 = protocol == IPPROTO_TCP ? std::span<const uint8_t>(tcp_)
                                        : std::span<const uint8_t>(tcp_).first(8);
    packet.payload = bytes_of(payload_);
    packet.time_ns = now_ns += 1'000'000;
    detector->begin(packet, flow, remembers ? &state : nullptr, remembers ? &arena : nullptr,
                    counters);
  }
  // More bytes of a direction's stream, of which the last `window` are kept.
  void stream(Direction of, std::string_view more, size_t window = SIZE_MAX) {
    const auto side = static_cast<size_t>(of);
    std::string& kept = kept_[side];
    const size_t seen = kept.size();
    kept += more;
    const size_t given_up = kept.size() > window ? std::min(kept.size() - window, seen) : 0;
    kept.erase(0, given_up);
    offset_[side] += given_up;
    detector->stream(of, view(of), static_cast<uint32_t>(seen - given_up));
  }
  BufferView view(Direction of) const {
    const auto side = static_cast<size_t>(of);
    return {reinterpret_cast<const uint8_t*>(kept_[side].data()),
            static_cast<uint32_t>(kept_[side].size()), offset_[side], 0, false};
  }
  // A whole packet with a segment in order.
  std::vector<uint32_t> segment(Direction of, std::string_view payload, size_t window = SIZE_MAX) {
    begin(of, payload);
    stream(of, payload, window);
    detector->packet();
    return sids();
  }
  std::vector<uint32_t> lone_packet(Direction of, std::string_view payload) {
    begin(of, payload);
    detector->packet();
    return sids();
  }
  // Sids that have fired, in order.
  std::vector<uint32_t> sids() const {
    std::vector<uint32_t> sids;
    for (const Fired& fired : detector->fired()) sids.push_back(set->rule(fired.rule).sid);
    return sids;
  }
  std::vector<uint32_t> alerts() const {
    std::vector<uint32_t> sids;
    for (const Fired& fired : detector->fired()) {
      if (fired.alert) sids.push_back(set->rule(fired.rule).sid);
    }
    return sids;
  }

  std::shared_ptr<const RuleSet> set;
  std::unique_ptr<Detector> detector;
  Arena arena{size_t{1} << 20, false};
  PacketFacts packet;
  FlowFacts flow;
  RuleState state{};
  DetectorCounters counters;
  uint8_t protocol = IPPROTO_TCP;
  uint16_t server_port = 80;
  uint32_t client = 0x0a000001;
  uint64_t now_ns = 1'000'000'000;
  bool remembers = true;

 private:
  Directory directory_;
  Classifications classifications_;
  std::list<Rule> rules_;
  std::vector<uint8_t> tcp_;
  std::string payload_;
  std::string kept_[2];
  uint64_t offset_[2] = {0, 0};
};

// An HTTP exchange whose buffers a test fills.
class Exchange {
 public:
  explicit Exchange(uint32_t number = 0) {
    transaction.protocol = AppProtocol::Http;
    transaction.number = number;
  }
  void set(Buffer buffer, Direction of, std::string_view text, bool complete = true) {
    transaction.set(buffer, of, bytes_of(*texts_.emplace(text).first), complete);
  }
  // Told to the detector, and fresh no more.
  void tell(Detection& to) {
    to.detector->transaction(transaction);
    transaction.fresh[0] = transaction.fresh[1] = 0;
  }
  Transaction transaction;

 private:
  std::set<std::string> texts_;
};

using Sids = std::vector<uint32_t>;
inline constexpr Direction kClient = Direction::Original, kServer = Direction::Reply;

}  // namespace sluice::rules
