// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What the parsers of TLS, QUIC, DNS and SSH share in a lane.
#pragma once

#include <cstdint>

#include "stages/dpi/arena.h"
#include "stages/dpi/protocol/protocol_crypto.h"

namespace sluice {

struct ProtocolCounters {
  uint64_t tls_flows = 0;         // with at least one hello
  uint64_t tls_certificates = 0;  // leaves read
  uint64_t tls_bad_certificates = 0;
  uint64_t tls_broken = 0;          // flows given up: what followed was no TLS
  uint64_t quic_flows = 0;          // with an Initial that could be decrypted
  uint64_t quic_undecryptable = 0;  // Initials of known versions
  uint64_t dns_queries = 0;         // questions
  uint64_t dns_responses = 0;
  uint64_t dns_unsolicited = 0;       // responses without their question
  uint64_t dns_malformed = 0;         // messages
  uint64_t dns_outstanding_full = 0;  // questions finished early for want of an answer
  uint64_t ssh_flows = 0;             // with at least one banner
  uint64_t no_memory = 0;  // allocations refused; their transaction is truncated or never begins
  uint64_t truncated = 0;  // bounds reached
};

// Outlives the parsers; `wanted` may change while they work. dpi's worker only.
struct ProtocolLane {
  Arena& arena;
  ProtocolCrypto& crypto;
  // Buffers (buffer_bit) that rules or the event log ask for: fingerprints of
  // hellos and certificates that nobody asks for are not computed.
  uint64_t wanted = ~uint64_t{0};
  ProtocolCounters counters{};
};

}  // namespace sluice
