// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What must hold of a rule as a whole.
#include <algorithm>
#include <variant>

#include "stages/dpi/rules/rule_builder.h"

namespace sluice::rules {
namespace {

bool has_upper_case(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

// What a buffer never holds, if it holds `content`; null: nothing is known.
const char* never_in(Buffer buffer, const RuleContent& content) {
  const std::string_view bytes = content.bytes;
  switch (buffer) {
    case Buffer::HttpHost:
      return !content.nocase && has_upper_case(bytes) ? "upper case, which the host never has"
                                                      : nullptr;
    case Buffer::HttpMethod:
      return bytes.find_first_of(" \t\r\n") != std::string_view::npos
                 ? "a blank, which the method never has"
                 : nullptr;
    case Buffer::HttpUserAgent:
      return bytes.ends_with("\r\n") ? "a line's end, which the buffer never has" : nullptr;
    default:
      return nullptr;
  }
}

// Buffers whose letters have one case whatever the peer sends: a content is
// brought to it.
void settle_case(Buffer buffer, RuleContent& content) {
  switch (buffer) {
    case Buffer::Ja3Hash:
    case Buffer::Ja3sHash:
    case Buffer::TlsFingerprint:
      content.bytes = lower_case(content.bytes);
      break;
    case Buffer::TlsSerial:
      for (char& c : content.bytes) {
        if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
      }
      break;
    default:
      break;
  }
}

bool counts_from_before(const RuleItem& item) {
  return std::visit(
      [](const auto& one) {
        using T = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<T, RuleContent>)
          return one.relative();
        else if constexpr (std::is_same_v<T, RulePcre> || std::is_same_v<T, RuleIsDataAt>) {
          return one.relative;
        } else if constexpr (std::is_same_v<T, RuleBsize>) {
          return false;
        } else {
          return one.read.relative;
        }
      },
      item);
}

// Why a content cannot be the fast pattern that the rule says it is; null: it can.
const char* unfit_fast_pattern(const RuleContent& content) {
  const bool placed = content.offset || content.depth || content.relative();
  if (content.fast_pattern_only && (content.negated || placed)) {
    return "fast_pattern:only with a negation or a position";
  }
  if (content.chop_length != 0 && content.negated)
    return "part of a negated content as fast_pattern";
  if (content.fast_pattern && content.negated && placed) {
    return "fast_pattern with a negated content that has a position";
  }
  return nullptr;
}

bool below(const std::optional<RuleNumber>& number, size_t size) {
  return number && !number->is_variable() && number->value < static_cast<int64_t>(size);
}

}  // namespace

void RuleBuilder::refuse_at(const RuleValue& keyword, std::string found,
                            std::string allowed) const {
  throw RuleRefused{RefusalKind::Invalid, keyword.offset, std::string(keyword.text),
                    std::move(found), std::move(allowed)};
}

void RuleBuilder::check_variables(const Item& item) const {
  const auto check = [&](const RuleNumber& number) {
    if (!number.is_variable()) return;
    const Item& source = items_[variables_[static_cast<size_t>(number.variable)].item];
    const bool before =
        source.slot < item.slot || (source.slot == item.slot && source.order < item.order);
    if (before) return;
    throw RuleRefused{RefusalKind::Unsupported, item.where.offset, std::string(item.where.text),
                      "a variable of a buffer that is looked at later",
                      "one of the same buffer, or of one that the rule names before"};
  };
  const auto check_optional = [&](const std::optional<RuleNumber>& number) {
    if (number) check(*number);
  };
  const auto check_read = [&](const RuleBytes& read) {
    check(read.count);
    check(read.offset);
  };
  if (const auto* content = std::get_if<RuleContent>(&item.item)) {
    check_optional(content->offset);
    check_optional(content->depth);
    check_optional(content->distance);
    check_optional(content->within);
  } else if (const auto* test = std::get_if<RuleByteTest>(&item.item)) {
    check_read(test->read);
    check(test->value);
  } else if (const auto* jump = std::get_if<RuleByteJump>(&item.item)) {
    check_read(jump->read);
  } else if (const auto* extract = std::get_if<RuleByteExtract>(&item.item)) {
    check_read(extract->read);
  } else if (const auto* math = std::get_if<RuleByteMath>(&item.item)) {
    check_read(math->read);
    check(math->operand);
  } else if (const auto* data = std::get_if<RuleIsDataAt>(&item.item)) {
    check(data->position);
  }
}

void RuleBuilder::check_contents(const std::vector<const Item*>& items) const {
  const Item* before = nullptr;
  for (const Item* item : items) {
    const auto* content = std::get_if<RuleContent>(&item->item);
    const auto* last = before ? std::get_if<RuleContent>(&before->item) : nullptr;
    if (last != nullptr && last->fast_pattern_only && counts_from_before(item->item)) {
      refuse_at(item->where, "relative to a content with fast_pattern:only",
                "a content before it that is searched for by itself");
    }
    before = item;
    if (content == nullptr) continue;
    if (const char* why = unfit_fast_pattern(*content)) {
      refuse_at(item->where, why, "a fast pattern that must be found, wherever it is");
    }
    if (below(content->depth, content->bytes.size())) {
      refuse_at(item->where, "depth below its length of " + std::to_string(content->bytes.size()),
                "a depth that it fits in");
    }
    if (below(content->within, content->bytes.size())) {
      refuse_at(item->where, "within below its length of " + std::to_string(content->bytes.size()),
                "a within that it fits in");
    }
    const Slot& slot = slots_[item->slot];
    if (!slot.transforms.empty()) continue;
    if (const char* why = never_in(slot.buffer(), *content)) {
      refuse_at(item->where, why, "what may stand there");
    }
  }
}

void RuleBuilder::check_sizes() const {
  for (const Item& item : items_) {
    const auto* content = std::get_if<RuleContent>(&item.item);
    if (content == nullptr || content->negated) continue;
    const auto size = static_cast<int64_t>(content->bytes.size());
    const std::optional<RuleRange>& dsize = rule_.packet.dsize;
    if (item.slot == kPayload && dsize && !dsize->negated && dsize->high < size) {
      refuse_at(item.where, std::to_string(size) + " bytes, more than dsize allows",
                "what fits in the payload");
    }
    for (const Item& other : items_) {
      const auto* bsize = std::get_if<RuleBsize>(&other.item);
      if (bsize == nullptr || other.slot != item.slot || bsize->range.negated) continue;
      if (bsize->range.high >= size) continue;
      refuse_at(
          item.where,
          std::to_string(size) + " bytes, more than " + std::string(other.where.text) + " allows",
          "what fits in the buffer");
    }
  }
}

void RuleBuilder::check_transactions() const {
  if (!packet_test_ && rule_.header.protocol != RuleProtocol::TcpPacket) return;
  for (const Slot& slot : slots_) {
    if (!slot.in_transaction()) continue;
    refuse_at(packet_test_ ? *packet_test_ : slot.where,
              "beside " + std::string(slot.keyword->name),
              "tests of a packet, or buffers of an application protocol");
  }
}

// As in Suricata: a buffer that only one side has makes the rule one for that side.
void RuleBuilder::settle_direction() {
  std::optional<Direction>& direction = rule_.flow.direction;
  const Slot* one_sided = nullptr;
  for (const Slot& slot : slots_) {
    if (slot.keyword == nullptr || !slot.keyword->side) continue;
    const bool other_buffer = one_sided && one_sided->keyword->side != slot.keyword->side;
    if (other_buffer || (direction && *direction != *slot.keyword->side)) {
      refuse_at(slot.where,
                other_buffer
                    ? "a buffer of the other side than " + std::string(one_sided->keyword->name)
                    : "a buffer of the other side than flow says",
                "buffers of one side");
    }
    one_sided = &slot;
  }
  if (one_sided != nullptr) direction = one_sided->keyword->side;
}

void RuleBuilder::finish() {
  leave_sticky();
  for (const Item& item : items_) check_variables(item);
  for (size_t s = 0; s < slots_.size(); ++s) {
    std::vector<Item*> own;
    for (Item& item : items_) {
      if (item.slot == s) own.push_back(&item);
    }
    if (own.empty()) continue;
    std::sort(own.begin(), own.end(),
              [](const Item* a, const Item* b) { return a->order < b->order; });
    check_contents({own.begin(), own.end()});
    RuleBufferMatch match;
    match.buffer = slots_[s].buffer();
    match.transforms = slots_[s].transforms;
    if (slots_[s].keyword != nullptr) match.side = slots_[s].keyword->side;
    for (Item* item : own) {
      if (auto* content = std::get_if<RuleContent>(&item->item)) {
        if (match.transforms.empty()) settle_case(match.buffer, *content);
      }
      match.items.push_back(item->item);
    }
    rule_.buffers.push_back(std::move(match));
  }
  check_sizes();
  check_transactions();
  settle_direction();
}

}  // namespace sluice::rules
