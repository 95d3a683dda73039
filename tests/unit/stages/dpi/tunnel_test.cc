// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/tunnel.h"

#include <netinet/in.h>

#include <memory>
#include <string>
#include <vector>

#include "stages/dpi/packet_view.h"
#include "tests/unit/stages/dpi/dpi_fixture.h"

namespace sluice::test {
namespace {

using rules::PacketFacts;

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// As parse leaves the outer packet behind: a protocol and its bytes.
std::optional<PacketFacts> carried(uint8_t protocol, const Bytes& bytes) {
  PacketFacts outer;
  outer.direction = Direction::Reply;
  outer.time_ns = 7;
  outer.protocol = protocol;
  outer.payload = bytes;
  if (protocol == IPPROTO_UDP) {
    outer.ends.has_ports = true;
    outer.ends.port[1] = 4789;
  }
  return tunnelled_packet(outer);
}

std::string text(std::span<const uint8_t> bytes) {
  return {bytes.begin(), bytes.end()};
}

const Bytes kInner4 = ipv4("10.9.0.1", "10.9.0.2").udp(1000, 2000).payload("inner").ip_bytes();
const Bytes kInner6 =
    ipv6("2001:db8::1", "2001:db8::2").destination_options().tcp(3000, 80).payload("six").ip_bytes();
const Bytes kVxlan = {8, 0, 0, 0, 0, 0, 42, 0};
const Bytes kMacs(12, 2);

struct Form {
  const char* name;
  uint8_t protocol;
  Bytes head;
  const Bytes* inner;
};

class TunnelTest : public ::testing::TestWithParam<Form> {
 protected:
  Bytes bytes() const { return GetParam().head + *GetParam().inner; }
};

INSTANTIATE_TEST_SUITE_P(
    Forms, TunnelTest,
    ::testing::Values(
        Form{"IpInIp", IPPROTO_IPIP, {}, &kInner4}, Form{"Ipv6InIp", IPPROTO_IPV6, {}, &kInner6},
        Form{"Gre", IPPROTO_GRE, {0, 0, 8, 0}, &kInner4},
        Form{"GreWithAllFields", IPPROTO_GRE,
             Bytes{0xb0, 0, 0x86, 0xdd} + Bytes(12, 0), &kInner6},
        Form{"GreBridged", IPPROTO_GRE, Bytes{0, 0, 0x65, 0x58} + kMacs + Bytes{8, 0}, &kInner4},
        Form{"Erspan", IPPROTO_GRE,
             Bytes{0x10, 0, 0x88, 0xbe, 0, 0, 0, 1} + Bytes(8, 0x10) + kMacs + Bytes{8, 0}, &kInner4},
        Form{"ErspanTypeOne", IPPROTO_GRE, Bytes{0, 0, 0x88, 0xbe} + kMacs + Bytes{8, 0}, &kInner4},
        Form{"GrePpp", IPPROTO_GRE, {0, 0, 0x88, 0x0b, 0xff, 3, 0, 0x21}, &kInner4},
        Form{"GrePppShort", IPPROTO_GRE, {0, 0, 0x88, 0x0b, 0x57}, &kInner6},
        Form{"Pptp", IPPROTO_GRE, {0x30, 0x81, 0x88, 0x0b, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0x21},
             &kInner4},
        Form{"Vxlan", IPPROTO_UDP, kVxlan + kMacs + Bytes{8, 0}, &kInner4},
        Form{"VxlanTagged", IPPROTO_UDP,
             kVxlan + kMacs + Bytes{0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x86, 0xdd}, &kInner6}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_P(TunnelTest, ShowsWhatIsInside) {
  const Bytes whole = bytes();
  const auto packet = carried(GetParam().protocol, whole);
  ASSERT_TRUE(packet);
  const bool ipv6 = GetParam().inner == &kInner6;
  EXPECT_EQ(packet->ipv6, ipv6);
  EXPECT_EQ(packet->protocol, ipv6 ? IPPROTO_TCP : IPPROTO_UDP);
  EXPECT_EQ(text(packet->payload), ipv6 ? "six" : "inner");
  EXPECT_EQ(packet->l4.size(), ipv6 ? 20u : 8u);
  EXPECT_EQ(packet->ends.port[0], ipv6 ? 3000 : 1000);
  EXPECT_EQ(packet->ends.port[1], ipv6 ? 80 : 2000);
  EXPECT_EQ(packet->direction, Direction::Reply);
  EXPECT_EQ(packet->time_ns, 7u);
  Event event{};
  describe_packet(event, *packet);
  const auto source = static_cast<size_t>(event.originator_end);
  EXPECT_EQ(event.key.family, ipv6 ? kFamilyIpv6 : kFamilyIpv4);
  EXPECT_EQ(event.key.port[source], htons(ipv6 ? 3000 : 1000));
  EXPECT_EQ(event.key.addr[source][0], ipv6 ? 0x20 : 10);
}

// Every byte that is read is there, whatever the lengths inside say.
TEST_P(TunnelTest, SurvivesEveryCutAndChange) {
  const Bytes whole = bytes();
  for (size_t length = 0; length < whole.size(); ++length) {
    const auto exact = std::make_unique<uint8_t[]>(length);
    std::copy_n(whole.begin(), length, exact.get());
    PacketFacts outer;
    outer.protocol = GetParam().protocol;
    outer.payload = {exact.get(), length};
    outer.ends.has_ports = true;
    outer.ends.port[1] = 4789;
    EXPECT_FALSE(tunnelled_packet(outer)) << "lengths tell that it is cut at " << length;
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      Bytes changed = whole;
      changed[at] ^= static_cast<uint8_t>(1u << bit);
      if (const auto packet = carried(GetParam().protocol, changed)) {
        EXPECT_LE(packet->payload.data() + packet->payload.size(), changed.data() + changed.size());
      }
    }
  }
}

TEST(Tunnel, HasNoPortsInAFragment) {
  const Bytes later =
      ipv4("10.9.0.1", "10.9.0.2").protocol(IPPROTO_UDP).fragment(8, false).payload("rest").ip_bytes();
  const auto packet = carried(IPPROTO_IPIP, later);
  ASSERT_TRUE(packet);
  EXPECT_FALSE(packet->ends.has_ports);
  EXPECT_TRUE(packet->l4.empty());
}

TEST(Tunnel, KnowsFlowsThatMayCarryPackets) {
  FlowKey key{};
  for (const auto& [protocol, carries] : {std::pair{IPPROTO_IPIP, true}, {IPPROTO_IPV6, true},
                                          {IPPROTO_GRE, true}, {IPPROTO_TCP, false},
                                          {IPPROTO_UDP, false}}) {
    key.proto = static_cast<uint8_t>(protocol);
    EXPECT_EQ(may_carry_packets(key), carries);
  }
  key.port[1] = htons(4789);
  key.proto = IPPROTO_UDP;
  EXPECT_TRUE(may_carry_packets(key));
  key.proto = IPPROTO_TCP;
  EXPECT_FALSE(may_carry_packets(key));
}

TEST(Tunnel, ReadsFramesOfNoFlow) {
  const Bytes nsh = Bytes{0, 6, 1, 1} + Bytes(20, 0) + kInner4;
  ASSERT_TRUE(packet_in_frame(0x894f, nsh));
  EXPECT_EQ(text(packet_in_frame(0x894f, nsh)->payload), "inner");
  EXPECT_TRUE(packet_in_frame(0x86dd, kInner6));
  EXPECT_FALSE(packet_in_frame(0x0806, kInner4)) << "ARP";
  for (size_t length = 0; length < nsh.size(); ++length) {
    EXPECT_FALSE(packet_in_frame(0x894f, {nsh.data(), length}));
  }
}

// ---- through the stage ----

class CarriedRulesTest : public DpiTest {
 protected:
  std::vector<uint32_t> alerts() {
    std::vector<uint32_t> sids;
    for (const Event& e : take_events()) {
      if (e.type == EventType::Alert) sids.push_back(e.signature_id);
    }
    return sids;
  }
  // Without a flow, as control frames and strangers come.
  Verdict send_stray(const PacketBuilder& builder) {
    rte_mbuf* m = builder.mbuf(pool);
    meta(m) = {};
    meta(m).time_ns = time_ns;
    m->l2_len = 14;
    Burst burst;
    burst.generation = generation;
    burst.push(m);
    stage->process(burst, *policy, part.get());
    const Verdict verdict = meta(m).verdict;
    rte_pktmbuf_free(m);
    return verdict;
  }
};

INSTANTIATE_TEST_SUITE_P(Families, CarriedRulesTest, kDpiFamilies,
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(CarriedRulesTest, SeeWhatATunnelCarriesPacketByPacket) {
  install_rules(
      "alert udp any any -> any 2000 (content:\"inner\"; sid:1;)\n"
      "drop tcp any any -> any any (content:\"six\"; sid:2;)\n"
      "alert tcp any any -> any any (content:\"six\"; flow:established; sid:3;)\n");
  const auto tunnelled = [&](uint8_t protocol, const Bytes& inner) {
    return eth().ip(GetParam().client, GetParam().server).protocol(protocol).payload(inner);
  };
  FlowPtr flow = open(tunnelled(IPPROTO_IPIP, kInner4));
  EXPECT_TRUE(send(*flow, tunnelled(IPPROTO_IPIP, kInner4)));
  EXPECT_EQ(alerts(), std::vector<uint32_t>{1});
  FlowPtr other = open(tunnelled(IPPROTO_IPV6, kInner6));
  EXPECT_FALSE(send(*other, tunnelled(IPPROTO_IPV6, kInner6)));
  EXPECT_EQ(alerts(), std::vector<uint32_t>{2});
  EXPECT_EQ(counter("tunnelled"), 2u);
}

TEST_P(CarriedRulesTest, SeeFramesThatHaveNoFlow) {
  install_rules("drop icmp any any -> any any (itype:135; sid:4;)\n");
  EXPECT_EQ(send_stray(eth().ipv6("fe80::1", "ff02::1").neighbour_solicitation("fe80::2")),
            Verdict::Drop);
  const std::vector<Event> events = take_events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].signature_id, 4u);
  EXPECT_EQ(events[0].key.proto, IPPROTO_ICMPV6);
  EXPECT_EQ(events[0].key.addr[events[0].originator_end][0], 0xfe);
  EXPECT_EQ(send_stray(eth().arp_request("02:00:00:00:00:01", "10.0.0.1", "10.0.0.2")),
            Verdict::Pass);
}

}  // namespace
}  // namespace sluice::test
