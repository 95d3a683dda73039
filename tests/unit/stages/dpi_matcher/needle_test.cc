// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/needle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::rules {
namespace {

using namespace std::string_view_literals;

size_t find(const Needle& needle, std::string_view hay) {
  const std::vector<uint8_t> exact(hay.begin(), hay.end());
  return needle.find(exact.data(), exact.size());
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

size_t naive(std::string_view needle, std::string_view hay, bool nocase) {
  return nocase ? lowered(hay).find(lowered(needle)) : hay.find(needle);
}

TEST(Needle, FindsItselfAtEveryPlaceInEverySize) {
  for (const bool nocase : {false, true}) {
    for (size_t size = 1; size <= 140; ++size) {
      std::string needle;
      for (size_t i = 0; i < size; ++i) needle += static_cast<char>('A' + i % 23);
      const Needle n(needle, nocase);
      for (size_t at = 0; at < 70; ++at) {
        for (const size_t behind : {0u, 1u, 31u, 32u, 33u, 64u}) {
          const std::string found = nocase ? lowered(needle) : needle;
          const std::string hay = std::string(at, '.') + found + std::string(behind, '.');
          ASSERT_EQ(find(n, hay), at) << size << " " << nocase;
          ASSERT_EQ(find(n, hay.substr(0, hay.size() - behind - 1)), Needle::kNotFound);
        }
      }
    }
  }
}

TEST(Needle, AgreesWithAPlainSearch) {
  std::mt19937 random(7);
  const auto below = [&](size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random);
  };
  size_t found = 0;
  for (int round = 0; round < 60000; ++round) {
    // Few letters, so that near misses and overlaps are many.
    static constexpr std::string_view kAlphabets[] = {"ab", "aAbB", "aA@`", "ab[{\xe1\xc1",
                                                      "\0\1a"sv};
    const std::string_view alphabet = kAlphabets[below(5)];
    const auto text = [&](size_t size) {
      std::string out;
      while (out.size() < size) out += alphabet[below(alphabet.size())];
      return out;
    };
    const std::string hay = text(below(round % 10 == 0 ? 1000 : 120));
    std::string needle = text(1 + below(round % 7 == 0 ? 100 : 8));
    if (below(2) == 0 && !hay.empty()) {
      needle = hay.substr(below(hay.size()), 1 + below(90));
      if (below(2) == 0) needle.back() = 'b';
    }
    const bool nocase = below(2) == 0;
    const size_t expected = naive(needle, hay, nocase);
    ASSERT_EQ(find(Needle(needle, nocase), hay), expected)
        << "'" << needle << "' in '" << hay << "'" << (nocase ? " nocase" : "");
    found += expected != std::string::npos;
  }
  EXPECT_GT(found, 10000u);
}

// 2 KiB that differ from all of a 64 KiB buffer in one byte only, in all kinds
// of places: 128 million comparisons for a plain search.
TEST(Needle, NearMissesCostLinearTime) {
  const std::string hay(65536, 'a');
  for (const bool nocase : {false, true}) {
    for (const size_t odd : {0u, 1u, 1000u, 2046u, 2047u}) {
      std::string needle(2048, 'a');
      needle[odd] = 'b';
      std::string near = hay;
      // So that neither of the probed bytes tells.
      for (size_t i = odd; i < near.size(); i += 2049) near[i] = 'b';
      const Needle n(needle, nocase);
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(find(n, hay), Needle::kNotFound);
        EXPECT_EQ(find(n, near), naive(needle, near, nocase));
      }
      const auto took = std::chrono::steady_clock::now() - start;
      EXPECT_LT(std::chrono::duration<double>(took).count(), 1.0) << odd;
    }
  }
  // Periodic, found only at the end.
  std::string needle, period;
  for (int i = 0; i < 512; ++i) needle += "abac";
  for (int i = 0; i < 16000; ++i) period += "abac";
  needle.back() = 'd';
  EXPECT_EQ(find(Needle(needle, false), period), Needle::kNotFound);
  EXPECT_EQ(find(Needle(needle, true), period + needle), period.size());
}

TEST(Needle, TakesMemoryForLongOnesOnly) {
  EXPECT_EQ(Needle(std::string(32, 'a'), false).heap_bytes(), 0u);
  EXPECT_EQ(Needle(std::string(33, 'a'), false).heap_bytes(), 33u);
  EXPECT_EQ(Needle(std::string(100, 'a'), false).heap_bytes(), 300u);
}

}  // namespace
}  // namespace sluice::rules
