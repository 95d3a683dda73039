// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/capture_link.h"

#include <gtest/gtest.h>
#include <pcap/dlt.h>

#include <random>

#include "tests/unit/app/capture_file.h"

namespace sluice::test {
namespace {

const Bytes kIpv4 = {0x45, 0, 0, 20};  // enough of each for its version nibble
const Bytes kIpv6 = {0x60, 0, 0, 0};

Bytes operator+(const Bytes& a, const Bytes& b) {
  Bytes out = a;
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

Bytes convert(int link_type, const Bytes& frame) {
  std::vector<uint8_t> scratch;
  const auto out = to_ethernet(link_type, frame, scratch);
  return {out.begin(), out.end()};
}

struct LinkRow {
  const char* description;
  int link_type;
  Bytes header;
  Bytes payload;
  uint16_t ethertype;
};

void PrintTo(const LinkRow& row, std::ostream* out) {
  *out << row.description;
}

class LinkTypeTest : public ::testing::TestWithParam<LinkRow> {};

TEST_P(LinkTypeTest, BecomesAnEthernetFrameWithTheSamePayload) {
  const LinkRow& row = GetParam();
  const Bytes frame = convert(row.link_type, row.header + row.payload);
  ASSERT_EQ(frame.size(), 14 + row.payload.size());
  EXPECT_EQ(frame[12] << 8 | frame[13], row.ethertype);
  EXPECT_EQ(Bytes(frame.begin() + 14, frame.end()), row.payload);
}

// A frame cut inside its link header is still a frame: the parser drops it as truncated.
TEST_P(LinkTypeTest, IsACutEthernetFrameWhereItsOwnHeaderIsCut) {
  const LinkRow& row = GetParam();
  for (size_t size = 0; size < row.header.size(); ++size) {
    const Bytes frame = convert(row.link_type, {row.header.begin(), row.header.begin() + size});
    EXPECT_LE(frame.size(), 14 + size) << "cut to " << size;
    EXPECT_GE(frame.size(), 12u) << "cut to " << size;
  }
}

INSTANTIATE_TEST_SUITE_P(
    AllTypes, LinkTypeTest,
    ::testing::Values(
        LinkRow{"raw IPv4", DLT_RAW, {}, kIpv4, 0x0800},
        LinkRow{"raw IPv6", DLT_RAW, {}, kIpv6, 0x86dd},
        LinkRow{"IPv4 alone", DLT_IPV4, {}, kIpv4, 0x0800},
        LinkRow{"IPv6 alone", DLT_IPV6, {}, kIpv6, 0x86dd},
        LinkRow{"loopback of a little-endian host", DLT_NULL, {2, 0, 0, 0}, kIpv4, 0x0800},
        LinkRow{"loopback of a big-endian host", DLT_NULL, {0, 0, 0, 2}, kIpv4, 0x0800},
        LinkRow{"loopback of Linux, IPv6", DLT_NULL, {10, 0, 0, 0}, kIpv6, 0x86dd},
        LinkRow{"loopback of FreeBSD, IPv6", DLT_NULL, {28, 0, 0, 0}, kIpv6, 0x86dd},
        LinkRow{"loopback of Darwin, IPv6", DLT_NULL, {30, 0, 0, 0}, kIpv6, 0x86dd},
        LinkRow{"loopback of OpenBSD", DLT_LOOP, {0, 0, 0, 24}, kIpv6, 0x86dd},
        LinkRow{"loopback of an unknown family", DLT_NULL, {99, 0, 0, 0}, kIpv6, 0x86dd},
        LinkRow{"Linux cooked",
                DLT_LINUX_SLL,
                {0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0x08, 0x00},
                kIpv4,
                0x0800},
        LinkRow{"Linux cooked, 802.2",
                DLT_LINUX_SLL,
                {0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0x00, 0x04},
                {0x42, 0x42, 3},
                3},
        LinkRow{"Linux cooked 2",
                DLT_LINUX_SLL2,
                {0x86, 0xdd, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0},
                kIpv6,
                0x86dd},
        LinkRow{"PPP", DLT_PPP, {0x00, 0x21}, kIpv4, 0x0800},
        LinkRow{"PPP with address and control", DLT_PPP, {0xff, 3, 0, 0x57}, kIpv6, 0x86dd},
        LinkRow{"PPP with a compressed protocol", DLT_PPP, {0x21}, kIpv4, 0x0800},
        LinkRow{"PPP with MPLS", DLT_PPP, {0x02, 0x81}, {1, 2, 3, 4}, 0x8847},
        LinkRow{"PPP over a serial line", DLT_PPP_SERIAL, {0xff, 3, 0, 0x21}, kIpv4, 0x0800},
        LinkRow{"Cisco HDLC on a serial line", DLT_PPP_SERIAL, {0x0f, 0, 8, 0}, kIpv4, 0x0800},
        LinkRow{"Cisco HDLC", DLT_C_HDLC, {0x0f, 0, 0x86, 0xdd}, kIpv6, 0x86dd},
        LinkRow{"PPPoE", DLT_PPP_ETHER, {}, {0x11, 0, 0, 1, 0, 2, 0xc0, 0x21}, 0x8864}));

TEST(CaptureLink, LeavesEthernetAlone) {
  const Bytes frame = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0};
  std::vector<uint8_t> scratch;
  const auto out = to_ethernet(DLT_EN10MB, frame, scratch);
  EXPECT_EQ(out.data(), frame.data());
  EXPECT_EQ(out.size(), frame.size());
}

TEST(CaptureLink, KeepsTheSendersAddressOfCookedCaptures) {
  const Bytes frame =
      convert(DLT_LINUX_SLL, Bytes{0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0x08, 0x00} + kIpv4);
  EXPECT_EQ(Bytes(frame.begin() + 6, frame.begin() + 12), (Bytes{1, 2, 3, 4, 5, 6}));
}

TEST(CaptureLink, KeepsPppControlProtocolsWhole) {
  const Bytes lcp = {0xc0, 0x21, 1, 1, 0, 4};
  const Bytes frame = convert(DLT_PPP, lcp);
  EXPECT_EQ(frame[12] << 8 | frame[13], 0x880b);
  EXPECT_EQ(Bytes(frame.begin() + 14, frame.end()), lcp);
}

TEST(CaptureLink, UnwrapsPerPacketInformation) {
  const Bytes inner = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0, 0x45};
  const Bytes header = {0, 0, 16, 0, DLT_EN10MB, 0, 0, 0, 8, 0, 4, 0, 0, 0, 0, 0};
  EXPECT_EQ(convert(DLT_PPI, header + inner), inner);
  const Bytes wlan = {0, 0, 8, 0, DLT_IEEE802_11, 0, 0, 0};
  EXPECT_EQ(convert(DLT_PPI, wlan + inner).size(), 12u) << "of a type that has no Ethernet form";
  const Bytes itself = {0, 0, 8, 0, DLT_PPI, 0, 0, 0};
  EXPECT_EQ(convert(DLT_PPI, itself + itself + inner).size(), 12u);
  const Bytes too_long = {0, 0, 255, 255, DLT_EN10MB, 0, 0, 0};
  EXPECT_EQ(convert(DLT_PPI, too_long + inner).size(), 12u);
}

TEST(CaptureLink, NamesWhatItRefuses) {
  EXPECT_FALSE(link_type_supported(DLT_IEEE802_11));
  EXPECT_EQ(link_type_name(DLT_IEEE802_11), "IEEE802_11");
  EXPECT_EQ(link_type_name(100'000), "type 100000");
  EXPECT_NE(supported_link_types().find("LINUX_SLL2"), std::string::npos);
}

// Under the address sanitizer a read behind the frame ends the test.
TEST(CaptureLink, ReadsNothingBehindAFrameOfRandomBytes) {
  std::mt19937 random(1);
  const int types[] = {DLT_RAW,        DLT_NULL,   DLT_LOOP,  DLT_LINUX_SLL,
                       DLT_LINUX_SLL2, DLT_PPP,    DLT_PPI,   DLT_PPP_SERIAL,
                       DLT_PPP_ETHER,  DLT_C_HDLC, DLT_EN10MB};
  for (unsigned i = 0; i < 20'000; ++i) {
    Bytes frame(random() % 40);
    for (uint8_t& byte : frame) byte = static_cast<uint8_t>(random());
    const Bytes exact(frame);
    EXPECT_LE(convert(types[i % std::size(types)], exact).size(), frame.size() + 14);
  }
}

}  // namespace
}  // namespace sluice::test
