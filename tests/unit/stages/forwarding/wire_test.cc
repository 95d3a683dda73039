// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>

#include "tests/unit/stages/forwarding/forwarding_fixture.h"

namespace sluice::test {
namespace {

class WireTest : public ForwardingFixture {
 protected:
  void use(const std::string& toml) { ASSERT_TRUE(harness.reload(toml)); }
};
INSTANTIATE_TEST_SUITE_P(Families, WireTest, ::testing::ValuesIn(kFamilies), family_name);

TEST_P(WireTest, PassesFramesUnchangedToTheOtherEnd) {
  const Family& f = GetParam();
  const auto packet = eth().vlan(10).ip(f.client, f.remote).ttl(1).tcp(1, 2).payload("data");
  for (const uint16_t port : {kLeft, kRight}) {
    rte_mbuf* m = forward(packet, port);
    EXPECT_EQ(reason(m), "");
    EXPECT_EQ(meta(m).egress, 1 - port);
    EXPECT_EQ(bytes_of(m), packet.bytes());
  }
  EXPECT_EQ(harness.counter("wire"), 2u);
}

TEST_P(WireTest, SendsAnswersBackWhereTheirPacketCameFrom) {
  const Family& f = GetParam();
  rte_mbuf* m = received(ip(f.client, f.remote).tcp(1, 2), kLeft);
  flows.emplace_back(m);
  meta(m).flags |= kMetaGenerated | kMetaToSender;
  harness.process({m});
  EXPECT_EQ(meta(m).egress, kLeft);
}

PacketBuilder lacp() {
  return eth("02:00:00:00:00:01", "01:80:c2:00:00:02").ethertype(0x8809);
}
PacketBuilder lldp() {
  return eth("02:00:00:00:00:01", "01:80:c2:00:00:0e").ethertype(0x88cc);
}
PacketBuilder stp() {
  return eth("02:00:00:00:00:01", "01:80:c2:00:00:00").ethertype(38);
}
PacketBuilder arp() {
  return eth().arp_request("02:00:00:00:00:01", "10.0.0.7", "10.0.0.8");
}
PacketBuilder nd() {
  return eth().ipv6("2001:db8:1::7", "ff02::1:ff00:8").neighbour_solicitation("2001:db8:1::8");
}

TEST_P(WireTest, PassesControlFramesAsInfrastructureSays) {
  const struct {
    const char* kind;
    PacketBuilder frame;
  } rows[] = {{"arp", arp().pad_to(60)},
              {"nd", nd()},
              {"lacp", lacp().payload_size(46)},
              {"lldp", lldp().payload_size(46)},
              {"stp", stp().payload_size(46)}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.kind);
    use("");
    rte_mbuf* m = forward_flowless(row.frame, kLeft);
    EXPECT_EQ(reason(m), "");
    EXPECT_EQ(meta(m).egress, kRight);
    EXPECT_EQ(bytes_of(m), row.frame.bytes());

    use(std::string("[stage.forwarding]\ninfrastructure = ['") + row.kind + "']");
    EXPECT_EQ(reason(forward_flowless(row.frame, kLeft)), "");
    std::string others;
    for (const auto& other : rows) {
      if (other.kind != row.kind) others += std::string("'") + other.kind + "',";
    }
    use("[stage.forwarding]\ninfrastructure = [" + others + "]");
    EXPECT_EQ(reason(forward_flowless(row.frame, kLeft)), "forwarding.infrastructure");
  }
}

TEST_P(WireTest, DropsNeighbourDiscoveryThatCrossedARouter) {
  auto packet = nd();
  rte_mbuf* m = forward_flowless(packet.ttl(254), kLeft);
  EXPECT_EQ(reason(m), "forwarding.nd_hop_limit");
}

TEST_P(WireTest, DropsOtherEthertypesUnlessTold) {
  const auto frame = eth().ethertype(0x8863).payload_size(46);  // PPPoE discovery
  const auto eapol =
      eth("02:00:00:00:00:01", "01:80:c2:00:00:03").ethertype(0x888e).payload_size(46);
  EXPECT_EQ(reason(forward_flowless(frame, kLeft)), "forwarding.not_ip");
  EXPECT_EQ(reason(forward_flowless(eapol, kLeft)), "forwarding.not_ip");
  use("[stage.forwarding]\nother_ethertypes = 'pass'");
  rte_mbuf* m = forward_flowless(frame, kRight);
  EXPECT_EQ(reason(m), "");
  EXPECT_EQ(meta(m).egress, kLeft);
  EXPECT_EQ(reason(forward_flowless(eapol, kLeft)), "");
}

}  // namespace
}  // namespace sluice::test
