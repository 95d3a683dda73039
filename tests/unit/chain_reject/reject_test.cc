// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "chain/reject.h"

#include <gtest/gtest.h>

#include "chain/flow_context.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_environment.h"
#include "tests/support/test_flow.h"

namespace sluice::test {
namespace {

constexpr const char* kClientMac = "02:00:00:00:00:01";
constexpr const char* kServerMac = "02:00:00:00:00:02";

struct Family {
  const char* name;
  const char* client;
  const char* server;
};

void PrintTo(const Family& family, std::ostream* out) {
  *out << family.name;
}

class Reject : public PacketTestWith<Family> {
 protected:
  PacketBuilder from_client() const {
    return eth(kClientMac, kServerMac).ip(GetParam().client, GetParam().server);
  }
  PacketBuilder from_server() const {
    return eth(kServerMac, kClientMac).ip(GetParam().server, GetParam().client);
  }
  bool ipv6() const { return std::string_view(GetParam().name) == "Ipv6"; }

  // The answer's frames as bytes; the mbufs go back, their meta() is kept.
  std::vector<Bytes> answer(rte_mbuf* m) {
    rte_mbuf* out[kMaxRejectFrames];
    const unsigned n = build_reject(m, pool, out);
    std::vector<Bytes> frames;
    metas.clear();
    for (unsigned i = 0; i < n; ++i) {
      frames.push_back(bytes_of(out[i]));
      metas.push_back(meta(out[i]));
      ports.push_back(out[i]->port);
      // Behind it the frame is a packet like any other.
      PacketMeta before = meta(out[i]);
      const unsigned l2 = out[i]->l2_len, l3 = out[i]->l3_len, l4 = out[i]->l4_len;
      headers_of(out[i]);
      EXPECT_EQ(out[i]->l2_len, l2);
      EXPECT_EQ(out[i]->l3_len, l3);
      EXPECT_EQ(out[i]->l4_len, l4);
      EXPECT_EQ(meta(out[i]).payload_len, before.payload_len);
      EXPECT_TRUE(checksums_right(frames.back()));
      rte_pktmbuf_free(out[i]);
    }
    return frames;
  }

  // Answers to a packet that is its flow's first, unless `passed`.
  std::vector<Bytes> answer(const PacketBuilder& builder, bool passed = false) {
    rte_mbuf* m = builder.mbuf(pool);
    m->port = 3;
    TestFlow flow(m);
    flow.context().passed = passed ? 1 : 0;
    std::vector<Bytes> frames = answer(m);
    for (const PacketMeta& p : metas) EXPECT_EQ(p.flow, flow.flow());
    rte_pktmbuf_free(m);
    return frames;
  }

  // A RST has no options and no id; the builder writes the rest.
  PacketBuilder rst(PacketBuilder to, uint16_t source, uint16_t destination, uint32_t seq) const {
    return to.ttl(64)
        .ip_id(0)
        .dont_fragment()
        .tcp(source, destination)
        .flags(kTcpRst)
        .seq(seq)
        .ack(0)
        .window(0);
  }

  std::vector<PacketMeta> metas;
  std::vector<uint16_t> ports;
};

INSTANTIATE_TEST_SUITE_P(Families, Reject,
                         ::testing::Values(Family{"Ipv4", "192.0.2.1", "198.51.100.2"},
                                           Family{"Ipv6", "2001:db8::1", "2001:db8:1::2"}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(Reject, AnswersASynWithARstThatAcknowledgesIt) {
  const auto frames = answer(from_client().tcp(40000, 443).flags(kTcpSyn).seq(1000).ack(0));
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0],
            rst(from_server(), 443, 40000, 0).flags(kTcpRst | kTcpAck).ack(1001).bytes());
  EXPECT_EQ(metas[0].flags & (kMetaGenerated | kMetaToSender | kMetaReply | kMetaTcp),
            kMetaGenerated | kMetaToSender | kMetaReply | kMetaTcp);
  EXPECT_EQ((metas[0].flags & kMetaIpv6) != 0, ipv6());
  EXPECT_EQ(ports[0], 3);
}

TEST_P(Reject, CountsPayloadAndFinOfASegmentWithoutAck) {
  const auto frames =
      answer(from_client().tcp(40000, 443).flags(kTcpSyn | kTcpFin).seq(0xfffffffe).payload("abc"));
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0], rst(from_server(), 443, 40000, 0).flags(kTcpRst | kTcpAck).ack(3).bytes());
}

