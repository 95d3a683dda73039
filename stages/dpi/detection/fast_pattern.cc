// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/detection/fast_pattern.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>

#include "stages/dpi/detection/prefilter.h"

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

// What stands in most exchanges, in lower case: a rule that looks for a part of it
// would be asked of each.
constexpr std::string_view kCommonTexts[] = {
    "\r\n\r\n",
    "get / http/1.1\r\nhost: www.",
    "post /",
    "head /",
    "http/1.0\r\n",
    "http/1.1\r\nuser-agent: ",
    "http/1.1\r\naccept: */*\r\n",
    "http/1.1 200 ok\r\n",
    "http/1.0 200 ok\r\n",
    "http/1.1 404 not found\r\n",
    "\r\nhost: www.",
    "\r\naccept: */*\r\n",
    "\r\naccept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n",
    "\r\naccept-language: en-us,en;q=0.5\r\n",
    "\r\naccept-encoding: gzip, deflate\r\n",
    "\r\naccept-ranges: bytes\r\n",
    "\r\nua-cpu: x86\r\n",
    "\r\nconnection: keep-alive\r\n",
    "\r\nconnection: close\r\n",
    "\r\ncache-control: no-cache\r\n",
    "\r\npragma: no-cache\r\n",
    "\r\ncookie: ",
    "\r\nset-cookie: ",
    "\r\nreferer: http://www.",
    "\r\nserver: apache",
    "\r\nserver: nginx",
    "\r\ndate: ",
    "\r\nlast-modified: ",
    "\r\ntransfer-encoding: chunked\r\n",
    "\r\ncontent-length: ",
    "\r\ncontent-encoding: gzip\r\n",
    "\r\ncontent-disposition: attachment",
    "\r\ncontent-type: text/html; charset=utf-8\r\n",
    "\r\ncontent-type: application/x-www-form-urlencoded\r\n",
    "\r\ncontent-type: application/octet-stream\r\n",
    "\r\nuser-agent: mozilla/4.0 (compatible; msie 6.0; windows nt 5.1; sv1)\r\n",
    "\r\nuser-agent: mozilla/5.0 (windows nt 6.1; wow64) applewebkit/",
    "\r\nuser-agent: mozilla/5.0 (windows; u; windows nt 5.1; en-us; rv:1.",
    "; x64) applewebkit/537.36 (khtml, like gecko) chrome/",
    "/images/",
    "/index.html",
    "/index.php?",
};
constexpr unsigned kCommonStrength = 8;
// Of buffers that have a few values in all.
constexpr unsigned kFewValuesStrength = 1;

