// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/protocol_crypto.h"

#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <atomic>
#include <cstdlib>

#include "hex.h"
#include "transcript.h"

namespace sluice {
namespace {

std::atomic<uint64_t> allocations{0};

void* counted_malloc(size_t size, const char*, int) {
  ++allocations;
  return std::malloc(size);
}
void* counted_realloc(void* block, size_t size, const char*, int) {
  ++allocations;
  return std::realloc(block, size);
}
void counted_free(void* block, const char*, int) {
  std::free(block);
}

// Possible only before OpenSSL's first allocation, so before main().
const bool counting = CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free) == 1;

TEST(ProtocolCrypto, ComputesDigests) {
  ProtocolCrypto::Md5 md5;
  ProtocolCrypto::Sha1 sha1;
  ProtocolCrypto::Sha256 sha256;
  ProtocolCrypto::md5(bytes_of("abc"), md5);
  EXPECT_EQ(hex(md5), "900150983cd24fb0d6963f7d28e17f72");
  ProtocolCrypto::sha1(bytes_of("abc"), sha1);
  EXPECT_EQ(hex(sha1), "a9993e364706816aba3e25717850c26c9cd0d89d");
  ProtocolCrypto::sha256(bytes_of("abc"), sha256);
  EXPECT_EQ(hex(sha256), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// RFC 4231 sections 4.2 and 4.3.
TEST(ProtocolCrypto, ComputesHmac) {
  ProtocolCrypto::Sha256 out;
  ASSERT_TRUE(
      ProtocolCrypto::hmac_sha256(std::vector<uint8_t>(20, 0x0b), bytes_of("Hi There"), out));
  EXPECT_EQ(hex(out), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  ASSERT_TRUE(
      ProtocolCrypto::hmac_sha256(bytes_of("Jefe"), bytes_of("what do ya want for nothing?"), out));
  EXPECT_EQ(hex(out), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_FALSE(ProtocolCrypto::hmac_sha256(std::vector<uint8_t>(65), bytes_of(""), out));
}

// FIPS 197 appendix C.1.
TEST(ProtocolCrypto, EnciphersABlock) {
  ProtocolCrypto crypto;
  const auto key = unhex_array<16>("000102030405060708090a0b0c0d0e0f");
  const auto in = unhex_array<16>("00112233445566778899aabbccddeeff");
  std::array<uint8_t, 16> out;
  for (int again = 0; again < 2; ++again) {
    ASSERT_TRUE(crypto.aes_block(key, in, out));
    EXPECT_EQ(hex(out), "69c4e0d86a7b0430d8cdb78070b4c55a");
  }
}

// Test case 4 of the specification of GCM (McGrew and Viega).
TEST(ProtocolCrypto, OpensWhatIsSealedAndNothingElse) {
  ProtocolCrypto crypto;
  const auto key = unhex_array<16>("feffe9928665731c6d6a8f9467308308");
  const auto nonce = unhex_array<12>("cafebabefacedbaddecaf888");
  const std::string additional = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  std::string sealed = unhex(
      "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
      "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
      "5bc94fbc3221a5db94fae95ae7121a47");
  std::vector<uint8_t> out(sealed.size());
  const auto a = bytes_of(additional);
  const auto open = [&] {
    return crypto.aes_gcm_open(key, nonce, {a.first(7), a.subspan(7, 3), a.subspan(10)},
                               bytes_of(sealed), out);
  };
  ASSERT_TRUE(open());
  EXPECT_EQ(hex(std::span(out).first(sealed.size() - 16)),
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
  for (const size_t at : {size_t{0}, sealed.size() / 2, sealed.size() - 1}) {
    sealed[at] = static_cast<char>(sealed[at] ^ 1);
    EXPECT_FALSE(open());
    sealed[at] = static_cast<char>(sealed[at] ^ 1);
    EXPECT_TRUE(open()) << "a refusal leaves nothing behind";
  }
  sealed.resize(15);
  EXPECT_FALSE(open());
}

TEST(ProtocolCrypto, AllocatesNothingOnceItIsMade) {
  ASSERT_TRUE(counting);
  ProtocolCrypto crypto;
  const uint64_t before = allocations;
  EXPECT_GT(before, 0u);
  ProtocolCrypto::Md5 md5;
  ProtocolCrypto::Sha1 sha1;
  ProtocolCrypto::Sha256 sha256;
  const std::array<uint8_t, 16> key{}, block{};
  const std::array<uint8_t, 12> nonce{};
  std::array<uint8_t, 64> out;
  for (int i = 0; i < 3; ++i) {
    ProtocolCrypto::md5(bytes_of("abc"), md5);
    ProtocolCrypto::sha1(bytes_of("abc"), sha1);
    ProtocolCrypto::sha256(bytes_of("abc"), sha256);
    ProtocolCrypto::hmac_sha256(sha256, bytes_of("abc"), sha256);
    ProtocolCrypto::hkdf_expand_label(sha256, "quic key", std::span(out).first(16));
    crypto.aes_block(key, block, std::span(out).first<16>());
    // A seal that is not right, too.
    EXPECT_FALSE(crypto.aes_gcm_open(key, nonce, {block}, bytes_of(std::string(64, 'x')), out));
  }
  EXPECT_EQ(allocations, before);
}

}  // namespace
}  // namespace sluice
