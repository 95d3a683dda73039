// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a rule may have done to a buffer before it looks at it.
#pragma once

#include <openssl/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "stages/dpi/rules/rule.h"

namespace sluice::rules {

// OpenSSL's contexts of one worker; made off the data path, as OpenSSL allocates in them.
class DigestContexts {
 public:
  DigestContexts();
  ~DigestContexts();
  DigestContexts(const DigestContexts&) = delete;
  DigestContexts& operator=(const DigestContexts&) = delete;

  // ToMd5, ToSha1, ToSha256: 16, 20 or 32 bytes. 0 if OpenSSL has no such digest.
  size_t digest(RuleTransform kind, std::span<const uint8_t> in, std::span<uint8_t> out) noexcept;

 private:
  static constexpr size_t kFirst = static_cast<size_t>(RuleTransform::ToMd5);
  static constexpr size_t kKinds = 3;
  static_assert(static_cast<size_t>(RuleTransform::ToSha256) == kFirst + kKinds - 1);
  std::array<EVP_MD_CTX*, kKinds> contexts_{};
};

constexpr bool is_digest(RuleTransform kind) noexcept {
  return kind >= RuleTransform::ToMd5 && kind <= RuleTransform::ToSha256;
}

// Whether OpenSSL has MD5, SHA-1 and SHA-256; a FIPS provider may lack the first.
bool digests_available() noexcept;

// One transform of `in` into `out`, which must not overlap. Bytes that do not
// fit are left away. Returns how many bytes of `out` were written.
size_t transform(RuleTransform kind, std::span<const uint8_t> in, std::span<uint8_t> out,
                 DigestContexts& digests) noexcept;

}  // namespace sluice::rules
