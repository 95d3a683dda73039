// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Initial packets, sealed as a client or server would.
#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hello_builder.h"
#include "stages/dpi/protocol/quic_initial.h"
#include "transcript.h"

namespace sluice {

inline std::string u32(uint32_t value) {
  return u16(value >> 16) + u16(value & 0xffff);
}

// A number of variable length, in as many bytes as it needs or in `bytes`.
inline std::string quic_number(uint64_t value, int bytes = 0) {
  if (bytes == 0) bytes = value < 64 ? 1 : value < 16384 ? 2 : value < (1u << 30) ? 4 : 8;
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> 8 * i);
  const int log = bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3;
  out[0] = static_cast<char>(out[0] | log << 6);
  return out;
}

inline std::string crypto_frame(uint64_t offset, std::string_view bytes) {
  return ('\x06' + quic_number(offset) + quic_number(bytes.size(), 2)).append(bytes);
}

inline QuicConnectionId quic_id(std::string_view bytes) {
  QuicConnectionId id;
  id.size = static_cast<uint8_t>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

struct QuicInitialOptions {
  uint32_t version = kQuicVersion1;
  Direction from = Direction::Original;
  std::string keys_from = unhex_digits("8394c8f03e515708");  // the client's first destination
  std::string destination = keys_from;
  std::string source = "";
  std::string token = "";
  uint32_t number = 0;
  int number_bytes = 4;
  size_t pad_to = 1162;  // bytes of frames

  static std::string unhex_digits(std::string_view digits) {
    std::string out;
    for (size_t i = 0; i < digits.size(); i += 2) {
      out += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
    }
    return out;
  }
};

inline std::string aes(const EVP_CIPHER* cipher, const uint8_t* key, const uint8_t* nonce,
                       std::string_view additional, std::string_view in) {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  std::string out(in.size() + 16, '\0');
  auto* to = reinterpret_cast<uint8_t*>(out.data());
  const auto* from = reinterpret_cast<const uint8_t*>(in.data());
  int n = 0;
  EVP_EncryptInit_ex(context, cipher, nullptr, key, nonce);
  EVP_CIPHER_CTX_set_padding(context, 0);
  if (!additional.empty()) {
    EVP_EncryptUpdate(context, nullptr, &n, reinterpret_cast<const uint8_t*>(additional.data()),
                      static_cast<int>(additional.size()));
  }
  EVP_EncryptUpdate(context, to, &n, from, static_cast<int>(in.size()));
  EVP_EncryptFinal_ex(context, to + n, &n);
  if (nonce != nullptr) {
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, to + in.size());
  } else {
    out.resize(in.size());
  }
  EVP_CIPHER_CTX_free(context);
  return out;
}

inline std::string quic_initial(const QuicInitialOptions& o, std::string frames) {
  if (frames.size() < o.pad_to) frames.resize(o.pad_to, '\0');
  QuicKeys keys;
  if (!derive_quic_keys(o.version, quic_id(o.keys_from), o.from, keys)) {
    throw std::runtime_error("no such version");
  }
  const bool second = o.version == kQuicVersion2;
  std::string header(1, static_cast<char>((second ? 0xd0 : 0xc0) | (o.number_bytes - 1)));
  header += u32(o.version) + list8(o.destination) + list8(o.source);
  header += quic_number(o.token.size()) + o.token;
  header += quic_number(static_cast<size_t>(o.number_bytes) + frames.size() + 16, 2);
  const size_t number_at = header.size();
  header += u32(o.number).substr(4 - static_cast<size_t>(o.number_bytes));
  std::array<uint8_t, 12> nonce = keys.iv;
  for (size_t i = 0; i < 4; ++i) nonce[11 - i] ^= static_cast<uint8_t>(o.number >> 8 * i);
  std::string packet =
      header + aes(EVP_aes_128_gcm(), keys.key.data(), nonce.data(), header, frames);
  const std::string mask =
      aes(EVP_aes_128_ecb(), keys.header.data(), nullptr, "", packet.substr(number_at + 4, 16));
  packet[0] = static_cast<char>(packet[0] ^ (mask[0] & 0x0f));
  for (size_t i = 0; i < static_cast<size_t>(o.number_bytes); ++i) {
    packet[number_at + i] = static_cast<char>(packet[number_at + i] ^ mask[1 + i]);
  }
  return packet;
}

}  // namespace sluice
