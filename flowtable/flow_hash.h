// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Keyed hash and comparison of a FlowKey, both on its 40 bytes as a whole.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "flowtable/flow_key.h"

namespace sluice {

// AES rounds keyed by a seed that stays in the process: who does not know it
// cannot aim flows at one bucket. Two rounds diffuse each third of the key
// before they are combined, two more mix the sum, so that no difference
// between two keys cancels out with a probability worth a sender's while.
// Bytes are read through vector loads, which may alias anything.
class FlowHash {
 public:
  explicit FlowHash(uint64_t seed) noexcept {
    __m128i state =
        _mm_set_epi64x(static_cast<int64_t>(seed ^ 0x9e3779b97f4a7c15), static_cast<int64_t>(seed));
    for (size_t i = 0; i < kKeys; ++i) {
      const __m128i step = _mm_set_epi64x(static_cast<int64_t>(i + 1), 0x243f6a8885a308d3);
      for (int round = 0; round < 4; ++round) state = _mm_aesenc_si128(state, step);
      keys_[i] = state;
    }
  }

  uint64_t operator()(const FlowKey& key) const noexcept {
    const auto* bytes = reinterpret_cast<const char*>(&key);
    __m128i a = _mm_xor_si128(load(bytes), keys_[0]);
    __m128i b = _mm_xor_si128(load(bytes + 16), keys_[1]);
    __m128i c =
        _mm_xor_si128(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes + 32)), keys_[2]);
    a = _mm_aesenc_si128(_mm_aesenc_si128(a, keys_[3]), keys_[0]);
    b = _mm_aesenc_si128(_mm_aesenc_si128(b, keys_[3]), keys_[1]);
    c = _mm_aesenc_si128(_mm_aesenc_si128(c, keys_[3]), keys_[2]);
    __m128i sum = _mm_xor_si128(_mm_xor_si128(a, b), c);
    sum = _mm_aesenc_si128(_mm_aesenc_si128(sum, keys_[4]), keys_[3]);
    return static_cast<uint64_t>(_mm_cvtsi128_si64(sum));
  }

 private:
  static constexpr size_t kKeys = 5;

  static __m128i load(const char* bytes) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  }

  __m128i keys_[kKeys];
};

inline bool same_key(const FlowKey& a, const FlowKey& b) noexcept {
  const auto* x = reinterpret_cast<const char*>(&a);
  const auto* y = reinterpret_cast<const char*>(&b);
  const __m256i head = _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)),
                                        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(y)));
  const __m128i rest = _mm_xor_si128(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(x + 32)),
                                     _mm_loadl_epi64(reinterpret_cast<const __m128i*>(y + 32)));
  const __m256i all = _mm256_or_si256(head, _mm256_zextsi128_si256(rest));
  return _mm256_testz_si256(all, all) != 0;
}

}  // namespace sluice
