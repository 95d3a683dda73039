// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// content, its modifiers, and what asks for the size of a buffer.
#include <utility>

#include "stages/dpi/rules/keyword_table.h"

namespace sluice::rules {
namespace {

constexpr int64_t kMaxOffset = 65535;
constexpr int64_t kMaxDistance = 1 << 20;

RuleContent parse_content(RuleValue value) {
  RuleContent content;
  content.negated = value.take("!");
  content.bytes = parse_content_bytes(unquoted(value));
  return content;
}

void read_content(RuleBuilder& rule, const RuleValue& value) {
  rule.add(parse_content(value), rule.slot());
}

void read_uricontent(RuleBuilder& rule, const RuleValue& value) {
  if (rule.has_sticky()) {
    refuse(rule.keyword(), "a sticky buffer that is still in force", "pkt_data before it");
  }
  RuleContent content = parse_content(value);
  rule.add(std::move(content), rule.slot_of(*find_buffer_keyword("http_uri")));
}

void flag(RuleBuilder& rule, bool RuleContent::*member) {
  rule.once(rule.content().*member);
}

void read_nocase(RuleBuilder& rule, const RuleValue&) {
  flag(rule, &RuleContent::nocase);
}
void read_rawbytes(RuleBuilder& rule, const RuleValue&) {
  flag(rule, &RuleContent::rawbytes);
}
void read_endswith(RuleBuilder& rule, const RuleValue&) {
  flag(rule, &RuleContent::endswith);
}

// offset and depth count from the buffer's start, distance and within from the match before.
void refuse_mixture(RuleBuilder& rule, bool other) {
  if (!other) return;
  refuse(rule.keyword(), "offset or depth together with distance or within",
         "one of the two pairs a content");
}

void read_offset(RuleBuilder& rule, const RuleValue& value) {
  RuleContent& content = rule.content();
  refuse_mixture(rule, content.relative());
  rule.set_once(content.offset, rule.number(maybe_unquoted(value), 0, kMaxOffset));
}

void read_depth(RuleBuilder& rule, const RuleValue& value) {
  RuleContent& content = rule.content();
  refuse_mixture(rule, content.relative());
  rule.set_once(content.depth, rule.number(maybe_unquoted(value), 0, kMaxOffset));
}

void read_distance(RuleBuilder& rule, const RuleValue& value) {
  RuleContent& content = rule.content();
  refuse_mixture(rule, content.offset || content.depth);
  rule.set_once(content.distance, rule.number(maybe_unquoted(value), -kMaxDistance, kMaxDistance));
}

void read_within(RuleBuilder& rule, const RuleValue& value) {
  RuleContent& content = rule.content();
  refuse_mixture(rule, content.offset || content.depth);
  rule.set_once(content.within, rule.number(maybe_unquoted(value), 1, kMaxDistance));
}

void read_startswith(RuleBuilder& rule, const RuleValue&) {
  RuleContent& content = rule.content();
  if (content.offset || content.depth || content.relative()) {
    refuse(rule.keyword(), "beside offset, depth, distance or within", "none of them");
  }
  content.offset = RuleNumber{};
  content.depth = RuleNumber{static_cast<int64_t>(content.bytes.size()), -1};
}

void read_fast_pattern(RuleBuilder& rule, const RuleValue& written) {
  RuleContent& content = rule.content();
  if (rule.has_fast_pattern()) {
    refuse(rule.keyword(), "a second one", "one content a rule with fast_pattern");
  }
  content.fast_pattern = true;
  const RuleValue value = maybe_unquoted(written);
  if (value.empty()) return;
  if (value.text == "only") {
    content.fast_pattern_only = true;
    return;
  }
  RuleFields fields(value);
  const RuleValue offset = fields.expect("only, or OFFSET,LENGTH");
  const RuleValue length = fields.expect("only, or OFFSET,LENGTH");
  fields.end();
  const auto size = static_cast<int64_t>(content.bytes.size());
  content.chop_offset = static_cast<uint16_t>(parse_number(offset, 0, size - 1));
  content.chop_length = static_cast<uint16_t>(parse_number(length, 1, size - content.chop_offset));
}

void read_isdataat(RuleBuilder& rule, const RuleValue& written) {
  RuleValue value = maybe_unquoted(written);
  RuleIsDataAt data;
  data.negated = value.take("!");
  RuleFields fields(value);
  data.position = rule.number(fields.expect("a position"), 0, kMaxOffset);
  while (fields.more()) {
    const RuleValue option = fields.next();
    if (option.text == "relative") {
      data.relative = true;
    } else if (option.text != "rawbytes") {
      refuse(option, "relative or rawbytes");
    }
  }
  rule.add(data, data.relative ? rule.relative_slot() : rule.slot());
}

void read_bsize(RuleBuilder& rule, const RuleValue& value) {
  if (!rule.has_sticky()) {
    refuse(rule.keyword(), "no sticky buffer before it", "behind a sticky buffer");
  }
  rule.add(RuleBsize{parse_range(value, INT64_MAX)}, rule.slot());
}

void read_urilen(RuleBuilder& rule, const RuleValue& written) {
  RuleFields fields(maybe_unquoted(written));
  const RuleRange range = parse_range(fields.next(), kMaxOffset);
  bool raw = false;
  if (fields.more()) {
    const RuleValue form = fields.next();
    raw = form.text == "raw";
    if (!raw && form.text != "norm") refuse(form, "norm or raw");
  }
  fields.end();
  rule.add(RuleBsize{range}, rule.slot_of(*find_buffer_keyword(raw ? "http_raw_uri" : "http_uri")));
}

// Distinguished names as Suricata's older keywords ask for them.
void read_in_buffer(RuleBuilder& rule, const RuleValue& value, std::string_view buffer) {
  RuleContent content = parse_content(value);
  rule.add(std::move(content), rule.slot_of(*find_buffer_keyword(buffer)));
}
void read_tls_subject(RuleBuilder& rule, const RuleValue& value) {
  read_in_buffer(rule, value, "tls.cert_subject");
}
void read_tls_issuer(RuleBuilder& rule, const RuleValue& value) {
  read_in_buffer(rule, value, "tls.cert_issuer");
}
void read_tls_fingerprint(RuleBuilder& rule, const RuleValue& value) {
  read_in_buffer(rule, value, "tls.cert_fingerprint");
}

constexpr Keyword kKeywords[] = {
    {"content", Keyword::Value::Needed, read_content},
    {"uricontent", Keyword::Value::Needed, read_uricontent},
    {"nocase", Keyword::Value::None, read_nocase},
    {"offset", Keyword::Value::Needed, read_offset},
    {"depth", Keyword::Value::Needed, read_depth},
    {"distance", Keyword::Value::Needed, read_distance},
    {"within", Keyword::Value::Needed, read_within},
    {"startswith", Keyword::Value::None, read_startswith},
    {"endswith", Keyword::Value::None, read_endswith},
    {"rawbytes", Keyword::Value::None, read_rawbytes},
    {"fast_pattern", Keyword::Value::Optional, read_fast_pattern},
    {"isdataat", Keyword::Value::Needed, read_isdataat},
    {"bsize", Keyword::Value::Needed, read_bsize},
    {"urilen", Keyword::Value::Needed, read_urilen},
    {"tls.subject", Keyword::Value::Needed, read_tls_subject},
    {"tls.issuerdn", Keyword::Value::Needed, read_tls_issuer},
    {"tls.fingerprint", Keyword::Value::Needed, read_tls_fingerprint},
};

}  // namespace

std::span<const Keyword> content_keywords() {
  return kKeywords;
}

}  // namespace sluice::rules
