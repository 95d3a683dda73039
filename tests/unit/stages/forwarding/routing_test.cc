// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>

#include <stdexcept>

#include "chain/fragments.h"
#include "tests/unit/stages/forwarding/forwarding_fixture.h"

namespace sluice::test {
namespace {

class RoutingTest : public ForwardingFixture {};
INSTANTIATE_TEST_SUITE_P(Families, RoutingTest, ::testing::ValuesIn(kFamilies), family_name);

PacketBuilder to_router(std::string_view source, std::string_view destination,
                        std::string_view mac = kInsideMac) {
  return eth(kClientMac, mac).ip(source, destination);
}

TEST_P(RoutingTest, RewritesMacsTtlAndChecksumAndNothingElse) {
  const Family& f = GetParam();
  auto packet = to_router(f.client, f.remote);
  packet.udp(1000, 53).payload("query");
  rte_mbuf* m = forward(packet, kInside);
  ASSERT_EQ(reason(m), "");
  EXPECT_EQ(meta(m).egress, kOutside);
  auto expected = eth(kOutsideMac, kGatewayMac).ip(f.client, f.remote).ttl(63);
  expected.udp(1000, 53).payload("query");
  EXPECT_EQ(bytes_of(m), expected.bytes());
  EXPECT_EQ(harness.counter("routed"), 1u);
}

TEST_P(RoutingTest, KeepsTheChecksumRightForEveryTtl) {
  const Family& f = GetParam();
  for (unsigned ttl = 2; ttl < 256; ++ttl) {
    auto packet = to_router(f.client, f.remote);
    packet.ttl(static_cast<uint8_t>(ttl)).tos(static_cast<uint8_t>(ttl * 3)).ip_id(ttl * 257);
    rte_mbuf* m = forward(packet.udp(1000, 53).payload("query"), kInside);
    ASSERT_EQ(reason(m), "") << ttl;
    ASSERT_TRUE(checksums_right(bytes_of(m))) << ttl;
    rte_pktmbuf_free(m);
    packets.pop_back();
    flows.pop_back();
  }
}

TEST_P(RoutingTest, DeliversToNeighboursOfConnectedNetworks) {
  const Family& f = GetParam();
  auto packet = eth(kGatewayMac, kOutsideMac).ip(f.remote, f.client);
  rte_mbuf* m = forward(packet.udp(53, 1000), kOutside);
  ASSERT_EQ(reason(m), "");
  EXPECT_EQ(meta(m).egress, kInside);
  auto expected = eth(kInsideMac, kClientMac).ip(f.remote, f.client).ttl(63);
  EXPECT_EQ(bytes_of(m), expected.udp(53, 1000).bytes());
}

TEST_P(RoutingTest, LooksUpOncePerFlowAndDirection) {
  const Family& f = GetParam();
  auto there = to_router(f.client, f.remote);
  there.udp(1000, 53);
  auto back = eth(kGatewayMac, kOutsideMac).ip(f.remote, f.client);
  back.udp(53, 1000);
  rte_mbuf* first = forward(there, kInside);
  rte_mbuf* second = received(there, kInside);
  rte_mbuf* third = received(back, kOutside);
  rte_mbuf* fourth = received(back, kOutside);
  for (rte_mbuf* m : {second, third, fourth}) flows.back().adopt(m);
  harness.process({second, third, fourth});
  EXPECT_EQ(harness.counter("lookups"), 2u);
  EXPECT_EQ(meta(first).egress, kOutside);
  EXPECT_EQ(meta(second).egress, kOutside);
  EXPECT_EQ(meta(third).egress, kInside);
  EXPECT_EQ(meta(fourth).egress, kInside);
}

TEST_P(RoutingTest, FollowsChangedRoutesAfterAReload) {
  const Family& f = GetParam();
  auto packet = to_router(f.client, f.remote);
  packet.udp(1000, 53);
  forward(packet, kInside);
  ASSERT_TRUE(harness.reload("[stage.forwarding]\nicmp_error_rate = 0"));
  rte_mbuf* m = received(packet, kInside);
  flows.back().adopt(m);
  harness.process({m});
  EXPECT_EQ(reason(m), "forwarding.no_route");
}

TEST_P(RoutingTest, KeepsZonesApart) {
  const Family& f = GetParam();
  auto packet = eth(kClientMac, "02:00:00:00:01:04").ip(f.client, f.remote);
  rte_mbuf* m = received(packet.udp(1000, 53), kLab);
  flows.emplace_back(m, kTestTime_ns, ZoneRule{7, false});
  harness.process({m});
  EXPECT_EQ(reason(m), "forwarding.no_route");
}

TEST_P(RoutingTest, DropsWhatItMustNotRoute) {
  const Family& f = GetParam();
  const bool v4 = f.name[3] == '4';
  const struct {
    const char* what;
    PacketBuilder packet;
    const char* reason;
  } rows[] = {
      {"no route", to_router(f.client, f.nowhere), "no_route"},
      {"no neighbour", to_router(f.client, f.silent), "no_neighbour"},
      {"TTL of 1", to_router(f.client, f.remote).ttl(1), "ttl_expired"},
      {"TTL of 0", to_router(f.client, f.remote).ttl(0), "ttl_expired"},
      {"too big", to_router(f.client, f.remote).payload_size(v4 ? 1373 : 1353), "too_big"},
      {"largest", to_router(f.client, f.remote).payload_size(v4 ? 1372 : 1352), ""},
      {"another station's", to_router(f.client, f.remote, kGatewayMac), "other_host"},
      {"broadcast frame", to_router(f.client, f.remote, "ff:ff:ff:ff:ff:ff"), "broadcast"},
      {"multicast", to_router(f.client, f.multicast, "01:00:5e:00:00:fb"), "multicast"},
      {"multicast in a unicast frame", to_router(f.client, f.multicast), "multicast"},
      {"source multicast", to_router(f.multicast, f.remote), "martian"},
      {"source loopback", to_router(f.loopback, f.remote), "martian"},
      {"destination loopback", to_router(f.client, f.loopback), "martian"},
      {"source our own", to_router(f.inside_self, f.remote), "martian"},
      {"source our own, other port", to_router(f.outside_self, f.client), "martian"},
      {"source unspecified", to_router(v4 ? "0.0.0.0" : "::", f.remote), "martian"},
      {"to ourselves", to_router(f.client, f.inside_self), "to_self"},
      {"to ourselves, other port", to_router(f.client, f.outside_self), "to_self"},
      {"tagged", to_router(f.client, f.remote).vlan(5), "tagged"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.what);
    auto packet = row.packet;
    const Bytes before = packet.udp(1000, 53).bytes();
    rte_mbuf* m = forward(packet, kInside);
    EXPECT_EQ(reason(m), *row.reason ? std::string("forwarding.") + row.reason : "");
    if (*row.reason) {
      EXPECT_EQ(bytes_of(m), before) << "a dropped packet stays as it came";
    }
  }
}

TEST_P(RoutingTest, TreatsTheEdgesOfIpv4NetworksAsBroadcast) {
  for (const char* edge : {"10.0.0.255", "10.0.0.0", "192.0.2.255", "255.255.255.255"}) {
    rte_mbuf* m = forward(to_router("10.0.0.7", edge).udp(1, 2), kInside);
    EXPECT_EQ(reason(m), "forwarding.broadcast") << edge;
  }
}

TEST_P(RoutingTest, KeepsLinkLocalAddressesOnTheirLink) {
  rte_mbuf* there = forward(to_router("fe80::7", "2001:db8:ffff::5").udp(1, 2), kInside);
  EXPECT_EQ(reason(there), "forwarding.link_local");
  rte_mbuf* to_link_local = forward(to_router("2001:db8:1::7", "fe80::fe").udp(1, 2), kInside);
  EXPECT_EQ(reason(to_link_local), "forwarding.link_local");
}

TEST_P(RoutingTest, RoutesIcmpErrorsByTheirOwnDestination) {
  const Family& f = GetParam();
  auto about = to_router(f.client, f.remote);
  about.udp(1000, 53);
  forward(about, kInside);
  auto error = eth(kGatewayMac, kOutsideMac).ip(f.remote, f.client);
  error.icmp_error(f.name[3] == '4' ? 3 : 1, 3, about);
  rte_mbuf* m = received(error, kOutside);
  flows.back().adopt(m);
  ASSERT_TRUE(meta(m).flags & kMetaIcmpError);
  harness.process({m});
  EXPECT_EQ(reason(m), "");
  EXPECT_EQ(meta(m).egress, kInside);
}

TEST_P(RoutingTest, SendsARejectsAnswersOnTheirWay) {
  const Family& f = GetParam();
  rte_mbuf* to_sender =
      received(eth(kInsideMac, kClientMac).ip(f.remote, f.client).tcp(53, 1000), kInside);
  flows.emplace_back(to_sender);
  meta(to_sender).flags |= kMetaGenerated | kMetaToSender;
  auto rst = to_router(f.client, f.remote);
  rte_mbuf* onward = received(rst.tcp(1000, 53), kInside);
  flows.emplace_back(onward);
  meta(onward).flags |= kMetaGenerated;
  const Bytes before = bytes_of(to_sender);
  harness.process({to_sender, onward});
  EXPECT_EQ(meta(to_sender).egress, kInside);
  EXPECT_EQ(bytes_of(to_sender), before);
  EXPECT_EQ(reason(onward), "");
  EXPECT_EQ(meta(onward).egress, kOutside);
}

TEST_P(RoutingTest, DropsOtherEthertypes) {
  rte_mbuf* m =
      forward_flowless(eth(kClientMac, kInsideMac).ethertype(0x8863).payload_size(46), kInside);
  EXPECT_EQ(reason(m), "forwarding.not_ip");
}

// A flat copy of a datagram with its fragments, as the chain hands it on.
class FragmentsTest : public ForwardingFixture {
 protected:
  rte_mbuf* forward_fragmented(const PacketBuilder& packet, unsigned n, uint16_t port) {
    rte_mbuf* whole = nullptr;
    for (const Bytes& frame : packet.fragments(n)) {
      rte_mbuf* m = make_mbuf(frame, pool);
      m->port = port;
      const ParsedPacket parsed = headers_of(m);
      EXPECT_EQ(parsed.kind, PacketKind::Fragment);
      whole = table.collect(m, parsed.fragment, kTestTime_ns);
    }
    if (whole == nullptr) throw std::runtime_error("datagram is not whole");
    ParsedPacket parsed{};
    parse(whole, {}, parsed);
    EXPECT_EQ(parsed.kind, PacketKind::Flow);
    whole->port = port;
    flows.emplace_back(received(packet, port));
    meta(whole).flow = flows.back().flow();
    harness.process({whole});
    return whole;
  }
  static std::vector<Bytes> frames_of(rte_mbuf* whole) {
    std::vector<Bytes> frames;
    for_each_frame(whole, [&](rte_mbuf* m) { frames.push_back(bytes_of(m)); });
    return frames;
  }

