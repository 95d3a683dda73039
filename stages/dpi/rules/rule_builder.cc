// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/rule_builder.h"

#include <algorithm>
#include <variant>

namespace sluice::rules {

bool RuleBuilder::Slot::in_transaction() const noexcept {
  return buffer() >= Buffer::HttpMethod && buffer() <= Buffer::QuicVersion;
}

// ---- buffers ----

void RuleBuilder::make_sticky(const BufferKeyword& buffer) {
  leave_sticky();
  need(buffer.apps);
  sticky_ = {&buffer, keyword_, {}, std::nullopt};
}

void RuleBuilder::leave_sticky() {
  if (sticky_ && !sticky_->slot) {
    refuse_at(sticky_->where, "nothing that is asked of it",
              "a content or another match behind it");
  }
  sticky_.reset();
}

void RuleBuilder::add_transform(RuleTransform transform) {
  if (!sticky_ || sticky_->slot) {
    refuse(keyword_, sticky_ ? "a match before it" : "no sticky buffer before it",
           "behind a sticky buffer, before what is asked of it");
  }
  sticky_->transforms.push_back(transform);
}

size_t RuleBuilder::find_slot(const BufferKeyword& keyword,
                              const std::vector<RuleTransform>& transforms) {
  for (size_t i = 1; i < slots_.size() && !keyword.several; ++i) {
    const Slot& slot = slots_[i];
    if (slot.buffer() == keyword.buffer && slot.keyword->side == keyword.side &&
        slot.transforms == transforms) {
      return i;
    }
  }
  slots_.push_back({&keyword, keyword_, transforms});
  return slots_.size() - 1;
}

size_t RuleBuilder::slot_of(const BufferKeyword& buffer) {
  need(buffer.apps);
  // Said within the sticky buffer that it means, it is what is asked of that.
  if (sticky_ && sticky_->keyword->buffer == buffer.buffer && sticky_->transforms.empty()) {
    return slot();
  }
  return find_slot(buffer, {});
}

size_t RuleBuilder::slot() {
  if (!sticky_) return kPayload;
  if (!sticky_->slot) {
    sticky_->slot = find_slot(*sticky_->keyword, sticky_->transforms);
    slots_[*sticky_->slot].where = sticky_->where;
  }
  return *sticky_->slot;
}

size_t RuleBuilder::relative_slot() {
  if (sticky_) return slot();
  for (auto item = items_.rbegin(); item != items_.rend(); ++item) {
    if (std::holds_alternative<RuleContent>(item->item) ||
        std::holds_alternative<RulePcre>(item->item)) {
      return item->slot;
    }
  }
  return kPayload;
}

void RuleBuilder::move_content(const BufferKeyword& buffer) {
  if (sticky_) {
    refuse(keyword_, "a sticky buffer that is still in force", "pkt_data before it");
  }
  const auto item = std::find_if(items_.rbegin(), items_.rend(), [](const Item& i) {
    return i.slot == kPayload && std::holds_alternative<RuleContent>(i.item);
  });
  if (item == items_.rend()) {
    refuse(keyword_, "no content before it", "behind a content of the payload");
  }
  if (std::get<RuleContent>(item->item).rawbytes) {
    refuse(keyword_, "rawbytes before it", "a content without rawbytes");
  }
  item->slot = slot_of(buffer);
  item->order = next_order_++;
}

AppMask possible_apps(RuleProtocol protocol) noexcept {
  switch (protocol) {
    case RuleProtocol::Ip:
    case RuleProtocol::Ipv4:
    case RuleProtocol::Ipv6:
      return kAnyApp;
    case RuleProtocol::Tcp:
    case RuleProtocol::TcpStream:
      return kHttp | kTls | kDns | kSsh;
    case RuleProtocol::Udp:
      return kDns | kQuic;
    case RuleProtocol::Http:
      return kHttp;
    case RuleProtocol::Tls:
      return kTls;
    case RuleProtocol::Dns:
      return kDns;
    case RuleProtocol::Ssh:
      return kSsh;
    case RuleProtocol::Quic:
      return kQuic;
    case RuleProtocol::TcpPacket:
    case RuleProtocol::Icmp:
    case RuleProtocol::Icmpv4:
    case RuleProtocol::Icmpv6:
      return 0;
  }
  return 0;
}

void RuleBuilder::need(AppMask apps) {
  if (apps == kAnyApp) return;
  apps_ &= apps;
  if ((apps_ & possible_apps(rule_.header.protocol)) == 0) {
    refuse(keyword_, "a buffer of another protocol",
           "buffers of one application protocol, which the rule's header allows");
  }
}

// ---- items ----

void RuleBuilder::add(RuleItem item, size_t slot) {
  if (items_.size() == kMaxRuleItems) {
    refuse_unsupported(keyword_, "one more match",
                       "at most " + std::to_string(kMaxRuleItems) + " a rule");
  }
  items_.push_back({std::move(item), slot, next_order_++, keyword_});
}

RuleContent& RuleBuilder::content() {
  // With a sticky buffer only its own contents are meant.
  const auto item = std::find_if(items_.rbegin(), items_.rend(), [&](const Item& i) {
    return std::holds_alternative<RuleContent>(i.item) && (!sticky_ || sticky_->slot == i.slot);
  });
  if (item == items_.rend()) refuse(keyword_, "no content before it", "behind a content");
  return std::get<RuleContent>(item->item);
}

bool RuleBuilder::has_fast_pattern() const noexcept {
  return std::any_of(items_.begin(), items_.end(), [](const Item& i) {
    const auto* content = std::get_if<RuleContent>(&i.item);
    return content != nullptr && content->fast_pattern;
  });
}

uint8_t RuleBuilder::define_variable(const RuleValue& name) {
  if (variables_.size() == kMaxRuleVariables) {
    refuse_unsupported(name, "one more variable",
                       "at most " + std::to_string(kMaxRuleVariables) + " a rule");
  }
  if (looks_like_number(name)) refuse(name, "a name that does not begin with a digit");
  parse_name(name);
  variables_.push_back({name.text, items_.size()});
  return static_cast<uint8_t>(variables_.size() - 1);
}

RuleNumber RuleBuilder::number(const RuleValue& value, int64_t low, int64_t high) const {
  // The latest of that name.
  for (size_t i = variables_.size(); i-- > 0;) {
    if (variables_[i].name == value.text) return {0, static_cast<int8_t>(i)};
  }
  if (!value.empty() && !looks_like_number(value)) {
    refuse(value, "a number, or a variable of a byte_extract or byte_math before it");
  }
  return {parse_number(value, low, high), -1};
}

RuleNumber RuleBuilder::c_number(const RuleValue& value, int64_t low, int64_t high) const {
  if (!looks_like_number(value)) return number(value, low, high);
  return {parse_c_number(value, low, high), -1};
}

void RuleBuilder::once(bool& seen) const {
  if (seen) refuse_second();
  seen = true;
}

void RuleBuilder::refuse_second() const {
  refuse(keyword_, "a second one", "one a rule");
}

}  // namespace sluice::rules
