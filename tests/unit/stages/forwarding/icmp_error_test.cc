// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/forwarding/icmp_errors.h"

#include <gtest/gtest.h>

#include "tests/unit/stages/forwarding/forwarding_fixture.h"

namespace sluice::test {
namespace {

class IcmpErrorTest : public ForwardingFixture {
 protected:
  IcmpErrorTest() : ForwardingFixture(std::string(kRoutes)) {}

  bool v4() const { return GetParam().name[3] == '4'; }
  PacketBuilder packet(std::string_view destination) const {
    return eth(kClientMac, kInsideMac).ip(GetParam().client, destination);
  }
  // What the stage should make of `about`.
  Bytes error(uint8_t type4, uint8_t code4, uint8_t type6, uint8_t code6,
              const PacketBuilder& about, size_t mtu = 0) const {
    auto e = eth(kInsideMac, kClientMac).ip(GetParam().inside_self, GetParam().client);
    if (v4()) e.dont_fragment().ip_id(0);
    Bytes body = {0, 0, static_cast<uint8_t>(mtu >> 8), static_cast<uint8_t>(mtu)};
    const Bytes quoted = about.ip_bytes();
    const size_t quote = std::min<size_t>(quoted.size(), v4() ? 576 - 28 : 1280 - 48);
    body.insert(body.end(), quoted.begin(), quoted.begin() + static_cast<ptrdiff_t>(quote));
    return e.icmp(v4() ? type4 : type6, v4() ? code4 : code6, body).bytes();
  }
};
INSTANTIATE_TEST_SUITE_P(Families, IcmpErrorTest, ::testing::ValuesIn(kFamilies), family_name);

TEST_P(IcmpErrorTest, TellsTheSenderWhy) {
  const Family& f = GetParam();
  auto expired = packet(f.remote).ttl(1);
  expired.udp(1000, 33434).payload("traceroute");
  auto big = packet(f.remote).dont_fragment();
  big.tcp(1000, 80).payload_size(1381);
  auto nowhere = packet(f.nowhere);
  nowhere.udp(1, 2);
  auto silent = packet(f.silent);
  silent.icmp_echo(1, 1);
  const struct {
    const char* what;
    const PacketBuilder& about;
    Bytes answer;
  } rows[] = {
      {"TTL", expired, error(11, 0, 3, 0, expired)},
      {"MTU", big, error(3, 4, 2, 0, big, 1400)},
      {"no route", nowhere, error(3, 0, 1, 0, nowhere)},
      {"no neighbour", silent, error(3, 1, 1, 3, silent)},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.what);
    rte_mbuf* m = forward(row.about, kInside);
    EXPECT_EQ(reason(m), "");
    EXPECT_EQ(meta(m).egress, kInside);
    EXPECT_EQ(bytes_of(m), row.answer);
    EXPECT_TRUE(checksums_right(bytes_of(m)));
  }
  EXPECT_EQ(harness.counter("icmp_errors"), 4u);
}

TEST_P(IcmpErrorTest, QuotesNoEthernetPadding) {
  auto expired = packet(GetParam().remote).ttl(1);
  expired.udp(1, 2);
  const Bytes answer = error(11, 0, 3, 0, expired);
  rte_mbuf* m = forward(expired.pad_to(90), kInside);
  EXPECT_EQ(bytes_of(m), answer);
}

TEST_P(IcmpErrorTest, IsSilentWhereAnErrorWouldDoHarm) {
  const Family& f = GetParam();
  const auto about = ip(f.remote, f.client).udp(1, 2);
  auto in_answer_to_error = packet(f.remote).ttl(1);
  in_answer_to_error.icmp_error(v4() ? 3 : 1, 3, about);
  EXPECT_EQ(reason(forward(in_answer_to_error, kInside)), "forwarding.ttl_expired");
  if (v4()) {
    auto advertisement = packet(f.remote).ttl(1);
    advertisement.icmp(9, 0, Bytes(40));
    EXPECT_EQ(reason(forward(advertisement, kInside)), "forwarding.ttl_expired");
    auto fragmentable = packet(f.remote);
    fragmentable.udp(1, 2).payload_size(1400);
    EXPECT_EQ(reason(forward(fragmentable, kInside)), "forwarding.too_big");
  }
  EXPECT_EQ(harness.counter("icmp_errors"), 0u);
}

TEST_P(IcmpErrorTest, KeepsToItsRate) {
  std::string text(kRoutes);
  text.replace(text.find("[stage.forwarding]"), 18, "[stage.forwarding]\nicmp_error_rate = 2");
  ASSERT_TRUE(harness.reload(text));
  auto expired = packet(GetParam().remote).ttl(1);
  expired.udp(1000, 33434);
  for (int i = 0; i < 5; ++i) forward(expired, kInside);
  EXPECT_EQ(harness.counter("icmp_errors"), 2u);
  EXPECT_EQ(reason(packets.back()), "forwarding.ttl_expired");
}

TEST_P(IcmpErrorTest, DropsWhereTheMbufHasNoRoom) {
  auto expired = packet(GetParam().remote).ttl(1);
  expired.udp(1000, 33434);
  rte_mbuf* m = make_exact_mbuf(expired.bytes(), pool);
  m->port = kInside;
  packets.push_back(m);
  flows.emplace_back(m);
  harness.process({m});
  EXPECT_EQ(reason(m), "forwarding.ttl_expired");
  EXPECT_EQ(bytes_of(m), expired.bytes());
}

}  // namespace
}  // namespace sluice::test
