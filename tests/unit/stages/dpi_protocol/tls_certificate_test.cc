// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/tls_certificate.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "tls_session.h"
#include "transcript.h"

namespace sluice {
namespace {

std::string name_text(std::span<const uint8_t> name, size_t room = 2048) {
  std::string out(room, '\0');
  out.resize(tls_name_text(name, out));
  return out;
}

std::string der(uint8_t tag, std::string_view content) {
  std::string out(1, static_cast<char>(tag));
  if (content.size() < 128) {
    out += static_cast<char>(content.size());
  } else {
    out += '\x82';
    out += static_cast<char>(content.size() >> 8);
    out += static_cast<char>(content.size());
  }
  return out.append(content);
}

std::string attribute(std::string_view id, uint8_t tag, std::string_view value) {
  return der(0x31, der(0x30, der(0x06, id) + der(tag, value)));
}

std::vector<std::string> alt_names(std::span<const uint8_t> names) {
  std::vector<std::string> out;
  std::array<char, 48> room;
  std::string_view name;
  while (next_tls_alt_name(names, room, name)) out.emplace_back(name);
  return out;
}

TEST(TlsCertificate, ReadsWhatOpensslWrote) {
  const std::string bytes = make_certificate(
      {{"C", "DE"},
       {"ST", "Bayern"},
       {"L", "M\xc3\xbcnchen"},
       {"O", "Example, Inc."},
       {"OU", "A=B + C"},
       {"CN", "*.example.com"},
       {"emailAddress", "root@example.com"}},
      "DNS:a.example,email:b@example,URI:http://c.example/,IP:192.0.2.1,IP:2001:db8::1");
  TlsCertificate certificate;
  ASSERT_TRUE(parse_tls_certificate(bytes_of(bytes), certificate));
  EXPECT_EQ(name_text(certificate.subject),
            "C=DE, ST=Bayern, L=M\xc3\xbcnchen, O=Example, Inc., OU=A=B + C, CN=*.example.com, "
            "Email=root@example.com");
  EXPECT_EQ(alt_names(certificate.alt_names),
            (std::vector<std::string>{"a.example", "b@example", "http://c.example/", "192.0.2.1",
                                      "2001:db8::1"}));
  EXPECT_EQ(certificate.not_before, 1700000000);
  EXPECT_EQ(certificate.not_after, 2600000000);  // a GeneralizedTime
  std::array<char, 64> serial;
  EXPECT_EQ(std::string(serial.data(), tls_serial_text(certificate.serial, serial)),
            "00:81:23:45:67:89:AB:CD:EF");
}

TEST(TlsCertificate, WritesTheFingerprintInLowerCase) {
  ProtocolCrypto::Sha1 digest;
  ProtocolCrypto::sha1(bytes_of("abc"), digest);
  std::array<char, 60> text;
  EXPECT_EQ(std::string(text.data(), tls_fingerprint_text(digest, text)),
            "a9:99:3e:36:47:06:81:6a:ba:3e:25:71:78:50:c2:6c:9c:d0:d8:9d");
}

TEST(TlsCertificate, TurnsEveryKindOfStringIntoUtf8) {
  const std::string_view cn("\x55\x04\x03", 3);
  EXPECT_EQ(name_text(bytes_of(attribute(cn, 0x1e, std::string_view("\x00M\x00\xfc\x20\xac", 6)))),
            "CN=M\xc3\xbc\xe2\x82\xac");
  EXPECT_EQ(name_text(bytes_of(
                attribute(cn, 0x1c, std::string_view("\x00\x00\x00M\x00\x01\xf6\x00", 8)))),
            "CN=M\xf0\x9f\x98\x80");
  EXPECT_EQ(name_text(bytes_of(attribute(cn, 0x14, "M\xfcnchen"))), "CN=M\xc3\xbcnchen");
  EXPECT_EQ(name_text(bytes_of(attribute(cn, 0x13, ""))), "CN=");
}

TEST(TlsCertificate, WritesUnknownTypesAsNumbers) {
  EXPECT_EQ(name_text(bytes_of(
                attribute(std::string_view("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x7f", 9), 0x0c, "x"))),
            "1.2.840.113549.1.9.127=x");
  EXPECT_EQ(name_text(bytes_of(attribute(std::string_view("\x88\x37\x01", 3), 0x0c, "x"))),
            "2.999.1=x");
}

TEST(TlsCertificate, JoinsTheAttributesOfOneSet) {
  const std::string pair = der(0x30, der(6, std::string_view("\x55\x04\x03", 3)) + der(12, "a")) +
                           der(0x30, der(6, std::string_view("\x55\x04\x0b", 3)) + der(12, "b"));
  EXPECT_EQ(name_text(bytes_of(der(0x31, pair))), "CN=a + OU=b");
}

TEST(TlsCertificate, CutsWhatDoesNotFit) {
  const std::string name = attribute(std::string_view("\x55\x04\x03", 3), 0x0c, "example");
  EXPECT_EQ(name_text(bytes_of(name), 5), "CN=ex");
  EXPECT_EQ(name_text(bytes_of(name), 0), "");
  // No half character.
  const std::string wide = attribute(std::string_view("\x55\x04\x03", 3), 0x14, "\xfc\xfc");
  EXPECT_EQ(name_text(bytes_of(wide), 4), "CN=");
}

// Readers of certificates take lengths in longer forms than needed, and
// elements that end with two zeros, so this one does.
TEST(TlsCertificate, TakesWhatIsBerAndNotDer) {
  const std::string bytes = make_certificate({{"CN", "a"}}, "");
  TlsCertificate expected;
  ASSERT_TRUE(parse_tls_certificate(bytes_of(bytes), expected));
  ASSERT_EQ(bytes.substr(0, 2), "\x30\x82");
  const std::string content = bytes.substr(4);
  for (const std::string& other : {std::string("\x30\x83\x00", 3) + bytes.substr(2),
                                   std::string("\x30\x80") + content + std::string(2, '\0')}) {
    TlsCertificate certificate;
    ASSERT_TRUE(parse_tls_certificate(bytes_of(other), certificate));
    EXPECT_EQ(name_text(certificate.subject), "CN=a");
    const auto* p = reinterpret_cast<const uint8_t*>(other.data());
    X509* x = d2i_X509(nullptr, &p, static_cast<long>(other.size()));
    EXPECT_NE(x, nullptr) << "OpenSSL takes it, too";
    X509_free(x);
  }
}

TEST(TlsCertificate, BoundsNesting) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += "\x30\x80";
  TlsCertificate certificate;
  EXPECT_FALSE(parse_tls_certificate(bytes_of(bytes), certificate));
}

// ---- held against d2i_X509 ----

struct FreeX509 {
  void operator()(X509* x) const { X509_free(x); }
};

std::string content_of(const X509_NAME* name) {
  const unsigned char* der_bytes = nullptr;
  size_t size = 0;
  X509_NAME_get0_der(name, &der_bytes, &size);
  const std::string whole(reinterpret_cast<const char*>(der_bytes), size);
  const uint8_t length = static_cast<uint8_t>(whole[1]);
  return whole.substr(length < 128 ? 2 : 2 + (length & 0x7f));
}

int64_t seconds_of(const ASN1_TIME* time) {
  tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

// What OpenSSL reads, this reads, to the same values.
void compare(const std::string& bytes) {
  const auto* p = reinterpret_cast<const uint8_t*>(bytes.data());
  const std::unique_ptr<X509, FreeX509> x(d2i_X509(nullptr, &p, static_cast<long>(bytes.size())));
  TlsCertificate certificate;
  const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
  const bool read = parse_tls_certificate(exact, certificate);
  if (x == nullptr) return;
  ASSERT_TRUE(read);
  EXPECT_EQ(text_of(certificate.subject), content_of(X509_get_subject_name(x.get())));
  EXPECT_EQ(text_of(certificate.issuer), content_of(X509_get_issuer_name(x.get())));
  EXPECT_EQ(certificate.not_before, seconds_of(X509_get0_notBefore(x.get())));
  EXPECT_EQ(certificate.not_after, seconds_of(X509_get0_notAfter(x.get())));
}

TEST(TlsCertificate, ReadsWhateverOpensslReads) {
  const std::string bytes = make_certificate({{"C", "US"}, {"O", "Example"}, {"CN", "a.example"}},
                                             "DNS:a.example,IP:10.0.0.1");
  compare(bytes);
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int flip : {0x01, 0x20, 0x80, 0xff}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      SCOPED_TRACE("byte " + std::to_string(i) + " ^ " + std::to_string(flip));
      compare(changed);
    }
    compare(bytes.substr(0, i));
  }
}

}  // namespace
}  // namespace sluice
