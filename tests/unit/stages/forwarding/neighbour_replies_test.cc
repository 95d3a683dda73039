// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/forwarding/neighbour_replies.h"

#include <gtest/gtest.h>

#include "tests/unit/stages/forwarding/forwarding_fixture.h"

namespace sluice::test {
namespace {

class NeighbourRepliesTest : public ForwardingFixture {
 protected:
  static PacketBuilder solicitation(std::string_view source = "2001:db8:1::7",
                                    std::string_view destination = "ff02::1:ff00:1",
                                    std::string_view target = "2001:db8:1::1",
                                    std::string_view source_mac = kClientMac) {
    return eth(kClientMac, "33:33:ff:00:00:01")
        .ipv6(source, destination)
        .neighbour_solicitation(target, source_mac);
  }
  rte_mbuf* forward_raw(const Bytes& frame) {
    rte_mbuf* m = make_mbuf(frame, pool);
    m->port = kInside;
    packets.push_back(m);
    headers_of(m);
    harness.process({m});
    return m;
  }
};
INSTANTIATE_TEST_SUITE_P(Families, NeighbourRepliesTest, ::testing::ValuesIn(kFamilies),
                         family_name);

TEST_P(NeighbourRepliesTest, AnswersPingsOfOwnAddresses) {
  const Family& f = GetParam();
  for (const char* self : {f.inside_self, f.outside_self}) {
    auto ping = eth(kClientMac, kInsideMac).ip(f.client, self).ttl(1);
    rte_mbuf* m = forward(ping.icmp_echo(7, 9).payload("abcdefg"), kInside);
    ASSERT_EQ(reason(m), "");
    EXPECT_EQ(meta(m).egress, kInside);
    auto pong = eth(kInsideMac, kClientMac).ip(self, f.client);
    EXPECT_EQ(bytes_of(m), pong.icmp_echo(7, 9, true).payload("abcdefg").bytes());
  }
  EXPECT_EQ(harness.counter("echo_replies"), 2u);
}

TEST_P(NeighbourRepliesTest, LeavesABadChecksumBad) {
  const Family& f = GetParam();
  auto ping = eth(kClientMac, kInsideMac).ip(f.client, f.inside_self);
  rte_mbuf* m = forward(ping.icmp_echo(7, 9).bad_checksum(), kInside);
  EXPECT_FALSE(checksums_right(bytes_of(m)));
}

TEST_P(NeighbourRepliesTest, AnswersNoPingRepliesOptionsOrPingsOfOthers) {
  const Family& f = GetParam();
  const bool v4 = f.name[3] == '4';
  auto reply = eth(kClientMac, kInsideMac).ip(f.client, f.inside_self);
  EXPECT_EQ(reason(forward(reply.icmp_echo(7, 9, true), kInside)), "forwarding.to_self");
  auto options = eth(kClientMac, kInsideMac).ip(f.client, f.inside_self);
  if (v4) {
    options.ip_options({131, 7, 4, 10, 0, 0, 9});  // loose source route
  } else {
    options.routing();
  }
  EXPECT_EQ(reason(forward(options.icmp_echo(7, 9), kInside)), "forwarding.to_self");
  auto through = eth(kClientMac, kInsideMac).ip(f.client, f.remote);
  rte_mbuf* m = forward(through.icmp_echo(7, 9), kInside);
  EXPECT_EQ(meta(m).egress, kOutside);
  EXPECT_EQ(harness.counter("echo_replies"), 0u);
}

TEST_P(NeighbourRepliesTest, AnswersPingsOfItsLinkLocalAddress) {
  rte_mbuf* m =
      forward(eth(kClientMac, kInsideMac).ipv6("fe80::7", "fe80::1").icmp_echo(1, 1), kInside);
  ASSERT_EQ(reason(m), "");
  EXPECT_EQ(bytes_of(m),
            eth(kInsideMac, kClientMac).ipv6("fe80::1", "fe80::7").icmp_echo(1, 1, true).bytes());
  EXPECT_EQ(meta(m).egress, kInside);
}

TEST_P(NeighbourRepliesTest, AnswersArpForOwnAddresses) {
  rte_mbuf* m = forward_flowless(eth().arp_request(kClientMac, "10.0.0.7", "10.0.0.1"), kInside);
  ASSERT_EQ(reason(m), "");
  EXPECT_EQ(meta(m).egress, kInside);
  EXPECT_EQ(bytes_of(m), eth().arp_reply(kInsideMac, "10.0.0.1", kClientMac, "10.0.0.7").bytes());
  // RFC 5227: a probe has no sender address.
  rte_mbuf* probe = forward_flowless(eth().arp_request(kClientMac, "0.0.0.0", "10.0.0.1"), kInside);
  EXPECT_EQ(bytes_of(probe),
            eth().arp_reply(kInsideMac, "10.0.0.1", kClientMac, "0.0.0.0").bytes());
  EXPECT_EQ(harness.counter("arp_replies"), 2u);
}

TEST_P(NeighbourRepliesTest, KeepsQuietAboutOtherArp) {
  const struct {
    const char* what;
    PacketBuilder frame;
    const char* reason;
  } rows[] = {
      {"for another", eth().arp_request(kClientMac, "10.0.0.7", "10.0.0.9"), "consumed"},
      {"for another port's address", eth().arp_request(kClientMac, "10.0.0.7", "192.0.2.1"),
       "consumed"},
      {"a reply", eth().arp_reply(kClientMac, "10.0.0.7", kInsideMac, "10.0.0.1"), "consumed"},
      {"our own address as sender", eth().arp_request(kClientMac, "10.0.0.1", "10.0.0.1"),
       "consumed"},
      {"truncated", eth().arp_request(kClientMac, "10.0.0.7", "10.0.0.1").truncate(41),
       "bad_control"},
      {"sender MAC multicast", eth().arp_request("01:00:00:00:00:01", "10.0.0.7", "10.0.0.1"),
       "bad_control"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.what);
    EXPECT_EQ(reason(forward_flowless(row.frame, kInside)),
              std::string("forwarding.") + row.reason);
  }
  Bytes hardware = eth().arp_request(kClientMac, "10.0.0.7", "10.0.0.1").bytes();
  for (const size_t field : {15u, 17u, 18u, 19u}) {
    Bytes spoiled = hardware;
    spoiled[field] ^= 2;
    EXPECT_EQ(reason(forward_raw(spoiled)), "forwarding.bad_control") << field;
  }
}

TEST_P(NeighbourRepliesTest, AdvertisesOwnAddresses) {
  for (const char* target : {"2001:db8:1::1", "fe80::1"}) {
    for (const std::string_view source_mac : {kClientMac, std::string_view()}) {
      SCOPED_TRACE(target);
      rte_mbuf* m = forward_flowless(
          solicitation("2001:db8:1::7", "ff02::1:ff00:1", target, source_mac), kInside);
      ASSERT_EQ(reason(m), "");
      EXPECT_EQ(meta(m).egress, kInside);
      Bytes expected = eth(kInsideMac, kClientMac)
                           .ipv6(target, "2001:db8:1::7")
                           .neighbour_advertisement(target, kInsideMac)
                           .bytes();
      Bytes answer = bytes_of(m);
      EXPECT_TRUE(checksums_right(answer));
      // Beside the builder's the answer says that it is a router's.
      ASSERT_EQ(answer.size(), expected.size());
      EXPECT_EQ(answer[58], 0xe0);
      answer[58] = expected[58];
      answer[56] = expected[56];
      answer[57] = expected[57];
      EXPECT_EQ(answer, expected);
    }
  }
  EXPECT_EQ(harness.counter("na_replies"), 4u);
}

TEST_P(NeighbourRepliesTest, DefendsItsAddressAgainstAProbe) {
  rte_mbuf* m =
      forward_flowless(solicitation("::", "ff02::1:ff00:1", "2001:db8:1::1", ""), kInside);
  ASSERT_EQ(reason(m), "");
  const Bytes answer = bytes_of(m);
  EXPECT_TRUE(checksums_right(answer));
  const Bytes group = {0x33, 0x33, 0, 0, 0, 1};
  EXPECT_TRUE(std::equal(group.begin(), group.end(), answer.begin()));
  EXPECT_EQ(answer[58], 0xa0) << "not solicited";
}

TEST_P(NeighbourRepliesTest, RefusesMalformedSolicitations) {
  EXPECT_EQ(reason(forward_flowless(solicitation().ttl(254), kInside)), "forwarding.nd_hop_limit");
  EXPECT_EQ(reason(forward_flowless(solicitation().bad_checksum(), kInside)),
            "forwarding.bad_control");
  EXPECT_EQ(reason(forward_flowless(solicitation("::", "ff02::1:ff00:1"), kInside)),
            "forwarding.bad_control")
      << "a probe with a source link-layer address";
  EXPECT_EQ(
      reason(forward_flowless(solicitation("::", "2001:db8:1::1", "2001:db8:1::1", ""), kInside)),
      "forwarding.bad_control")
      << "a probe to a unicast address";
  EXPECT_EQ(
      reason(forward_flowless(solicitation("2001:db8:1::7", "ff02::1:ff00:1", "ff02::1"), kInside)),
      "forwarding.bad_control")
      << "a multicast target";
  const IpAddress target = *parse_ip_address("2001:db8:1::1");
  const std::vector<Bytes> bad_options = {
      {1, 0, 2, 0, 0, 0, 0, 1}, {1, 2, 2, 0, 0, 0, 0, 1}, {1, 1, 2}};
  for (const Bytes& options : bad_options) {
    Bytes body(4);
    for (const uint8_t byte : target.bytes) body.push_back(byte);
    for (const uint8_t byte : options) body.push_back(byte);
    auto packet = eth(kClientMac, kInsideMac).ipv6("2001:db8:1::7", "2001:db8:1::1").ttl(255);
    EXPECT_EQ(reason(forward_flowless(packet.icmp(135, 0, body), kInside)),
              "forwarding.bad_control");
  }
  for (size_t length = 0; length < 20; ++length) {
    auto packet = eth(kClientMac, kInsideMac).ipv6("2001:db8:1::7", "2001:db8:1::1").ttl(255);
    EXPECT_NE(reason(forward_flowless(packet.icmp(135, 0, Bytes(length)), kInside)), "") << length;
  }
  EXPECT_EQ(harness.counter("na_replies"), 0u);
}

TEST_P(NeighbourRepliesTest, KeepsQuietAboutOtherNeighbours) {
  EXPECT_EQ(reason(forward_flowless(
                solicitation("2001:db8:1::7", "ff02::1:ff00:9", "2001:db8:1::9"), kInside)),
            "forwarding.consumed");
  EXPECT_EQ(reason(forward_flowless(eth(kClientMac, kInsideMac)
                                        .ipv6("2001:db8:1::7", "2001:db8:1::1")
                                        .neighbour_advertisement("2001:db8:1::7", kClientMac),
                                    kInside)),
            "forwarding.consumed");
}

// AddressSanitizer sees a read behind the frame, and the answer does not fit.
TEST_P(NeighbourRepliesTest, DropsASolicitationThatHasNoRoomForTheAnswer) {
  const Bytes frame = solicitation("2001:db8:1::7", "ff02::1:ff00:1", "2001:db8:1::1", "").bytes();
  rte_mbuf* m = make_exact_mbuf(frame, pool);
  m->port = kInside;
  packets.push_back(m);
  headers_of(m);
  harness.process({m});
  EXPECT_EQ(reason(m), "forwarding.no_room");
}

}  // namespace
}  // namespace sluice::test
