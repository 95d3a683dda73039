// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Any bytes are a certificate or none; one that OpenSSL reads is read, with the
// same names and times.
#include <openssl/x509.h>

#include <cstdlib>
#include <memory>
#include <span>

#include "stages/dpi/protocol/der_reader.h"
#include "stages/dpi/protocol/tls_certificate.h"

using namespace sluice;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

struct FreeX509 {
  void operator()(X509* x) const { X509_free(x); }
};

int64_t seconds_of(const ASN1_TIME* time) {
  tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

bool same(std::span<const uint8_t> content, const X509_NAME* name) {
  const unsigned char* der = nullptr;
  size_t size = 0;
  if (X509_NAME_get0_der(name, &der, &size) != 1) return false;
  const auto expected = DerReader({der, size}).next().content;
  return std::equal(content.begin(), content.end(), expected.begin(), expected.end());
}

// OpenSSL writes a name anew where it was BER and not DER: then no comparison.
bool is_der(std::span<const uint8_t> content, const X509_NAME* name) {
  const unsigned char* der = nullptr;
  size_t size = 0;
  return X509_NAME_get0_der(name, &der, &size) == 1 &&
         DerReader({der, size}).next().content.size() == content.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  TlsCertificate certificate;
  const bool read = parse_tls_certificate({data, size}, certificate);
  if (read) {
    char text[300];
    check(tls_name_text(certificate.subject, text) <= sizeof(text));
    check(tls_name_text(certificate.issuer, std::span(text).first(7)) <= 7);
    check(tls_serial_text(certificate.serial, text) <= sizeof(text));
    std::array<char, 48> room;
    std::string_view name;
    size_t names = 0;
    while (next_tls_alt_name(certificate.alt_names, room, name)) check(++names <= size);
  }
  const uint8_t* p = data;
  const std::unique_ptr<X509, FreeX509> x(d2i_X509(nullptr, &p, static_cast<long>(size)));
  if (x == nullptr) return 0;
  check(read);
  if (is_der(certificate.subject, X509_get_subject_name(x.get()))) {
    check(same(certificate.subject, X509_get_subject_name(x.get())));
  }
  const int64_t before = seconds_of(X509_get0_notBefore(x.get()));
  if (before != 0 && certificate.not_before != 0) check(certificate.not_before == before);
  return 0;
}
