// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The named parts of what a flow says: protocol parsers fill them, rules ask
// for them. Names are those of Suricata's sticky buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice {

enum class Buffer : uint8_t {
  // A TCP flow's stream, else the datagram's payload.
  Payload,
  // Headers of one packet, as they came.
  Ipv4Header,
  Ipv6Header,
  TcpHeader,
  UdpHeader,
  Icmpv4Header,
  Icmpv6Header,
  // HTTP/1. Those that both a request and a response have differ by Direction.
  HttpMethod,
  HttpUri,     // normalised
  HttpUriRaw,  // as on the request line
  HttpProtocol,
  HttpRequestLine,
  HttpHost,  // lower case, without port
  HttpHostRaw,
  HttpUserAgent,
  HttpReferer,
  HttpAccept,
  HttpAcceptLanguage,
  HttpAcceptEncoding,
  HttpConnection,
  HttpContentType,
  HttpContentLength,
  HttpCookie,       // of the reply: Set-Cookie
  HttpHeader,       // "Name: value\r\n" each, cookies left out, values trimmed
  HttpHeaderRaw,    // the header block as it came
  HttpHeaderField,  // several: each "Name: value" (http.request_header, http.response_header)
  HttpHeaderNames,  // "\r\nHost\r\nAccept\r\n\r\n"
  HttpStart,        // first line and header block, normalised
  HttpRequestBody,
  HttpStatusLine,
  HttpStatusCode,
  HttpStatusMessage,
  HttpServer,
  HttpLocation,
  FileData,  // the body of a response, decoded
  // TLS
  TlsSni,
  TlsAlpn,
  TlsVersion,  // "1.2": two characters and a dot
  TlsRandom,
  TlsCertificate,  // several: DER, in the chain's order
  TlsSubject,
  TlsIssuer,
  TlsSerial,
  TlsFingerprint,  // SHA-1 of the leaf, lower case, with colons
  TlsSubjectAltName,  // several
  Ja3Hash,
  Ja3String,
  Ja3sHash,
  Ja3sString,
  Ja4,
  // DNS: one transaction a question
  DnsQuery,
  // SSH
  SshProtocol,
  SshSoftware,
  // QUIC
  QuicSni,
  QuicVersion,
  // What Sluice itself knows of the flow.
  SluiceUser,
  SluiceGroup,  // several
  SluiceApp,
};
inline constexpr size_t kBuffers = static_cast<size_t>(Buffer::SluiceApp) + 1;
static_assert(kBuffers <= 64, "a set of buffers is a 64-bit mask");

// What groups of them come from.
constexpr bool is_packet_header(Buffer b) noexcept {
  return b >= Buffer::Ipv4Header && b <= Buffer::Icmpv6Header;
}
constexpr bool is_of_transaction(Buffer b) noexcept {
  return b >= Buffer::HttpMethod && b <= Buffer::QuicVersion;
}
constexpr bool is_context(Buffer b) noexcept {
  return b >= Buffer::SluiceUser;
}

constexpr uint64_t buffer_bit(Buffer buffer) noexcept {
  return uint64_t{1} << static_cast<unsigned>(buffer);
}

// A buffer as far as it is there. The bytes are the owner's (a stream's window,
// a transaction's memory) and good until its next call.
struct BufferView {
  const uint8_t* data = nullptr;  // null: not there (yet)
  uint32_t size = 0;              // bytes at `data`
  // Position of data[0] in the whole buffer: more than 0 once its beginning has
  // been given up. Rules' offsets and depths count from the whole buffer's start.
  uint64_t offset = 0;
  uint32_t scanned = 0;   // bytes at `data` that the rules have been asked about already
  bool complete = false;  // nothing will be appended

  bool present() const noexcept { return data != nullptr; }
  std::span<const uint8_t> bytes() const noexcept { return {data, size}; }
};

}  // namespace sluice
