// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>
#include <variant>

#include "stages/dpi/detection/prefilter.h"
#include "stages/dpi/detection/rule_compiler.h"

namespace sluice::rules {

namespace {

// How much a literal says: letters and zeroes are everywhere, a byte that
// stands in it a second time adds little.
unsigned strength(std::string_view bytes) {
  std::array<bool, 256> seen{};
  unsigned sum = 0;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    const bool common = byte == 0 || byte == 1 || byte == 0xff || byte == ' ';
    if (seen[byte]) {
      sum += 1;
    } else if (common) {
      sum += 2;
    } else if (std::isalpha(byte)) {
      sum += 3;
    } else if (std::isprint(byte)) {
      sum += 4;
    } else {
      sum += 6;
    }
    seen[byte] = true;
  }
  return sum;
}

// Of a long literal the part that says most.
std::string_view strongest(std::string_view bytes) {
  if (bytes.size() <= Prefilter::kMaxPattern) return bytes;
  std::string_view best;
  unsigned best_strength = 0;
  for (size_t at = 0; at + Prefilter::kMaxPattern <= bytes.size(); ++at) {
    const std::string_view part = bytes.substr(at, Prefilter::kMaxPattern);
    const unsigned s = strength(part);
    if (s > best_strength) std::tie(best, best_strength) = std::tuple(part, s);
  }
  return best;
}

std::string_view looked_for(const RuleContent& content) {
  std::string_view bytes = content.bytes;
  if (content.chop_length != 0) bytes = bytes.substr(content.chop_offset, content.chop_length);
  return strongest(bytes);
}

}  // namespace

std::optional<FastPattern> fast_pattern(const Rule& rule, bool in_payload) {
  std::optional<FastPattern> best;
  std::tuple<bool, unsigned> best_rank;
  size_t next = 0;
  for (const RuleBufferMatch& match : rule.buffers) {
    if (is_context(match.buffer)) continue;
    const size_t i = next++;
    if ((match.buffer == Buffer::Payload) != in_payload) continue;
    if (is_packet_header(match.buffer) || !match.transforms.empty()) continue;
    for (const RuleItem& item : match.items) {
      const auto* content = std::get_if<RuleContent>(&item);
      if (content == nullptr || content->negated) continue;
      const std::string_view bytes = looked_for(*content);
      const std::tuple rank(content->fast_pattern || content->fast_pattern_only, strength(bytes));
      if (best && rank <= best_rank) continue;
      best = {i, std::string(bytes), content->nocase};
      best_rank = rank;
    }
  }
  if (best && best->nocase) {
    std::transform(best->bytes.begin(), best->bytes.end(), best->bytes.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
  }
  return best;
}

}  // namespace sluice::rules
