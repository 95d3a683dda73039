// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The keywords of the language, by subject.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "stages/dpi/rules/rule_builder.h"
#include "stages/dpi/rules/rule_classification.h"
#include "stages/dpi/rules/rule_value.h"

namespace sluice::rules {

struct Keyword {
  enum class Value : uint8_t { None, Needed, Optional };
  std::string_view name;
  Value value;
  // Throws RuleRefused.
  void (*read)(RuleBuilder& rule, const RuleValue& value);
};

// keywords_*.cc
std::span<const Keyword> meta_keywords();     // msg, sid, classtype, ...
std::span<const Keyword> content_keywords();  // content and its modifiers, isdataat, bsize, urilen
std::span<const Keyword> pcre_keywords();
std::span<const Keyword> bytes_keywords();   // byte_test, byte_jump, ...
std::span<const Keyword> flow_keywords();    // flow, app-layer-protocol, TLS's versions and states
std::span<const Keyword> state_keywords();   // flowbits, flowint, xbits, threshold, ...
std::span<const Keyword> packet_keywords();  // dsize, flags, ttl, ...
std::span<const BufferKeyword> buffer_keywords();
struct TransformKeyword {
  std::string_view name;
  RuleTransform transform;
};
std::span<const TransformKeyword> transform_keywords();

// Null: there is none of that name.
const Keyword* find_keyword(std::string_view name);
const BufferKeyword* find_buffer_keyword(std::string_view name);
const TransformKeyword* find_transform_keyword(std::string_view name);
// Keywords of Suricata's that are outside of what Sluice evaluates.
bool is_known_elsewhere(std::string_view name);

// Reads one option: `value` is empty where none was written.
void read_option(RuleBuilder& rule, const RuleValue& keyword, const RuleValue& value,
                 bool has_value);

}  // namespace sluice::rules
