// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <algorithm>
#include <charconv>

#include "stages/dpi/protocol/quic_initial.h"
#include "stages/dpi/protocol/tls_transaction.h"

namespace sluice {

namespace {

template <size_t N>
std::string_view with_number(std::string_view prefix, uint32_t number, std::array<char, N>& room) {
  char* at = std::copy(prefix.begin(), prefix.end(), room.data());
  const auto [end, error] = std::to_chars(at, room.data() + room.size(), number);
  return {room.data(), static_cast<size_t>(end - room.data())};
}

}  // namespace

std::string_view tls_version_name(uint16_t version, std::array<char, 24>& room) noexcept {
  switch (version) {
    case 0x0002:
      return "SSLv2";
    case 0x0300:
      return "SSLv3";
    case 0x0301:
      return "TLSv1";
    case 0x0302:
      return "TLS 1.1";
    case 0x0303:
      return "TLS 1.2";
    case 0x0304:
      return "TLS 1.3";
    default:
      break;
  }
  const uint16_t draft = version & 0xff;
  // Drafts of TLS 1.3, and those of Facebook's deployment.
  if (version >> 8 == 0x7f && draft >= 1 && draft <= 28) {
    return draft < 16 ? "TLS 1.3 draft-<16" : with_number("TLS 1.3 draft-", draft, room);
  }
  if (version >> 8 == 0xfb && draft >= 1 && draft <= 28) {
    const size_t size = with_number("TLS 1.3 draft-", draft, room).size();
    std::copy_n("-fb", 3, room.data() + size);
    return {room.data(), size + 3};
  }
  return "UNDETERMINED";
}

std::string_view tls_version_number(uint16_t version) noexcept {
  switch (version) {
    case 0x0002:
      return "ssl2";
    case 0x0300:
      return "ssl3";
    case 0x0301:
      return "1.0";
    case 0x0302:
      return "1.1";
    case 0x0303:
      return "1.2";
    case 0x0304:
      return "1.3";
    default:
      return version >> 8 == 0x7f || version >> 8 == 0xfb ? "1.3" : "";
  }
}

std::string_view quic_version_name(uint32_t version, std::array<char, 16>& room) noexcept {
  if (version == kQuicVersion1) return "1";
  if (version == kQuicVersion2) return "2";
  if (version >> 8 == 0xff0000) return with_number("draft-", version & 0xff, room);
  for (size_t i = 0; i < 8; ++i) room[i] = "0123456789abcdef"[version >> (28 - 4 * i) & 15];
  return {room.data(), 8};
}

}  // namespace sluice