  FragmentTable table{{.name = "forwarding_test",
                       .datagrams = 4,
                       .max_fragments = 8,
                       .timeout_ns = 1'000'000'000,
                       .flat_copies = 4,
                       .socket_id = -1,
                       .wait_for_copy = false}};
};
INSTANTIATE_TEST_SUITE_P(Families, FragmentsTest, ::testing::ValuesIn(kFamilies), family_name);

TEST_P(FragmentsTest, RewritesEachFragment) {
  const Family& f = GetParam();
  auto packet = to_router(f.client, f.remote);
  packet.udp(1000, 53).payload_size(3000);
  rte_mbuf* whole = forward_fragmented(packet, 3, kInside);
  EXPECT_EQ(reason(whole), "");
  EXPECT_EQ(meta(whole).egress, kOutside);
  auto expected = eth(kOutsideMac, kGatewayMac).ip(f.client, f.remote).ttl(63);
  expected.udp(1000, 53).payload_size(3000);
  EXPECT_EQ(frames_of(whole), expected.fragments(3));
  free_packet(whole);
}

TEST_P(FragmentsTest, MeasuresFragmentsNotTheDatagram) {
  const Family& f = GetParam();
  auto packet = to_router(f.client, f.remote);
  packet.udp(1000, 53).payload_size(2990);
  rte_mbuf* small = forward_fragmented(packet, 3, kInside);
  EXPECT_EQ(reason(small), "");
  rte_mbuf* large = forward_fragmented(packet, 2, kInside);
  EXPECT_EQ(reason(large), "forwarding.too_big");
  free_packet(small);
  free_packet(large);
}

TEST_P(FragmentsTest, AnswersAPingThatCameInFragments) {
  const Family& f = GetParam();
  auto ping = to_router(f.client, f.inside_self);
  ping.icmp_echo(77, 1).payload_size(3000);
  rte_mbuf* whole = forward_fragmented(ping, 3, kInside);
  EXPECT_EQ(reason(whole), "");
  EXPECT_EQ(meta(whole).egress, kInside);
  auto pong = eth(kInsideMac, kClientMac).ip(f.inside_self, f.client);
  pong.icmp_echo(77, 1, true).payload_size(3000);
  EXPECT_EQ(frames_of(whole), pong.fragments(3));
  free_packet(whole);
}

}  // namespace
}  // namespace sluice::test
