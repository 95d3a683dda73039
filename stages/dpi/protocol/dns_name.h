// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice {

// A domain name out of a message, compression undone (RFC 1035 section 4.1.4).
struct DnsName {
  static constexpr size_t kMax = 255;

  std::array<char, kMax> bytes;
  uint8_t size = 0;
  bool cut = false;  // longer than a name may be: what stands in `bytes` is its beginning

  // Labels joined by dots, bytes as they came; "" is the root.
  std::string_view text() const noexcept { return {bytes.data(), size}; }
};

// Reads the name at `at` and moves `at` behind it. False if it runs out of the
// message, has a label of a reserved kind, or pointers that do not lead to
// something earlier.
bool read_dns_name(std::span<const uint8_t> message, size_t& at, DnsName& name) noexcept;

// Moves `at` behind the name without following pointers.
bool skip_dns_name(std::span<const uint8_t> message, size_t& at) noexcept;

// Letters alike in both cases (RFC 4343).
bool same_dns_name(std::string_view a, std::string_view b) noexcept;

}  // namespace sluice
