// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Where each key and value of a TOML text stands. toml11 knows the place of
// values only, and that differently in each of its versions; it also follows
// nesting as deep as the stack goes. This scanner finds the structure of the
// text, not its values, and stops where nesting gets absurd.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sluice {

struct TomlMark {
  uint32_t key_line = 0, key_column = 0;  // from 1; columns count characters
  uint32_t line = 0, column = 0;          // of the value; of a table its header
  std::string_view raw;                   // the value as written
};

class TomlScan {
 public:
  enum class Result { Complete, NotToml, TooDeep };

  static constexpr unsigned kMaxNesting = 24;
  static constexpr unsigned kMaxKeyParts = 24;

  // `text` must outlive the scan.
  explicit TomlScan(std::string_view text) : text_(text) {}

  Result run();

  // Where run() stopped, if it did.
  size_t offset() const noexcept { return at_; }
  uint32_t line() const noexcept { return line_; }
  uint32_t column() const noexcept { return column_; }

  // Null if nothing is known of `path`, which is put together by child() and
  // element() from the empty path of the root.
  const TomlMark* find(const std::string& path) const;
  static std::string child(const std::string& path, std::string_view key);
  static std::string element(const std::string& path, size_t index);

 private:
  struct Keys;

  bool at_end() const noexcept { return at_ >= text_.size(); }
  char peek(size_t ahead = 0) const noexcept {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void advance(size_t count = 1) noexcept;
  void skip_spaces() noexcept;
  void skip_blank() noexcept;  // spaces, comments and line ends
  bool end_of_line() noexcept;
  bool keys(Keys& out);
  bool key_part(std::string& out);
  bool string(std::string* out);
  bool header();
  bool assignment(const std::string& table, unsigned nesting);
  bool value(const std::string& path, unsigned nesting);
  bool array(const std::string& path, unsigned nesting);
  bool inline_table(const std::string& path, unsigned nesting);

  std::string_view text_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  uint32_t column_ = 1;
  bool too_deep_ = false;
  std::string table_;
  std::unordered_map<std::string, TomlMark> marks_;
  std::unordered_map<std::string, size_t> table_arrays_;
};

}  // namespace sluice
