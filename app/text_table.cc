// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/text_table.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace sluice {

TextTable::TextTable(std::vector<std::string> headings) : headings_(std::move(headings)) {
  for (std::string& heading : headings_) {
    right_.push_back(heading.starts_with('>'));
    if (right_.back()) heading.erase(0, 1);
  }
}

void TextTable::row(std::vector<std::string> cells) {
  cells.resize(headings_.size());
  rows_.push_back(std::move(cells));
}

std::string TextTable::to_string() const {
  std::vector<size_t> width;
  for (const std::string& heading : headings_) width.push_back(heading.size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  std::string out;
  const auto add = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::string padding(width[i] - cells[i].size(), ' ');
      line += "  ";
      line += right_[i] ? padding + cells[i] : cells[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  };
  add(headings_);
  for (const auto& row : rows_) add(row);
  return out;
}

std::string format_count(uint64_t n) {
  std::string out = std::to_string(n);
  for (size_t i = out.size(); i > 3; i -= 3) out.insert(i - 3, 1, ',');
  return out;
}

std::string format_fixed(double value, int decimals) {
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

std::string format_bytes(uint64_t n) {
  static constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(n);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return format_fixed(value, unit == 0 ? 0 : 1) + ' ' + kUnits[unit];
}

std::string format_duration_ns(uint64_t ns) {
  if (ns < 10'000) return std::to_string(ns) + " ns";
  if (ns < 10'000'000) return format_fixed(static_cast<double>(ns) / 1e3, 1) + " us";
  if (ns < 10'000'000'000) return format_fixed(static_cast<double>(ns) / 1e6, 1) + " ms";
  return format_fixed(static_cast<double>(ns) / 1e9, 0) + " s";
}

}  // namespace sluice
