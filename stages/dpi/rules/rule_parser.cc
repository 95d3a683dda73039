// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/rule_parser.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "stages/dpi/rules/keyword_table.h"
#include "stages/dpi/rules/rule_builder.h"
#include "stages/dpi/rules/rule_value.h"

namespace sluice::rules {
namespace {

constexpr std::string_view kBlank = " \t\r\v\f";

// A keyword as the key of a report; "option" where it is none.
std::string key_of(std::string_view name) {
  const bool good = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  });
  return std::string(good && !name.empty() && name.size() <= 64 ? name : "option");
}

class Parser {
 public:
  Parser(const RuleText& source, RuleLists& lists, Rule& rule)
      : source_(source), text_(source.text), lists_(lists), rule_(rule), builder_(rule) {}

  void parse() {
    check_text();
    rule_.where = position(source_, begin_);
    parse_header();
    parse_options();
    key_ = "rule";
    builder_.finish();
  }

  // What is being read.
  const std::string& key() const noexcept { return key_; }

 private:
  RuleValue value(size_t from, size_t to) const {
    return RuleValue{0, text_}.part(from, to - from);
  }

  void check_text() {
    key_ = "rule";
    skip_blank();
    begin_ = at_;
    if (text_.size() > kMaxRuleBytes) {
      refuse({begin_, {}}, std::to_string(text_.size()) + " bytes",
             "at most " + std::to_string(kMaxRuleBytes));
    }
    if (const size_t zero = text_.find('\0'); zero != std::string_view::npos) {
      refuse({zero, {}}, "byte 0x00", "text; in content write it |00|");
    }
  }

  void skip_blank() {
    const size_t next = text_.find_first_not_of(kBlank, at_);
    at_ = next == std::string_view::npos ? text_.size() : next;
  }

  // ---- header ----

