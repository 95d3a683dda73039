// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "config/net_types.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

struct Text {
  std::string given;
  std::string expected;  // empty: refused
};

TEST(NetTypes, WriteAddressesAsRfc5952Says) {
  for (const auto& [given, expected] : {
           Text{"192.0.2.1", "192.0.2.1"},
           Text{"0.0.0.0", "0.0.0.0"},
           Text{"255.255.255.255", "255.255.255.255"},
           Text{"2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"},
           Text{"2001:DB8::AbCd", "2001:db8::abcd"},
           Text{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
           Text{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
           Text{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
           Text{"0:0:0:0:0:0:0:0", "::"},
           Text{"::1", "::1"},
           Text{"fe80:0::0", "fe80::"},
           Text{"::ffff:c000:0201", "::ffff:192.0.2.1"},
       }) {
    const auto address = parse_ip_address(given);
    ASSERT_TRUE(address) << given;
    EXPECT_EQ(to_string(*address), expected);
    EXPECT_EQ(parse_ip_address(expected), address);
  }
}

TEST(NetTypes, KeepIpv4InTheFirstFourBytes) {
  const auto a = parse_ip_address("192.0.2.1");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->family, 4);
  EXPECT_EQ(a->bytes, (std::array<uint8_t, 16>{192, 0, 2, 1}));
}

TEST(NetTypes, RefuseWhatIsNoAddress) {
  const std::string nul("1.2.3.4\0x", 9);
  for (const std::string& text : {std::string(""),
                                  std::string(" 1.2.3.4"),
                                  std::string("1.2.3.4 "),
                                  std::string("1.2.3"),
                                  std::string("1.2.3.256"),
                                  std::string("1.2.3.04"),
                                  std::string("0x1.2.3.4"),
                                  std::string("1.2.3.4.5"),
                                  std::string("1.2.3.4/32"),
                                  std::string(":::"),
                                  std::string("1:2:3:4:5:6:7"),
                                  std::string("1:2:3:4:5:6:7:8:9"),
                                  std::string("1::2::3"),
                                  std::string("12345::"),
                                  std::string("fe80::1%eth0"),
                                  std::string("[::1]"),
                                  std::string(":"),
                                  std::string("-1.2.3.4"),
                                  nul,
                                  std::string(100000, '1'),
                                  std::string(100000, ':')}) {
    EXPECT_FALSE(parse_ip_address(text)) << text.substr(0, 40);
  }
}

TEST(NetTypes, ReadPrefixesWithoutBitsBehindTheirLength) {
  for (const auto& [given, expected] : {
           Text{"10.0.0.0/8", "10.0.0.0/8"},
           Text{"0.0.0.0/0", "0.0.0.0/0"},
           Text{"192.0.2.1", "192.0.2.1/32"},
           Text{"192.0.2.128/25", "192.0.2.128/25"},
           Text{"2001:db8::/32", "2001:db8::/32"},
           Text{"::/0", "::/0"},
           Text{"2001:db8::1", "2001:db8::1/128"},
           Text{"10.0.0.1/8", ""},
           Text{"192.0.2.128/24", ""},
           Text{"2001:db8::1/127", ""},
           Text{"10.0.0.0/33", ""},
           Text{"::/129", ""},
           Text{"10.0.0.0/", ""},
           Text{"10.0.0.0/08", ""},
           Text{"10.0.0.0/+8", ""},
           Text{"10.0.0.0/-1", ""},
           Text{"10.0.0.0/8/8", ""},
           Text{"10.0.0.0/8 ", ""},
           Text{"10.0.0.0/255.0.0.0", ""},
           Text{"/8", ""},
           Text{"10.0.0.0/4294967304", ""},
       }) {
    const auto prefix = parse_ip_prefix(given);
    EXPECT_EQ(prefix ? to_string(*prefix) : "", expected) << given;
  }
}

TEST(NetTypes, PrefixContainsWhatItCovers) {
  const auto inside = [](const char* prefix, const char* address) {
    return parse_ip_prefix(prefix)->contains(*parse_ip_address(address));
  };
  EXPECT_TRUE(inside("192.0.2.128/25", "192.0.2.255"));
  EXPECT_FALSE(inside("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(inside("0.0.0.0/0", "255.255.255.255"));
  EXPECT_FALSE(inside("0.0.0.0/0", "::"));
  EXPECT_FALSE(inside("::/0", "0.0.0.0"));
  EXPECT_TRUE(inside("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(inside("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(inside("::1", "::1"));
  EXPECT_FALSE(inside("::1", "::2"));
}

TEST(NetTypes, InterfaceAddressKnowsItsNetwork) {
  const auto a = parse_interface_address("192.0.2.77/26");
  ASSERT_TRUE(a);
  EXPECT_EQ(to_string(a->address), "192.0.2.77");
  EXPECT_EQ(to_string(a->network()), "192.0.2.64/26");
  EXPECT_FALSE(parse_interface_address("192.0.2.77/33"));
}

TEST(NetTypes, ReadAndWriteMacAddresses) {
  for (const auto& [given, expected] : {
           Text{"02:00:5E:10:00:ff", "02:00:5e:10:00:ff"},
           Text{"02-00-5e-10-00-FF", "02:00:5e:10:00:ff"},
           Text{"02:00:5e:10:00", ""},
           Text{"02:00:5e:10:00:ff:", ""},
           Text{"02:00:5e:10:00-ff", ""},
           Text{"02.00.5e.10.00.ff", ""},
           Text{"2:0:5e:10:0:ff:00", ""},
           Text{"0g:00:5e:10:00:ff", ""},
           Text{"", ""},
           Text{std::string(17, '\0'), ""},
           Text{std::string(17, ':'), ""},
       }) {
    const auto mac = parse_mac_address(given);
    EXPECT_EQ(mac ? to_string(*mac) : "", expected) << given;
  }
}

}  // namespace
}  // namespace sluice
