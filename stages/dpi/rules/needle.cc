// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/needle.h"

#include <immintrin.h>

#include <cstring>

namespace sluice::rules {

namespace {

constexpr bool is_lower(uint8_t c) noexcept {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_upper(uint8_t c) noexcept {
  return c >= 'A' && c <= 'Z';
}
constexpr uint8_t lower(uint8_t c) noexcept {
  return is_upper(c) ? static_cast<uint8_t>(c | 0x20) : c;
}

// How common a byte is in headers, markup and binary protocols, roughly; only
// the order counts.
constexpr uint8_t commonness(uint8_t c, bool nocase) noexcept {
  constexpr std::string_view kFrequent = "etaoinsr";
  constexpr std::string_view kMarks = "/.=-:;,\"&_<>";
  if (c == 0 || c == ' ') return 250;
  if (kFrequent.find(static_cast<char>(c)) != std::string_view::npos) return 240;
  if (c == '\r' || c == '\n' || c == 0xff) return 200;
  if (kMarks.find(static_cast<char>(c)) != std::string_view::npos) return 190;
  if (is_lower(c)) return c == 'j' || c == 'k' || c == 'q' || c == 'x' || c == 'z' ? 120 : 180;
  if (c >= '0' && c <= '9') return 170;
  if (is_upper(c)) return nocase ? 180 : 140;
  if (c > ' ' && c < 0x7f) return 100;
  return 60;
}

uint64_t load8(const uint8_t* at) noexcept {
  uint64_t x;
  std::memcpy(&x, at, sizeof(x));
  return x;
}
uint32_t load4(const uint8_t* at) noexcept {
  uint32_t x;
  std::memcpy(&x, at, sizeof(x));
  return x;
}

// Eight characters at once in lower case.
uint64_t lower8(uint64_t x) noexcept {
  constexpr uint64_t kOnes = 0x0101010101010101;
  const uint64_t seven = x & 0x7f * kOnes;
  const uint64_t from_a = seven + (0x80 - 'A') * kOnes;
  const uint64_t behind_z = seven + (0x7f - 'Z') * kOnes;
  const uint64_t upper = (from_a ^ behind_z) & ~x & 0x80 * kOnes;
  return x | upper >> 2;
}

template <bool kNocase>
uint64_t folded(uint64_t x) noexcept {
  return kNocase ? lower8(x) : x;
}

}  // namespace

Needle::Needle(std::string_view bytes, bool nocase)
    : size_(static_cast<uint16_t>(bytes.size())), nocase_(nocase) {
  if (size_ > kInline) heap_ = std::make_unique<uint8_t[]>(size_);
  uint8_t* out = heap_ ? heap_.get() : inline_.data();
  for (size_t i = 0; i < size_; ++i) {
    const auto c = static_cast<uint8_t>(bytes[i]);
    out[i] = nocase ? lower(c) : c;
  }
  const auto rank = [&](size_t i) { return commonness(out[i], nocase); };
  size_t best = 0, next = size_ > 1 ? 1 : 0;
  if (rank(next) < rank(best)) std::swap(best, next);
  for (size_t i = 2; i < size_; ++i) {
    if (rank(i) < rank(best)) {
      next = best;
      best = i;
    } else if (rank(i) < rank(next) || (rank(i) == rank(next) && out[next] == out[best])) {
      next = i;
    }
  }
  const auto probe = [&](size_t i) {
    return Probe{static_cast<uint16_t>(i), out[i],
                 static_cast<uint8_t>(nocase && is_lower(out[i]) ? 0x20 : 0)};
  };
  first_ = probe(best);
  second_ = probe(next);
  if (size_ <= kTableAbove) return;
  table_ = std::make_unique<uint16_t[]>(size_);
  for (uint16_t i = 1, border = 0; i < size_; ++i) {
    while (border > 0 && out[i] != out[border]) border = table_[border - 1];
    if (out[i] == out[border]) ++border;
    table_[i] = border;
  }
}

size_t Needle::heap_bytes() const noexcept {
  return (heap_ ? size_ : 0u) + (table_ ? size_ * sizeof(uint16_t) : 0u);
}

template <bool kNocase>
bool Needle::equals_as(const uint8_t* at) const noexcept {
  const uint8_t* mine = bytes();
  const size_t size = size_;
  if (size >= 8) {
    for (size_t i = 0; i + 8 <= size; i += 8) {
      if (folded<kNocase>(load8(at + i)) != load8(mine + i)) return false;
    }
    return folded<kNocase>(load8(at + size - 8)) == load8(mine + size - 8);
  }
  if (size >= 4) {
    const uint64_t theirs = load4(at) | uint64_t{load4(at + size - 4)} << 32;
    return folded<kNocase>(theirs) == (load4(mine) | uint64_t{load4(mine + size - 4)} << 32);
  }
  for (size_t i = 0; i < size; ++i) {
    if ((kNocase ? lower(at[i]) : at[i]) != mine[i]) return false;
  }
  return true;
}

bool Needle::equals(const uint8_t* at) const noexcept {
  return nocase_ ? equals_as<true>(at) : equals_as<false>(at);
}

template <bool kNocase>
size_t Needle::find_as(const uint8_t* hay, size_t size) const noexcept {
  const size_t last = size - size_;  // the last position at which it could begin
  if (last < 31) {
    for (size_t at = 0; at <= last; ++at) {
      if ((hay[at + first_.at] | first_.fold) == first_.byte && equals_as<kNocase>(hay + at)) {
        return at;
      }
    }
    return kNotFound;
  }
  const __m256i first = _mm256_set1_epi8(static_cast<char>(first_.byte));
  const __m256i second = _mm256_set1_epi8(static_cast<char>(second_.byte));
  const __m256i first_fold = _mm256_set1_epi8(static_cast<char>(first_.fold));
  const __m256i second_fold = _mm256_set1_epi8(static_cast<char>(second_.fold));
  const auto load = [](const uint8_t* at) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  };
  size_t misses = 0;
  for (size_t at = 0;; at += 32) {
    // The last block overlaps the one before: those positions are known to miss.
    if (at + 31 > last) at = last - 31;
    const __m256i a = _mm256_or_si256(load(hay + at + first_.at), first_fold);
    const __m256i b = _mm256_or_si256(load(hay + at + second_.at), second_fold);
    auto maybe = static_cast<uint32_t>(_mm256_movemask_epi8(
        _mm256_and_si256(_mm256_cmpeq_epi8(a, first), _mm256_cmpeq_epi8(b, second))));
    for (; maybe != 0; maybe &= maybe - 1) {
      const size_t here = at + static_cast<size_t>(__builtin_ctz(maybe));
      if (equals_as<kNocase>(hay + here)) return here;
      if (table_ && ++misses * size_ > 4 * size) {
        const size_t found = find_by_table(hay + here + 1, size - here - 1);
        return found == kNotFound ? kNotFound : here + 1 + found;
      }
    }
    if (at + 31 == last) return kNotFound;
  }
}

size_t Needle::find_by_table(const uint8_t* hay, size_t size) const noexcept {
  const uint8_t* mine = bytes();
  size_t same = 0;
  for (size_t i = 0; i < size; ++i) {
    const uint8_t c = nocase_ ? lower(hay[i]) : hay[i];
    while (same > 0 && c != mine[same]) same = table_[same - 1];
    if (c == mine[same] && ++same == size_) return i + 1 - size_;
  }
  return kNotFound;
}

size_t Needle::find(const uint8_t* hay, size_t size) const noexcept {
  if (size < size_) return kNotFound;
  if (size == size_) return equals(hay) ? 0 : kNotFound;
  return nocase_ ? find_as<true>(hay, size) : find_as<false>(hay, size);
}

}  // namespace sluice::rules
