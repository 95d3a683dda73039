// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// A rule while its options are read: what the next match belongs to, what a
// modifier belongs to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stages/dpi/rules/rule.h"
#include "stages/dpi/rules/rule_value.h"

namespace sluice::rules {

// Which application protocols have a buffer: bits.
using AppMask = uint8_t;
inline constexpr AppMask kHttp = 1, kTls = 2, kDns = 4, kSsh = 8, kQuic = 16, kAnyApp = 0xff;

// A name of a buffer in the language.
struct BufferKeyword {
  enum class Form : uint8_t {
    Sticky,    // what follows is asked of it
    Modifier,  // the content before it is
  };
  std::string_view name;
  Buffer buffer;
  Form form;
  std::optional<Direction> side;  // if only one side has it, or the name means one side
  AppMask apps;
  bool several = false;  // each mention of it asks for one more of its kind
};

class RuleBuilder {
 public:
  // What some items are asked of: one RuleBufferMatch of the rule.
  struct Slot {
    const BufferKeyword* keyword;  // null: the payload
    RuleValue where;
    std::vector<RuleTransform> transforms;

    Buffer buffer() const noexcept { return keyword ? keyword->buffer : Buffer::Payload; }
    // Of an application protocol's transaction, not of packets or the flow.
    bool in_transaction() const noexcept;
  };
  static constexpr size_t kPayload = 0;  // the first slot

  // `rule` has its header already.
  explicit RuleBuilder(Rule& rule) : rule_(rule), slots_{{nullptr, {}, {}}} {}

  Rule& rule() noexcept { return rule_; }
  // The keyword that is being read.
  const RuleValue& keyword() const noexcept { return keyword_; }
  void begin_keyword(const RuleValue& keyword) noexcept { keyword_ = keyword; }

  // ---- buffers ----
  void make_sticky(const BufferKeyword& buffer);
  void leave_sticky();
  void add_transform(RuleTransform transform);
  bool has_sticky() const noexcept { return sticky_.has_value(); }
  size_t slot_of(const BufferKeyword& buffer);
  // Where a match goes that names no buffer: the sticky one, else the payload.
  size_t slot();
  // The same of one that counts from the match before it: without a sticky buffer
  // it goes where that match is.
  size_t relative_slot();
  // The last content goes from the payload to `buffer`.
  void move_content(const BufferKeyword& buffer);
  // The rule is for these protocols only.
  void need(AppMask apps);

  // ---- items ----
  void add(RuleItem item, size_t slot);
  // The content that a modifier means; refuses if there is none.
  RuleContent& content();
  bool has_fast_pattern() const noexcept;

  // ---- variables of byte_extract and byte_math ----
  uint8_t define_variable(const RuleValue& name);
  // A number in the range, or a variable that has been defined.
  RuleNumber number(const RuleValue& value, int64_t low, int64_t high) const;
  RuleNumber c_number(const RuleValue& value, int64_t low, int64_t high) const;

  // ---- what may stand once ----
  void once(bool& seen) const;
  template <typename T>
  void set_once(std::optional<T>& member, T value) const {
    if (member) refuse_second();
    member = std::move(value);
  }
  // dsize, flags, ...: the rule looks at packets one by one.
  void packet_test() {
    if (!packet_test_) packet_test_ = keyword_;
  }

  bool seen_msg = false, seen_sid = false, seen_rev = false, seen_gid = false, seen_flow = false,
       seen_classtype = false, seen_target = false, seen_tls_version = false,
       seen_tls_state = false;

  // All options have been read: checks what concerns the whole rule, and fills
  // its buffers.
  void finish();

 private:
  struct Item {
    RuleItem item;
    size_t slot;
    size_t order;  // among those of its slot
    RuleValue where;
  };
  struct Sticky {
    const BufferKeyword* keyword;
    RuleValue where;
    std::vector<RuleTransform> transforms;
    std::optional<size_t> slot;  // once something is asked of it
  };
  struct Variable {
    std::string_view name;
    size_t item;  // index of the one that fills it
  };

  [[noreturn]] void refuse_second() const;
  [[noreturn]] void refuse_at(const RuleValue& keyword, std::string found,
                              std::string allowed) const;
  size_t find_slot(const BufferKeyword& keyword, const std::vector<RuleTransform>& transforms);
  void check_variables(const Item& item) const;
  void check_contents(const std::vector<const Item*>& items) const;
  void check_sizes() const;
  void check_transactions() const;
  void settle_direction();

  Rule& rule_;
  RuleValue keyword_;
  std::vector<Slot> slots_;
  std::vector<Item> items_;  // in the rule's order
  size_t next_order_ = 0;
  std::optional<Sticky> sticky_;
  std::vector<Variable> variables_;
  std::optional<RuleValue> packet_test_;
  AppMask apps_ = kAnyApp;
};

// The protocols that a rule's header leaves possible.
AppMask possible_apps(RuleProtocol protocol) noexcept;

}  // namespace sluice::rules
