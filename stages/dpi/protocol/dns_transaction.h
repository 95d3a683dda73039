// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A question to a name server and what it answered (RFC 1035).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "stages/dpi/protocol/transaction.h"
#include "stages/dpi/protocol/transaction_memory.h"

namespace sluice {

// One resource record. Names are labels joined by dots, bytes as they came; the
// root is "".
struct DnsRecord {
  std::string_view name;
  // A, AAAA: the address; CNAME, NS, PTR, DNAME: a name; MX: a name; TXT:
  // strings joined; SOA, SRV: fields in the order of their RFC (1035, 2782)
  // joined by blanks. Empty for other types and for what is malformed.
  std::string_view data;
  uint32_t ttl = 0;  // s
  uint16_t type = 0;
  uint16_t record_class = 0;
};

// Buffers: DnsQuery at the side that asked, its name as in `name`. A message
// with several questions has a transaction for each; a response that nobody
// asked for has one without DnsQuery.
struct DnsTransaction : Transaction {
  static constexpr uint32_t kMaxRecords = 32;     // a section
  static constexpr uint32_t kMaxText = 8 * 1024;  // bytes of names and data, in all

  std::string_view name;  // of the question
  uint16_t type = 0;      // of the question
  uint16_t id = 0;
  // As they stand in the header's second word: QR 0x8000, opcode, AA 0x0400, TC
  // 0x0200, RD 0x0100, RA 0x0080, rcode.
  uint16_t query_flags = 0;
  uint16_t response_flags = 0;
  bool has_query = false;
  bool has_response = false;
  std::span<const DnsRecord> answers;
  std::span<const DnsRecord> authorities;

  uint8_t opcode() const noexcept {
    return ((has_query ? query_flags : response_flags) >> 11) & 15;
  }
  uint8_t rcode() const noexcept { return response_flags & 15; }

  // The parser's own.
  Direction asked_by = Direction::Original;
  DnsTransaction* next = nullptr;  // younger
  TransactionMemory memory{};
};

// "A", "AAAA", ...; "" where the number has no name here.
std::string_view dns_rrtype_name(uint16_t type) noexcept;
// "NOERROR", "NXDOMAIN", ...; "" where the number has no name here.
std::string_view dns_rcode_name(uint8_t rcode) noexcept;

}  // namespace sluice
