// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hello_builder.h"

namespace sluice {

// "www.example.com" as labels, without the root's.
inline std::string dns_labels(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const size_t dot = std::min(name.find('.'), name.size());
    out += list8(name.substr(0, dot));
    name.remove_prefix(std::min(name.size(), dot + 1));
  }
  return out;
}

inline std::string dns_name(std::string_view name) {
  return dns_labels(name) + std::string(1, '\0');
}

// A pointer to `at` in the message.
inline std::string dns_pointer(size_t at) {
  return u16(0xc000 | at);
}

inline std::string dns_question(const std::string& name, uint16_t type) {
  return name + u16(type) + u16(1);
}

inline std::string dns_record(const std::string& name, uint16_t type, uint32_t ttl,
                              std::string_view data) {
  return name + u16(type) + u16(1) + u16(ttl >> 16) + u16(ttl & 0xffff) + list16(data);
}

struct DnsCounts {
  uint16_t questions = 0, answers = 0, authorities = 0, additional = 0;
};

inline std::string dns_message(uint16_t id, uint16_t flags, DnsCounts counts,
                               std::string_view body) {
  return (u16(id) + u16(flags) + u16(counts.questions) + u16(counts.answers) +
          u16(counts.authorities) + u16(counts.additional))
      .append(body);
}

constexpr size_t kDnsQuestionAt = 12;

inline std::string dns_query(uint16_t id, std::string_view name, uint16_t type = 1) {
  return dns_message(id, 0x0100, {.questions = 1}, dns_question(dns_name(name), type));
}

}  // namespace sluice
