// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/parse.h"

#include <netinet/in.h>

#include "chain/packet_meta.h"
#include "chain/reasons.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_environment.h"

namespace sluice::test {
namespace {

class Parse : public PacketTest {
 protected:
  ParsedPacket parse_frame(const Bytes& frame, ParseOptions options = {}) {
    rte_mbuf* m = make_exact_mbuf(frame, pool);
    meta(m) = {};
    ParsedPacket parsed{};
    parse(m, options, parsed);
    l2_len_ = m->l2_len;
    l3_len_ = m->l3_len;
    l4_len_ = m->l4_len;
    meta_ = meta(m);
    rte_pktmbuf_free(m);
    return parsed;
  }
  ParsedPacket parse_frame(const PacketBuilder& packet, ParseOptions options = {}) {
    return parse_frame(packet.bytes(), options);
  }
  CoreReason reason_of(const PacketBuilder& packet, ParseOptions options = {}) {
    const ParsedPacket parsed = parse_frame(packet, options);
    EXPECT_EQ(parsed.kind, PacketKind::Bad);
    return static_cast<CoreReason>(parsed.reason);
  }

  unsigned l2_len_ = 0, l3_len_ = 0, l4_len_ = 0;
  PacketMeta meta_{};
};

TEST_F(Parse, FindsHeadersAndPayloadOfEachTransport) {
  struct Row {
    const char* what;
    PacketBuilder packet;
    unsigned l2, l3, l4, payload;
    uint8_t proto;
  } rows[] = {
      {"TCP over IPv4", eth().ipv4("10.0.0.1", "10.0.0.2").tcp(1, 2).payload("abc"), 14, 20, 20, 3,
       IPPROTO_TCP},
      {"TCP over IPv6", eth().ipv6("::1", "::2").tcp(1, 2).payload("abc"), 14, 40, 20, 3,
       IPPROTO_TCP},
      {"UDP in a VLAN", eth().vlan(7).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload("x"), 18, 20,
       8, 1, IPPROTO_UDP},
      {"UDP in QinQ", eth().vlan(7, 0x88a8).vlan(8).ipv6("::1", "::2").udp(1, 2), 22, 40, 8, 0,
       IPPROTO_UDP},
      {"SCTP", eth().ipv4("10.0.0.1", "10.0.0.2").sctp(1, 2).payload_size(16), 14, 20, 12, 16,
       IPPROTO_SCTP},
      {"ICMP echo", eth().ipv4("10.0.0.1", "10.0.0.2").icmp_echo(5, 1), 14, 20, 8, 0, IPPROTO_ICMP},
      {"ICMPv6 echo", eth().ipv6("::1", "::2").icmp_echo(5, 1), 14, 40, 8, 0, IPPROTO_ICMPV6},
      {"IPv4 options", eth().ipv4("10.0.0.1", "10.0.0.2").ip_options({1, 1, 1, 1}).udp(1, 2), 14,
       24, 8, 0, IPPROTO_UDP},
      {"IPv6 extension headers",
       eth().ipv6("::1", "::2").hop_by_hop().routing().destination_options().tcp(1, 2), 14, 64, 20,
       0, IPPROTO_TCP},
      {"Ethernet padding is no payload", eth().ipv4("10.0.0.1", "10.0.0.2").tcp(1, 2).pad_to(60),
       14, 20, 20, 0, IPPROTO_TCP},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    const ParsedPacket parsed = parse_frame(row.packet);
    EXPECT_EQ(parsed.kind, PacketKind::Flow);
    EXPECT_EQ(l2_len_, row.l2);
    EXPECT_EQ(l3_len_, row.l3);
    EXPECT_EQ(l4_len_, row.l4);
    EXPECT_EQ(meta_.payload_len, row.payload);
    EXPECT_EQ(parsed.key.proto, row.proto);
  }
}

TEST_F(Parse, BothDirectionsOfAFlowHaveOneKey) {
  for (const auto& [a, b] :
       {std::pair{"10.0.0.9", "10.0.0.2"}, std::pair{"2001:db8::9", "2001:db8::2"}}) {
    const ParsedPacket there = parse_frame(eth().ip(a, b).tcp(4000, 80));
    const ParsedPacket back = parse_frame(eth().ip(b, a).tcp(80, 4000));
    EXPECT_EQ(there.key, back.key);
    EXPECT_NE(there.sender_end, back.sender_end);
  }
}

TEST_F(Parse, VlanCountsInTheZoneWhereThePortSaysSo) {
  const PacketBuilder packet = eth().vlan(7).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2);
  EXPECT_EQ(parse_frame(packet, {.zone = {4096, true}}).key.zone, 4096 + 7);
  EXPECT_EQ(parse_frame(packet, {.zone = {5, false}}).key.zone, 5);
}

TEST_F(Parse, RefusesHeadersThatLie) {
  const PacketBuilder v4 = eth().ipv4("10.0.0.1", "10.0.0.2");
  const PacketBuilder v6 = eth().ipv6("::1", "::2");
  EXPECT_EQ(reason_of(PacketBuilder(v4).tcp(1, 2).ip_length(19)), CoreReason::ParseBadIpHeader);
  EXPECT_EQ(reason_of(PacketBuilder(v4).tcp(1, 2).ip_length(1000)), CoreReason::ParseTruncated);
  EXPECT_EQ(reason_of(PacketBuilder(v6).tcp(1, 2).ip_length(1000)), CoreReason::ParseTruncated);
  EXPECT_EQ(reason_of(PacketBuilder(v4).udp(1, 2).ip_length(24)), CoreReason::ParseBadTransport);
  EXPECT_EQ(reason_of(PacketBuilder(v4).tcp(1, 2).bad_ip_checksum(),
                      {.zone = {}, .verify_ip_checksum = true}),
            CoreReason::ParseBadChecksum);
  PacketBuilder nested = v6;
  for (int i = 0; i < 9; ++i) nested.destination_options();
  EXPECT_EQ(reason_of(nested.tcp(1, 2)), CoreReason::ParseHeadersTooLong);
}

TEST_F(Parse, AnyTruncationIsSafeAndRefusedOrStillWhole) {
  const PacketBuilder packets[] = {
      eth()
          .vlan(1)
          .ipv4("10.0.0.1", "10.0.0.2")
          .tcp(1, 2)
          .flags(kTcpSyn)
          .tcp_options({3, 3, 7})
          .payload("abc"),
      eth().ipv6("::1", "::2").hop_by_hop().routing().udp(1, 2).payload("abc"),
      eth().ipv4("10.0.0.1", "10.0.0.2").icmp_error(3, 1, ipv4("10.0.0.2", "10.0.0.1").udp(1, 2)),
      eth().ipv6("::1", "::2").icmp_error(1, 4, ipv6("::2", "::1").tcp(1, 2)),
      eth().ipv6("::1", "::2").fragment(8, true).payload_size(16),
  };
  for (const PacketBuilder& packet : packets) {
    const Bytes whole = packet.bytes();
    for (size_t length = 0; length < whole.size(); ++length) {
      const ParsedPacket parsed =
          parse_frame(Bytes(whole.begin(), whole.begin() + static_cast<long>(length)));
      EXPECT_EQ(parsed.kind, PacketKind::Bad) << "cut at " << length;
    }
  }
}

TEST_F(Parse, AnIcmpErrorCarriesTheKeyOfTheFlowItQuotes) {
  struct Row {
    PacketBuilder original, error;
  } rows[] = {
      {ipv4("10.0.0.1", "10.0.0.2").udp(1000, 53),
       eth()
           .ipv4("10.0.0.9", "10.0.0.1")
           .icmp_error(3, 3, ipv4("10.0.0.1", "10.0.0.2").udp(1000, 53))},
      {ipv6("::1", "::2").tcp(1000, 443),
       eth().ipv6("::9", "::1").icmp_error(1, 4, ipv6("::1", "::2").tcp(1000, 443))},
  };
  for (const Row& row : rows) {
    const ParsedPacket original = parse_frame(row.original);
    const ParsedPacket error = parse_frame(row.error);
    EXPECT_EQ(error.kind, PacketKind::IcmpError);
    EXPECT_EQ(error.key, original.key);
    EXPECT_NE(error.sender_end, original.sender_end) << "it travels against what it quotes";
    EXPECT_TRUE(meta_.flags & kMetaIcmpError);
  }
}

TEST_F(Parse, ControlFramesHaveNoFlow) {
  const PacketBuilder frames[] = {
      eth().arp_request("02:00:00:00:00:01", "10.0.0.1", "10.0.0.2"),
      eth().ipv6("fe80::1", "ff02::1:ff00:2").ttl(255).neighbour_solicitation("fe80::2"),
      eth().ethertype(0x88cc).payload_size(46),
      eth().ethertype(0x8809).payload_size(46),
      eth("02:00:00:00:00:01", "01:80:c2:00:00:00").ethertype(38).payload_size(46),
  };
  for (const PacketBuilder& frame : frames) {
    EXPECT_EQ(parse_frame(frame).kind, PacketKind::Control);
    EXPECT_TRUE(meta_.flags & kMetaControl);
  }
  EXPECT_EQ(parse_frame(eth().ethertype(0x88f7).payload_size(46)).kind, PacketKind::Other);
}

TEST_F(Parse, WindowScaleIsReadFromSynsAndMalformedOptionsEndTheSearch) {
  const PacketBuilder syn = eth().ipv4("10.0.0.1", "10.0.0.2").tcp(1, 2).flags(kTcpSyn);
  EXPECT_EQ(
      parse_frame(PacketBuilder(syn).tcp_options({2, 4, 5, 0xb4, 1, 3, 3, 7})).tcp.window_scale, 7);
  EXPECT_EQ(parse_frame(PacketBuilder(syn).tcp_options({3, 3, 200, 0})).tcp.window_scale, 14);
  EXPECT_EQ(parse_frame(PacketBuilder(syn).tcp_options({8, 0, 3, 3})).tcp.window_scale,
            kNoWindowScale);
  EXPECT_EQ(parse_frame(PacketBuilder(syn).tcp_options({8, 200, 3, 3})).tcp.window_scale,
            kNoWindowScale);
}

}  // namespace
}  // namespace sluice::test
