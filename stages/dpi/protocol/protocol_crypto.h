// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Digests and ciphers for protocol parsers. OpenSSL's algorithms are fetched
// and its contexts made once, off the data path; on it nothing is allocated and
// no lock is taken. OpenSSL's own HMAC and HKDF copy their keys to the heap in
// each call, so those two (RFC 2104, RFC 5869) are built here on its SHA-256.
#pragma once

#include <openssl/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
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

  // Throws std::runtime_error where OpenSSL lacks SHA-256 or AES, std::bad_alloc.
  ProtocolCrypto();
  ~ProtocolCrypto();
  ProtocolCrypto(const ProtocolCrypto&) = delete;
  ProtocolCrypto& operator=(const ProtocolCrypto&) = delete;

  // ---- worker; false if OpenSSL refuses (MD5 and SHA-1 under a FIPS provider) ----

  bool md5(std::span<const uint8_t> in, Md5& out) noexcept;
  bool sha1(std::span<const uint8_t> in, Sha1& out) noexcept;
  bool sha256(std::span<const uint8_t> in, Sha256& out) noexcept;

  // HMAC-SHA256 of `message`. `key` is at most 64 bytes.
  bool hmac_sha256(std::span<const uint8_t> key, std::span<const uint8_t> message,
                   Sha256& out) noexcept;
  // HKDF-Expand-Label of RFC 8446 section 7.1 with an empty context, for `out`
  // of at most 32 bytes. `label` without "tls13 ", at most 32 bytes.
  bool hkdf_expand_label(std::span<const uint8_t> secret, std::string_view label,
                         std::span<uint8_t> out) noexcept;

  // One block of AES-128-ECB.
  bool aes_block(std::span<const uint8_t, kAesKeyBytes> key,
                 std::span<const uint8_t, kAesBlockBytes> in,
                 std::span<uint8_t, kAesBlockBytes> out) noexcept;
  // AES-128-GCM. `sealed` ends with the tag; `out` has room for the rest and may
  // be the same memory. False if the tag is not right; then `out` is undefined.
  bool aes_gcm_open(std::span<const uint8_t, kAesKeyBytes> key,
                    std::span<const uint8_t, kNonceBytes> nonce,
                    std::span<const uint8_t> additional, std::span<const uint8_t> sealed,
                    std::span<uint8_t> out) noexcept;

 private:
  struct Fetched;
  std::unique_ptr<Fetched> openssl_;
};

}  // namespace sluice
