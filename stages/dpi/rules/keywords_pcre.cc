// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <memory>
#include <utility>

#include "stages/dpi/rules/keyword_table.h"

namespace sluice::rules {
namespace {

constexpr const char* kFlags = "i s m x A E G R B O, and one of U I P Q H D M C S Y V W Z";

uint32_t option_of(char flag) noexcept {
  switch (flag) {
    case 'i':
      return PCRE2_CASELESS;
    case 's':
      return PCRE2_DOTALL;
    case 'm':
      return PCRE2_MULTILINE;
    case 'x':
      return PCRE2_EXTENDED;
    case 'A':
      return PCRE2_ANCHORED;
    case 'E':
      return PCRE2_DOLLAR_ENDONLY;
    case 'G':
      return PCRE2_UNGREEDY;
    default:
      return 0;
  }
}

const char* buffer_of(char flag) noexcept {
  switch (flag) {
    case 'U':
      return "http_uri";
    case 'I':
      return "http_raw_uri";
    case 'P':
      return "http_client_body";
    case 'Q':
      return "http_server_body";
    case 'H':
      return "http_header";
    case 'D':
      return "http_raw_header";
    case 'M':
      return "http_method";
    case 'C':
      return "http_cookie";
    case 'S':
      return "http_stat_code";
    case 'Y':
      return "http_stat_msg";
    case 'V':
      return "http_user_agent";
    case 'W':
      return "http_host";
    case 'Z':
      return "http_raw_host";
    default:
      return nullptr;
  }
}

// The / behind the expression: the last one that is no part of it.
size_t closing_slash(std::string_view text) {
  for (size_t at = text.rfind('/'); at != std::string_view::npos && at > 0;
       at = text.rfind('/', at - 1)) {
    size_t backslashes = 0;
    while (backslashes < at && text[at - 1 - backslashes] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return at;
  }
  return 0;
}

void check_expression(const RuleValue& where, const RulePcre& pcre) {
  int error = 0;
  size_t at = 0;
  const std::unique_ptr<pcre2_code, void (*)(pcre2_code*)> code(
      pcre2_compile(reinterpret_cast<const uint8_t*>(pcre.expression.data()),
                    pcre.expression.size(), pcre.pcre2_options | PCRE2_NEVER_UTF, &error, &at,
                    nullptr),
      pcre2_code_free);
  if (code) return;
  uint8_t text[256];
  if (pcre2_get_error_message(error, text, sizeof text) < 0) text[0] = 0;
  refuse({where.offset + std::min(at, where.text.size()), {}},
         std::string(reinterpret_cast<const char*>(text)), "an expression as PCRE2 takes it");
}

void read_pcre(RuleBuilder& rule, const RuleValue& written) {
  RuleValue value = written;
  RulePcre pcre;
  pcre.negated = value.take("!");
  value = maybe_unquoted(value);
  const size_t close = closing_slash(value.text);
  if (!value.text.starts_with('/') || close < 2) refuse(value, "/EXPRESSION/FLAGS");
  const BufferKeyword* buffer = nullptr;
  for (size_t i = close + 1; i < value.text.size(); ++i) {
    const char flag = value.text[i];
    const RuleValue here = value.part(i, 1);
    if (flag == ',') {
      refuse_unsupported(here, "a variable that the expression fills", "flags alone");
    }
    if (flag == 'R') {
      pcre.relative = true;
    } else if (const uint32_t option = option_of(flag)) {
      pcre.pcre2_options |= option;
    } else if (const char* name = buffer_of(flag)) {
      if (buffer != nullptr) refuse(here, "a second flag for a buffer", "one of them");
      buffer = find_buffer_keyword(name);
    } else if (flag != 'B' && flag != 'O') {  // raw bytes they are; the limits are Sluice's own
      refuse(here, "flag " + quoted(value.text.substr(i, 1)), kFlags);
    }
  }
  const RuleValue expression{value.offset + 1, value.text.substr(1, close - 1)};
  pcre.expression = expression.text;
  check_expression(expression, pcre);
  size_t slot = rule.slot();
  if (buffer != nullptr) {
    if (rule.has_sticky() && rule.slot_of(*buffer) != slot) {
      refuse(value.part(close + 1), "a sticky buffer that is still in force",
             "no flag for another buffer, or pkt_data before it");
    }
    slot = rule.slot_of(*buffer);
  }
  rule.add(std::move(pcre), slot);
}

constexpr Keyword kKeywords[] = {{"pcre", Keyword::Value::Needed, read_pcre}};

}  // namespace

std::span<const Keyword> pcre_keywords() {
  return kKeywords;
}

}  // namespace sluice::rules
