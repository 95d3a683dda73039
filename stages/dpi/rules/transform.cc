// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/transform.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

namespace sluice::rules {

namespace {

// What isspace() says in the C locale.
bool is_space(uint8_t c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
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

// OpenSSL's digests, fetched once: EVP_md5() and the others look the
// implementation up, and allocate, at each use. A context a thread.
class Digests {
 public:
  static Digests& get() noexcept {
    static Digests digests;
    return digests;
  }
  EVP_MD* of(RuleTransform kind) const noexcept {
    switch (kind) {
      case RuleTransform::ToMd5:
        return md5_;
      case RuleTransform::ToSha1:
        return sha1_;
      default:
        return sha256_;
    }
  }
  bool complete() const noexcept { return md5_ && sha1_ && sha256_; }

 private:
  Digests() noexcept
      : md5_(EVP_MD_fetch(nullptr, "MD5", nullptr)),
        sha1_(EVP_MD_fetch(nullptr, "SHA1", nullptr)),
        sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)) {}
  EVP_MD *md5_, *sha1_, *sha256_;  // for as long as the process lives
};

}  // namespace

DigestContexts::DigestContexts() {
  for (size_t i = 0; i < kKinds; ++i) {
    contexts_[i] = EVP_MD_CTX_new();
    const EVP_MD* digest = Digests::get().of(static_cast<RuleTransform>(kFirst + i));
    // The first initialisation allocates the digest's own state, later ones reuse it.
    if (contexts_[i] != nullptr && digest != nullptr) {
      EVP_DigestInit_ex2(contexts_[i], digest, nullptr);
    }
  }
}

DigestContexts::~DigestContexts() {
  for (EVP_MD_CTX* context : contexts_) EVP_MD_CTX_free(context);
}

size_t DigestContexts::digest(RuleTransform kind, std::span<const uint8_t> in,
                              std::span<uint8_t> out) noexcept {
  EVP_MD_CTX* context = contexts_[static_cast<size_t>(kind) - kFirst];
  uint8_t value[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (context == nullptr || EVP_DigestInit_ex2(context, nullptr, nullptr) != 1 ||
      EVP_DigestUpdate(context, in.data(), in.size()) != 1 ||
      EVP_DigestFinal_ex(context, value, &size) != 1 || size > out.size()) {
    return 0;
  }
  std::memcpy(out.data(), value, size);
  return size;
}

bool digests_available() noexcept { return Digests::get().complete(); }

size_t transform(RuleTransform kind, std::span<const uint8_t> in, std::span<uint8_t> out,
                 DigestContexts& digests) noexcept {
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
    case RuleTransform::ToSha1:
    case RuleTransform::ToSha256:
      return digests.digest(kind, in, out);
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
