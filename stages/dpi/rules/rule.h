// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// One rule of Suricata's language, read and checked but not compiled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "flowtable/flow_key.h"
#include "stages/dpi/buffer.h"
#include "stages/dpi/rules/rule_header.h"
#include "stages/dpi/rules/rule_text.h"

namespace sluice::rules {

inline constexpr size_t kMaxRuleItems = 64;  // contents, pcres, ... of one rule
inline constexpr size_t kMaxContentBytes = 2048;
inline constexpr size_t kMaxMsgBytes = 512;
inline constexpr size_t kMaxRuleVariables = 8;  // byte_extract and byte_math of one rule

enum class RuleAction : uint8_t { Alert, Pass, Drop, Reject };

// A number, or the position of a variable that byte_extract or byte_math of the
// same rule has filled.
struct RuleNumber {
  int64_t value = 0;
  int8_t variable = -1;  // -1: `value` counts
  bool is_variable() const noexcept { return variable >= 0; }
};

// ---- what is asked of a buffer, in the rule's order ----

struct RuleContent {
  std::string bytes;  // 1 to kMaxContentBytes
  bool negated = false;
  bool nocase = false;
  bool endswith = false;
  bool rawbytes = false;
  bool fast_pattern = false;
  bool fast_pattern_only = false;
  uint16_t chop_offset = 0;  // fast_pattern:offset,length; length 0: whole
  uint16_t chop_length = 0;
  // startswith is depth = the content's length.
  std::optional<RuleNumber> offset, depth;     // from the buffer's start
  std::optional<RuleNumber> distance, within;  // from the end of the match before
  bool relative() const noexcept { return distance.has_value() || within.has_value(); }
};

struct RulePcre {
  std::string expression;      // between the slashes
  uint32_t pcre2_options = 0;  // PCRE2_CASELESS, _DOTALL, _MULTILINE, _EXTENDED, _ANCHORED, ...
  bool negated = false;
  bool relative = false;  // /R
};

enum class RuleCompare : uint8_t { Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, And, Or };

// How byte_test, byte_jump, byte_extract and byte_math read a number.
struct RuleBytes {
  RuleNumber count;  // bytes; 1 to 8 binary, up to 23 as text
  RuleNumber offset;
  bool relative = false;
  bool little_endian = false;
  uint8_t text_base = 0;  // 0: binary; else 8, 10, 16
  uint32_t bitmask = 0;   // 0: none; the result is shifted right by its trailing zeroes
};
struct RuleByteTest {
  RuleBytes read;
  RuleCompare compare = RuleCompare::Equal;
  bool negated = false;
  RuleNumber value;
};
struct RuleByteJump {
  RuleBytes read;
  uint16_t multiplier = 1;
  int32_t post_offset = 0;
  bool align = false;
  bool from_beginning = false;
  bool from_end = false;
};
struct RuleByteExtract {
  RuleBytes read;
  uint8_t variable = 0;
  uint16_t multiplier = 1;
  uint8_t align = 0;  // 0, 2, 4
};
struct RuleByteMath {
  RuleBytes read;
  char operation = '+';  // + - * / < (shift left) > (shift right)
  RuleNumber operand;
  uint8_t variable = 0;
};
struct RuleIsDataAt {
  RuleNumber position;
  bool relative = false;
  bool negated = false;
};
// A range of numbers, both ends included. `negated`: anything but.
struct RuleRange {
  int64_t low = 0;
  int64_t high = INT64_MAX;
  bool negated = false;
  bool holds(int64_t value) const noexcept {
    return (value >= low && value <= high) != negated;
  }
};
struct RuleBsize {  // bsize, urilen
  RuleRange range;
};

using RuleItem = std::variant<RuleContent, RulePcre, RuleByteTest, RuleByteJump, RuleByteExtract,
                              RuleByteMath, RuleIsDataAt, RuleBsize>;

enum class RuleTransform : uint8_t {
  Dotprefix, StripWhitespace, CompressWhitespace, ToLower, ToUpper, ToMd5, ToSha1, ToSha256,
  UrlDecode, HeaderLowercase, StripPseudoHeaders
};

// All that a rule asks of one buffer; a rule has one a buffer and list of transforms.
struct RuleBufferMatch {
  Buffer buffer = Buffer::Payload;
  std::vector<RuleTransform> transforms;
  std::vector<RuleItem> items;  // at least one
  // The buffer belongs to the request or the reply; none: to whom the rule's
  // `flow` says, to either where it says nothing.
  std::optional<Direction> side;
};

// ---- what is asked of the flow and the packet ----

struct RuleFlow {
  std::optional<Direction> direction;  // to_server = Original, to_client = Reply
  std::optional<bool> established;     // established, not_established
  bool stateless = false;
  bool only_stream = false;
  bool no_stream = false;
};

struct RuleTcpFlags {
  enum class Mode : uint8_t {
    Exactly,
    AtLeast,  // +
    Any,      // *
    NotAll,   // !: at least one of them is missing; of none (!0): there is a flag
  };
  Mode mode = Mode::Exactly;
  uint8_t flags = 0;
  uint8_t ignored = 0;
};

struct RuleFragbits {
  enum class Mode : uint8_t {
    Exactly,
    More,    // +: these and another one
    Any,     // *
    NotAll,  // !
  };
  Mode mode = Mode::Exactly;
  uint16_t bits = 0;  // as in the IPv4 header's field of flags and offset
};
inline constexpr uint16_t kFragbits = 0xe000;

// Each test that is there must hold.
struct RulePacketTests {
  std::optional<RuleRange> dsize;
  std::optional<RuleTcpFlags> flags;
  std::optional<RuleRange> ttl, itype, icode, icmp_id, icmp_seq, ip_id, seq, ack, window, tcp_mss;
  std::vector<RuleRange> ip_proto;  // all must hold
  std::optional<std::string> ip_options;  // ipopts: name as in the language
  std::optional<RuleFragbits> fragbits;
  std::optional<RuleRange> fragoffset;
  bool same_ip = false;
  struct StreamSize {
    enum class Side : uint8_t { Server, Client, Both, Either };
    Side side = Side::Either;
    RuleRange range;
  };
  std::optional<StreamSize> stream_size;
  bool any() const noexcept;
};

struct RuleFlowbit {
  enum class Op : uint8_t { Set, Unset, Toggle, IsSet, IsNotSet };
  Op op = Op::Set;
  std::vector<std::string> names;  // IsSet and IsNotSet: any of them
};
struct RuleXbit {
  RuleFlowbit::Op op = RuleFlowbit::Op::Set;
  std::string name;
  enum class Track : uint8_t { Source, Destination, Pair };
  Track track = Track::Source;
  uint32_t expire_s = 30;
};
struct RuleFlowint {
  std::string name;
  enum class Op : uint8_t { Set, Add, Subtract, Less, LessEqual, Equal, NotEqual, Greater,
                            GreaterEqual, IsSet, IsNotSet };
  Op op = Op::Set;
  std::string operand_name;  // "": `operand` counts
  int64_t operand = 0;
};

struct RuleThreshold {
  enum class Kind : uint8_t { Threshold, Limit, Both, DetectionFilter };
  enum class Track : uint8_t { Source, Destination, Both, Rule, Flow };
  Kind kind = Kind::Limit;
  Track track = Track::Source;
  uint32_t count = 1;
  uint32_t seconds = 1;
};

struct Rule {
  RuleAction action = RuleAction::Alert;
  RuleHeader header;  // protocol, ends, ports, direction
  RuleFlow flow;
  std::vector<RuleBufferMatch> buffers;
  RulePacketTests packet;
  std::vector<RuleFlowbit> flowbits;
  std::vector<RuleXbit> xbits;
  std::vector<RuleFlowint> flowints;
  std::optional<RuleThreshold> threshold;         // threshold
  std::optional<RuleThreshold> detection_filter;  // may stand beside it
  std::optional<std::string> app_layer_protocol;  // app-layer-protocol; "failed": none was found
  bool app_layer_protocol_negated = false;
  std::vector<std::string> more_app_layer_protocols;  // if negated: nor any of these
  std::vector<std::string> tls_versions;   // tls.version, ssl_version: "1.2", "ssl3"; any of them
  bool tls_versions_negated = false;
  uint8_t tls_states = 0;  // ssl_state: bits client_hello 1, server_hello 2, client_keyx 4, server_keyx 8
  bool noalert = false;
  bool alert = false;  // `pass` only: it is told as well

  std::string msg;  // UTF-8 without control characters; empty if the rule has none
  uint32_t sid = 0;
  uint32_t gid = 1;
  uint32_t rev = 0;
  std::string classtype;
  std::string category;             // description of the classtype; empty if it has none
  std::optional<uint8_t> priority;  // 1 (highest) to 255, where the rule says one
  uint8_t severity = 3;             // `priority`, else the classtype's
  std::vector<std::string> references;
  std::vector<std::string> metadata;
  std::string target;  // src_ip, dest_ip or ""
  RulePosition where{};     // of the action: the rule's first byte
  RulePosition sid_where{};
};

}  // namespace sluice::rules
