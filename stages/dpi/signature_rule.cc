// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/signature_rule.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "stages/dpi/signature_list.h"
#include "stages/dpi/signature_value.h"

namespace sluice {
namespace {

const std::vector<std::string> kKeywords = {"msg", "content", "nocase", "pcre", "sid", "rev"};

constexpr std::string_view kBlank = " \t\r\v\f";

class RuleParser {
 public:
  RuleParser(const SignatureText& source, const std::string& file, SignatureReport& report,
             SignatureRule& rule)
      : source_(source), text_(source.text), file_(file), report_(report), rule_(rule) {}

  bool parse() {
    const size_t before = report_.count();
    if (!sound()) return false;
    if (parse_header()) parse_options();
    return report_.count() == before;
  }

 private:
  struct Token {
    size_t offset = 0;
    std::string_view text;
    bool closed = true;  // every [ has its ]
  };

  void error(size_t offset, std::string_view key, std::string found, std::string allowed) {
    report_.add(file_, source_, offset, std::string(key), std::move(found), std::move(allowed));
  }

  bool sound() {
    if (text_.size() > kMaxRuleBytes) {
      error(0, "rule", std::to_string(text_.size()) + " bytes",
            "at most " + std::to_string(kMaxRuleBytes));
      return false;
    }
    if (const size_t zero = text_.find('\0'); zero != std::string_view::npos) {
      error(zero, "rule", "byte 0x00", "text; in content write it |00|");
      return false;
    }
    return true;
  }

  void skip_blank() {
    const size_t next = text_.find_first_not_of(kBlank, at_);
    at_ = next == std::string_view::npos ? text_.size() : next;
  }

  // A word of the header; blanks inside of [] belong to it.
  Token header_token() {
    skip_blank();
    const size_t begin = at_;
    unsigned depth = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '(' || (depth == 0 && kBlank.find(c) != std::string_view::npos)) break;
      if (c == '[') ++depth;
      if (c == ']' && depth > 0) --depth;
    }
    return {begin, text_.substr(begin, at_ - begin), depth == 0};
  }

  bool parse_header() {
    static constexpr std::string_view kWords[] = {"action",          "protocol",  "source",
                                                  "source port",     "direction", "destination",
                                                  "destination port"};
    Token words[std::size(kWords)];
    for (size_t i = 0; i < std::size(kWords); ++i) {
      words[i] = header_token();
      if (words[i].text.empty()) {
        error(words[i].offset, kWords[i], "nothing",
              "ACTION PROTOCOL SOURCE PORT DIRECTION DESTINATION PORT (OPTIONS)");
        return false;
      }
      if (!words[i].closed) {
        error(words[i].offset, kWords[i], "[ without its ]", "a list in []");
        return false;
      }
    }
    SignatureHeader& header = rule_.header;
    parse_action(words[0]);
    parse_protocol(words[1]);
    parse_list(words[2], kWords[2], parse_address_list, header.source);
    parse_ports(words[3], kWords[3], header.source_ports);
    if (words[4].text == "<>") {
      header.both_ways = true;
    } else if (words[4].text != "->") {
      error(words[4].offset, kWords[4], quoted(words[4].text), "-> or <>");
    }
    parse_list(words[5], kWords[5], parse_address_list, header.destination);
    parse_ports(words[6], kWords[6], header.destination_ports);
    skip_blank();
    const size_t open = at_;
    if (open == text_.size() || text_[open] != '(') {
      const std::string found = open == text_.size() ? "its end" : quoted(header_token().text);
      error(open, "rule", found, "( and the options");
      return false;
    }
    ++at_;
    return true;
  }

  void parse_action(const Token& word) {
    if (word.text == "drop") {
      rule_.drop = true;
    } else if (word.text != "alert") {
      error(word.offset, "action", quoted(word.text), "alert or drop");
    }
  }

  void parse_protocol(const Token& word) {
    static constexpr std::pair<std::string_view, SignatureProtocol> kProtocols[] = {
        {"ip", SignatureProtocol::Ip},
        {"tcp", SignatureProtocol::Tcp},
        {"udp", SignatureProtocol::Udp},
        {"icmp", SignatureProtocol::Icmp},
    };
    for (const auto& [name, protocol] : kProtocols) {
      if (word.text != name) continue;
      rule_.header.protocol = protocol;
      return;
    }
    error(word.offset, "protocol", quoted(word.text), "one of: ip, tcp, udp, icmp");
  }

  template <typename Set>
  bool parse_list(const Token& word, std::string_view key,
                  std::optional<Set> (*parse)(std::string_view, SignatureListError&), Set& set) {
    SignatureListError why;
    std::optional<Set> list = parse(word.text, why);
    if (!list) {
      error(word.offset + why.offset, key, std::move(why.found), std::move(why.allowed));
      return false;
    }
    set = std::move(*list);
    return true;
  }

  void parse_ports(const Token& word, std::string_view key, PortSet& ports) {
    if (!parse_list(word, key, parse_port_list, ports)) return;
    if (rule_.header.protocol == SignatureProtocol::Icmp && !ports.is_all()) {
      error(word.offset, key, quoted(word.text), "any: ICMP has no ports");
    }
  }

