// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What rules may ask of the packet at hand and of its flow, and the answers to
// their header keywords (flags, ttl, itype, ...).
#pragma once

#include <cstdint>
#include <span>

#include "chain/directory.h"
#include "chain/flow_context.h"
#include "stages/dpi/buffer.h"
#include "stages/dpi/protocol/transaction.h"
#include "stages/dpi/rules/rule.h"
#include "stages/dpi/rules/rule_header.h"

namespace sluice::rules {

// Views into the packet, whose lengths parse has checked.
struct PacketFacts {
  PacketEnds ends{};  // source first
  Direction direction = Direction::Original;
  bool ipv6 = false;
  bool in_stream = false;  // a segment whose bytes the stream has taken or holds
  uint8_t protocol = 0;    // of `l4`: IANA's number
  uint64_t time_ns = 0;
  std::span<const uint8_t> ip;       // header with options or extension headers
  std::span<const uint8_t> l4;       // transport header with options; empty where there is none
  std::span<const uint8_t> payload;  // behind it
};

// Which flow it is: an entry of the flow table serves many, one after another.
struct FlowIdentity {
  uint64_t entry = 0;  // of the table
  uint64_t began_ns = 0;
};

struct FlowFacts {
  bool established = false;  // TCP: handshake seen; else: both ends have spoken
  AppProtocol app = AppProtocol::None;
  bool app_decided = false;  // None means: none of those that are known
  bool encrypted = false;    // from here on: payload says nothing
  uint64_t stream_bytes[2] = {0, 0};  // read so far, by Direction
  const FlowContext* context = nullptr;
  FlowIdentity identity;
};

// Bytes of an ICMP message that are its header, of those that are there: eight, and
// more where a type has more fields (RFC 792, 950, 1256).
size_t icmp_header_size(std::span<const uint8_t> message, bool ipv6) noexcept;

// Whether a TCP header's flags are as the rule wants them.
bool holds(const RuleTcpFlags& wanted, uint8_t flags) noexcept;

// Whether all the tests hold. Tests of a header that the packet lacks don't.
bool holds(const RulePacketTests& tests, const PacketFacts& packet, const FlowFacts& flow) noexcept;

// The packet's own headers as buffers; not there where the packet has no such.
BufferView header_view(Buffer buffer, const PacketFacts& packet) noexcept;

}  // namespace sluice::rules
