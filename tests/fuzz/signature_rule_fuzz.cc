// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Rule files of any bytes are read or refused, each refusal with a place
// inside of the file. Hyperscan itself is not what is tried here.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/errors.h"
#include "stages/dpi/signature_expression.h"
#include "stages/dpi/signature_rule.h"
#include "stages/dpi/signature_text.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  ConfigErrors errors;
  SignatureReport report(errors);
  for (const SignatureText& text : split_rules(content)) {
    SignatureRule rule;
    const size_t before = report.count();
    const bool good = parse_signature_rule(text, "fuzz.rules", report, rule);
    if (good != (report.count() == before)) std::abort();
    if (!good) continue;
    if (rule.sid == 0 || rule.patterns.size() > kMaxRulePatterns) std::abort();
    for (const SignaturePattern& pattern : rule.patterns) {
      if (pattern.bytes.empty() || pattern.bytes.size() > kMaxRuleBytes) std::abort();
      if (hyperscan_expression(pattern).text.empty()) std::abort();
    }
  }
  for (const ConfigError& error : errors.all()) {
    if (error.where.line == 0 || error.where.column == 0 || error.where.column > size + 1 ||
        error.where.line > size + 1 || error.key.empty() || error.found.empty() ||
        error.allowed.empty()) {
      std::abort();
    }
  }
  if (errors.all().size() < 16) (void)errors.to_string();
  return 0;
}
