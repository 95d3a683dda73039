// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Fingerprints of hellos: JA3 and JA3S (Salesforce), JA4 (FoxIO). Of the latter's
// family only JA4 itself is free (BSD-3-Clause), and it alone is made here.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "stages/dpi/protocol/protocol_crypto.h"
#include "stages/dpi/protocol/tls_hello_message.h"

namespace sluice {

// Text of limited length, built on the stack.
class TlsFingerprintText {
 public:
  static constexpr size_t kMax = 8 * 1024;

  void number(uint32_t value) noexcept;  // decimal
  void hex16(uint16_t value) noexcept;   // four digits, lower case
  void put(char c) noexcept;
  void clear() noexcept {
    size_ = 0;
    overflowed_ = false;
  }
  // Something did not fit; the text is of no use then.
  bool overflowed() const noexcept { return overflowed_; }
  bool empty() const noexcept { return size_ == 0; }
  std::string_view text() const noexcept { return {text_.data(), size_}; }
  std::span<const uint8_t> bytes() const noexcept {
    return {reinterpret_cast<const uint8_t*>(text_.data()), size_};
  }

 private:
  std::array<char, kMax> text_;
  size_t size_ = 0;
  bool overflowed_ = false;
};

// "771,4865-4866,0-23,29-23,0": version, ciphers, extensions, groups, point
// formats; decimal, without GREASE.
void ja3_text(const TlsClientHello& hello, TlsFingerprintText& out) noexcept;
// "771,4865,43-51": version, cipher, extensions.
void ja3s_text(const TlsServerHello& hello, TlsFingerprintText& out) noexcept;
// The MD5 that goes with both, in lower-case hexadecimal digits. None for a text
// that has overflowed.
std::optional<std::array<char, 32>> ja3_hash(const TlsFingerprintText& text) noexcept;

inline constexpr size_t kJa4Size = 36;
// "t13d1516h2_8daaf6152771_e5627efa2ab1". `transport` is 't' or 'q'. None for
// more than 1,024 ciphers, extensions or signature algorithms.
std::optional<std::array<char, kJa4Size>> ja4(const TlsClientHello& hello, char transport) noexcept;

}  // namespace sluice
