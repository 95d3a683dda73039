// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What rules remember: bits and numbers of flows and hosts, rates.
#include <algorithm>
#include <utility>

#include "stages/dpi/rules/keyword_table.h"

namespace sluice::rules {
namespace {

std::optional<RuleFlowbit::Op> operation_of(std::string_view word) {
  if (same_word(word, "set")) return RuleFlowbit::Op::Set;
  if (same_word(word, "unset")) return RuleFlowbit::Op::Unset;
  if (same_word(word, "toggle")) return RuleFlowbit::Op::Toggle;
  if (same_word(word, "isset")) return RuleFlowbit::Op::IsSet;
  if (same_word(word, "isnotset")) return RuleFlowbit::Op::IsNotSet;
  return std::nullopt;
}

bool asks(RuleFlowbit::Op op) {
  return op == RuleFlowbit::Op::IsSet || op == RuleFlowbit::Op::IsNotSet;
}

void read_flowbits(RuleBuilder& rule, const RuleValue& written) {
  RuleFields fields(maybe_unquoted(written));
  const RuleValue word = fields.next();
  if (same_word(word.text, "noalert")) {
    fields.end();
    rule.rule().noalert = true;
    return;
  }
  const std::optional<RuleFlowbit::Op> op = operation_of(word.text);
  if (!op) refuse(word, "set, unset, toggle, isset, isnotset or noalert");
  const RuleValue names = fields.expect("a name");
  fields.end();
  RuleFlowbit bit{*op, {}};
  for (RuleFields each(names, '|'); each.more();) bit.names.push_back(parse_name(each.next()));
  if (bit.names.size() > 1 && !asks(*op)) {
    refuse(names, "several names", "one; a list with isset and isnotset only");
  }
  rule.rule().flowbits.push_back(std::move(bit));
}

void read_flowint(RuleBuilder& rule, const RuleValue& written) {
  static constexpr std::pair<std::string_view, RuleFlowint::Op> kOperations[] = {
      {"=", RuleFlowint::Op::Set},
      {"+", RuleFlowint::Op::Add},
      {"-", RuleFlowint::Op::Subtract},
      {"<", RuleFlowint::Op::Less},
      {"<=", RuleFlowint::Op::LessEqual},
      {"==", RuleFlowint::Op::Equal},
      {"!=", RuleFlowint::Op::NotEqual},
      {">", RuleFlowint::Op::Greater},
      {">=", RuleFlowint::Op::GreaterEqual},
      {"isset", RuleFlowint::Op::IsSet},
      {"isnotset", RuleFlowint::Op::IsNotSet},
      {"notset", RuleFlowint::Op::IsNotSet},
  };
  RuleFields fields(maybe_unquoted(written));
  RuleFlowint change;
  change.name = parse_name(fields.expect("a name"));
  const RuleValue word = fields.expect("an operator");
  const auto* found = std::find_if(std::begin(kOperations), std::end(kOperations),
                                   [&](const auto& o) { return same_word(o.first, word.text); });
  if (found == std::end(kOperations)) {
    refuse(word, "=, +, -, <, <=, ==, !=, >, >=, isset or isnotset");
  }
  change.op = found->second;
  if (change.op != RuleFlowint::Op::IsSet && change.op != RuleFlowint::Op::IsNotSet) {
    const RuleValue operand = fields.expect("a value");
    if (looks_like_number(operand)) {
      change.operand = parse_number(operand, 0, UINT32_MAX);
    } else {
      change.operand_name = parse_name(operand);
    }
  }
  fields.end();
  rule.rule().flowints.push_back(std::move(change));
}

void read_xbits(RuleBuilder& rule, const RuleValue& written) {
  RuleFields fields(maybe_unquoted(written));
  const RuleValue word = fields.next();
  if (same_word(word.text, "noalert")) {
    fields.end();
    rule.rule().noalert = true;
    return;
  }
  const std::optional<RuleFlowbit::Op> op = operation_of(word.text);
  if (!op) refuse(word, "set, unset, toggle, isset, isnotset or noalert");
  RuleXbit bit;
  bit.op = *op;
  bit.name = parse_name(fields.expect("a name"));
  RuleValue track = fields.expect("track ip_src, ip_dst or ip_pair");
  if (!track.take("track ")) refuse(track, "track ip_src, ip_dst or ip_pair");
  if (track.text == "ip_src") {
    bit.track = RuleXbit::Track::Source;
  } else if (track.text == "ip_dst") {
    bit.track = RuleXbit::Track::Destination;
  } else if (track.text == "ip_pair") {
    bit.track = RuleXbit::Track::Pair;
  } else {
    refuse_unsupported(track, quoted(track.text), "ip_src, ip_dst or ip_pair");
  }
  if (fields.more()) {
    RuleValue expire = fields.next();
    if (!expire.take("expire ")) refuse(expire, "expire SECONDS");
    bit.expire_s = static_cast<uint32_t>(parse_number(expire, 1, UINT32_MAX));
  }
  fields.end();
  rule.rule().xbits.push_back(std::move(bit));
}

RuleThreshold::Track track_of(const RuleValue& word) {
  static constexpr std::pair<std::string_view, RuleThreshold::Track> kTracks[] = {
      {"by_src", RuleThreshold::Track::Source}, {"by_dst", RuleThreshold::Track::Destination},
      {"by_both", RuleThreshold::Track::Both},  {"by_rule", RuleThreshold::Track::Rule},
      {"by_flow", RuleThreshold::Track::Flow},
  };
  const auto* found = std::find_if(std::begin(kTracks), std::end(kTracks),
                                   [&](const auto& t) { return t.first == word.text; });
  if (found == std::end(kTracks)) refuse(word, "by_src, by_dst, by_both, by_rule or by_flow");
  return found->second;
}

RuleThreshold::Kind kind_of(const RuleValue& word) {
  if (word.text == "threshold") return RuleThreshold::Kind::Threshold;
  if (word.text == "limit") return RuleThreshold::Kind::Limit;
  if (word.text == "both") return RuleThreshold::Kind::Both;
  if (word.text == "backoff") refuse_unsupported(word, "type backoff", "limit, threshold or both");
  refuse(word, "limit, threshold or both");
}

// type, track, count and seconds in any order, each of them once.
RuleThreshold parse_threshold(RuleBuilder& rule, const RuleValue& value, bool has_kind) {
  std::optional<RuleThreshold::Kind> kind;
  std::optional<RuleThreshold::Track> track;
  std::optional<uint32_t> count, seconds;
  const auto number = [](const RuleValue& word) {
    return static_cast<uint32_t>(parse_number(word, 1, UINT32_MAX));
  };
  for (RuleFields fields(value); fields.more();) {
    RuleValue word = fields.next();
    if (has_kind && word.take("type ")) {
      rule.set_once(kind, kind_of(word));
    } else if (word.take("track ")) {
      rule.set_once(track, track_of(word));
    } else if (word.take("count ")) {
      rule.set_once(count, number(word));
    } else if (word.take("seconds ")) {
      rule.set_once(seconds, number(word));
    } else {
      refuse(word, has_kind ? "type, track, count or seconds" : "track, count or seconds");
    }
  }
  if ((has_kind && !kind) || !track || !count || !seconds) {
    refuse(value, has_kind ? "type, track, count and seconds" : "track, count and seconds");
  }
  return {kind.value_or(RuleThreshold::Kind::DetectionFilter), *track, *count, *seconds};
}

void refuse_both(RuleBuilder& rule, bool other) {
  if (other) {
    refuse(rule.keyword(), "threshold and detection_filter in one rule", "one of them");
  }
}

void read_threshold(RuleBuilder& rule, const RuleValue& value) {
  refuse_both(rule, rule.rule().detection_filter.has_value());
  rule.set_once(rule.rule().threshold, parse_threshold(rule, maybe_unquoted(value), true));
}

void read_detection_filter(RuleBuilder& rule, const RuleValue& value) {
  refuse_both(rule, rule.rule().threshold.has_value());
  rule.set_once(rule.rule().detection_filter, parse_threshold(rule, maybe_unquoted(value), false));
}

constexpr Keyword kKeywords[] = {
    {"flowbits", Keyword::Value::Needed, read_flowbits},
    {"flowint", Keyword::Value::Needed, read_flowint},
    {"xbits", Keyword::Value::Needed, read_xbits},
    {"threshold", Keyword::Value::Needed, read_threshold},
    {"detection_filter", Keyword::Value::Needed, read_detection_filter},
};

}  // namespace

std::span<const Keyword> state_keywords() {
  return kKeywords;
}

}  // namespace sluice::rules
