// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/rule_header.h"

#include <gtest/gtest.h>

#include <netinet/in.h>

#include "rule_parsing.h"

namespace sluice::rules {
namespace {

constexpr RefusalKind kUnsupported = RefusalKind::Unsupported;

Rule with_header(const std::string& header) {
  return parse(header + " (sid:1;)");
}

PacketEnds ends(uint32_t source, uint16_t source_port, uint32_t destination,
                uint16_t destination_port, PacketClass packets = PacketClass::Tcp) {
  return {{source, destination}, {source_port, destination_port}, packets, false, true};
}

TEST(RuleHeader, Actions) {
  EXPECT_EQ(with_header("alert ip any any -> any any").action, RuleAction::Alert);
  EXPECT_EQ(with_header("pass ip any any -> any any").action, RuleAction::Pass);
  EXPECT_EQ(with_header("drop ip any any -> any any").action, RuleAction::Drop);
  EXPECT_EQ(with_header("reject ip any any -> any any").action, RuleAction::Reject);
  EXPECT_EQ(with_header("rejectsrc ip any any -> any any").action, RuleAction::Reject);
  expect_refused("@alrt ip any any -> any any (sid:7;)", "action", "\"alrt\"");
  expect_refused("@rejectboth ip any any -> any any (sid:7;)", "action", "\"rejectboth\"",
                 kUnsupported);
}

TEST(RuleHeader, ProtocolsAndWhatCarriesThem) {
  static constexpr struct {
    const char* name;
    RuleProtocol protocol;
    const char* carried;  // T U I O
  } kProtocols[] = {
      {"ip", RuleProtocol::Ip, "TUIO"},
      {"any", RuleProtocol::Ip, "TUIO"},
      {"ipv4", RuleProtocol::Ipv4, "TUIO"},
      {"ip4", RuleProtocol::Ipv4, "TUIO"},
      {"ipv6", RuleProtocol::Ipv6, "TUIO"},
      {"ip6", RuleProtocol::Ipv6, "TUIO"},
      {"tcp", RuleProtocol::Tcp, "T"},
      {"tcp-pkt", RuleProtocol::TcpPacket, "T"},
      {"tcp-stream", RuleProtocol::TcpStream, "T"},
      {"udp", RuleProtocol::Udp, "U"},
      {"icmp", RuleProtocol::Icmp, "I"},
      {"icmpv4", RuleProtocol::Icmpv4, "I"},
      {"icmpv6", RuleProtocol::Icmpv6, "I"},
      {"http", RuleProtocol::Http, "T"},
      {"http1", RuleProtocol::Http, "T"},
      {"tls", RuleProtocol::Tls, "T"},
      {"ssl", RuleProtocol::Tls, "T"},
      {"dns", RuleProtocol::Dns, "TU"},
      {"ssh", RuleProtocol::Ssh, "T"},
      {"quic", RuleProtocol::Quic, "U"},
  };
  for (const auto& p : kProtocols) {
    const RuleHeader header =
        with_header(std::string("alert ") + p.name + " any any -> any any").header;
    EXPECT_EQ(header.protocol, p.protocol) << p.name;
    const std::string_view carried = p.carried;
    EXPECT_EQ(header.covers(PacketClass::Tcp), carried.find('T') != carried.npos) << p.name;
    EXPECT_EQ(header.covers(PacketClass::Udp), carried.find('U') != carried.npos) << p.name;
    EXPECT_EQ(header.covers(PacketClass::Icmp), carried.find('I') != carried.npos) << p.name;
    EXPECT_EQ(header.covers(PacketClass::Other), carried.find('O') != carried.npos) << p.name;
  }
  expect_refused("alert @smb any any -> any any (sid:7;)", "protocol", "\"smb\"", kUnsupported);
  EXPECT_EQ(packet_class(IPPROTO_ICMPV6), PacketClass::Icmp);
  EXPECT_EQ(packet_class(IPPROTO_SCTP), PacketClass::Other);
}

TEST(RuleHeader, IpVersionsOfProtocols) {
  PacketEnds v4 = ends(1, 0, 2, 0, PacketClass::Icmp);
  PacketEnds v6 = v4;
  v6.ipv6 = true;
  EXPECT_TRUE(with_header("alert ipv4 any any -> any any").header.fits(v4));
  EXPECT_FALSE(with_header("alert ipv4 any any -> any any").header.fits(v6));
  EXPECT_FALSE(with_header("alert ipv6 any any -> any any").header.fits(v4));
  EXPECT_TRUE(with_header("alert ipv6 any any -> any any").header.fits(v6));
  EXPECT_FALSE(with_header("alert icmpv6 any any -> any any").header.fits(v4));
  EXPECT_FALSE(with_header("alert icmpv4 any any -> any any").header.fits(v6));
  EXPECT_TRUE(with_header("alert icmp any any -> any any").header.fits(v4));
  EXPECT_TRUE(with_header("alert icmp any any -> any any").header.fits_all());
  EXPECT_FALSE(with_header("alert icmpv4 any any -> any any").header.fits_all());
}

TEST(RuleHeader, EndsAndDirection) {
  const RuleHeader one =
      with_header("alert tcp 10.0.0.0/8 1024: -> [192.0.2.7,192.0.2.9] [80,443]").header;
  EXPECT_TRUE(one.fits(ends(0x0a000001, 1024, 0xc0000207, 443)));
  EXPECT_FALSE(one.fits(ends(0x0a000001, 1023, 0xc0000207, 443)));
  EXPECT_FALSE(one.fits(ends(0x0a000001, 1024, 0xc0000208, 443)));
  EXPECT_FALSE(one.fits(ends(0xc0000207, 443, 0x0a000001, 1024)));
  EXPECT_FALSE(one.fits(ends(0x0a000001, 1024, 0xc0000207, 443, PacketClass::Udp)));
  EXPECT_FALSE(one.fits_all());
  const RuleHeader both = with_header("alert tcp 10.0.0.0/8 any <> any 80").header;
  EXPECT_TRUE(both.fits(ends(0xc0000207, 80, 0x0a000001, 1024)));
  PacketEnds no_ports = ends(0x0a000001, 0, 1, 80);
  no_ports.has_ports = false;
  EXPECT_FALSE(both.fits(no_ports));
  expect_refused("alert tcp any any @<- any any (sid:7;)", "direction", "\"<-\"");
  expect_refused("alert tcp any any @=> any any (sid:7;)", "direction", "\"=>\"", kUnsupported);
}

TEST(RuleHeader, AddressesInEveryForm) {
  const auto source = [](const std::string& list) {
    return with_header("alert ip " + list + " any -> any any").header.source;
  };
  EXPECT_TRUE(source("192.0.2.0/255.255.255.0").ipv4.contains(0xc00002ff));
  EXPECT_FALSE(source("192.0.2.0/255.255.255.0").ipv4.contains(0xc0000300));
  EXPECT_TRUE(source("192.0.2.1-192.0.2.9").ipv4.contains(0xc0000209));
  EXPECT_FALSE(source("192.0.2.1-192.0.2.9").ipv4.contains(0xc000020a));
  EXPECT_TRUE(source("2001:db8::/32").ipv4.empty());
  EXPECT_FALSE(source("2001:db8::/32").ipv6.empty());
  EXPECT_TRUE(source("![10.0.0.0/8, ![10.1.0.0/16]]").ipv4.contains(0x0a010000));
  EXPECT_FALSE(source("![10.0.0.0/8, ![10.1.0.0/16]]").ipv4.contains(0x0a020000));
  EXPECT_TRUE(source("[10.0.0.0/8,!10.1.0.0/16]").ipv4.contains(0x0a000000));
  EXPECT_FALSE(source("[10.0.0.0/8,!10.1.0.0/16]").ipv4.contains(0x0a010203));
  expect_refused("alert ip @10.0.0.256 any -> any any (sid:7;)", "source", "\"10.0.0.256\"");
  expect_refused("alert ip [10.0.0.1,@x] any -> any any (sid:7;)", "source", "\"x\"");
  expect_refused("alert ip @!any any -> any any (sid:7;)", "source",
                 "\"!any\", which leaves nothing");
  expect_refused("alert ip any any -> @[10.0.0.1 any (sid:7;)", "destination", "[ without its ]");
  expect_refused("alert ip any any -> @10.0.0.9-10.0.0.1 any (sid:7;)", "destination", "\"10.0");
  expect_refused("alert ip @10.0.0.0/255.0.255.0 any -> any any (sid:7;)", "source",
                 "\"10.0.0.0/2");
}

TEST(RuleHeader, PortsInEveryForm) {
  const auto ports = [](const std::string& list) {
    return with_header("alert udp any " + list + " -> any any").header.source_ports;
  };
  EXPECT_TRUE(ports("[1:3,!2,65535]").contains(65535));
  EXPECT_FALSE(ports("[1:3,!2,65535]").contains(2));
  EXPECT_TRUE(ports(":10").contains(0));
  EXPECT_TRUE(ports("!80").contains(81));
  EXPECT_TRUE(ports("$SHELLCODE_PORTS").contains(79));
  EXPECT_FALSE(ports("!$HTTP_PORTS").contains(80));
  expect_refused("alert udp any @65536 -> any any (sid:7;)", "source port", "\"65536\"");
  expect_refused("alert udp any any -> any @9:8 (sid:7;)", "destination port", "\"9:8\"");
  expect_refused("alert icmp any @80 -> any any (sid:7;)", "source port", "\"80\"");
}

TEST(RuleHeader, VariablesAndTheirCustomaryValues) {
  const auto source = [](const std::string& list) {
    return with_header("alert ip " + list + " any -> any any").header.source;
  };
  for (const char* list : {"$HOME_NET", "$HTTP_SERVERS", "$DNS_SERVERS", "!$EXTERNAL_NET"}) {
    EXPECT_TRUE(source(list).ipv4.contains(0xc0a80101)) << list;
    EXPECT_TRUE(source(list).ipv4.contains(0xac100000)) << list;
    EXPECT_FALSE(source(list).ipv4.contains(0x08080808)) << list;
  }
  EXPECT_TRUE(source("$AIM_SERVERS").ipv4.contains(0x08080808));
  EXPECT_FALSE(source("[$HOME_NET,!10.0.0.0/8]").ipv4.contains(0x0a000001));
  // What is in no list of IPv4 networks is outside of it.
  EXPECT_TRUE(source("$EXTERNAL_NET").ipv6.is_all());
  expect_refused("alert ip [10.0.0.1,!@$NOWHERE] any -> any any (sid:7;)", "source",
                 "variable \"$NOWHERE\"");
  expect_refused("alert ip @$HTTP_PORTS any -> any any (sid:7;)", "source",
                 "\"80\" in $HTTP_PORTS");
}

TEST(RuleVariables, ReplaceNestAndEnd) {
  RuleVariables variables;
  variables.set("HOME_NET", "[$OFFICE, $LAB]");
  variables.set("OFFICE", "10.1.0.0/16");
  variables.set("LAB", "!10.2.0.0/16");
  RuleLists lists(variables);
  RuleListError error;
  const AddressSet* home = lists.addresses("$HOME_NET", error);
  ASSERT_NE(home, nullptr);
  EXPECT_TRUE(home->ipv4.contains(0x0a010203));
  const AddressSet* external = lists.addresses("$EXTERNAL_NET", error);
  ASSERT_NE(external, nullptr);
  EXPECT_TRUE(external->ipv4.contains(0x0a020304));
  EXPECT_FALSE(external->ipv4.contains(0x0a010203));
  EXPECT_EQ(lists.addresses("$HOME_NET", error), home);  // read once

  variables.set("OFFICE", "[$LAB]");
  variables.set("LAB", "!$OFFICE");
  EXPECT_EQ(RuleLists(variables).addresses("[any,$OFFICE]", error), nullptr);
  EXPECT_EQ(error.offset, 5u);
  EXPECT_EQ(error.found, "variable \"$OFFICE\" in $LAB");
}

TEST(RuleVariables, ListsThatDoubleEachOtherEnd) {
  RuleVariables variables;
  variables.set("V0", "10.0.0.1");
  for (int i = 1; i < 40; ++i) {
    const std::string inner = "$V" + std::to_string(i - 1);
    std::string list = "[" + inner;
    for (int n = 0; n < 30; ++n) list += ',' + inner;
    variables.set("V" + std::to_string(i), list + ']');
  }
  RuleListError error;
  EXPECT_EQ(RuleLists(variables).addresses("$V6", error), nullptr);
  EXPECT_EQ(error.found.substr(0, 9), "more than");
  EXPECT_EQ(RuleLists(variables).addresses("$V39", error), nullptr);
}

TEST(RuleVariables, CheckTellsWhereOneIsNoList) {
  RuleVariables variables;
  variables.set("HOME_NET", "[10.0.0.0/8,10.0.0.300]", {"sluice.toml", 4, 9, "HOME_NET = ..."});
  variables.set("WEB", "[80,443", {"sluice.toml", 5, 9, "WEB = ..."});
  variables.set("GOOD", "[80,443]", {"sluice.toml", 6, 9, "GOOD = ..."});
  variables.set("ALSO", "!$EXTERNAL_NET", {"sluice.toml", 7, 9, "ALSO = ..."});
  ConfigErrors errors;
  EXPECT_FALSE(variables.check("stage.dpi.rules.variables", errors));
  // ALSO stands for HOME_NET, whose text is wrong.
  ASSERT_EQ(errors.all().size(), 3u);
  EXPECT_EQ(errors.all()[0].where.line, 4u);
  EXPECT_EQ(errors.all()[0].key, "stage.dpi.rules.variables.HOME_NET");
  EXPECT_EQ(errors.all()[0].found, "\"10.0.0.300\" in $HOME_NET");
  EXPECT_EQ(errors.all()[1].key, "stage.dpi.rules.variables.WEB");
  EXPECT_EQ(errors.all()[2].key, "stage.dpi.rules.variables.ALSO");
}

TEST(RuleText, PlacesInContinuedLines) {
  Rule rule;
  const std::optional<RuleRefusal> refusal =
      try_parse("alert tcp any any -> any any \\\n  (msg:\"x\"; \\\n   depth:4; sid:7;)", rule);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->error.where.line, 3u);
  EXPECT_EQ(refusal->error.where.column, 4u);
  EXPECT_EQ(refusal->error.where.text, "   depth:4; sid:7;)");
  const Rule good = parse("\n alert tcp any any -> any any (\\\n sid:7;)");
  EXPECT_EQ(good.where.line, 2u);
  EXPECT_EQ(good.where.column, 2u);
  EXPECT_EQ(good.sid_where.line, 3u);
  EXPECT_EQ(good.sid_where.column, 6u);
}

TEST(RuleText, WhatIsNoRule) {
  EXPECT_TRUE(split_rules("").empty());
  EXPECT_TRUE(
      split_rules("\xef\xbb\xbf# x\r\n \t\n  # alert tcp any any -> any any (sid:1;)\n").empty());
  EXPECT_EQ(split_rules("a\r\nb").size(), 2u);
}

TEST(RuleText, Brackets) {
  const std::string header = "alert tcp any any -> any any ";
  expect_refused(header + "@sid:7;)", "rule", "\"sid:7;)\"");
  expect_refused(header + "(sid:7;@", "rule", "its end");
  expect_refused(header + "(sid:7;) @x", "rule", "\"x\"");
  expect_refused(header + "(sid:7; @nocase", "nocase", "no ; at its end");
  expect_refused(header + "(@:x; sid:7;)", "option", "nothing");
  Rule rule;
  const auto no_sid = try_parse(header + "(msg:\"x\";)", rule);
  ASSERT_TRUE(no_sid);
  EXPECT_EQ(no_sid->error.key, "sid");
  EXPECT_EQ(no_sid->sid, 0u);
  const auto zero = try_parse(header + "(msg:\"a" + std::string(1, '\0') + "b\"; sid:7;)", rule);
  ASSERT_TRUE(zero);
  EXPECT_EQ(zero->error.found, "byte 0x00");
  const auto too_long = try_parse(header + "(" + std::string(kMaxRuleBytes, ' ') + "sid:7;)", rule);
  ASSERT_TRUE(too_long);
  EXPECT_EQ(too_long->error.allowed, "at most 8192");
}

}  // namespace
}  // namespace sluice::rules