  // A word of the header; blanks inside of [] belong to it.
  RuleValue header_word(const char* key) {
    key_ = key;
    skip_blank();
    const size_t begin = at_;
    unsigned depth = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '(' || (depth == 0 && kBlank.find(c) != std::string_view::npos)) break;
      if (c == '[') ++depth;
      if (c == ']' && depth > 0) --depth;
    }
    const RuleValue word{begin, text_.substr(begin, at_ - begin)};
    if (word.empty()) {
      refuse(word, "ACTION PROTOCOL SOURCE PORT DIRECTION DESTINATION PORT (OPTIONS)");
    }
    if (depth != 0) refuse(word, "[ without its ]", "a list in []");
    return word;
  }

  void parse_header() {
    RuleHeader& header = rule_.header;
    parse_action(header_word("action"));
    parse_protocol(header_word("protocol"));
    header.source = list(header_word("source"), &RuleLists::addresses);
    header.source_ports = ports(header_word("source port"));
    const RuleValue direction = header_word("direction");
    if (direction.text == "<>") {
      header.both_ways = true;
    } else if (direction.text == "=>") {
      refuse_unsupported(direction, quoted(direction.text), "-> or <>");
    } else if (direction.text != "->") {
      refuse(direction, "-> or <>");
    }
    header.destination = list(header_word("destination"), &RuleLists::addresses);
    header.destination_ports = ports(header_word("destination port"));
    key_ = "rule";
    skip_blank();
    if (at_ == text_.size() || text_[at_] != '(') {
      refuse({at_, {}}, at_ == text_.size() ? "its end" : quoted(text_.substr(at_)),
             "( and the options");
    }
    ++at_;
  }

  void parse_action(const RuleValue& word) {
    if (word.text == "alert") {
      rule_.action = RuleAction::Alert;
    } else if (word.text == "pass") {
      rule_.action = RuleAction::Pass;
    } else if (word.text == "drop") {
      rule_.action = RuleAction::Drop;
    } else if (word.text == "reject" || word.text == "rejectsrc") {
      rule_.action = RuleAction::Reject;
    } else if (word.text == "rejectdst" || word.text == "rejectboth" || word.text == "config" ||
               word.text == "log" || word.text == "sdrop") {
      refuse_unsupported(word, quoted(word.text), "alert, pass, drop or reject");
    } else {
      refuse(word, "alert, pass, drop or reject");
    }
  }

  void parse_protocol(const RuleValue& word) {
    static constexpr std::pair<std::string_view, RuleProtocol> kProtocols[] = {
        {"ip", RuleProtocol::Ip},
        {"any", RuleProtocol::Ip},
        {"ipv4", RuleProtocol::Ipv4},
        {"ip4", RuleProtocol::Ipv4},
        {"ipv6", RuleProtocol::Ipv6},
        {"ip6", RuleProtocol::Ipv6},
        {"tcp", RuleProtocol::Tcp},
        {"tcp-pkt", RuleProtocol::TcpPacket},
        {"tcp-stream", RuleProtocol::TcpStream},
        {"udp", RuleProtocol::Udp},
        {"icmp", RuleProtocol::Icmp},
        {"icmpv4", RuleProtocol::Icmpv4},
        {"icmpv6", RuleProtocol::Icmpv6},
        {"http", RuleProtocol::Http},
        {"http1", RuleProtocol::Http},
        {"tls", RuleProtocol::Tls},
        {"ssl", RuleProtocol::Tls},
        {"dns", RuleProtocol::Dns},
        {"ssh", RuleProtocol::Ssh},
        {"quic", RuleProtocol::Quic},
    };
    const auto* found = std::find_if(std::begin(kProtocols), std::end(kProtocols),
                                     [&](const auto& p) { return p.first == word.text; });
    if (found == std::end(kProtocols)) {
      refuse_unsupported(word, quoted(word.text),
                         "ip, ipv4, ipv6, tcp, tcp-pkt, tcp-stream, udp, icmp, icmpv4, icmpv6, "
                         "http, tls, dns, ssh or quic");
    }
    rule_.header.protocol = found->second;
  }

  template <typename Set>
  const Set& list(const RuleValue& word,
                  const Set* (RuleLists::*read)(std::string_view, RuleListError&)) {
    RuleListError why;
    const Set* set = (lists_.*read)(word.text, why);
    if (set == nullptr) {
      refuse({word.offset + why.offset, {}}, std::move(why.found), std::move(why.allowed));
    }
    return *set;
  }

  const PortSet& ports(const RuleValue& word) {
    const PortSet& set = list(word, &RuleLists::ports);
    const RuleProtocol protocol = rule_.header.protocol;
    const bool icmp = protocol == RuleProtocol::Icmp || protocol == RuleProtocol::Icmpv4 ||
                      protocol == RuleProtocol::Icmpv6;
    if (icmp && !set.is_all()) refuse(word, "any: ICMP has no ports");
    return set;
  }

  // ---- options ----

  void parse_options() {
    for (;;) {
      key_ = "rule";
      skip_blank();
      if (at_ == text_.size()) refuse({at_, {}}, "its end", "an option or the closing )");
      if (text_[at_] == ')') break;
      parse_option();
    }
    const size_t close = at_++;
    skip_blank();
    if (at_ != text_.size()) {
      refuse({at_, {}}, quoted(text_.substr(at_)), "nothing behind the closing )");
    }
    if (builder_.seen_sid) return;
    key_ = "sid";
    refuse({close, {}}, "nothing", "sid:NUMBER; is required");
  }

  void parse_option() {
    const size_t begin = at_;
    const size_t end = value_end(text_, at_);
    if (end == std::string_view::npos) {
      const std::string_view rest = text_.substr(begin);
      key_ = key_of(rest.substr(0, rest.find_first_of(":;) \t")));
      refuse({begin, {}}, "no ; at its end", "KEYWORD; or KEYWORD:VALUE;");
    }
    at_ = end + 1;
    const size_t colon = std::min(text_.find(':', begin), end);
    const RuleValue keyword = value(begin, colon);
    key_ = key_of(keyword.text);
    if (keyword.empty()) refuse(keyword, "a keyword");
    const RuleValue option = colon < end ? value(colon + 1, end) : RuleValue{keyword.offset, {}};
    read_option(builder_, keyword, option, colon < end);
    if (key_ == "sid") rule_.sid_where = position(source_, option.offset);
  }

  const RuleText& source_;
  const std::string_view text_;
  RuleLists& lists_;
  Rule& rule_;
  RuleBuilder builder_;
  size_t begin_ = 0;
  size_t at_ = 0;
  std::string key_;
};

// For the report on a rule that was not read to its sid.
uint32_t find_sid(std::string_view text) {
  for (size_t at = text.find("sid:"); at != std::string_view::npos;
       at = text.find("sid:", at + 1)) {
    if (at > 0 && text[at - 1] != ' ' && text[at - 1] != ';' && text[at - 1] != '(') continue;
    const RuleValue number = RuleValue{0, text}.part(at + 4, text.find(';', at) - at - 4);
    try {
      return static_cast<uint32_t>(parse_number(number, 1, UINT32_MAX));
    } catch (const RuleRefused&) {
      continue;
    }
  }
  return 0;
}

}  // namespace

std::optional<RuleRefusal> parse_rule(const RuleText& text, const std::string& file,
                                      RuleLists& lists, Rule& rule) {
  Parser parser(text, lists, rule);
  try {
    parser.parse();
    return std::nullopt;
  } catch (RuleRefused& refused) {
    const size_t offset = std::min(refused.offset, text.text.size());
    std::string key = refused.key.empty() ? parser.key() : key_of(refused.key);
    return RuleRefusal{refused.kind, rule.sid != 0 ? rule.sid : find_sid(text.text),
                       report(file, text, offset, std::move(key), std::move(refused.found),
                              std::move(refused.allowed))};
  }
}

}  // namespace sluice::rules
