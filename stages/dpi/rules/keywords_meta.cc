// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a rule says of itself.
#include "stages/dpi/rules/keyword_table.h"

namespace sluice::rules {
namespace {

void read_msg(RuleBuilder& rule, const RuleValue& value) {
  rule.once(rule.seen_msg);
  rule.rule().msg = parse_message(unquoted(value));
}

uint32_t parse_u32(const RuleValue& value, int64_t low) {
  return static_cast<uint32_t>(parse_number(maybe_unquoted(value), low, UINT32_MAX));
}

void read_sid(RuleBuilder& rule, const RuleValue& value) {
  rule.once(rule.seen_sid);
  rule.rule().sid = parse_u32(value, 1);
}

void read_rev(RuleBuilder& rule, const RuleValue& value) {
  rule.once(rule.seen_rev);
  rule.rule().rev = parse_u32(value, 0);
}

void read_gid(RuleBuilder& rule, const RuleValue& value) {
  rule.once(rule.seen_gid);
  rule.rule().gid = parse_u32(value, 1);
}

void read_classtype(RuleBuilder& rule, const RuleValue& value) {
  rule.once(rule.seen_classtype);
  rule.rule().classtype = parse_name(maybe_unquoted(value));
}

void read_priority(RuleBuilder& rule, const RuleValue& value) {
  rule.set_once(rule.rule().priority,
                static_cast<uint8_t>(parse_number(maybe_unquoted(value), 1, 255)));
}

void read_reference(RuleBuilder& rule, const RuleValue& written) {
  const RuleValue value = maybe_unquoted(written);
  const size_t comma = value.text.find(',');
  const RuleValue scheme = value.part(0, comma);
  if (comma == std::string_view::npos || scheme.empty()) refuse(value, "SCHEME,REFERENCE");
  rule.rule().references.push_back(
      parse_message(scheme) + ',' +
      parse_message(value.part(comma + 1).empty() ? RuleValue{} : value.part(comma + 1)));
}

void read_metadata(RuleBuilder& rule, const RuleValue& written) {
  for (RuleFields fields(maybe_unquoted(written)); fields.more();) {
    const RuleValue entry = fields.next();
    if (!entry.empty()) rule.rule().metadata.push_back(parse_message(entry));
  }
}

void read_target(RuleBuilder& rule, const RuleValue& written) {
  const RuleValue value = maybe_unquoted(written);
  rule.once(rule.seen_target);
  if (value.text != "src_ip" && value.text != "dest_ip") refuse(value, "src_ip or dest_ip");
  rule.rule().target = value.text;
}

void read_noalert(RuleBuilder& rule, const RuleValue&) {
  if (rule.rule().alert) refuse(rule.keyword(), "beside alert", "one of the two");
  rule.rule().noalert = true;
}

void read_alert(RuleBuilder& rule, const RuleValue&) {
  if (rule.rule().noalert) refuse(rule.keyword(), "beside noalert", "one of the two");
  rule.rule().alert = true;
}

// Which test Suricata begins with; Sluice chooses by itself.
void read_prefilter(RuleBuilder&, const RuleValue&) {}

constexpr Keyword kKeywords[] = {
    {"msg", Keyword::Value::Needed, read_msg},
    {"sid", Keyword::Value::Needed, read_sid},
    {"rev", Keyword::Value::Needed, read_rev},
    {"gid", Keyword::Value::Needed, read_gid},
    {"classtype", Keyword::Value::Needed, read_classtype},
    {"priority", Keyword::Value::Needed, read_priority},
    {"reference", Keyword::Value::Needed, read_reference},
    {"metadata", Keyword::Value::Needed, read_metadata},
    {"target", Keyword::Value::Needed, read_target},
    {"alert", Keyword::Value::None, read_alert},
    {"noalert", Keyword::Value::None, read_noalert},
    {"prefilter", Keyword::Value::None, read_prefilter},
};

}  // namespace

std::span<const Keyword> meta_keywords() {
  return kKeywords;
}

}  // namespace sluice::rules
