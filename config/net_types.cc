// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "config/net_types.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace sluice {
namespace {

uint8_t bits_of(const IpAddress& a) {
  return a.family == 4 ? 32 : 128;
}

IpAddress masked(IpAddress a, uint8_t length) {
  const size_t size = bits_of(a) / 8;
  for (size_t i = 0; i < size; ++i) {
    const unsigned begin = static_cast<unsigned>(i) * 8;
    if (begin >= length) {
      a.bytes[i] = 0;
    } else if (length - begin < 8) {
      a.bytes[i] &= static_cast<uint8_t>(0xff00 >> (length - begin));
    }
  }
  return a;
}

// "address/length", or a bare address.
std::optional<InterfaceAddress> parse_with_length(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = parse_ip_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  InterfaceAddress out{*address, bits_of(*address)};
  if (slash == std::string_view::npos) return out;
  const std::string_view digits = text.substr(slash + 1);
  // No sign, no leading zero: from_chars alone would take "024".
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0')) {
    return std::nullopt;
  }
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (length > bits_of(*address)) return std::nullopt;
  out.length = static_cast<uint8_t>(length);
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool IpPrefix::contains(const IpAddress& a) const noexcept {
  return a.family == address.family && masked(a, length) == address;
}

IpPrefix InterfaceAddress::network() const noexcept {
  return {masked(address, length), length};
}

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  char copy[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof(copy)) return std::nullopt;
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::copy(text.begin(), text.end(), copy);
  copy[text.size()] = '\0';
  IpAddress out;
  if (inet_pton(AF_INET, copy, out.bytes.data()) == 1) {
    out.family = 4;
    return out;
  }
  if (inet_pton(AF_INET6, copy, out.bytes.data()) == 1) {
    out.family = 6;
    return out;
  }
  return std::nullopt;
}

std::optional<IpPrefix> parse_ip_prefix(std::string_view text) {
  const auto parsed = parse_with_length(text);
  if (!parsed || parsed->network().address != parsed->address) return std::nullopt;
  return parsed->network();
}

std::optional<InterfaceAddress> parse_interface_address(std::string_view text) {
  return parse_with_length(text);
}

std::optional<MacAddress> parse_mac_address(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  const char separator = text[2];
  if (separator != ':' && separator != '-') return std::nullopt;
  MacAddress out;
  for (size_t i = 0; i < 6; ++i) {
    const int high = hex_digit(text[3 * i]);
    const int low = hex_digit(text[3 * i + 1]);
    if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != separator)) return std::nullopt;
    out.bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return out;
}

std::string to_string(const IpAddress& a) {
  char text[INET6_ADDRSTRLEN] = "";
  // glibc writes the form of RFC 5952: lower case, the first longest run of
  // at least two zero groups shortened, mapped addresses with dots.
  inet_ntop(a.family == 4 ? AF_INET : AF_INET6, a.bytes.data(), text, sizeof(text));
  return text;
}

std::string to_string(const IpPrefix& prefix) {
  return to_string(prefix.address) + '/' + std::to_string(prefix.length);
}

std::string to_string(const MacAddress& mac) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const uint8_t byte : mac.bytes) {
    if (!out.empty()) out += ':';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

}  // namespace sluice
