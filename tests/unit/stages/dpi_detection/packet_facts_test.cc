// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/detection/packet_facts.h"

#include "tests/unit/stages/dpi_detection/detection_fixture.h"

namespace sluice::rules {
namespace {

bool flags_hold(const char* options, uint8_t flags) {
  return holds(*with(options).packet.flags, flags);
}

TEST(PacketTests, TcpFlags) {
  constexpr uint8_t kFin = 1, kSyn = 2, kAck = 0x10, kEce = 0x40;
  EXPECT_TRUE(flags_hold("flags:S;", kSyn));
  EXPECT_FALSE(flags_hold("flags:S;", kSyn | kEce));
  EXPECT_TRUE(flags_hold("flags:S,12;", kSyn | kEce));
  EXPECT_TRUE(flags_hold("flags:+S;", kSyn | kAck));
  EXPECT_FALSE(flags_hold("flags:+SA;", kSyn));
  EXPECT_TRUE(flags_hold("flags:*SA;", kSyn));
  EXPECT_FALSE(flags_hold("flags:*SA;", kFin));
  EXPECT_TRUE(flags_hold("flags:!SA;", kSyn)) << "not all of them";
  EXPECT_TRUE(flags_hold("flags:!SA;", kFin));
  EXPECT_FALSE(flags_hold("flags:!SA;", kSyn | kAck | kFin));
  EXPECT_TRUE(flags_hold("flags:0;", 0));
  EXPECT_FALSE(flags_hold("flags:0;", kAck));
  EXPECT_TRUE(flags_hold("flags:!0;", kAck));
  EXPECT_FALSE(flags_hold("flags:!0;", 0));
}

class Ipv4 : public ::testing::Test {
 protected:
  bool test(const char* options, uint16_t fragment_field) {
    header_[6] = static_cast<uint8_t>(fragment_field >> 8);
    header_[7] = static_cast<uint8_t>(fragment_field);
    facts_.ip = header_;
    const Rule rule = with(options, "alert ip any any -> any any");
    return holds(rule.packet, facts_, FlowFacts{});
  }
  std::array<uint8_t, 20> header_{0x45};
  PacketFacts facts_;
};

TEST_F(Ipv4, FragmentBits) {
  constexpr uint16_t kReserved = 0x8000, kDont = 0x4000, kMore = 0x2000;
  EXPECT_TRUE(test("fragbits:D;", kDont));
  EXPECT_FALSE(test("fragbits:D;", kDont | kReserved));
  EXPECT_TRUE(test("fragbits:D;", kDont | 17)) << "the offset is none of them";
  EXPECT_FALSE(test("fragbits:+D;", kDont)) << "and another one";
  EXPECT_TRUE(test("fragbits:+D;", kDont | kReserved));
  EXPECT_TRUE(test("fragbits:!MD;", kDont)) << "not both";
  EXPECT_FALSE(test("fragbits:!MD;", kDont | kMore));
  EXPECT_TRUE(test("fragbits:*MD;", kMore));
  EXPECT_FALSE(test("fragbits:*MD;", kReserved));
}

TEST(PacketTests, StreamSizes) {
  FlowFacts flow;
  flow.stream_bytes[0] = 50;
  flow.stream_bytes[1] = 2000;
  const auto test = [&](const char* options) {
    return holds(with(options).packet, PacketFacts{}, flow);
  };
  EXPECT_TRUE(test("stream_size:server,>,1000;"));
  EXPECT_FALSE(test("stream_size:client,>,1000;"));
  EXPECT_TRUE(test("stream_size:either,>,1000;"));
  EXPECT_FALSE(test("stream_size:both,>,1000;"));
}

}  // namespace
}  // namespace sluice::rules
