// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A routed port's answers for its own addresses. The packet itself is turned
// round in place and leaves where it came from. Untagged frames, parsed. Worker.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "stages/forwarding/forwarding_policy.h"

namespace sluice {

enum class Answer : uint8_t {
  Made,       // `m` is the answer now
  NotForUs,   // in order, but nothing to answer
  Malformed,  // breaks the protocol's own rules
  NoRoom,     // the mbuf is too small for the answer
};

// ARP: RFC 826.
Answer answer_arp(rte_mbuf* m, const ForwardingPort& port) noexcept;

// Neighbour solicitation: RFC 4861 sections 7.1.1 and 7.2.4. The hop limit has
// been checked.
Answer answer_solicitation(rte_mbuf* m, const ForwardingPort& port) noexcept;

// Echo request to an address of ours: RFC 1122 section 3.2.2.6, RFC 4443
// section 4.2. Each fragment of a reassembled one is turned round.
Answer answer_echo(rte_mbuf* m, const ForwardingPort& port) noexcept;

// Whether `address`, network byte order, is one of the port's own.
bool is_own_ipv4(const ForwardingPort& port, const uint8_t* address) noexcept;
bool is_own_ipv6(const ForwardingPort& port, const uint8_t* address) noexcept;

}  // namespace sluice
