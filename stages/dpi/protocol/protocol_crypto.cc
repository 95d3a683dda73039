// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// For the digests below.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "stages/dpi/protocol/protocol_crypto.h"

#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>

namespace sluice {

namespace {

constexpr size_t kHashBlock = 64;  // SHA-256's, for HMAC

struct FreeCipher {
  void operator()(EVP_CIPHER* cipher) const noexcept { EVP_CIPHER_free(cipher); }
};
struct FreeCipherContext {
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};

int as_int(size_t size) {
  return static_cast<int>(size);
}

}  // namespace

struct ProtocolCrypto::Ciphers {
  struct Cipher {
    std::unique_ptr<EVP_CIPHER, FreeCipher> cipher;
    std::unique_ptr<EVP_CIPHER_CTX, FreeCipherContext> context;

    // With a key and nonce from the start: setting the cipher anew would free
    // and allocate its state, setting another key does not.
    Cipher(const char* name, bool encrypt)
        : cipher(EVP_CIPHER_fetch(nullptr, name, nullptr)), context(EVP_CIPHER_CTX_new()) {
      if (context == nullptr) throw std::bad_alloc();
      static constexpr uint8_t kZero[kAesKeyBytes] = {};
      if (cipher == nullptr || EVP_CipherInit_ex2(context.get(), cipher.get(), kZero, kZero,
                                                  encrypt ? 1 : 0, nullptr) != 1) {
        throw std::runtime_error(std::string("OpenSSL has no ") + name);
      }
      EVP_CIPHER_CTX_set_padding(context.get(), 0);
    }
  };

  Cipher block{"AES-128-ECB", true}, gcm{"AES-128-GCM", false};
};

ProtocolCrypto::ProtocolCrypto() : ciphers_(std::make_unique<Ciphers>()) {}

ProtocolCrypto::~ProtocolCrypto() = default;

void ProtocolCrypto::md5(std::span<const uint8_t> in, Md5& out) noexcept {
  MD5_CTX context;
  MD5_Init(&context);
  MD5_Update(&context, in.data(), in.size());
  MD5_Final(out.data(), &context);
}

void ProtocolCrypto::sha1(std::span<const uint8_t> in, Sha1& out) noexcept {
  SHA_CTX context;
  SHA1_Init(&context);
  SHA1_Update(&context, in.data(), in.size());
  SHA1_Final(out.data(), &context);
}

void ProtocolCrypto::sha256(std::span<const uint8_t> in, Sha256& out) noexcept {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, in.data(), in.size());
  SHA256_Final(out.data(), &context);
}

bool ProtocolCrypto::hmac_sha256(std::span<const uint8_t> key, std::span<const uint8_t> message,
                                 Sha256& out) noexcept {
  if (key.size() > kHashBlock) return false;
  std::array<uint8_t, kHashBlock> inner, outer;
  inner.fill(0x36);
  outer.fill(0x5c);
  for (size_t i = 0; i < key.size(); ++i) {
    inner[i] ^= key[i];
    outer[i] ^= key[i];
  }
  Sha256 digest;
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, inner.data(), inner.size());
  SHA256_Update(&context, message.data(), message.size());
  SHA256_Final(digest.data(), &context);
  SHA256_Init(&context);
  SHA256_Update(&context, outer.data(), outer.size());
  SHA256_Update(&context, digest.data(), digest.size());
  SHA256_Final(out.data(), &context);
  return true;
}

bool ProtocolCrypto::hkdf_expand_label(std::span<const uint8_t> secret, std::string_view label,
                                       std::span<uint8_t> out) noexcept {
  static constexpr std::string_view kPrefix = "tls13 ";
  static constexpr size_t kMaxLabel = 32;
  if (label.size() > kMaxLabel || out.size() > kSha256Bytes) return false;
  // HkdfLabel, and the counter of HKDF-Expand's only round behind it.
  std::array<uint8_t, 2 + 1 + kPrefix.size() + kMaxLabel + 1 + 1> info;
  auto at = info.begin();
  *at++ = 0;
  *at++ = static_cast<uint8_t>(out.size());
  *at++ = static_cast<uint8_t>(kPrefix.size() + label.size());
  at = std::copy(kPrefix.begin(), kPrefix.end(), at);
  at = std::copy(label.begin(), label.end(), at);
  *at++ = 0;
  *at++ = 1;
  Sha256 round;
  if (!hmac_sha256(secret, {info.begin(), at}, round)) return false;
  std::copy_n(round.begin(), out.size(), out.begin());
  return true;
}

bool ProtocolCrypto::aes_block(std::span<const uint8_t, kAesKeyBytes> key,
                               std::span<const uint8_t, kAesBlockBytes> in,
                               std::span<uint8_t, kAesBlockBytes> out) noexcept {
  EVP_CIPHER_CTX* context = ciphers_->block.context.get();
  int written = 0;
  return EVP_EncryptInit_ex2(context, nullptr, key.data(), nullptr, nullptr) == 1 &&
         EVP_EncryptUpdate(context, out.data(), &written, in.data(), as_int(in.size())) == 1 &&
         written == as_int(kAesBlockBytes);
}

bool ProtocolCrypto::aes_gcm_open(std::span<const uint8_t, kAesKeyBytes> key,
                                  std::span<const uint8_t, kNonceBytes> nonce,
                                  std::initializer_list<std::span<const uint8_t>> additional,
                                  std::span<const uint8_t> sealed,
                                  std::span<uint8_t> out) noexcept {
  if (sealed.size() < kTagBytes || out.size() < sealed.size() - kTagBytes) return false;
  const auto text = sealed.first(sealed.size() - kTagBytes);
  std::array<uint8_t, kTagBytes> tag;
  std::copy_n(sealed.end() - kTagBytes, kTagBytes, tag.begin());
  EVP_CIPHER_CTX* context = ciphers_->gcm.context.get();
  int written = 0;
  if (EVP_DecryptInit_ex2(context, nullptr, key.data(), nonce.data(), nullptr) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, as_int(kTagBytes), tag.data()) != 1) {
    return false;
  }
  for (const auto piece : additional) {
    if (EVP_DecryptUpdate(context, nullptr, &written, piece.data(), as_int(piece.size())) != 1) {
      return false;
    }
  }
  std::array<uint8_t, kAesBlockBytes> nothing;
  return EVP_DecryptUpdate(context, out.data(), &written, text.data(), as_int(text.size())) == 1 &&
         EVP_DecryptFinal_ex(context, nothing.data(), &written) == 1;
}

}  // namespace sluice
