// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Signatures compiled for scanning: Hyperscan databases and the tables that
// lead from patterns to rules.
#pragma once

#include <hs/hs_common.h>
#include <hs/hs_runtime.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "chain/directory.h"
#include "config/errors.h"
#include "stages/dpi/signature_header.h"

namespace sluice {

class SignatureCompiler;

// A rule as the scanner uses it.
struct Signature {
  uint32_t sid;
  uint32_t rev;
  NameId msg;       // 0: none
  uint32_t header;  // index into SignatureSet::headers()
  // In SignatureSet's list of patterns: what else must be found, what must not.
  uint32_t first_pattern;
  uint16_t required;   // from first_pattern on
  uint16_t forbidden;  // behind those
  bool drop;
  bool wants_payload;  // has a content or pcre; a packet without payload does not fit it
};

// Theory of operation: every packet belongs to one PacketClass, and each class
// has a database of the patterns of its rules, in block mode. A scan yields the
// set of patterns that the payload has. Each rule hangs on one of its own
// patterns, the one that the fewest rules share: only rules whose pattern was
// found are looked at, and their other patterns are looked up in the set. Rules
// without a pattern that must be found are looked at for every packet.
//
// Rules are numbered drop before alert, each in the order of the files, so that
// the lowest numbers are the ones that must not get lost.
//
// Immutable; part of a policy, shared by all lanes.
class SignatureSet {
 public:
  // Reads `files` in Suricata's syntax (the subset of stages/dpi/README.md).
  // Null, with all that is wrong in all of them added to `errors`, if anything
  // is. Compiler thread.
  static std::shared_ptr<const SignatureSet> load(const std::vector<std::string>& files,
                                                  Directory& directory, ConfigErrors& errors);

  bool empty() const noexcept { return rules_.empty(); }
  size_t size() const noexcept { return rules_.size(); }
  const Signature& rule(uint32_t index) const noexcept { return rules_[index]; }
  const SignatureHeader& header(const Signature& rule) const noexcept {
    return headers_[rule.header];
  }

  // ---- for the scanner ----

  uint32_t patterns() const noexcept { return patterns_; }
  // Null if no rule of the class has a pattern.
  const hs_database_t* database(PacketClass packets) const noexcept {
    return classes_[static_cast<size_t>(packets)].database.get();
  }
  // Rules of the class that hang on no pattern.
  std::span<const uint32_t> unkeyed(PacketClass packets) const noexcept {
    return classes_[static_cast<size_t>(packets)].unkeyed;
  }
  bool covers(PacketClass packets) const noexcept {
    return !classes_[static_cast<size_t>(packets)].headers.empty();
  }
  // Rules of any class that hang on the pattern.
  std::span<const uint32_t> keyed(uint32_t pattern) const noexcept {
    return {keyed_rules_.data() + keyed_first_[pattern],
            keyed_rules_.data() + keyed_first_[pattern + 1]};
  }
  std::span<const uint32_t> required(const Signature& rule) const noexcept {
    return {rule_patterns_.data() + rule.first_pattern, rule.required};
  }
  std::span<const uint32_t> forbidden(const Signature& rule) const noexcept {
    return {rule_patterns_.data() + rule.first_pattern + rule.required, rule.forbidden};
  }
  // Whether a header of the class may fit these ends, in this or the other
  // direction. After a bounded number of headers the answer is yes.
  bool may_fit(const PacketEnds& ends) const noexcept;

 private:
  friend class SignatureCompiler;
  SignatureSet() = default;

  struct Class {
    std::shared_ptr<const hs_database_t> database;  // classes of equal patterns share one
    std::vector<uint32_t> unkeyed;
    std::vector<uint32_t> headers;  // distinct; one that fits everything stands alone
  };

  std::vector<Signature> rules_;
  std::vector<SignatureHeader> headers_;
  std::vector<uint32_t> rule_patterns_;
  std::vector<uint32_t> keyed_first_;  // patterns_ + 1
  std::vector<uint32_t> keyed_rules_;
  std::array<Class, kPacketClasses> classes_;
  uint32_t patterns_ = 0;
};

}  // namespace sluice