TEST_P(Reject, ResetsBothEndsOnceSomethingHasPassed) {
  const auto frames = answer(
      from_client().tcp(40000, 443).flags(kTcpAck | kTcpPsh).seq(5000).ack(9000).payload("GET"),
      true);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0], rst(from_server(), 443, 40000, 9000).bytes());
  EXPECT_EQ(frames[1],
            rst(from_client(), 40000, 443, 5000).flags(kTcpRst | kTcpAck).ack(9000).bytes());
  EXPECT_TRUE(metas[0].flags & kMetaToSender);
  EXPECT_FALSE(metas[1].flags & kMetaToSender);
  EXPECT_TRUE(metas[0].flags & kMetaReply);
  EXPECT_FALSE(metas[1].flags & kMetaReply);
}

TEST_P(Reject, ResetsBothEndsFromTheRespondersSide) {
  rte_mbuf* syn = from_client().tcp(40000, 443).flags(kTcpSyn).mbuf(pool);
  TestFlow flow(syn);
  flow.context().passed = 1;
  rte_mbuf* m =
      from_server().tcp(443, 40000).flags(kTcpAck).seq(70).ack(80).payload("x").mbuf(pool);
  flow.adopt(m);
  const auto frames = answer(m);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0], rst(from_client(), 40000, 443, 80).bytes());
  EXPECT_EQ(frames[1], rst(from_server(), 443, 40000, 70).flags(kTcpRst | kTcpAck).ack(80).bytes());
  EXPECT_FALSE(metas[0].flags & kMetaReply);
  EXPECT_TRUE(metas[1].flags & kMetaReply);
  rte_pktmbuf_free(m);
  rte_pktmbuf_free(syn);
}

TEST_P(Reject, QuotesTheDatagramInAnIcmpError) {
  const PacketBuilder cause = from_client().tos(0x20).udp(1000, 2000).payload("hello");
  const auto frames = answer(cause);
  ASSERT_EQ(frames.size(), 1u);
  PacketBuilder expected = from_server().ttl(64).ip_id(0).dont_fragment();
  const uint8_t type = ipv6() ? 1 : 3, code = ipv6() ? 1 : 13;
  EXPECT_EQ(frames[0], expected.icmp_error(type, code, cause, 2000).bytes());
  EXPECT_EQ(metas[0].flags & (kMetaGenerated | kMetaToSender | kMetaReply),
            kMetaGenerated | kMetaToSender | kMetaReply);
}

TEST_P(Reject, QuotesNoMoreThanAnErrorMayHold) {
  const PacketBuilder cause = from_client().udp(1000, 2000).payload_size(1400);
  const auto frames = answer(cause);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].size(), 14u + (ipv6() ? 1280u : 576u));
}

TEST_P(Reject, LeavesEthernetPaddingOutOfTheQuote) {
  const PacketBuilder cause = from_client().udp(1000, 2000).payload("x");
  const auto frames = answer(PacketBuilder(cause).pad_to(200));
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].size(), 14u + (ipv6() ? 40u : 20u) + 8 + cause.ip_bytes().size());
}

TEST_P(Reject, KeepsVlanTags) {
  const auto tagged = [&](const char* source, const char* destination) {
    return eth(source, destination).vlan(100, 0x88a8).vlan(7);
  };
  const auto frames = answer(tagged(kClientMac, kServerMac)
                                 .ip(GetParam().client, GetParam().server)
                                 .tcp(40000, 443)
                                 .flags(kTcpAck)
                                 .seq(1)
                                 .ack(2),
                             true);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0], rst(tagged(kServerMac, kClientMac).ip(GetParam().server, GetParam().client),
                           443, 40000, 2)
                           .bytes());
  EXPECT_EQ(frames[1], rst(tagged(kClientMac, kServerMac).ip(GetParam().client, GetParam().server),
                           40000, 443, 1)
                           .flags(kTcpRst | kTcpAck)
                           .ack(2)
                           .bytes());
}

