// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Rules compiled for detection: in the order in which they are evaluated, with
// a prefilter for each place in which their fast patterns are looked for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chain/directory.h"
#include "stages/dpi/buffer.h"
#include "stages/dpi/protocol/transaction.h"
#include "stages/dpi/rules/buffer_matcher.h"
#include "stages/dpi/detection/prefilter.h"
#include "stages/dpi/detection/scan_groups.h"
#include "stages/dpi/rules/rule.h"
#include "stages/dpi/rules/rule_header.h"

namespace sluice::rules {

// One buffer of a rule, and where it stands.
struct RulePart {
  Buffer buffer;
  bool side[2];  // by Direction: in which transactions' sides it may stand
  BufferMatcher matcher;
};

struct CompiledFlowbit {
  RuleFlowbit::Op op;
  std::vector<uint32_t> bits;  // numbers of the rule set's flow bits
};
struct CompiledXbit {
  RuleFlowbit::Op op;
  RuleXbit::Track track;
  uint32_t bit;
  uint32_t expire_s;
};
struct CompiledFlowint {
  RuleFlowint::Op op;
  uint32_t number;                // of the rule set's flow integers
  std::optional<uint32_t> other;  // the operand is that one
  int64_t operand;
};
// What Sluice knows of the flow: any of these names, or none if negated.
struct CompiledContext {
  enum class What : uint8_t { User, Group, Application } what;
  bool negated;
  std::vector<uint32_t> numbers;  // NameId, group or nDPI's number
};

// Where a rule is looked for.
enum class RuleScope : uint8_t {
  Packet,       // this packet alone
  Ends,         // who speaks to whom: a flow's first packet in each direction
  Stream,       // a direction's bytes as they become readable; other packets as Packet
  Transaction,  // buffers of an application protocol
};

struct CompiledRule {
  uint32_t sid, gid, rev;
  NameId msg;       // 0: none
  NameId category;  // of its classtype; 0: none
  uint8_t severity;
  RuleAction action;
  RuleScope scope;
  bool alerts;      // not `noalert`
  bool established_known, established;  // flow:established / not_established
  bool directed;    // flow:to_server / to_client
  Direction direction;
  bool needs_payload;  // asks for Buffer::Payload
  bool once;           // fires once a flow: nothing says that what it found is new
  bool also_packet;    // of those on streams: asked of each segment by itself, too
  bool late;           // on packets: asked where the payload is encrypted, too
  bool has_variables;  // what it finds in one buffer it asks for in another
  std::vector<AppProtocol> apps;  // of its header or app-layer-protocol: any of them; empty: all
  bool apps_negated;              // none of them
  uint64_t buffers;  // of transactions: those that it asks for
  uint32_t header;
  std::vector<RulePart> parts;
  std::unique_ptr<const RulePacketTests> packet;  // null: none
  std::vector<CompiledFlowbit> flowbits;
  std::vector<CompiledXbit> xbits;
  std::vector<CompiledFlowint> flowints;
  std::vector<CompiledContext> context;
  std::vector<std::string> tls_versions;
  bool tls_versions_negated;
  uint8_t tls_states;  // TlsState: any of these messages seen; 0: not asked
  std::optional<RuleThreshold> threshold, detection_filter;
};

// Immutable; part of a policy, shared by all lanes.
class RuleSet {
 public:
  bool empty() const noexcept { return rules_.empty(); }
  size_t size() const noexcept { return rules_.size(); }
  const CompiledRule& rule(uint32_t index) const noexcept { return rules_[index]; }
  const RuleHeader& header(const CompiledRule& rule) const noexcept {
    return headers_[rule.header];
  }
  uint32_t flowbits() const noexcept { return flowbits_; }
  uint32_t flowints() const noexcept { return flowints_; }

  // What is looked for in payload, of a packet or, for TCP, of a stream.
  const ScanGroup& payload(PacketClass packets, Direction of, uint16_t server_port,
                           AppView app) const noexcept {
    return payload_[static_cast<size_t>(packets)].group(of, server_port, app);
  }
  // Rules on the ends alone.
  const std::vector<uint32_t>& ends(PacketClass packets) const noexcept {
    return ends_[static_cast<size_t>(packets)];
  }
  // Rules without a fast pattern that ask a buffer of transactions.
  const std::vector<uint32_t>& patternless(Buffer buffer, Direction of) const noexcept {
    return patternless_[static_cast<size_t>(of)][static_cast<size_t>(buffer)];
  }
  // In a transaction's buffer.
  const Prefilter& buffer(Buffer buffer, Direction of) const noexcept {
    return *buffers_[static_cast<size_t>(of)][static_cast<size_t>(buffer)];
  }
  // Buffers (buffer_bit) that some rule looks for, by Direction.
  uint64_t wanted_buffers(Direction of) const noexcept {
    return wanted_[static_cast<size_t>(of)];
  }
  // Whether a header may fit these ends, in this or the other direction. After a
  // bounded number of headers the answer is yes.
  bool may_fit(const PacketEnds& ends) const noexcept;
  // The same of rules that make sense where the payload is encrypted.
  bool may_fit_late(const PacketEnds& ends) const noexcept;

  // Calls `visit(const hs_database_t*)` for each database.
  template <typename Visit>
  void for_each_database(Visit visit) const {
    for (const auto& p : prefilters_) {
      if (p->database() != nullptr) visit(p->database());
    }
  }
  size_t prefilter_bytes() const noexcept;
  size_t patterns() const noexcept;
  size_t databases() const noexcept { return prefilters_.size(); }

 private:
  friend class RuleCompiler;

  std::vector<CompiledRule> rules_;
  std::vector<RuleHeader> headers_;  // distinct
  using ClassHeaders = std::array<std::vector<uint32_t>, kPacketClasses>;
  bool may_fit(const ClassHeaders& headers, const PacketEnds& ends) const noexcept;

  ClassHeaders class_headers_, late_headers_;
  std::array<ScanGroups, kPacketClasses> payload_;
  std::array<std::vector<uint32_t>, kPacketClasses> ends_;
  std::array<std::shared_ptr<const Prefilter>, kBuffers> buffers_[2];
  std::array<std::vector<uint32_t>, kBuffers> patternless_[2];
  std::vector<std::shared_ptr<const Prefilter>> prefilters_;  // each one once
  uint64_t wanted_[2] = {0, 0};
  uint32_t flowbits_ = 0;
  uint32_t flowints_ = 0;
};

}  // namespace sluice::rules
