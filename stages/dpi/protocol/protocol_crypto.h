// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Digests and ciphers for protocol parsers, by OpenSSL. Nothing is allocated and
// no lock taken on the data path: the ciphers' contexts are made once, off it.
// EVP's digests allocate their state at each start, and its HMAC and HKDF copy
// their keys to the heap (3.0.19), so digests are those below EVP, on the stack,
// and HMAC (RFC 2104) and HKDF (RFC 5869) are built on them here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>

namespace sluice {

// One a lane: dpi's worker only. Built on another thread.
class ProtocolCrypto {
 public:
  static constexpr size_t kMd5Bytes = 16;
  static constexpr size_t kSha1Bytes = 20;
  static constexpr size_t kSha256Bytes = 32;
  static constexpr size_t kAesKeyBytes = 16;
  static constexpr size_t kAesBlockBytes = 16;
  static constexpr size_t kNonceBytes = 12;
  static constexpr size_t kTagBytes = 16;

  using Md5 = std::array<uint8_t, kMd5Bytes>;
  using Sha1 = std::array<uint8_t, kSha1Bytes>;
  using Sha256 = std::array<uint8_t, kSha256Bytes>;

  // Throws std::runtime_error where OpenSSL has no AES, std::bad_alloc.
  ProtocolCrypto();
  ~ProtocolCrypto();
  ProtocolCrypto(const ProtocolCrypto&) = delete;
  ProtocolCrypto& operator=(const ProtocolCrypto&) = delete;

  // ---- worker ----

  static void md5(std::span<const uint8_t> in, Md5& out) noexcept;
  static void sha1(std::span<const uint8_t> in, Sha1& out) noexcept;
  static void sha256(std::span<const uint8_t> in, Sha256& out) noexcept;

  // HMAC-SHA256 of `message`. False for a `key` of more than 64 bytes.
  static bool hmac_sha256(std::span<const uint8_t> key, std::span<const uint8_t> message,
                          Sha256& out) noexcept;
  // HKDF-Expand-Label of RFC 8446 section 7.1 with an empty context. `label`
  // without "tls13 ". False if it or `out` has more than 32 bytes.
  static bool hkdf_expand_label(std::span<const uint8_t> secret, std::string_view label,
                                std::span<uint8_t> out) noexcept;

  // One block of AES-128-ECB. False if OpenSSL refuses.
  bool aes_block(std::span<const uint8_t, kAesKeyBytes> key,
                 std::span<const uint8_t, kAesBlockBytes> in,
                 std::span<uint8_t, kAesBlockBytes> out) noexcept;
  // AES-128-GCM. `additional` is what the pieces are when joined. `sealed` ends
  // with the tag; `out` has room for the rest and may be the same memory. False
  // if the tag is not right; then `out` is undefined.
  bool aes_gcm_open(std::span<const uint8_t, kAesKeyBytes> key,
                    std::span<const uint8_t, kNonceBytes> nonce,
                    std::initializer_list<std::span<const uint8_t>> additional,
                    std::span<const uint8_t> sealed, std::span<uint8_t> out) noexcept;

 private:
  struct Ciphers;
  std::unique_ptr<Ciphers> ciphers_;
};

}  // namespace sluice
