// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>

#include "rule_parsing.h"

namespace sluice::rules {
namespace {

constexpr RefusalKind kUnsupported = RefusalKind::Unsupported;

TEST(PacketKeyword, Numbers) {
  static constexpr struct {
    const char* keyword;
    std::optional<RuleRange> RulePacketTests::*member;
    int64_t max;
  } kNumbers[] = {
      {"dsize", &RulePacketTests::dsize, 65535},
      {"ttl", &RulePacketTests::ttl, 255},
      {"itype", &RulePacketTests::itype, 255},
      {"icode", &RulePacketTests::icode, 255},
      {"icmp_id", &RulePacketTests::icmp_id, 65535},
      {"icmp_seq", &RulePacketTests::icmp_seq, 65535},
      {"id", &RulePacketTests::ip_id, 65535},
      {"seq", &RulePacketTests::seq, UINT32_MAX},
      {"tcp.seq", &RulePacketTests::seq, UINT32_MAX},
      {"ack", &RulePacketTests::ack, UINT32_MAX},
      {"tcp.ack", &RulePacketTests::ack, UINT32_MAX},
      {"window", &RulePacketTests::window, 65535},
      {"tcp.window", &RulePacketTests::window, 65535},
      {"tcp.mss", &RulePacketTests::tcp_mss, 65535},
      {"fragoffset", &RulePacketTests::fragoffset, 8191},
  };
  for (const auto& n : kNumbers) {
    SCOPED_TRACE(n.keyword);
    const std::string keyword = std::string(n.keyword) + ':';
    const auto range = [&](const std::string& value) {
      const Rule rule = with(keyword + value + ';');
      EXPECT_TRUE(rule.packet.any());
      return (rule.packet.*n.member).value_or(RuleRange{-1, -1, false});
    };
    EXPECT_TRUE(range("8").holds(8) && !range("8").holds(9));
    EXPECT_TRUE(range("!8").holds(9) && !range("!8").holds(8));
    EXPECT_TRUE(range("<8").holds(7) && !range("<8").holds(8));
    EXPECT_TRUE(range("> 8").holds(9) && !range("> 8").holds(8));
    EXPECT_TRUE(range("<=8").holds(8) && range(">=8").holds(8));
    EXPECT_TRUE(range("8<>10").holds(9) && !range("8<>10").holds(8) && !range("8<>10").holds(10));
    EXPECT_TRUE(range("8-10").holds(9) && !range("8-10").holds(8));
    EXPECT_EQ(range("\"8\"").low, 8);
    EXPECT_EQ(range(std::to_string(n.max)).high, n.max);
    const std::string begin = "alert ip any any -> any any (";
    expect_refused(begin + keyword + "@" + std::to_string(n.max + 1) + "; sid:7;)", n.keyword,
                   "\"" + std::to_string(n.max + 1));
    expect_refused(begin + keyword + "@x; sid:7;)", n.keyword, "\"x\"");
    expect_refused(begin + keyword + "@9<>9; sid:7;)", n.keyword, "\"9<>9\"");
    expect_refused(begin + '@' + n.keyword + "; sid:7;)", n.keyword, "nothing");
    expect_refused(begin + keyword + "1;@" + keyword + "2; sid:7;)", n.keyword, "a second one");
  }
  EXPECT_FALSE(with("msg:\"x\";").packet.any());
}

TEST(PacketKeyword, TcpFlags) {
  using Mode = RuleTcpFlags::Mode;
  const auto flags = [](const std::string& value) {
    return *with("flags:" + value + ";").packet.flags;
  };
  EXPECT_EQ(flags("S").flags, 0x02);
  EXPECT_EQ(flags("S").mode, Mode::Exactly);
  EXPECT_EQ(flags("SAFRPUEC").flags, 0xff);
  EXPECT_EQ(flags("12").flags, 0xc0);
  EXPECT_EQ(flags("0").flags, 0);
  EXPECT_EQ(flags("sa").flags, 0x12);
  EXPECT_EQ(flags("+SA").mode, Mode::AtLeast);
  EXPECT_EQ(flags("SA+").mode, Mode::AtLeast);
  EXPECT_EQ(flags("*FR").mode, Mode::Any);
  EXPECT_EQ(flags("!A").mode, Mode::NotAll);
  EXPECT_EQ(flags("S,12").ignored, 0xc0);
  EXPECT_EQ(flags("S, CE").ignored, 0xc0);
  EXPECT_EQ(with("tcp.flags:S;").packet.flags->flags, 2);
  static constexpr BadOptions kBad[] = {
      {"flags:@X;", "flags", "\"X\""},     {"flags:@+;", "flags", "\"+\""},
      {"flags:@+!S;", "flags", "\"+!S\""}, {"flags:S,@Q;", "flags", "\"Q\""},
      {"flags:S,1,@2;", "flags", "\"2\""}, {"flags:S; @tcp.flags:A;", "tcp.flags", "a second one"},
      {"@flags;", "flags", "nothing"},
  };
  expect_refused(kBad);
}

TEST(PacketKeyword, IpProtocol) {
  const auto ranges = [](const std::string& options) { return with(options).packet.ip_proto; };
  EXPECT_EQ(ranges("ip_proto:47;").at(0).low, 47);
  EXPECT_EQ(ranges("ip_proto:GRE;").at(0).low, 47);
  EXPECT_TRUE(ranges("ip_proto:!tcp;").at(0).negated);
  EXPECT_TRUE(ranges("ip_proto:!6;").at(0).negated);
  const auto two = ranges("ip_proto:>1; ip_proto:<6;");
  ASSERT_EQ(two.size(), 2u);
  EXPECT_FALSE(two[0].holds(1));
  EXPECT_FALSE(two[1].holds(6));
  static constexpr BadOptions kBad[] = {
      {"ip_proto:@256;", "ip_proto", "\"256\""},
      {"ip_proto:@nosuch;", "ip_proto", "\"nosuch\""},
      {"ip_proto:!@;", "ip_proto", "nothing"},
  };
  expect_refused(kBad);
}

TEST(PacketKeyword, IpHeader) {
  for (const char* name :
       {"rr", "eol", "nop", "ts", "sec", "esec", "lsrr", "ssrr", "satid", "any"}) {
    EXPECT_EQ(with(std::string("ipopts:") + name + ';').packet.ip_options, name);
  }
  using Mode = RuleFragbits::Mode;
  const auto bits = [](const char* options) { return with(options).packet.fragbits.value(); };
  EXPECT_EQ(bits("fragbits:MD;").bits, 0x6000);
  EXPECT_EQ(bits("fragbits:MD;").mode, Mode::Exactly);
  EXPECT_EQ(bits("fragbits:+R;").bits, 0x8000);
  EXPECT_EQ(bits("fragbits:+R;").mode, Mode::More);
  EXPECT_EQ(bits("fragbits:!MD;").mode, Mode::NotAll);
  EXPECT_EQ(bits("fragbits:*MD;").mode, Mode::Any);
  EXPECT_TRUE(with("sameip;").packet.same_ip);
  static constexpr BadOptions kBad[] = {
      {"ipopts:@xx;", "ipopts", "\"xx\""},
      {"ipopts:rr; @ipopts:any;", "ipopts", "a second one"},
      {"fragbits:@X;", "fragbits", "\"X\""},
      {"fragbits:@+;", "fragbits", "\"+\""},
      {"fragbits:@+!M;", "fragbits", "\"+!M\""},
      {"sameip:@1;", "sameip", "\"1\""},
      {"sameip; @sameip;", "sameip", "a second one"},
  };
  expect_refused(kBad);
}

TEST(PacketKeyword, StreamSize) {
  using Side = RulePacketTests::StreamSize::Side;
  static constexpr std::pair<const char*, Side> kSides[] = {{"server", Side::Server},
                                                            {"client", Side::Client},
                                                            {"both", Side::Both},
                                                            {"either", Side::Either}};
  for (const auto& [name, side] : kSides) {
    const auto size = with(std::string("stream_size:") + name + ",>,10;").packet.stream_size;
    ASSERT_TRUE(size);
    EXPECT_EQ(size->side, side);
    EXPECT_TRUE(size->range.holds(11) && !size->range.holds(10));
  }
  EXPECT_TRUE(with("stream_size:both,!=,5;").packet.stream_size->range.negated);
  EXPECT_EQ(with("stream_size:both,<=,5;").packet.stream_size->range.high, 5);
  static constexpr BadOptions kBad[] = {
      {"stream_size:@peer,>,1;", "stream_size", "\"peer\""},
      {"stream_size:both,@~,1;", "stream_size", "\"~\""},
      {"stream_size:both,>@;", "stream_size", "nothing"},
      {"stream_size:both,>,1,@2;", "stream_size", "\"2\""},
      {"stream_size:both,<,@0;", "stream_size", "< 0"},
  };
  expect_refused(kBad);
}

}  // namespace
}  // namespace sluice::rules
