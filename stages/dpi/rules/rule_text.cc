// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/rule_text.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

namespace sluice::rules {
namespace {

constexpr std::string_view kBlank = " \t\r\v\f";

std::string_view take_line(std::string_view& content) {
  const size_t end = content.find('\n');
  std::string_view line = content.substr(0, end);
  content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

size_t piece_of(const RuleText& rule, size_t offset) noexcept {
  const auto behind =
      std::upper_bound(rule.pieces.begin(), rule.pieces.end(), offset,
                       [](size_t at, const RuleText::Piece& p) { return at < p.offset; });
  return static_cast<size_t>(behind - rule.pieces.begin()) - 1;
}

}  // namespace

std::vector<RuleText> split_rules(std::string_view content) {
  std::vector<RuleText> rules;
  if (content.starts_with("\xef\xbb\xbf")) content.remove_prefix(3);
  bool continued = false;
  for (uint32_t number = 1; !content.empty(); ++number) {
    std::string_view line = take_line(content);
    if (!continued) {
      const size_t first = line.find_first_not_of(kBlank);
      if (first == std::string_view::npos || line[first] == '#') continue;
      rules.emplace_back();
    }
    RuleText& rule = rules.back();
    rule.pieces.push_back({rule.text.size(), number});
    const size_t last = line.find_last_not_of(kBlank);
    continued = last != std::string_view::npos && line[last] == '\\';
    rule.text.append(continued ? line.substr(0, last) : line);
  }
  return rules;
}

std::optional<std::string> read_rule_file(const std::string& path, std::string& why) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) {
    why = std::strerror(errno);
    return std::nullopt;
  }
  std::string content;
  char buffer[65536];
  for (;;) {
    const size_t got = std::fread(buffer, 1, sizeof buffer, file.get());
    content.append(buffer, got);
    if (content.size() > kMaxRuleFileBytes) {
      why = "more than " + std::to_string(kMaxRuleFileBytes) + " bytes";
      return std::nullopt;
    }
    if (got < sizeof buffer) break;
  }
  if (std::ferror(file.get())) {
    why = std::strerror(errno);
    return std::nullopt;
  }
  return content;
}

RulePosition position(const RuleText& rule, size_t offset) noexcept {
  const RuleText::Piece& piece = rule.pieces[piece_of(rule, offset)];
  return {piece.line, static_cast<uint32_t>(offset - piece.offset + 1)};
}

ConfigError report(const std::string& file, const RuleText& rule, size_t offset, std::string key,
                   std::string found, std::string allowed) {
  const size_t i = piece_of(rule, offset);
  const size_t begin = rule.pieces[i].offset;
  const size_t end = i + 1 < rule.pieces.size() ? rule.pieces[i + 1].offset : rule.text.size();
  const RulePosition at = position(rule, offset);
  return {{file, at.line, at.column, rule.text.substr(begin, end - begin)},
          std::move(key),
          std::move(found),
          std::move(allowed)};
}

}  // namespace sluice::rules
