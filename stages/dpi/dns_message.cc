// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/dns_message.h"

#include <cstring>

#include "stages/dpi/byte_reader.h"

namespace sluice {

bool parse_dns_message(std::span<const uint8_t> payload, DnsMessage& message) noexcept {
  ByteReader reader(payload);
  message.id = reader.u16();
  const uint16_t flags = reader.u16();
  message.response = (flags & 0x8000) != 0;
  message.opcode = (flags >> 11) & 0xf;
  message.rcode = flags & 0xf;
  message.questions = reader.u16();
  reader.skip(6);  // counts of the other sections
  message.name_len = 0;
  if (reader.failed() || message.questions == 0) return false;

  for (;;) {
    const uint8_t length = reader.u8();
    if (reader.failed()) return false;
    if (length == 0) break;
    // A pointer has nothing before it that it could point to in the first
    // question, and other kinds of labels died with RFC 6891.
    if (length > 63) return false;
    const std::string_view label = reader.text(length);
    const size_t dot = message.name_len > 0 ? 1 : 0;
    if (reader.failed() || message.name_len + dot + label.size() > sizeof message.name - 2) {
      return false;  // over 253 characters: RFC 1035 section 2.3.4
    }
    if (dot != 0) message.name[message.name_len] = '.';
    std::memcpy(message.name + message.name_len + dot, label.data(), label.size());
    message.name_len = static_cast<uint8_t>(message.name_len + dot + label.size());
  }
  message.type = reader.u16();
  reader.skip(2);  // class
  return !reader.failed();
}

std::string_view dns_type_name(uint16_t type) noexcept {
  switch (type) {
    case 1:
      return "A";
    case 2:
      return "NS";
    case 5:
      return "CNAME";
    case 6:
      return "SOA";
    case 10:
      return "NULL";
    case 12:
      return "PTR";
    case 13:
      return "HINFO";
    case 15:
      return "MX";
    case 16:
      return "TXT";
    case 28:
      return "AAAA";
    case 33:
      return "SRV";
    case 35:
      return "NAPTR";
    case 43:
      return "DS";
    case 46:
      return "RRSIG";
    case 48:
      return "DNSKEY";
    case 64:
      return "SVCB";
    case 65:
      return "HTTPS";
    case 251:
      return "IXFR";
    case 252:
      return "AXFR";
    case 255:
      return "ANY";
    case 257:
      return "CAA";
    default:
      return "";
  }
}

}  // namespace sluice