  void parse_options() {
    for (;;) {
      skip_blank();
      if (at_ == text_.size()) {
        error(at_, "rule", "its end", "an option or the closing )");
        return;
      }
      if (text_[at_] == ')') break;
      if (!parse_option()) return;
    }
    const size_t close = at_++;
    skip_blank();
    if (at_ != text_.size()) {
      error(at_, "rule", quoted(text_.substr(at_)), "nothing behind the closing )");
    }
    if (!seen_sid_) error(close, "sid", "nothing", "sid:NUMBER; is required");
  }

  // False where what follows cannot be told apart.
  bool parse_option() {
    const size_t begin = at_;
    const size_t end = value_end(text_, at_);
    if (end == std::string_view::npos) {
      const std::string_view rest = text_.substr(begin);
      error(begin, key_of(rest.substr(0, rest.find_first_of(":;) \t"))), "no ; at its end",
            "KEYWORD; or KEYWORD:VALUE;");
      return false;
    }
    at_ = end + 1;
    const std::string_view option = text_.substr(begin, end - begin);
    const size_t colon = option.find(':');
    const std::string_view name = trimmed(option.substr(0, colon));
    SignatureValue value;
    if (colon != std::string_view::npos) {
      value.text = trimmed(option.substr(colon + 1));
      value.offset = value.text.empty() ? begin + colon
                                        : static_cast<size_t>(value.text.data() - text_.data());
    } else {
      value.offset = begin;
    }
    keyword(begin, name, value, colon != std::string_view::npos);
    return true;
  }

  // A keyword as the key of an error; "option" where it is none.
  static std::string_view key_of(std::string_view name) {
    const bool good = std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    });
    return good && !name.empty() && name.size() <= 64 ? name : "option";
  }

  static std::string_view trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
  }

  void keyword(size_t offset, std::string_view name, const SignatureValue& value, bool has_value) {
    if (name == "nocase") {
      nocase(offset, value, has_value);
    } else if (name == "msg") {
      if (once(offset, name, seen_msg_)) msg(value);
    } else if (name == "sid") {
      if (!once(offset, name, seen_sid_)) return;
      number(name, value, rule_.sid);
      rule_.sid_where = position(source_, value.offset);
    } else if (name == "rev") {
      if (once(offset, name, seen_rev_)) number(name, value, rule_.rev);
    } else if (name == "content" || name == "pcre") {
      pattern(offset, name, value);
    } else {
      unknown(offset, name);
    }
  }

  void unknown(size_t offset, std::string_view name) {
    error(offset, key_of(name), name.empty() ? "nothing" : "keyword " + quoted(name),
          one_of(kKeywords, name));
    // A nocase may belong to what was refused here.
    nocase_pardoned_ = true;
  }

  bool once(size_t offset, std::string_view name, bool& seen) {
    if (seen) error(offset, name, "a second one", "one a rule");
    return !std::exchange(seen, true);
  }

  void msg(const SignatureValue& value) {
    SignatureValueError why;
    if (!parse_msg(value, rule_.msg, why)) value_error("msg", why);
  }

  void number(std::string_view key, const SignatureValue& value, uint32_t& out) {
    const char* end = value.text.data() + value.text.size();
    const auto [parsed, code] = std::from_chars(value.text.data(), end, out);
    if (value.text.empty() || code != std::errc{} || parsed != end || out == 0) {
      error(value.offset, key, value.text.empty() ? "nothing" : quoted(value.text),
            "1 to 4294967295");
    }
  }

  void pattern(size_t offset, std::string_view key, const SignatureValue& value) {
    // A nocase behind a pattern that is refused is not an error of its own.
    nocase_applies_ = key == "content";
    if (rule_.patterns.size() == kMaxRulePatterns) {
      error(offset, key, "one more", "at most " + std::to_string(kMaxRulePatterns) + " a rule");
      return;
    }
    SignaturePattern pattern;
    pattern.where = position(source_, value.offset);
    SignatureValueError why;
    const bool good =
        key == "pcre" ? parse_pcre(value, pattern, why) : parse_content(value, pattern, why);
    if (!good) value_error(key, why);
    rule_.patterns.push_back(std::move(pattern));
  }

  void nocase(size_t offset, const SignatureValue& value, bool has_value) {
    if (has_value) {
      error(value.offset, "nocase", quoted(value.text), "no value");
    } else if (nocase_pardoned_) {
      return;
    } else if (!nocase_applies_) {
      error(offset, "nocase", "no content before it", "once behind each content");
    } else if (std::exchange(rule_.patterns.back().caseless, true)) {
      error(offset, "nocase", "a second one", "once behind each content");
    }
  }

  void value_error(std::string_view key, SignatureValueError& why) {
    error(why.offset, key, std::move(why.found), std::move(why.allowed));
  }

  const SignatureText& source_;
  const std::string_view text_;
  const std::string& file_;
  SignatureReport& report_;
  SignatureRule& rule_;
  size_t at_ = 0;
  bool seen_msg_ = false;
  bool seen_sid_ = false;
  bool seen_rev_ = false;
  bool nocase_applies_ = false;
  bool nocase_pardoned_ = false;
};

}  // namespace

bool parse_signature_rule(const SignatureText& text, const std::string& file,
                          SignatureReport& report, SignatureRule& rule) {
  return RuleParser(text, file, report, rule).parse();
}

}  // namespace sluice
