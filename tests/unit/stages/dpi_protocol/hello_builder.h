// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Hellos byte by byte, for what OpenSSL would not say.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

inline std::string u16(size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

inline std::string u24(size_t value) {
  return static_cast<char>(value >> 16) + u16(value);
}

inline std::string numbers16(const std::vector<uint16_t>& values) {
  std::string out;
  for (const uint16_t value : values) out += u16(value);
  return out;
}

inline std::string list16(std::string_view content) {
  return u16(content.size()).append(content);
}

inline std::string list8(std::string_view content) {
  return std::string(1, static_cast<char>(content.size())).append(content);
}

inline std::string tls_record(uint8_t type, std::string_view fragment) {
  return std::string{static_cast<char>(type), 3, 3} + list16(fragment);
}

inline std::string tls_message(uint8_t type, std::string_view body) {
  return std::string(1, static_cast<char>(type)) + u24(body.size()).append(body);
}

// The messages of handshake records, joined.
inline std::string tls_fragments(std::string_view records) {
  std::string out;
  while (records.size() >= 5 && records[0] == 22) {
    const size_t length = static_cast<size_t>(static_cast<uint8_t>(records[3])) << 8 |
                          static_cast<uint8_t>(records[4]);
    out.append(records.substr(5, length));
    records.remove_prefix(std::min(records.size(), 5 + length));
  }
  return out;
}

using TlsExtensions = std::vector<std::pair<uint16_t, std::string>>;

inline std::string tls_extensions(const TlsExtensions& extensions) {
  std::string out;
  for (const auto& [type, value] : extensions) out += u16(type) + list16(value);
  return list16(out);
}

inline std::string server_name(std::string_view name) {
  return list16(std::string(1, '\0') + list16(name));
}

// Bodies, without the header of the message.
inline std::string client_hello_body(uint16_t version, const std::vector<uint16_t>& ciphers,
                                     const TlsExtensions& extensions) {
  std::string body = u16(version) + std::string(32, 'r') + list8("") + list16(numbers16(ciphers)) +
                     list8(std::string(1, '\0'));
  return extensions.empty() ? body : body + tls_extensions(extensions);
}

inline std::string server_hello_body(uint16_t version, uint16_t cipher,
                                     const TlsExtensions& extensions) {
  return u16(version) + std::string(32, 's') + list8("") + u16(cipher) + std::string(1, '\0') +
         tls_extensions(extensions);
}

}  // namespace sluice
