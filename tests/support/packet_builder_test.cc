// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tests/support/packet_builder.h"

#include <gtest/gtest.h>

#include "chain/packet_meta.h"
#include "chain/parse.h"
#include "tests/support/test_environment.h"
#include "tests/support/test_flow.h"

namespace sluice::test {
namespace {

struct Row {
  const char* what;
  PacketBuilder packet;
  size_t l2_len, l3_len, l4_len, payload_len;
};

class PacketBuilderTest : public PacketTest {};

TEST_F(PacketBuilderTest, MakesFramesThatTheParserReads) {
  const Row rows[] = {
      {"tcp", ipv4("10.0.0.1", "10.0.0.2").tcp(1000, 80).payload("hello"), 14, 20, 20, 5},
      {"tcp6", ipv6("2001:db8::1", "2001:db8::2").tcp(1000, 80).payload("hello"), 14, 40, 20, 5},
      {"tcp options", ipv4("10.0.0.1", "10.0.0.2").tcp(1, 2).tcp_options({2, 4, 5, 180}), 14, 20,
       24, 0},
      {"ip options", ipv4("10.0.0.1", "10.0.0.2").ip_options({1}).udp(1, 2), 14, 24, 8, 0},
      {"vlan", eth().vlan(7).ip("10.0.0.1", "10.0.0.2").udp(53, 53).payload("abc"), 18, 20, 8, 3},
      {"qinq", eth().vlan(7, 0x88a8).vlan(9).ip("::1", "::2").udp(53, 53), 22, 40, 8, 0},
      {"hop by hop", ipv6("::1", "::2").hop_by_hop().destination_options().udp(1, 2), 14, 56, 8, 0},
      {"sctp", ipv4("10.0.0.1", "10.0.0.2").sctp(1, 2).payload("x"), 14, 20, 12, 1},
      {"echo", ipv4("10.0.0.1", "10.0.0.2").icmp_echo(1, 2).payload("ping"), 14, 20, 8, 4},
      {"echo6", ipv6("::1", "::2").icmp_echo(1, 2).payload("ping"), 14, 40, 8, 4},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    EXPECT_TRUE(checksums_right(row.packet.bytes()));
    rte_mbuf* m = row.packet.mbuf(pool);
    EXPECT_EQ(headers_of(m).kind, PacketKind::Flow);
    EXPECT_EQ(m->l2_len, row.l2_len);
    EXPECT_EQ(m->l3_len, row.l3_len);
    EXPECT_EQ(m->l4_len, row.l4_len);
    EXPECT_EQ(meta(m).payload_len, row.payload_len);
    rte_pktmbuf_free(m);
  }
}

TEST_F(PacketBuilderTest, SpoilsChecksumsWhenAsked) {
  EXPECT_FALSE(checksums_right(ipv4("10.0.0.1", "10.0.0.2").bad_ip_checksum().udp(1, 2).bytes()));
  EXPECT_FALSE(checksums_right(ipv4("10.0.0.1", "10.0.0.2").tcp(1, 2).bad_checksum().bytes()));
  EXPECT_FALSE(checksums_right(ipv6("::1", "::2").icmp_echo(1, 2).bad_checksum().bytes()));
}

TEST_F(PacketBuilderTest, SplitsDatagramsIntoFragmentsThatCoverThem) {
  for (const char* family : {"4", "6"}) {
    SCOPED_TRACE(family);
    auto whole = *family == '4' ? ipv4("10.0.0.1", "10.0.0.2") : ipv6("::1", "::2").hop_by_hop();
    whole.udp(1, 2).payload_size(1000);
    const std::vector<Bytes> frames = whole.fragments(3);
    ASSERT_EQ(frames.size(), 3u);
    size_t covered = 0;
    for (const Bytes& frame : frames) {
      rte_mbuf* m = make_mbuf(frame, pool);
      const ParsedPacket parsed = headers_of(m);
      EXPECT_EQ(parsed.kind, PacketKind::Fragment);
      EXPECT_EQ(parsed.fragment.offset, covered);
      EXPECT_EQ(parsed.fragment.proto, 17);
      covered += parsed.fragment.length;
      EXPECT_EQ(parsed.fragment.more, covered < 1008);
      rte_pktmbuf_free(m);
    }
    EXPECT_EQ(covered, 1008u);
  }
}

TEST_F(PacketBuilderTest, QuotesThePacketThatAnErrorIsAbout) {
  const auto about = ipv4("10.0.0.1", "10.0.0.2").udp(1000, 53).payload("q");
  const auto error = ipv4("192.0.2.1", "10.0.0.1").icmp_error(3, 3, about);
  EXPECT_TRUE(checksums_right(error.bytes()));
  rte_mbuf* first = about.mbuf(pool);
  rte_mbuf* second = error.mbuf(pool);
  const ParsedPacket a = headers_of(first), b = headers_of(second);
  EXPECT_EQ(b.kind, PacketKind::IcmpError);
  EXPECT_TRUE(a.key == b.key);
  rte_pktmbuf_free(first);
  rte_pktmbuf_free(second);
}

TEST_F(PacketBuilderTest, GivesExactBuffersBack) {
  const Bytes frame = ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload("exact").bytes();
  rte_mbuf* m = make_exact_mbuf(frame, pool);
  EXPECT_EQ(bytes_of(m), frame);
  EXPECT_EQ(rte_pktmbuf_tailroom(m), 0);
  rte_pktmbuf_free(m);
}

}  // namespace
}  // namespace sluice::test
