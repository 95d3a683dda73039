// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice {

// Header and first question of a DNS message (RFC 1035 section 4.1).
struct DnsMessage {
  uint16_t id = 0;
  bool response = false;
  uint8_t opcode = 0;
  uint8_t rcode = 0;
  uint16_t questions = 0;
  uint16_t type = 0;  // of the first question
  uint8_t name_len = 0;
  char name[255];  // labels joined by dots, bytes as they came; "" is the root

  std::string_view query_name() const noexcept { return {name, name_len}; }
};

// False if `payload` is no DNS message with a whole first question.
bool parse_dns_message(std::span<const uint8_t> payload, DnsMessage& message) noexcept;

// "A", "AAAA", ...; "" where the number has no name here.
std::string_view dns_type_name(uint16_t type) noexcept;

}  // namespace sluice
