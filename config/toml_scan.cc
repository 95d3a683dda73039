// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "config/toml_scan.h"

#include <vector>

namespace sluice {

struct TomlScan::Keys {
  struct Part {
    std::string name;
    uint32_t line, column;
  };
  std::vector<Part> parts;
};

std::string TomlScan::child(const std::string& path, std::string_view key) {
  std::string out;
  out.reserve(path.size() + key.size() + 1);
  out.append(path).append(1, '\x1f').append(key);
  return out;
}

std::string TomlScan::element(const std::string& path, size_t index) {
  return path + '\x1e' + std::to_string(index);
}

const TomlMark* TomlScan::find(const std::string& path) const {
  const auto it = marks_.find(path);
  return it == marks_.end() ? nullptr : &it->second;
}

TomlScan::Result TomlScan::run() {
  if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
  for (;;) {
    skip_blank();
    if (at_end()) return Result::Complete;
    const bool ok = (peek() == '[' ? header() : assignment(table_, 0)) && end_of_line();
    if (!ok) return too_deep_ ? Result::TooDeep : Result::NotToml;
  }
}

void TomlScan::advance(size_t count) noexcept {
  for (; count > 0 && !at_end(); --count) {
    const auto c = static_cast<unsigned char>(text_[at_++]);
    if (c == '\n') {
      ++line_;
      column_ = 1;
    } else if (at_end() || (static_cast<unsigned char>(text_[at_]) & 0xc0) != 0x80) {
      ++column_;
    }
  }
}

void TomlScan::skip_spaces() noexcept {
  while (peek() == ' ' || peek() == '\t') advance();
}

void TomlScan::skip_blank() noexcept {
  for (;;) {
    skip_spaces();
    if (peek() == '#') {
      while (!at_end() && peek() != '\n') advance();
    } else if (peek() == '\n' || (peek() == '\r' && peek(1) == '\n')) {
      advance();
    } else {
      return;
    }
  }
}

bool TomlScan::end_of_line() noexcept {
  skip_spaces();
  if (peek() == '#') {
    while (!at_end() && peek() != '\n') advance();
  }
  return at_end() || peek() == '\n' || (peek() == '\r' && peek(1) == '\n');
}

// At a quotation mark. `out`, if given, receives the string; the escapes that
// no sane key contains are left as they are.
bool TomlScan::string(std::string* out) {
  const char quote = peek();
  if (peek(1) == quote && peek(2) == quote) {
    if (out != nullptr) return false;
    advance(3);
    for (; !at_end(); advance()) {
      if (quote == '"' && peek() == '\\') {
        advance();
        continue;
      }
      if (peek() == quote && peek(1) == quote && peek(2) == quote) {
        advance(3);
        // Up to two more belong to the string: '''a''''' ends in two quotes.
        for (int extra = 0; extra < 2 && peek() == quote; ++extra) advance();
        return true;
      }
    }
    return false;
  }
  advance();
  for (; !at_end() && peek() != '\n'; advance()) {
    if (peek() == quote) {
      advance();
      return true;
    }
    if (quote == '"' && peek() == '\\') {
      advance();
      if (peek() == '\n') return false;
      if (out != nullptr && peek() != '"' && peek() != '\\') out->push_back('\\');
    }
    if (out != nullptr) out->push_back(peek());
  }
  return false;
}

bool TomlScan::key_part(std::string& out) {
  if (peek() == '"' || peek() == '\'') return string(&out);
  const auto bare = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  while (bare(peek())) {
    out.push_back(peek());
    advance();
  }
  return !out.empty();
}

bool TomlScan::keys(Keys& out) {
  for (;;) {
    skip_spaces();
    if (out.parts.size() >= kMaxKeyParts) {
      too_deep_ = true;
      return false;
    }
    Keys::Part part{{}, line_, column_};
    if (!key_part(part.name)) return false;
    out.parts.push_back(std::move(part));
    skip_spaces();
    if (peek() != '.') return true;
    advance();
  }
}

bool TomlScan::header() {
  const uint32_t line = line_, column = column_;
  advance();
  const bool is_array = peek() == '[';
  if (is_array) advance();
  Keys found;
  if (!keys(found)) return false;
  if (peek() != ']') return false;
  advance();
  if (is_array) {
    if (peek() != ']') return false;
    advance();
  }
  std::string path;
  for (size_t i = 0; i < found.parts.size(); ++i) {
    const auto& part = found.parts[i];
    const bool last = i + 1 == found.parts.size();
    path = child(path, part.name);
    const auto it =
        marks_.try_emplace(path, TomlMark{part.line, part.column, part.line, part.column, {}})
            .first;
    if (last && is_array) {
      path = element(path, table_arrays_[path]++);
      marks_[path] = {part.line, part.column, line, column, {}};
    } else if (const auto n = table_arrays_.find(path); n != table_arrays_.end()) {
      path = element(path, n->second - 1);
    } else if (last) {
      it->second = {part.line, part.column, line, column, {}};
    }
  }
  table_ = std::move(path);
  return true;
}

bool TomlScan::assignment(const std::string& table, unsigned nesting) {
  Keys found;
  if (!keys(found)) return false;
  if (peek() != '=') return false;
  advance();
  skip_spaces();
  std::string path = table;
  for (const auto& part : found.parts) {
    path = child(path, part.name);
    marks_.try_emplace(path, TomlMark{part.line, part.column, part.line, part.column, {}});
  }
  return value(path, nesting);
}

bool TomlScan::value(const std::string& path, unsigned nesting) {
  TomlMark& mark = marks_[path];
  mark.line = line_;
  mark.column = column_;
  if (mark.key_line == 0) {
    mark.key_line = line_;
    mark.key_column = column_;
  }
  const size_t begin = at_;
  size_t end = 0;
  switch (peek()) {
    case '[':
      if (!array(path, nesting + 1)) return false;
      end = at_;
      break;
    case '{':
      if (!inline_table(path, nesting + 1)) return false;
      end = at_;
      break;
    case '"':
    case '\'':
      if (!string(nullptr)) return false;
      end = at_;
      break;
    default:
      // Numbers, words, and dates, which may contain one space.
      while (!at_end() && std::string_view(",]}#\r\n").find(peek()) == std::string_view::npos) {
        if (peek() != ' ' && peek() != '\t') end = at_ + 1;
        advance();
      }
      if (end <= begin) return false;
  }
  marks_[path].raw = text_.substr(begin, end - begin);
  return true;
}

bool TomlScan::array(const std::string& path, unsigned nesting) {
  if (nesting > kMaxNesting) {
    too_deep_ = true;
    return false;
  }
  advance();
  for (size_t index = 0;; ++index) {
    skip_blank();
    if (peek() == ']') break;
    if (!value(element(path, index), nesting)) return false;
    skip_blank();
    if (peek() == ']') break;
    if (peek() != ',') return false;
    advance();
  }
  advance();
  return true;
}

bool TomlScan::inline_table(const std::string& path, unsigned nesting) {
  if (nesting > kMaxNesting) {
    too_deep_ = true;
    return false;
  }
  advance();
  for (;;) {
    skip_blank();
    if (peek() == '}') break;
    if (!assignment(path, nesting)) return false;
    skip_blank();
    if (peek() == '}') break;
    if (peek() != ',') return false;
    advance();
  }
  advance();
  return true;
}

}  // namespace sluice
