// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The values of a rule's options: quotes, escapes, |41 42|, /expression/flags.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "stages/dpi/signature_rule.h"

namespace sluice {

struct SignatureValue {
  size_t offset = 0;      // of `text` in the rule
  std::string_view text;  // without the blanks around it
};

struct SignatureValueError {
  size_t offset = 0;  // in the rule
  std::string found;
  std::string allowed;
};

// Where the ; stands that ends the option beginning at `from`: the first one
// that no backslash escapes; npos if there is none.
size_t value_end(std::string_view text, size_t from) noexcept;

// Each: false with `error` filled. `offset`s count from the rule's first byte.
bool parse_msg(const SignatureValue& value, std::string& msg, SignatureValueError& error);
bool parse_content(const SignatureValue& value, SignaturePattern& out, SignatureValueError& error);
bool parse_pcre(const SignatureValue& value, SignaturePattern& out, SignatureValueError& error);

}  // namespace sluice
