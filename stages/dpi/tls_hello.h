// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice {

// A ClientHello or ServerHello at the start of a segment (RFC 8446 section
// 4.1); views into it.
struct TlsHello {
  bool server = false;
  uint16_t version = 0;          // server: the one chosen; client: the highest offered
  std::string_view server_name;  // client; bytes as they came
  std::string_view alpn;         // the first (client) or only (server) protocol
  bool complete = false;         // all of the hello was in the segment
};

// False if `payload` does not begin with a handshake record that holds a hello.
// Of a hello that is cut off, what stands before the cut is given.
bool parse_tls_hello(std::span<const uint8_t> payload, TlsHello& hello) noexcept;

// "TLS 1.3", of old "TLSv1"; "" for what is no version of TLS or SSL.
std::string_view tls_version_name(uint16_t version) noexcept;

}  // namespace sluice
