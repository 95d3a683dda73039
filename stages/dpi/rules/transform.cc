// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// OpenSSL's digests by themselves: its EVP, which it would rather have us use,
// allocates at each one (EVP_DigestInit_ex2 makes the algorithm's context anew).
#define OPENSSL_SUPPRESS_DEPRECATED

#include "stages/dpi/rules/transform.h"

#include <openssl/md5.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace sluice::rules {

namespace {

// What isspace() says in the C locale.
bool is_space(uint8_t c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
uint8_t lower(uint8_t c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<uint8_t>(c | 0x20) : c;
}
uint8_t upper(uint8_t c) noexcept {
  return c >= 'a' && c <= 'z' ? static_cast<uint8_t>(c & ~0x20) : c;
}
int hex_digit(uint8_t c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const uint8_t letter = lower(c);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

// Bytes to where there is room for them.
class Sink {
 public:
  explicit Sink(std::span<uint8_t> out) noexcept : out_(out) {}
  void put(uint8_t c) noexcept {
    if (size_ < out_.size()) out_[size_++] = c;
  }
  void put(std::span<const uint8_t> bytes) noexcept {
    const size_t n = std::min(bytes.size(), out_.size() - size_);
    if (n > 0) std::memcpy(out_.data() + size_, bytes.data(), n);
    size_ += n;
  }
  size_t size() const noexcept { return size_; }

 private:
  std::span<uint8_t> out_;
  size_t size_ = 0;
};

void strip_whitespace(std::span<const uint8_t> in, Sink& out) noexcept {
  for (const uint8_t c : in) {
    if (!is_space(c)) out.put(c);
  }
}

// Of a run the first stays, whichever it is.
void compress_whitespace(std::span<const uint8_t> in, Sink& out) noexcept {
  bool in_run = false;
  for (const uint8_t c : in) {
    if (!is_space(c) || !in_run) out.put(c);
    in_run = is_space(c);
  }
}

// What is no escape stays as it is.
void url_decode(std::span<const uint8_t> in, Sink& out) noexcept {
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i] == '%' && i + 2 < in.size()) {
      const int high = hex_digit(in[i + 1]), low = hex_digit(in[i + 2]);
      if (high >= 0 && low >= 0) {
        out.put(static_cast<uint8_t>(high << 4 | low));
        i += 2;
        continue;
      }
    }
    out.put(in[i] == '+' ? ' ' : in[i]);
  }
}

void header_lowercase(std::span<const uint8_t> in, Sink& out) noexcept {
  bool in_name = true;
  for (const uint8_t c : in) {
    out.put(in_name ? lower(c) : c);
    if (c == ':') in_name = false;
    // A line without a colon is a name to its end and beyond.
    if (c == '\n' && !in_name) in_name = true;
  }
}

// Lines that begin with a colon (":method: GET") go.
void strip_pseudo_headers(std::span<const uint8_t> in, Sink& out) noexcept {
  while (!in.empty()) {
    const auto newline = std::find(in.begin(), in.end(), uint8_t{'\n'});
    const size_t line = static_cast<size_t>(newline - in.begin()) + (newline != in.end() ? 1 : 0);
    if (in[0] != ':') out.put(in.first(line));
    in = in.subspan(line);
  }
}

// The digest if there is room for all of it.
template <size_t kSize, typename Digest>
void put_digest(std::span<const uint8_t> in, std::span<uint8_t> out, Sink& sink,
                Digest digest) noexcept {
  std::array<uint8_t, kSize> value;
  digest(in.data(), in.size(), value.data());
  if (out.size() >= kSize) sink.put(value);
}

void md5(const uint8_t* in, size_t size, uint8_t* out) noexcept {
  MD5_CTX context;
  MD5_Init(&context);
  MD5_Update(&context, in, size);
  MD5_Final(out, &context);
}
void sha1(const uint8_t* in, size_t size, uint8_t* out) noexcept {
  SHA_CTX context;
  SHA1_Init(&context);
  SHA1_Update(&context, in, size);
  SHA1_Final(out, &context);
}
void sha256(const uint8_t* in, size_t size, uint8_t* out) noexcept {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, in, size);
  SHA256_Final(out, &context);
}

}  // namespace

size_t transform(RuleTransform kind, std::span<const uint8_t> in, std::span<uint8_t> out) noexcept {
  Sink sink(out);
  switch (kind) {
    case RuleTransform::Dotprefix:
      sink.put('.');
      sink.put(in);
      break;
    case RuleTransform::StripWhitespace:
      strip_whitespace(in, sink);
      break;
    case RuleTransform::CompressWhitespace:
      compress_whitespace(in, sink);
      break;
    case RuleTransform::ToLower:
      for (const uint8_t c : in) sink.put(lower(c));
      break;
    case RuleTransform::ToUpper:
      for (const uint8_t c : in) sink.put(upper(c));
      break;
    case RuleTransform::ToMd5:
      put_digest<MD5_DIGEST_LENGTH>(in, out, sink, md5);
      break;
    case RuleTransform::ToSha1:
      put_digest<SHA_DIGEST_LENGTH>(in, out, sink, sha1);
      break;
    case RuleTransform::ToSha256:
      put_digest<SHA256_DIGEST_LENGTH>(in, out, sink, sha256);
      break;
    case RuleTransform::UrlDecode:
      url_decode(in, sink);
      break;
    case RuleTransform::HeaderLowercase:
      header_lowercase(in, sink);
      break;
    case RuleTransform::StripPseudoHeaders:
      strip_pseudo_headers(in, sink);
      break;
  }
  return sink.size();
}

}  // namespace sluice::rules
