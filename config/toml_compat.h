// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// toml11 3 (Debian 12) and 4 (Debian 13) differ in how they tell of a syntax
// error; everything else that Sluice uses is the same in both.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <toml.hpp>

namespace sluice {

struct TomlSyntaxError {
  uint32_t line = 0;
  uint32_t column = 0;  // in bytes, from 1; 0: only the line is known
  std::string title;    // "missing array separator `,` after a value"
  std::string detail;   // what the library wrote beside the caret
};

#if TOML11_VERSION_MAJOR >= 4

inline TomlSyntaxError describe(const toml::syntax_error& e) {
  TomlSyntaxError out;
  if (e.errors().empty()) return out;
  const auto& info = e.errors().front();
  out.title = info.title();
  if (!info.locations().empty()) {
    const auto& [where, text] = info.locations().back();
    out.line = static_cast<uint32_t>(where.first_line_number());
    out.column = static_cast<uint32_t>(where.first_column_number());
    out.detail = text;
  }
  return out;
}

#else

// Version 3 keeps the best position only in its message: the last line with a
// caret or tildes, and the numbered line above it.
inline TomlSyntaxError describe(const toml::syntax_error& e) {
  TomlSyntaxError out;
  out.line = e.location().line();
  std::string_view rest = e.what();
  std::string_view source_line;
  bool first = true;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (first) {
      out.title = line;
      first = false;
      continue;
    }
    const size_t bar = line.find(" | ");
    if (bar == std::string_view::npos) continue;
    const bool numbered = line.substr(0, bar).find_first_of("0123456789") != std::string_view::npos;
    if (numbered) {
      source_line = line;
      continue;
    }
    const size_t mark = line.find_first_not_of(' ', bar + 3);
    if (mark == std::string_view::npos || source_line.empty()) continue;
    if (line[mark] != '^' && line[mark] != '~') continue;
    const std::string number(source_line.substr(0, source_line.find(" | ")));
    out.line = static_cast<uint32_t>(std::strtoul(number.c_str(), nullptr, 10));
    out.column = static_cast<uint32_t>(mark - (bar + 3) + 1);
    const size_t text = line.find_first_not_of("^~- ", mark);
    out.detail = text == std::string_view::npos ? "" : line.substr(text);
  }
  return out;
}

#endif

}  // namespace sluice
