// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "config/errors.h"

#include <algorithm>
#include <cctype>
#include <tuple>

namespace sluice {
namespace {

constexpr size_t kLongestQuote = 80;
constexpr size_t kWidestLine = 120;
constexpr size_t kLongestWord = 48;
constexpr size_t kMostNames = 24;

auto order(const ConfigError& e) {
  const ConfigPosition& p = e.where;
  // Overrides come after the file, in the order of the command line.
  const bool is_override = p.file == "--set";
  return std::tuple(is_override, std::string_view(p.file), p.line, is_override ? 0 : p.column);
}

bool same(const ConfigError& a, const ConfigError& b) {
  return order(a) == order(b) && a.where.column == b.where.column && a.key == b.key &&
         a.found == b.found && a.allowed == b.allowed;
}

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// Optimal string alignment: insert, delete, replace, swap neighbours.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
          lower(a[i - 2]) == lower(b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

// The source line and the column to mark in it, made fit for a terminal: tabs
// to spaces, control characters to '?', long lines to a window.
struct Excerpt {
  std::string text;
  size_t caret;  // characters before the mark
};

Excerpt excerpt(const ConfigPosition& where) {
  std::vector<std::string> characters;
  for (const char c : where.text) {
    if (continues_character(c) && !characters.empty()) {
      characters.back().push_back(c);
    } else if (c == '\t') {
      characters.emplace_back(" ");
    } else {
      const auto byte = static_cast<unsigned char>(c);
      characters.emplace_back(1, byte < 0x20 || byte == 0x7f ? '?' : c);
    }
  }
  Excerpt out;
  out.caret = where.column > 0 ? where.column - 1 : 0;
  out.caret = std::min(out.caret, characters.size());
  size_t begin = 0;
  if (characters.size() > kWidestLine && out.caret > kWidestLine / 2) {
    begin = std::min(out.caret - kWidestLine / 2, characters.size() - kWidestLine);
    out.caret -= begin;
  }
  const size_t end = std::min(characters.size(), begin + kWidestLine);
  for (size_t i = begin; i < end; ++i) out.text += characters[i];
  return out;
}

}  // namespace

void ConfigErrors::add(ConfigError error) {
  const auto [first, last] = std::equal_range(
      errors_.begin(), errors_.end(), error,
      [](const ConfigError& a, const ConfigError& b) { return order(a) < order(b); });
  if (std::any_of(first, last, [&](const ConfigError& e) { return same(e, error); })) return;
  errors_.insert(last, std::move(error));
}

std::string ConfigErrors::to_string() const {
  std::string out;
  for (const ConfigError& error : errors_) out += format(error);
  return out;
}

std::string format(const ConfigError& error) {
  const ConfigPosition& where = error.where;
  std::string out = where.file;
  if (where.line > 0) out += ':' + std::to_string(where.line) + ':' + std::to_string(where.column);
  out += ": ";
  if (!error.key.empty()) out += error.key + ": ";
  out += "found " + error.found + ", allowed " + error.allowed + '\n';
  if (where.text.empty() || where.column == 0) return out;

  const Excerpt shown = excerpt(where);
  std::string number = where.line > 0 ? std::to_string(where.line) : "";
  if (number.size() < 4) number.insert(0, 4 - number.size(), ' ');
  out += "  " + number + " | " + shown.text + '\n';
  out += "  " + std::string(number.size(), ' ') + " | " + std::string(shown.caret, ' ') + "^\n";
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  static constexpr char kHex[] = "0123456789abcdef";
  for (const char c : text) {
    if (out.size() > kLongestQuote && !continues_character(c)) return out + "...\"";
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string one_of(const std::vector<std::string>& names, std::string_view found) {
  if (names.empty()) return "nothing, for there is none";
  std::string out = names.size() == 1 ? "" : "one of: ";
  for (size_t i = 0; i < names.size(); ++i) {
    if (i == kMostNames) {
      out += ", and " + std::to_string(names.size() - i) + " more";
      break;
    }
    if (i > 0) out += ", ";
    out += names[i];
  }
  if (const std::string_view near = nearest(found, names); !near.empty()) {
    out += "; did you mean " + quoted(near) + "?";
  }
  return out;
}

std::string_view nearest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.empty() || word.size() > kLongestWord) return {};
  std::string_view best;
  // Of one or two letters nothing would be left but the case.
  size_t best_distance = word.size() < 3 ? 1 : std::clamp<size_t>(word.size() / 3, 1, 3) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongestWord || candidate == word) continue;
    size_t distance = edit_distance(word, candidate);
    // An abbreviation, or a unit too many: "rx_desc", "udp_new_seconds".
    const size_t common = std::min(word.size(), candidate.size());
    if (common >= 4 && word.substr(0, common) == std::string_view(candidate).substr(0, common)) {
      distance = std::min<size_t>(distance, 2);
    }
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace sluice
