// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/protocol/tls_fingerprint.h"

#include <algorithm>
#include <charconv>

#include "stages/dpi/byte_reader.h"

namespace sluice {

namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr size_t kMaxValues = 1024;

// Calls `each` for the numbers of a list, GREASE left out.
template <typename Each>
void numbers(std::span<const uint8_t> list, Each&& each) {
  ByteReader reader(list);
  while (reader.left() >= 2) {
    if (const uint16_t value = reader.u16(); !tls_is_grease(value)) each(value);
  }
}

template <typename Each>
void extension_types(std::span<const uint8_t> extensions, Each&& each) {
  ByteReader reader(extensions);
  while (reader.left() > 0) {
    const uint16_t type = reader.u16();
    reader.skip(reader.u16());
    if (!reader.failed() && !tls_is_grease(type)) each(type);
  }
}

// Decimal numbers with '-' between them.
class Joined {
 public:
  explicit Joined(TlsFingerprintText& out) noexcept : out_(out) {}
  void operator()(uint16_t value) noexcept {
    if (!first_) out_.put('-');
    first_ = false;
    out_.number(value);
  }

 private:
  TlsFingerprintText& out_;
  bool first_ = true;
};

struct Values {
  std::array<uint16_t, kMaxValues> items;
  size_t size = 0;
  bool overflowed = false;

  void add(uint16_t value) noexcept {
    if (size == items.size()) {
      overflowed = true;
    } else {
      items[size++] = value;
    }
  }
  void sort() noexcept { std::sort(items.begin(), items.begin() + size); }
  std::span<const uint16_t> all() const noexcept { return {items.data(), size}; }
};

void put_list(std::span<const uint16_t> values, TlsFingerprintText& out) {
  bool first = true;
  for (const uint16_t value : values) {
    if (!first) out.put(',');
    first = false;
    out.hex16(value);
  }
}

void put_two_digits(size_t count, char* out) {
  count = std::min<size_t>(count, 99);
  out[0] = static_cast<char>('0' + count / 10);
  out[1] = static_cast<char>('0' + count % 10);
}

std::array<char, 2> version_code(uint16_t version) {
  switch (version) {
    case 0x0304:
      return {'1', '3'};
    case 0x0303:
      return {'1', '2'};
    case 0x0302:
      return {'1', '1'};
    case 0x0301:
      return {'1', '0'};
    case 0x0300:
      return {'s', '3'};
    case 0x0002:
      return {'s', '2'};
    default:
      return {'0', '0'};
  }
}

bool is_alphanumeric(uint8_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// Of the first protocol offered.
std::array<char, 2> alpn_code(std::span<const uint8_t> alpn) {
  ByteReader reader(alpn);
  const auto protocol = reader.take(reader.u8());
  if (protocol.empty()) return {'0', '0'};
  const uint8_t first = protocol.front();
  const uint8_t last = protocol.back();
  if (is_alphanumeric(first) && is_alphanumeric(last)) {
    return {static_cast<char>(first), static_cast<char>(last)};
  }
  return {kHex[first >> 4], kHex[last & 15]};
}

// The first twelve digits of the digest; zeros for an empty list.
bool put_hash(const TlsFingerprintText& text, char* out) {
  constexpr size_t kDigits = 12;
  if (text.overflowed()) return false;
  if (text.empty()) {
    std::fill_n(out, kDigits, '0');
    return true;
  }
  ProtocolCrypto::Sha256 digest;
  ProtocolCrypto::sha256(text.bytes(), digest);
  for (size_t i = 0; i < kDigits / 2; ++i) {
    *out++ = kHex[digest[i] >> 4];
    *out++ = kHex[digest[i] & 15];
  }
  return true;
}

}  // namespace

void TlsFingerprintText::number(uint32_t value) noexcept {
  const auto [end, error] = std::to_chars(text_.data() + size_, text_.data() + text_.size(), value);
  if (error != std::errc()) {
    overflowed_ = true;
  } else {
    size_ = static_cast<size_t>(end - text_.data());
  }
}

void TlsFingerprintText::hex16(uint16_t value) noexcept {
  for (int shift = 12; shift >= 0; shift -= 4) put(kHex[value >> shift & 15]);
}

void TlsFingerprintText::put(char c) noexcept {
  if (size_ == text_.size()) {
    overflowed_ = true;
  } else {
    text_[size_++] = c;
  }
}

void ja3_text(const TlsClientHello& hello, TlsFingerprintText& out) noexcept {
  out.number(hello.legacy_version);
  out.put(',');
  numbers(hello.ciphers, Joined(out));
  out.put(',');
  extension_types(hello.extensions, Joined(out));
  out.put(',');
  numbers(hello.groups, Joined(out));
  out.put(',');
  Joined format(out);
  for (const uint8_t value : hello.point_formats) format(value);
}

void ja3s_text(const TlsServerHello& hello, TlsFingerprintText& out) noexcept {
  out.number(hello.legacy_version);
  out.put(',');
  out.number(hello.cipher);
  out.put(',');
  extension_types(hello.extensions, Joined(out));
}

std::optional<std::array<char, 32>> ja3_hash(const TlsFingerprintText& text) noexcept {
  if (text.overflowed()) return std::nullopt;
  ProtocolCrypto::Md5 digest;
  ProtocolCrypto::md5(text.bytes(), digest);
  std::array<char, 32> out;
  for (size_t i = 0; i < digest.size(); ++i) {
    out[2 * i] = kHex[digest[i] >> 4];
    out[2 * i + 1] = kHex[digest[i] & 15];
  }
  return out;
}

std::optional<std::array<char, kJa4Size>> ja4(const TlsClientHello& hello,
                                              char transport) noexcept {
  Values ciphers, extensions, algorithms;
  size_t extension_count = 0;
  numbers(hello.ciphers, [&](uint16_t value) { ciphers.add(value); });
  extension_types(hello.extensions, [&](uint16_t type) {
    ++extension_count;
    // Both stand in the first part: the same program is to look the same
    // whatever host it asks for.
    if (type != kTlsServerName && type != kTlsAlpn) extensions.add(type);
  });
  numbers(hello.signature_algorithms, [&](uint16_t value) { algorithms.add(value); });
  if (ciphers.overflowed || extensions.overflowed || algorithms.overflowed) return std::nullopt;
  ciphers.sort();
  extensions.sort();

  std::array<char, kJa4Size> out;
  out[0] = transport;
  const auto version = version_code(hello.version);
  std::copy(version.begin(), version.end(), &out[1]);
  out[3] = hello.has_server_name ? 'd' : 'i';
  put_two_digits(ciphers.size, &out[4]);
  put_two_digits(extension_count, &out[6]);
  const auto alpn = alpn_code(hello.alpn);
  std::copy(alpn.begin(), alpn.end(), &out[8]);
  out[10] = '_';
  out[23] = '_';

  TlsFingerprintText text;
  put_list(ciphers.all(), text);
  if (!put_hash(text, &out[11])) return std::nullopt;
  text.clear();
  put_list(extensions.all(), text);
  if (!text.empty() && algorithms.size > 0) {
    text.put('_');
    put_list(algorithms.all(), text);
  }
  if (!put_hash(text, &out[24])) return std::nullopt;
  return out;
}

}  // namespace sluice
