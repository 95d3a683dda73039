// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/signature_value.h"

#include <cstdint>
#include <utility>

namespace sluice {
namespace {

bool refuse(SignatureValueError& error, size_t offset, std::string found, std::string allowed) {
  error = {offset, std::move(found), std::move(allowed)};
  return false;
}

void skip(SignatureValue& value, size_t bytes) {
  value.text.remove_prefix(bytes);
  value.offset += bytes;
}

// Takes "!" and blanks off the front.
bool take_negation(SignatureValue& value) {
  if (!value.text.starts_with('!')) return false;
  skip(value, 1);
  while (value.text.starts_with(' ')) skip(value, 1);
  return true;
}

bool take_quotes(SignatureValue& value, SignatureValueError& error) {
  if (value.text.size() < 2 || value.text.front() != '"' || value.text.back() != '"') {
    return refuse(error, value.offset, value.text.empty() ? "nothing" : quoted(value.text),
                  "a text in double quotes");
  }
  skip(value, 1);
  value.text.remove_suffix(1);
  return true;
}

// Reads `\;` `\"` `\\` `\:` at `i`, which it moves to the escaped character.
bool take_escape(const SignatureValue& value, size_t& i, SignatureValueError& error) {
  static constexpr std::string_view kEscaped = ";\"\\:";
  if (i + 1 < value.text.size() && kEscaped.find(value.text[i + 1]) != std::string_view::npos) {
    ++i;
    return true;
  }
  return refuse(error, value.offset + i, quoted(value.text.substr(i, 2)),
                R"(\; \" \\ or \:, other bytes as they are)");
}

// -1: no hexadecimal digit
int nibble(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Reads "|41 42|" at `i`, which it moves to the closing bar.
bool take_hex(const SignatureValue& value, size_t& i, std::string& out,
              SignatureValueError& error) {
  static constexpr const char* kAllowed = "pairs of hexadecimal digits between two |";
  const size_t open = i;
  const size_t bytes_before = out.size();
  const std::string_view text = value.text;
  for (++i; i < text.size() && text[i] != '|'; ++i) {
    if (text[i] == ' ') continue;
    const int high = nibble(text[i]);
    const int low = high >= 0 && i + 1 < text.size() ? nibble(text[i + 1]) : -1;
    if (low < 0) return refuse(error, value.offset + i, quoted(text.substr(i, 2)), kAllowed);
    out += static_cast<char>(high << 4 | low);
    ++i;
  }
  if (i >= text.size()) {
    return refuse(error, value.offset + open, "no closing |", kAllowed);
  }
  if (out.size() == bytes_before) {
    return refuse(error, value.offset + open, quoted(text.substr(open, i + 1 - open)), kAllowed);
  }
  return true;
}

std::string byte_name(unsigned char byte) {
  static constexpr char kHex[] = "0123456789abcdef";
  return std::string("byte 0x") + kHex[byte >> 4] + kHex[byte & 15];
}

// Length of the UTF-8 sequence at the front; 0: there is none. RFC 3629 section 4.
size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const uint8_t second = byte(1);
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
      (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) {
    return 0;
  }
  return length;
}

}  // namespace

size_t value_end(std::string_view text, size_t from) noexcept {
  for (size_t i = from; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == ';') {
      return i;
    }
  }
  return std::string_view::npos;
}

bool parse_msg(const SignatureValue& quoted_value, std::string& msg, SignatureValueError& error) {
  SignatureValue value = quoted_value;
  if (!take_quotes(value, error)) return false;
  if (value.text.size() > kMaxMsgBytes) {
    return refuse(error, value.offset, std::to_string(value.text.size()) + " bytes",
                  "at most " + std::to_string(kMaxMsgBytes));
  }
  for (size_t i = 0; i < value.text.size(); ++i) {
    if (value.text[i] == '\\' && !take_escape(value, i, error)) return false;
    const size_t length = utf8_length(value.text.substr(i));
    const auto c = static_cast<unsigned char>(value.text[i]);
    if (length == 0 || c < 0x20 || c == 0x7f) {
      return refuse(error, value.offset + i, byte_name(c), "printable UTF-8");
    }
    msg.append(value.text.substr(i, length));
    i += length - 1;
  }
  return true;
}

bool parse_content(const SignatureValue& written, SignaturePattern& out,
                   SignatureValueError& error) {
  SignatureValue value = written;
  out.kind = SignaturePattern::Kind::Content;
  out.negated = take_negation(value);
  if (!take_quotes(value, error)) return false;
  for (size_t i = 0; i < value.text.size(); ++i) {
    const char c = value.text[i];
    if (c == '|') {
      if (!take_hex(value, i, out.bytes, error)) return false;
      continue;
    }
    if (c == '"') return refuse(error, value.offset + i, "a double quote", R"(\" or |22|)");
    if (c == '\\' && !take_escape(value, i, error)) return false;
    out.bytes += value.text[i];
  }
  if (out.bytes.empty() || out.bytes.size() > kMaxContentBytes) {
    return refuse(error, value.offset, std::to_string(out.bytes.size()) + " bytes",
                  "1 to " + std::to_string(kMaxContentBytes));
  }
  return true;
}

bool parse_pcre(const SignatureValue& written, SignaturePattern& out, SignatureValueError& error) {
  SignatureValue value = written;
  out.kind = SignaturePattern::Kind::Pcre;
  out.negated = take_negation(value);
  if (!take_quotes(value, error)) return false;
  const size_t close = value.text.rfind('/');
  if (!value.text.starts_with('/') || close < 2) {
    return refuse(error, value.offset, quoted(value.text), "/EXPRESSION/FLAGS");
  }
  for (size_t i = close + 1; i < value.text.size(); ++i) {
    bool* flag = nullptr;
    switch (value.text[i]) {
      case 'i':
        flag = &out.caseless;
        break;
      case 's':
        flag = &out.dot_all;
        break;
      case 'm':
        flag = &out.multi_line;
        break;
      case 'x':
        flag = &out.extended;
        break;
      default:
        return refuse(error, value.offset + i, "flag " + quoted(value.text.substr(i, 1)),
                      "i, s, m, x");
    }
    *flag = true;
  }
  out.bytes = value.text.substr(1, close - 1);
  return true;
}

}  // namespace sluice
