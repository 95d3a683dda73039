// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What is asked of the packet at hand: sizes and fields of its headers.
#include <algorithm>
#include <optional>
#include <utility>

#include "stages/dpi/rules/keyword_table.h"

namespace sluice::rules {
namespace {

using Range = std::optional<RuleRange> RulePacketTests::*;

template <Range kMember, int64_t kMax>
void read_range(RuleBuilder& rule, const RuleValue& value) {
  rule.packet_test();
  rule.set_once(rule.rule().packet.*kMember, parse_range(value, kMax));
}

constexpr std::pair<char, uint8_t> kFlagLetters[] = {
    {'F', 0x01}, {'S', 0x02}, {'R', 0x04}, {'P', 0x08}, {'A', 0x10},
    {'U', 0x20}, {'E', 0x40}, {'C', 0x80}, {'2', 0x40}, {'1', 0x80}};

uint8_t flag_bits(const RuleValue& where, std::string_view letters) {
  uint8_t bits = 0;
  for (const char c : letters) {
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    const auto* found = std::find_if(std::begin(kFlagLetters), std::end(kFlagLetters),
                                     [&](const auto& f) { return f.first == upper; });
    if (found == std::end(kFlagLetters)) refuse(where, "letters of FSRPAUEC12, or 0");
    bits |= found->second;
  }
  return bits;
}

// [+*!]LETTERS[,IGNORED]; the sign may stand behind the letters, too.
void read_flags(RuleBuilder& rule, const RuleValue& written) {
  rule.packet_test();
  RuleFields fields(maybe_unquoted(written));
  const RuleValue field = fields.expect("flags");
  RuleTcpFlags flags;
  std::string letters;
  bool sign = false;
  for (const char c : field.text) {
    if (c != '+' && c != '*' && c != '!') {
      letters += c;
      continue;
    }
    if (std::exchange(sign, true)) refuse(field, "one of +, *, !");
    flags.mode = c == '+'   ? RuleTcpFlags::Mode::AtLeast
                 : c == '*' ? RuleTcpFlags::Mode::Any
                            : RuleTcpFlags::Mode::NotAll;
  }
  if (letters.empty()) refuse(field, "letters of FSRPAUEC12, or 0");
  if (letters != "0") flags.flags = flag_bits(field, letters);
  if (fields.more()) {
    const RuleValue ignored = fields.next();
    flags.ignored = flag_bits(ignored, ignored.text);
  }
  fields.end();
  rule.set_once(rule.rule().packet.flags, flags);
}

// IANA's names, in lower case.
std::optional<int64_t> ip_protocol_number(std::string_view name) {
  static constexpr std::pair<std::string_view, int64_t> kNames[] = {
      {"hopopt", 0},     {"icmp", 1},   {"igmp", 2},        {"ggp", 3},        {"ipip", 4},
      {"ipencap", 4},    {"st", 5},     {"tcp", 6},         {"cbt", 7},        {"egp", 8},
      {"igp", 9},        {"pup", 12},   {"udp", 17},        {"hmp", 20},       {"rdp", 27},
      {"dccp", 33},      {"ipv6", 41},  {"ipv6-route", 43}, {"ipv6-frag", 44}, {"idrp", 45},
      {"rsvp", 46},      {"gre", 47},   {"esp", 50},        {"ah", 51},        {"skip", 57},
      {"ipv6-icmp", 58}, {"icmp6", 58}, {"ipv6-nonxt", 59}, {"ipv6-opts", 60}, {"rspf", 73},
      {"vmtp", 81},      {"eigrp", 88}, {"ospf", 89},       {"ax.25", 93},     {"etherip", 97},
      {"encap", 98},     {"pim", 103},  {"ipcomp", 108},    {"vrrp", 112},     {"l2tp", 115},
      {"isis", 124},     {"sctp", 132}, {"fc", 133},        {"udplite", 136},  {"hip", 139},
      {"shim6", 140},    {"wesp", 141}, {"rohc", 142},
  };
  const auto* found = std::find_if(std::begin(kNames), std::end(kNames),
                                   [&](const auto& n) { return same_word(n.first, name); });
  if (found == std::end(kNames)) return std::nullopt;
  return found->second;
}

void read_ip_proto(RuleBuilder& rule, const RuleValue& written) {
  static constexpr int64_t kMax = 255;
  RuleValue value = maybe_unquoted(written);
  if (looks_like_number(value) || value.text.find_first_of("0123456789") == 1) {
    rule.rule().packet.ip_proto.push_back(parse_range(value, kMax));
    return;
  }
  const bool negated = value.take("!");
  const std::optional<int64_t> number = ip_protocol_number(value.text);
  if (!number) refuse(value, "a protocol's number 0 to 255 or name, with !, < or > in front");
  rule.rule().packet.ip_proto.push_back({*number, *number, negated});
}

void read_ipopts(RuleBuilder& rule, const RuleValue& written) {
  static constexpr std::string_view kNames[] = {"rr",   "eol",  "nop",  "ts",    "sec",
                                                "esec", "lsrr", "ssrr", "satid", "any"};
  rule.packet_test();
  const RuleValue value = maybe_unquoted(written);
  if (std::find(std::begin(kNames), std::end(kNames), value.text) == std::end(kNames)) {
    refuse(value, "rr, eol, nop, ts, sec, esec, lsrr, ssrr, satid or any");
  }
  rule.set_once(rule.rule().packet.ip_options, std::string(value.text));
}

// [+*!]MDR
void read_fragbits(RuleBuilder& rule, const RuleValue& written) {
  static constexpr uint16_t kMore = 0x2000, kDont = 0x4000, kReserved = 0x8000;
  rule.packet_test();
  const RuleValue value = maybe_unquoted(written);
  using Mode = RuleFragbits::Mode;
  RuleFragbits asked;
  bool sign = false;
  for (const char c : value.text) {
    if (c == 'M') {
      asked.bits |= kMore;
    } else if (c == 'D') {
      asked.bits |= kDont;
    } else if (c == 'R') {
      asked.bits |= kReserved;
    } else if ((c == '+' || c == '*' || c == '!') && !std::exchange(sign, true)) {
      asked.mode = c == '+' ? Mode::More : c == '*' ? Mode::Any : Mode::NotAll;
    } else {
      refuse(value, "letters of MDR with +, * or !");
    }
  }
  if (asked.bits == 0) refuse(value, "letters of MDR with +, * or !");
  rule.set_once(rule.rule().packet.fragbits, asked);
}

void read_sameip(RuleBuilder& rule, const RuleValue&) {
  rule.once(rule.rule().packet.same_ip);
}

void read_stream_size(RuleBuilder& rule, const RuleValue& written) {
  using Side = RulePacketTests::StreamSize::Side;
  static constexpr std::pair<std::string_view, Side> kSides[] = {{"server", Side::Server},
                                                                 {"client", Side::Client},
                                                                 {"both", Side::Both},
                                                                 {"either", Side::Either}};
  RuleFields fields(maybe_unquoted(written));
  const RuleValue side = fields.expect("server, client, both or either");
  const RuleValue op = fields.expect("<, <=, =, !=, > or >=");
  const RuleValue number = fields.expect("a number of bytes");
  fields.end();
  const auto* found = std::find_if(std::begin(kSides), std::end(kSides),
                                   [&](const auto& s) { return same_word(s.first, side.text); });
  if (found == std::end(kSides)) refuse(side, "server, client, both or either");
  rule.set_once(rule.rule().packet.stream_size,
                RulePacketTests::StreamSize{found->second, compare_range(op, number, UINT32_MAX)});
}

using P = RulePacketTests;
constexpr auto kNeeded = Keyword::Value::Needed;
constexpr Keyword kKeywords[] = {
    {"dsize", kNeeded, read_range<&P::dsize, 65535>},
    {"flags", kNeeded, read_flags},
    {"tcp.flags", kNeeded, read_flags},
    {"ttl", kNeeded, read_range<&P::ttl, 255>},
    {"itype", kNeeded, read_range<&P::itype, 255>},
    {"icode", kNeeded, read_range<&P::icode, 255>},
    {"icmp_id", kNeeded, read_range<&P::icmp_id, 65535>},
    {"icmp_seq", kNeeded, read_range<&P::icmp_seq, 65535>},
    {"id", kNeeded, read_range<&P::ip_id, 65535>},
    {"seq", kNeeded, read_range<&P::seq, UINT32_MAX>},
    {"tcp.seq", kNeeded, read_range<&P::seq, UINT32_MAX>},
    {"ack", kNeeded, read_range<&P::ack, UINT32_MAX>},
    {"tcp.ack", kNeeded, read_range<&P::ack, UINT32_MAX>},
    {"window", kNeeded, read_range<&P::window, 65535>},
    {"tcp.window", kNeeded, read_range<&P::window, 65535>},
    {"tcp.mss", kNeeded, read_range<&P::tcp_mss, 65535>},
    {"fragoffset", kNeeded, read_range<&P::fragoffset, 8191>},
    {"fragbits", kNeeded, read_fragbits},
    {"ip_proto", kNeeded, read_ip_proto},
    {"ipopts", kNeeded, read_ipopts},
    {"sameip", Keyword::Value::None, read_sameip},
    {"stream_size", kNeeded, read_stream_size},
};

}  // namespace

bool RulePacketTests::any() const noexcept {
  return dsize || flags || ttl || itype || icode || icmp_id || icmp_seq || ip_id || seq || ack ||
         window || tcp_mss || !ip_proto.empty() || ip_options || fragbits || fragoffset ||
         same_ip || stream_size;
}

std::span<const Keyword> packet_keywords() {
  return kKeywords;
}

}  // namespace sluice::rules
