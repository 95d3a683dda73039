// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// From the messages of a handshake to a transaction's buffers, for TLS and QUIC.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "stages/dpi/protocol/protocol_lane.h"
#include "stages/dpi/protocol/tls_hello_message.h"
#include "stages/dpi/protocol/tls_transaction.h"

namespace sluice {

inline constexpr size_t kTlsMaxCertificates = 10;    // a side
inline constexpr size_t kTlsMaxAltNames = 100;       // a certificate
inline constexpr size_t kTlsMaxProtocols = 32;       // of ALPN
inline constexpr size_t kTlsMaxMemory = 160 * 1024;  // behind a transaction's views

// Each leaves out what there is no memory for; the transaction is truncated then.
void read_client_hello(ProtocolLane& lane, const TlsClientHello& hello,
                       TlsTransaction& transaction) noexcept;
void read_server_hello(ProtocolLane& lane, const TlsServerHello& hello,
                       TlsTransaction& transaction) noexcept;
// The body of a Certificate message of TLS 1.2 and before (RFC 5246 section 7.4.2).
void read_certificates(ProtocolLane& lane, Direction from, std::span<const uint8_t> body,
                       TlsTransaction& transaction) noexcept;

}  // namespace sluice