TEST_P(Reject, AnswersAnEchoRequest) {
  EXPECT_EQ(answer(from_client().icmp_echo(1, 2).payload("ping")).size(), 1u);
}

TEST_P(Reject, NeverAnswersARst) {
  EXPECT_TRUE(answer(from_client().tcp(1, 2).flags(kTcpRst), true).empty());
  EXPECT_TRUE(answer(from_client().tcp(1, 2).flags(kTcpRst | kTcpAck), true).empty());
}

TEST_P(Reject, NeverAnswersAnIcmpError) {
  const PacketBuilder quoted = from_client().udp(1000, 2000).payload("x");
  rte_mbuf* opening = quoted.mbuf(pool);
  TestFlow flow(opening);
  rte_mbuf* m = from_server().icmp_error(ipv6() ? 1 : 3, ipv6() ? 4 : 3, quoted).mbuf(pool);
  flow.adopt(m);
  EXPECT_TRUE(answer(m).empty());
  rte_pktmbuf_free(m);
  rte_pktmbuf_free(opening);
}

TEST_P(Reject, NeverAnswersItself) {
  rte_mbuf* m = from_client().udp(1, 2).mbuf(pool);
  TestFlow flow(m);
  meta(m).flags |= kMetaGenerated;
  EXPECT_TRUE(answer(m).empty());
  rte_pktmbuf_free(m);
}

TEST_P(Reject, NeverAnswersLinkLayerBroadcastOrMulticast) {
  for (const char* mac : {"ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"}) {
    EXPECT_TRUE(
        answer(eth(kClientMac, mac).ip(GetParam().client, GetParam().server).udp(1, 2)).empty())
        << mac;
  }
}

TEST_P(Reject, NeverAnswersWhatIsNoHost) {
  const std::vector<std::pair<const char*, const char*>> ends =
      ipv6() ? std::vector<std::pair<const char*, const char*>>{{"2001:db8::1", "ff0e::1"},
                                                                {"ff02::1", "2001:db8::1"},
                                                                {"::", "2001:db8::1"},
                                                                {"::1", "2001:db8::1"}}
             : std::vector<std::pair<const char*, const char*>>{{"192.0.2.1", "224.0.0.5"},
                                                                {"192.0.2.1", "255.255.255.255"},
                                                                {"0.0.0.0", "192.0.2.1"},
                                                                {"127.0.0.1", "192.0.2.1"},
                                                                {"255.255.255.255", "192.0.2.1"}};
  for (const auto& [source, destination] : ends) {
    EXPECT_TRUE(answer(eth(kClientMac, kServerMac).ip(source, destination).udp(1, 2)).empty())
        << source << " to " << destination;
  }
}

TEST_P(Reject, GivesNothingWhenThePoolIsEmpty) {
  rte_mbuf* m = from_client().tcp(1, 2).mbuf(pool);
  TestFlow flow(m);
  TestPool tiny(1);
  rte_mbuf* taken = rte_pktmbuf_alloc(tiny);
  ASSERT_NE(taken, nullptr);
  rte_mbuf* out[kMaxRejectFrames];
  EXPECT_EQ(build_reject(m, tiny, out), 0u);
  rte_pktmbuf_free(taken);
  TestPool small(3, 40);  // no room for a frame
  EXPECT_EQ(build_reject(m, small, out), 0u);
  rte_pktmbuf_free(m);
}

TEST(RejectIpv4, NeverAnswersALaterFragment) {
  start_test_eal();
  TestPool pool;
  rte_mbuf* m = eth().ipv4("192.0.2.1", "192.0.2.2").udp(1, 2).payload_size(64).mbuf(pool);
  TestFlow flow(m);
  // A first worker gives no such packet a flow; nothing must depend on it.
  l3_header<uint8_t>(m)[7] = 8;
  rte_mbuf* out[kMaxRejectFrames];
  EXPECT_EQ(build_reject(m, pool, out), 0u);
  rte_pktmbuf_free(m);
  EXPECT_EQ(pool.missing(), 0u);
}

}  // namespace
}  // namespace sluice::test
