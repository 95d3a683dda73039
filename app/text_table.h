// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Columns for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

class TextTable {
 public:
  // A heading that begins with '>' makes its column flush right.
  explicit TextTable(std::vector<std::string> headings);
  void row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  std::string to_string() const;  // two spaces before each line

 private:
  std::vector<std::string> headings_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

std::string format_count(uint64_t n);         // "12,345,678"
std::string format_bytes(uint64_t n);         // "1.2 MiB"
std::string format_duration_ns(uint64_t ns);  // "812 ns", "3.4 us"
std::string format_fixed(double value, int decimals);

}  // namespace sluice
