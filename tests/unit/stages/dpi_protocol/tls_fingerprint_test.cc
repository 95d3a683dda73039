// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/tls_fingerprint.h"

#include <gtest/gtest.h>

#include "hello_builder.h"
#include "transcript.h"

namespace sluice {
namespace {

std::string text_of(const std::optional<std::array<char, 32>>& hash) {
  return hash ? std::string(hash->data(), hash->size()) : "<none>";
}

std::string ja3_string(std::string_view body) {
  TlsClientHello hello;
  EXPECT_TRUE(parse_tls_client_hello(bytes_of(body), hello));
  TlsFingerprintText text;
  ja3_text(hello, text);
  EXPECT_FALSE(text.overflowed());
  return std::string(text.text());
}

std::string ja3_digest(std::string_view body) {
  TlsClientHello hello;
  parse_tls_client_hello(bytes_of(body), hello);
  TlsFingerprintText text;
  ja3_text(hello, text);
  return text_of(ja3_hash(text));
}

std::string ja4_of(std::string_view body, char transport = 't') {
  TlsClientHello hello;
  EXPECT_TRUE(parse_tls_client_hello(bytes_of(body), hello));
  const auto value = ja4(hello, transport);
  return value ? std::string(value->data(), value->size()) : "<none>";
}

// The examples with which JA3 was published.
TEST(Ja3, IsThatOfItsAuthors) {
  const std::string full =
      client_hello_body(769, {47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4},
                        {{0, server_name("x")},
                         {10, list16(numbers16({23, 24, 25}))},
                         {11, list8(std::string(1, 0))}});
  EXPECT_EQ(ja3_string(full),
            "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0");
  EXPECT_EQ(ja3_digest(full), "ada70206e40642a3e4461f35503241d5");
  const std::string bare = client_hello_body(769, {4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99}, {});
  EXPECT_EQ(ja3_string(bare), "769,4-5-10-9-100-98-3-6-19-18-99,,,");
  EXPECT_EQ(ja3_digest(bare), "de350869b8c85de67a350c8d186f11e6");
}

TEST(Ja3, LeavesGreaseOut) {
  const std::string body = client_hello_body(771, {0x0a0a, 4865, 0xfafa},
                                             {{0x1a1a, ""},
                                              {10, list16(numbers16({0x2a2a, 29}))},
                                              {43, list8(u16(0x3a3a) + u16(0x0304))}});
  EXPECT_EQ(ja3_string(body), "771,4865,10-43,29,");
}

TEST(Ja3s, IsVersionCipherAndExtensions) {
  TlsServerHello hello;
  const std::string body =
      server_hello_body(769, 47, {{65281, ""}, {0, ""}, {11, ""}, {35, ""}, {5, ""}, {16, ""}});
  ASSERT_TRUE(parse_tls_server_hello(bytes_of(body), hello));
  TlsFingerprintText text;
  ja3s_text(hello, text);
  EXPECT_EQ(text.text(), "769,47,65281-0-11-35-5-16");
  EXPECT_EQ(text_of(ja3_hash(text)), "836ce314215654b5b1f85f97c73e506f");
}

// The example of JA4's description, with GREASE strewn in.
const std::vector<uint16_t> kCiphers = {0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f,
                                        0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
                                        0x009c, 0x009d, 0x002f, 0x0035};
TlsExtensions example_extensions(bool algorithms = true) {
  TlsExtensions extensions;
  for (const uint16_t type :
       {0xdada, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023,
        0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015}) {
    std::string value;
    if (type == 0x0000) value = server_name("www.example.com");
    if (type == 0x0010) value = list16(list8("h2") + list8("http/1.1"));
    if (type == 0x002b) value = list8(numbers16({0x7a7a, 0x0304, 0x0303}));
    if (type == 0x000d && algorithms) {
      value = list16(numbers16({0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601}));
    }
    extensions.emplace_back(type, value);
  }
  return extensions;
}

TEST(Ja4, IsThatOfItsAuthors) {
  EXPECT_EQ(ja4_of(client_hello_body(0x0303, kCiphers, example_extensions())),
            "t13d1516h2_8daaf6152771_e5627efa2ab1");
  EXPECT_EQ(ja4_of(client_hello_body(0x0303, kCiphers, example_extensions(false))),
            "t13d1516h2_8daaf6152771_6d807ffa2a79");
  EXPECT_EQ(ja4_of(client_hello_body(0x0303, kCiphers, example_extensions()), 'q'),
            "q13d1516h2_8daaf6152771_e5627efa2ab1");
}

TEST(Ja4, ShowsZerosForWhatIsNotThere) {
  EXPECT_EQ(ja4_of(client_hello_body(0x0301, {}, {})), "t10i000000_000000000000_000000000000");
}

TEST(Ja4, WritesOddProtocolsInHexadecimal) {
  const auto with_alpn = [](std::string_view protocol) {
    return ja4_of(client_hello_body(0x0303, {47}, {{16, list16(list8(protocol))}})).substr(8, 2);
  };
  EXPECT_EQ(with_alpn("http/1.1"), "h1");
  EXPECT_EQ(with_alpn("x"), "xx");
  EXPECT_EQ(with_alpn(""), "00");
  EXPECT_EQ(with_alpn("\xab"), "ab");
  EXPECT_EQ(with_alpn("\xab\xcd"), "ad");
  EXPECT_EQ(with_alpn("\x30\xab"), "3b");
  EXPECT_EQ(with_alpn("\x30\x31\xab\xcd"), "3d");
  EXPECT_EQ(with_alpn("\x30\xab\xcd\x31"), "01");
}

TEST(Ja4, CountsToNinetyNine) {
  std::vector<uint16_t> ciphers;
  for (uint16_t i = 0; i < 300; ++i) ciphers.push_back(static_cast<uint16_t>(0x1000 + i));
  EXPECT_EQ(ja4_of(client_hello_body(0x0303, ciphers, {})).substr(4, 2), "99");
  ciphers.assign(1025, 47);
  EXPECT_EQ(ja4_of(client_hello_body(0x0303, ciphers, {})), "<none>");
}

TEST(TlsHelloMessage, TakesTheHighestVersionOffered) {
  TlsClientHello hello;
  const std::string body =
      client_hello_body(0x0303, {47}, {{43, list8(numbers16({0x0302, 0xaaaa, 0x0304, 0x0303}))}});
  ASSERT_TRUE(parse_tls_client_hello(bytes_of(body), hello));
  EXPECT_EQ(hello.legacy_version, 0x0303);
  EXPECT_EQ(hello.version, 0x0304);
  EXPECT_TRUE(hello.complete);
}

TEST(TlsHelloMessage, TakesTheFirstOfTwoNames) {
  TlsClientHello hello;
  const std::string body = client_hello_body(
      0x0303, {47}, {{0, server_name("first.example")}, {0, server_name("second.example")}});
  ASSERT_TRUE(parse_tls_client_hello(bytes_of(body), hello));
  EXPECT_EQ(sluice::text_of(hello.server_name), "first.example");
}

TEST(TlsHelloMessage, GivesWhatStandsBeforeTheCut) {
  const std::string body = client_hello_body(0x0303, kCiphers, example_extensions());
  for (size_t size = 0; size <= body.size(); ++size) {
    TlsClientHello hello;
    // Of exact size, so that a sanitizer sees a byte read too much.
    const std::vector<uint8_t> cut(body.begin(), body.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_EQ(parse_tls_client_hello(cut, hello), size >= 34) << size;
    const bool whole = size == body.size();
    // A hello may end before its extensions.
    const size_t without_extensions = 2 + 32 + 1 + 2 + 2 * kCiphers.size() + 2;
    EXPECT_EQ(hello.complete, whole || size == without_extensions) << size;
  }
}

}  // namespace
}  // namespace sluice