bool has_few_values(Buffer buffer) {
  switch (buffer) {
    case Buffer::HttpMethod:
    case Buffer::HttpProtocol:
    case Buffer::HttpStatusCode:
    case Buffer::HttpStatusMessage:
    case Buffer::HttpConnection:
    case Buffer::TlsVersion:
    case Buffer::SshProtocol:
      return true;
    default:
      return false;
  }
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

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Of a transform: what it leaves of a content that is searched for before it.
enum class Effect : uint8_t { None, Case, Dot, Other };
Effect effect_of(RuleTransform transform) {
  switch (transform) {
    case RuleTransform::ToLower:
    case RuleTransform::ToUpper:
    case RuleTransform::HeaderLowercase:
      return Effect::Case;
    case RuleTransform::Dotprefix:
      return Effect::Dot;
    default:
      return Effect::Other;
  }
}

// The untransformed buffer is searched: whether the content, or what is left of
// it without a dot in front, must stand there too, and in which case.
bool survives(const RuleBufferMatch& match, bool& nocase, bool& dotted) {
  for (const RuleTransform transform : match.transforms) {
    switch (effect_of(transform)) {
      case Effect::None:
        break;
      case Effect::Case:
        nocase = true;
        break;
      case Effect::Dot:
        if (std::exchange(dotted, true)) return false;
        break;
      case Effect::Other:
        return false;
    }
  }
  return true;
}

std::optional<FastPattern> pattern_of(const RuleBufferMatch& match, const RuleContent& content) {
  bool nocase = content.nocase, dotted = false;
  if (content.negated || !survives(match, nocase, dotted)) return std::nullopt;
  const std::string_view whole = content.bytes;
  std::string_view bytes = whole;
  if (content.chop_length != 0) bytes = bytes.substr(content.chop_offset, content.chop_length);
  if (dotted && bytes.starts_with('.')) bytes.remove_prefix(1);
  if (bytes.empty()) return std::nullopt;
  bytes = strongest(bytes);
  FastPattern pattern{0, std::string(bytes), nocase, strength(bytes)};
  std::string small(bytes);
  std::transform(small.begin(), small.end(), small.begin(), lower);
  const bool common = std::any_of(std::begin(kCommonTexts), std::end(kCommonTexts),
                                  [&](std::string_view text) { return text.find(small) != text.npos; });
  const bool few = has_few_values(match.buffer);
  pattern.common = common || few;
  if (common) pattern.strength = std::min(pattern.strength, kCommonStrength);
  if (few) pattern.strength = kFewValuesStrength;
  if (nocase) std::transform(bytes.begin(), bytes.end(), pattern.bytes.begin(), lower);
  const bool fixed = content.depth && !content.depth->is_variable() && !content.relative() &&
                     !(content.offset && content.offset->is_variable());
  if (!fixed || !match.transforms.empty()) return pattern;
  const int64_t offset = content.offset ? content.offset->value : 0;
  const int64_t end = offset + content.depth->value;
  if (offset < 0 || end > kMaxFront) return pattern;
  const auto behind = static_cast<int64_t>(bytes.data() + bytes.size() - whole.data());
  pattern.low = static_cast<uint32_t>(offset + behind);
  pattern.high = static_cast<uint32_t>(end - (static_cast<int64_t>(whole.size()) - behind));
  return pattern;
}

// Calls `visit(pattern, named)` for each content that must be found; `named`: the
// rule says that it is the one.
template <typename Visit>
void for_each_pattern(const Rule& rule, bool in_payload, Visit visit) {
  size_t next = 0;
  for (const RuleBufferMatch& match : rule.buffers) {
    if (is_context(match.buffer)) continue;
    const size_t i = next++;
    if ((match.buffer == Buffer::Payload) != in_payload || is_packet_header(match.buffer)) continue;
    for (const RuleItem& item : match.items) {
      const auto* content = std::get_if<RuleContent>(&item);
      if (content == nullptr) continue;
      if (std::optional<FastPattern> pattern = pattern_of(match, *content)) {
        pattern->match = i;
        const bool named = content->fast_pattern || content->fast_pattern_only;
        const bool common = pattern->common;
        visit(std::move(*pattern), named && !common);
      }
    }
  }
}

}  // namespace

std::optional<FastPattern> buffer_pattern(const Rule& rule) {
  std::optional<FastPattern> best;
  bool best_named = false;
  for_each_pattern(rule, false, [&](FastPattern pattern, bool named) {
    const auto rank = std::tuple(named, pattern.strength);
    if (best && rank <= std::tuple(best_named, best->strength)) return;
    best = std::move(pattern);
    best_named = named;
  });
  return best;
}

bool is_better_in_payload(const std::optional<FastPattern>& in_payload,
                          const std::optional<FastPattern>& in_buffer) {
  // What is looked for in the whole stream has to say more than what is looked for
  // in a few bytes.
  constexpr unsigned kEnough = 20;
  if (!in_payload || in_payload->common) return false;
  return !in_buffer ||
         (in_buffer->strength < kEnough && in_payload->strength > in_buffer->strength * 3 / 2);
}

std::optional<FastPattern> payload_pattern(const Rule& rule) {
  std::optional<FastPattern> anywhere, placed;
  bool named_anywhere = false;
  for_each_pattern(rule, true, [&](FastPattern pattern, bool named) {
    if (pattern.placed()) {
      if (!placed || pattern.strength > placed->strength) placed = std::move(pattern);
      return;
    }
    const auto rank = std::tuple(named, pattern.strength);
    if (anywhere && rank <= std::tuple(named_anywhere, anywhere->strength)) return;
    anywhere = std::move(pattern);
    named_anywhere = named;
  });
  if (!anywhere || (placed && placed->strength * 3 >= anywhere->strength * 2)) return placed;
  return anywhere;
}

}  // namespace sluice::rules
