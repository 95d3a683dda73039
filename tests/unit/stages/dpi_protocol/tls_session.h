// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Real handshakes, made by OpenSSL on the spot.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <string>
#include <vector>

#include "flowtable/flow_key.h"

namespace sluice {

// What one side said before the other answered.
struct TlsFlight {
  Direction from;
  std::string bytes;
};

struct TlsSessionOptions {
  int version = TLS1_2_VERSION;
  std::string server_name = "www.example.com";
  std::string alpn = {};            // of the client, in wire format
  bool client_certificate = false;  // the server asks for one
  bool resume = false;              // a second connection with the first one's session
  const char* server_groups =
      nullptr;       // a group that the client has no share of: HelloRetryRequest
  int fragment = 0;  // bytes of a record's fragment; 0: OpenSSL's choice
  bool application_data = true;
};

struct TlsSession {
  std::vector<TlsFlight> flights;
  std::string certificate;  // the server's, DER

  std::string bytes(Direction from) const {
    std::string all;
    for (const TlsFlight& flight : flights) {
      if (flight.from == from) all += flight.bytes;
    }
    return all;
  }
};

// Throws std::runtime_error with OpenSSL's words.
TlsSession make_tls_session(const TlsSessionOptions& options);

// A self-signed certificate. `subject` as pairs of type and value; `alt_names` as in
// openssl.cnf ("DNS:a,IP:10.0.0.1"), empty for none. DER.
std::string make_certificate(const std::vector<std::pair<std::string, std::string>>& subject,
                             const std::string& alt_names);

}  // namespace sluice
