// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What rules and logs ask of an X.509 certificate (RFC 5280).
//
// Own code, not OpenSSL's d2i_X509: that one decodes the public key through its
// provider machinery, which for one certificate took 1,037 allocations, 2,900
// lock acquisitions and 0.11 ms (3.0.19), keeps caches in global state, and
// leaves blocks in the thread's error queue for every certificate that it
// refuses: none of it is for a worker. Tests and fuzzing hold this against
// d2i_X509.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "stages/dpi/protocol/protocol_crypto.h"

namespace sluice {

// Spans point into the certificate.
struct TlsCertificate {
  std::span<const uint8_t> serial;     // the INTEGER's bytes, a leading zero included
  std::span<const uint8_t> issuer;     // the Name's content
  std::span<const uint8_t> subject;    // the Name's content
  std::span<const uint8_t> alt_names;  // the GeneralNames' content; null: no such extension
  int64_t not_before = 0;              // seconds since 1970
  int64_t not_after = 0;
};

// False if `der` does not begin with a certificate.
bool parse_tls_certificate(std::span<const uint8_t> der, TlsCertificate& certificate) noexcept;

// Each writes at most out.size() bytes and returns how many; what does not fit
// is left away.

// A Name as "C=US, O=Example, CN=www.example.com", as Suricata's logs have it:
// in the order of the certificate, values in UTF-8 without any quoting.
size_t tls_name_text(std::span<const uint8_t> name, std::span<char> out) noexcept;
// "0A:1B:2C"
size_t tls_serial_text(std::span<const uint8_t> serial, std::span<char> out) noexcept;
// "0a:1b:2c"
size_t tls_fingerprint_text(const ProtocolCrypto::Sha1& digest, std::span<char> out) noexcept;

// Takes the next name that is a DNS name, mail address, URI or IP address from
// the front of `alt_names`. `room` holds what has to be written out (addresses).
// False at the end.
bool next_tls_alt_name(std::span<const uint8_t>& alt_names, std::array<char, 48>& room,
                       std::string_view& name) noexcept;

}  // namespace sluice
