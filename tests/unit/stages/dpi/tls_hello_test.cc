// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/tls_hello.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "tests/unit/stages/dpi/wire_samples.h"

namespace sluice::test {
namespace {

std::span<const uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string versions_offered(const std::vector<unsigned>& versions) {
  WireText list;
  for (unsigned version : versions) list.u16(version);
  return tls_extension(43, WireText().vector8(list.str()).str());
}

TEST(TlsHello, ReadsWhatAClientOffers) {
  const std::string record = client_hello(
      tls_extension(0x0a0a, "") + server_name_extension("www.example.com") +
      alpn_extension({"\x0a\x0a", "h2", "http/1.1"}) + versions_offered({0x7a7a, 0x0304, 0x0303}));
  TlsHello hello;
  ASSERT_TRUE(parse_tls_hello(bytes(record), hello));
  EXPECT_FALSE(hello.server);
  EXPECT_EQ(hello.server_name, "www.example.com");
  EXPECT_EQ(hello.alpn, "h2") << "values of RFC 8701 are no protocols";
  EXPECT_EQ(tls_version_name(hello.version), "TLS 1.3");
  EXPECT_TRUE(hello.complete);
}

TEST(TlsHello, ReadsWhatAServerChooses) {
  const std::string old_record = server_hello(alpn_extension({"http/1.1"}));
  TlsHello hello;
  ASSERT_TRUE(parse_tls_hello(bytes(old_record), hello));
  EXPECT_TRUE(hello.server);
  EXPECT_EQ(hello.alpn, "http/1.1");
  EXPECT_EQ(tls_version_name(hello.version), "TLS 1.2");

  const std::string record = server_hello(tls_extension(43, WireText().u16(0x0304).str()));
  ASSERT_TRUE(parse_tls_hello(bytes(record), hello));
  EXPECT_EQ(tls_version_name(hello.version), "TLS 1.3");
}

TEST(TlsHello, ReadsAHelloWithoutExtensions) {
  WireText body;
  body.u16(0x0301).text(std::string(32, 'r')).vector8("id").vector16("\x01\x02").vector8("x");
  TlsHello hello;
  const std::string record = handshake_record(1, body.str());
  ASSERT_TRUE(parse_tls_hello(bytes(record), hello));
  EXPECT_EQ(tls_version_name(hello.version), "TLSv1");
  EXPECT_TRUE(hello.complete);
  EXPECT_EQ(hello.server_name, "");
}

TEST(TlsHello, GivesWhatStandsBeforeTheCut) {
  const std::string record =
      client_hello(server_name_extension("first.example") +
                   tls_extension(51, std::string(1200, 'k')) + alpn_extension({"h2"}));
  TlsHello hello;
  ASSERT_TRUE(parse_tls_hello(bytes(record).first(700), hello));
  EXPECT_EQ(hello.server_name, "first.example");
  EXPECT_EQ(hello.alpn, "");
  EXPECT_FALSE(hello.complete);
}

TEST(TlsHello, LeavesOtherRecordsAlone) {
  TlsHello hello;
  std::string application_data = client_hello("");
  application_data[0] = 23;
  std::string old_version = client_hello("");
  old_version[1] = 2;
  const std::string certificate = handshake_record(11, "abc");
  for (const std::string& record : {std::string(), std::string("\x16"), application_data,
                                    old_version, certificate, client_hello("", 0x0500)}) {
    EXPECT_FALSE(parse_tls_hello(bytes(record), hello));
  }
}

TEST(TlsHello, SurvivesLengthsThatLie) {
  const std::string record = client_hello(server_name_extension("www.example.com") +
                                          alpn_extension({"h2"}) + versions_offered({0x0304}));
  // Every byte in turn becomes 0xff, and every length of the segment is tried.
  for (size_t i = 0; i < record.size(); ++i) {
    for (size_t length : {record.size(), i + 1}) {
      const auto exact = std::make_unique<uint8_t[]>(length);
      std::copy_n(bytes(record).begin(), length, exact.get());
      exact[i] = 0xff;
      TlsHello hello;
      if (!parse_tls_hello({exact.get(), length}, hello)) continue;
      EXPECT_LE(hello.server_name.size(), length);
      EXPECT_LE(hello.alpn.size(), length);
    }
  }
}

TEST(TlsVersionName, HasNoNameForNonsense) {
  EXPECT_EQ(tls_version_name(0), "");
  EXPECT_EQ(tls_version_name(0x0405), "");
  EXPECT_EQ(tls_version_name(0x7f1c), "TLS 1.3") << "drafts";
}

}  // namespace
}  // namespace sluice::test
