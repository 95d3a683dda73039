// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/signature_rule.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/errors.h"

namespace sluice {
namespace {

struct Parsed {
  bool good = false;
  SignatureRule rule;
  std::vector<ConfigError> errors;
};

Parsed parse(std::string_view text) {
  ConfigErrors errors;
  SignatureReport report(errors);
  Parsed parsed;
  const std::vector<SignatureText> rules = split_rules(text);
  EXPECT_EQ(rules.size(), 1u);
  if (rules.empty()) return parsed;
  parsed.good = parse_signature_rule(rules[0], "test.rules", report, parsed.rule);
  parsed.errors = errors.all();
  EXPECT_EQ(parsed.good, parsed.errors.empty());
  return parsed;
}

std::string with_options(std::string_view options) {
  return "alert tcp any any -> any any (" + std::string(options) + ")";
}

TEST(SignatureRule, ReadsEveryPartOfAGoodRule) {
  const Parsed p =
      parse(R"(drop udp 10.0.0.0/8 1024: <> [2001:db8::1, 192.0.2.7] 53 )"
            R"((msg:"a \"name\"\; with \\ \: signs"; content:"GET|20 2f|x\;"; nocase; )"
            R"(content:!"|00|"; pcre:"/a[;]b/im"; sid:42; rev:7;))");
  // A ; in a value has to be escaped, in an expression as well.
  EXPECT_FALSE(p.good);

  const Parsed q =
      parse(R"(drop udp 10.0.0.0/8 1024: <> [2001:db8::1, 192.0.2.7] 53 )"
            R"((msg:"a \"name\"\; with \\ \: signs"; content:"GET|20 2f|x\;"; nocase; )"
            R"(content:!"|00|"; pcre:"/a\;\/b"/im"; pcre:!"/z/sx"; sid:42; rev:7;))");
  ASSERT_TRUE(q.good);
  const SignatureRule& rule = q.rule;
  EXPECT_TRUE(rule.drop);
  EXPECT_EQ(rule.header.protocol, SignatureProtocol::Udp);
  EXPECT_TRUE(rule.header.both_ways);
  EXPECT_TRUE(rule.header.source.ipv4.contains(0x0a123456));
  EXPECT_FALSE(rule.header.source.ipv4.contains(0x0b000000));
  EXPECT_TRUE(rule.header.source.ipv6.empty());
  EXPECT_TRUE(rule.header.destination.ipv4.contains(0xc0000207));
  EXPECT_FALSE(rule.header.source_ports.contains(1023));
  EXPECT_TRUE(rule.header.source_ports.contains(65535));
  EXPECT_TRUE(rule.header.destination_ports.contains(53));
  EXPECT_FALSE(rule.header.destination_ports.contains(54));
  EXPECT_EQ(rule.msg, R"(a "name"; with \ : signs)");
  EXPECT_EQ(rule.sid, 42u);
  EXPECT_EQ(rule.rev, 7u);
  ASSERT_EQ(rule.patterns.size(), 4u);
  EXPECT_EQ(rule.patterns[0].bytes, "GET /x;");
  EXPECT_TRUE(rule.patterns[0].caseless);
  EXPECT_FALSE(rule.patterns[0].negated);
  EXPECT_EQ(rule.patterns[1].bytes, std::string(1, '\0'));
  EXPECT_TRUE(rule.patterns[1].negated);
  EXPECT_FALSE(rule.patterns[1].caseless);
  EXPECT_EQ(rule.patterns[2].kind, SignaturePattern::Kind::Pcre);
  EXPECT_EQ(rule.patterns[2].bytes, R"(a\;\/b")");
  EXPECT_TRUE(rule.patterns[2].caseless);
  EXPECT_TRUE(rule.patterns[2].multi_line);
  EXPECT_FALSE(rule.patterns[2].dot_all);
  EXPECT_TRUE(rule.patterns[3].negated);
  EXPECT_TRUE(rule.patterns[3].dot_all);
  EXPECT_TRUE(rule.patterns[3].extended);
}

TEST(SignatureRule, AcceptsTheFormsThatPeopleWrite) {
  for (const std::string text : {
           "alert ip any any -> any any (sid:1;)",
           "  alert   tcp\tany any->any any (sid:1;)",
           "alert tcp any any -> any any(sid:1;)",
           "alert tcp any any -> any any ( msg : \"m\" ; content : ! \"x\" ; nocase ; sid : 1 ; )",
           "alert tcp any any -> any any (sid:4294967295; rev:4294967295;)  ",
           "alert tcp ![10.0.0.0/8,!10.1.0.0/16] !80 -> [!::1] [1:5,![3]] (sid:1;)",
           "alert icmp any any -> ::/0 any (content:\"|0aFf|\"; sid:1;)",
           "alert tcp 10.0.0.9/8 any -> any any (sid:1;)",
           "alert tcp any any -> any any (content:\"a, (b)\"; sid:1;)",
       }) {
    const bool separated = text.find("any->any") == std::string::npos;
    EXPECT_EQ(parse(text).good, separated) << text;
  }
}

TEST(SignatureRule, WorksListsAndNegationOut) {
  struct Row {
    const char* ports;
    std::vector<uint16_t> in;
    std::vector<uint16_t> out;
  };
  const Row rows[] = {
      {"any", {0, 80, 65535}, {}},
      {"80", {80}, {79, 81}},
      {"80:90", {80, 85, 90}, {79, 91}},
      {":1023", {0, 1023}, {1024}},
      {"1024:", {1024, 65535}, {1023}},
      {"!80", {0, 79, 81, 65535}, {80}},
      {"![80,443]", {81, 442}, {80, 443}},
      {"[1:100,!50:60]", {1, 49, 61, 100}, {0, 50, 60, 101}},
      {"[!25]", {24, 26}, {25}},
      {"[1:100, ![10:20, !15]]", {9, 15, 21}, {10, 14, 16, 20}},
      {"[0,65535]", {0, 65535}, {1, 65534}},
  };
  for (const Row& row : rows) {
    const Parsed p = parse("alert tcp any " + std::string(row.ports) + " -> any any (sid:1;)");
    ASSERT_TRUE(p.good) << row.ports;
    for (const uint16_t port : row.in) {
      EXPECT_TRUE(p.rule.header.source_ports.contains(port)) << row.ports << " has " << port;
    }
    for (const uint16_t port : row.out) {
      EXPECT_FALSE(p.rule.header.source_ports.contains(port)) << row.ports << " lacks " << port;
    }
  }
}

struct Refused {
  const char* text;
  uint32_t column;
  const char* key;
  const char* in_found;
  const char* in_allowed;
};

void expect_refused(const std::string& text, const Refused& row) {
  const Parsed p = parse(text);
  ASSERT_EQ(p.errors.size(), 1u) << text;
  const ConfigError& e = p.errors[0];
  EXPECT_EQ(e.where.file, "test.rules");
  EXPECT_EQ(e.where.line, 1u);
  EXPECT_EQ(e.where.column, row.column) << text;
  EXPECT_EQ(e.key, row.key) << text;
  EXPECT_NE(e.found.find(row.in_found), std::string::npos) << text << "\n" << e.found;
  EXPECT_NE(e.allowed.find(row.in_allowed), std::string::npos) << text << "\n" << e.allowed;
}

TEST(SignatureRule, NamesPlaceAndPartOfAHeaderThatItRefuses) {
  static constexpr Refused kRows[] = {
      {"reject tcp any any -> any any (sid:1;)", 1, "action", "\"reject\"", "alert or drop"},
      {"alert http any any -> any any (sid:1;)", 7, "protocol", "\"http\"", "icmp"},
      {"alert tcp $HOME_NET any -> any any (sid:1;)", 11, "source", "variable \"$HOME_NET\"",
       "not supported"},
      {"alert tcp any any -> [10.0.0.1,$DNS] any (sid:1;)", 32, "destination", "$DNS", "address"},
      {"alert tcp 10.0.0.256 any -> any any (sid:1;)", 11, "source", "10.0.0.256", "address"},
      {"alert tcp 10.0.0.0/33 any -> any any (sid:1;)", 11, "source", "/33", "address"},
      {"alert tcp [10.0.0.1 any -> any any (sid:1;)", 11, "source", "without its ]", "list"},
      {"alert tcp !any any -> any any (sid:1;)", 11, "source", "leaves nothing", "address"},
      {"alert tcp [] any -> any any (sid:1;)", 12, "source", "nothing", "address"},
      {"alert tcp any 65536 -> any any (sid:1;)", 15, "source port", "65536", "0 to 65535"},
      {"alert tcp any 90:80 -> any any (sid:1;)", 15, "source port", "90:80", "a:b"},
      {"alert tcp any any -> any : (sid:1;)", 26, "destination port", "\":\"", "a:b"},
      {"alert tcp any any -> any $HTTP_PORTS (sid:1;)", 26, "destination port", "$HTTP_PORTS",
       "not supported"},
      {"alert icmp any 8 -> any any (sid:1;)", 16, "source port", "\"8\"", "ICMP"},
      {"alert tcp any any <- any any (sid:1;)", 19, "direction", "\"<-\"", "-> or <>"},
      {"alert tcp any any", 18, "direction", "nothing", "DIRECTION"},
      {"alert tcp any any -> any any", 29, "rule", "its end", "("},
      {"alert tcp any any -> any any sid:1;", 30, "rule", "sid:1;", "("},
      {"alert tcp any any -> any any (sid:1;", 37, "rule", "its end", "closing )"},
      {"alert tcp any any -> any any (sid:1;) x", 39, "rule", "\"x\"", "nothing behind"},
  };
  for (const Refused& row : kRows) expect_refused(row.text, row);
}

TEST(SignatureRule, NamesPlaceAndKeywordOfAnOptionThatItRefuses) {
  static constexpr Refused kRows[] = {
      {"sid:1; flow:established;", 38, "flow", "keyword \"flow\"", "content"},
      {"contnt:\"a\"; sid:1;", 31, "contnt", "keyword", "did you mean \"content\""},
      {"sid:1; gid:1;", 38, "gid", "keyword", "one of"},
      {"msg:\"x\";", 39, "sid", "nothing", "required"},
      {"sid:0;", 35, "sid", "\"0\"", "1 to 4294967295"},
      {"sid:4294967296;", 35, "sid", "4294967296", "1 to 4294967295"},
      {"sid:12x;", 35, "sid", "12x", "1 to 4294967295"},
      {"sid:;", 34, "sid", "nothing", "1 to 4294967295"},
      {"sid:1; rev:-1;", 42, "rev", "-1", "1 to 4294967295"},
      {"sid:1; sid:2;", 38, "sid", "a second one", "one a rule"},
      {"sid:1; msg:x;", 42, "msg", "\"x\"", "quotes"},
      {"sid:1; msg:\"\x01\";", 43, "msg", "byte 0x01", "UTF-8"},
      {"sid:1; msg:\"\xc3(\";", 43, "msg", "byte 0xc3", "UTF-8"},
      {"sid:1; nocase;", 38, "nocase", "no content", "behind"},
      {"sid:1; pcre:\"/a/\"; nocase;", 50, "nocase", "no content", "behind"},
      {"sid:1; content:\"a\"; nocase; nocase;", 59, "nocase", "second", "once"},
      {"sid:1; content:\"a\"; nocase:1;", 58, "nocase", "\"1\"", "no value"},
      {"sid:1; content:\"\";", 47, "content", "0 bytes", "1 to"},
      {"sid:1; content:a;", 46, "content", "\"a\"", "quotes"},
      {"sid:1; content:\"|4|\";", 48, "content", "4|", "hexadecimal"},
      {"sid:1; content:\"|4g|\";", 48, "content", "4g", "hexadecimal"},
      {"sid:1; content:\"a|41\";", 48, "content", "no closing", "hexadecimal"},
      {"sid:1; content:\"a||\";", 48, "content", "||", "hexadecimal"},
      {"sid:1; content:\"a\\n\";", 48, "content", "\\n", "as they are"},
      {"sid:1; content:\"a\"b\";", 48, "content", "double quote", "|22|"},
      {"sid:1; pcre:\"abc\";", 44, "pcre", "abc", "/EXPRESSION/FLAGS"},
      {"sid:1; pcre:\"//\";", 44, "pcre", "//", "/EXPRESSION/FLAGS"},
      {"sid:1; pcre:\"/a/iR\";", 48, "pcre", "\"R\"", "i, s, m, x"},
      {"sid:1; ;", 38, "option", "nothing", "one of"},
      {"sid:1", 31, "sid", "no ;", "KEYWORD"},
  };
  for (const Refused& row : kRows) expect_refused(with_options(row.text), row);
}

TEST(SignatureRule, TellsAllErrorsOfARuleAtOnce) {
  const Parsed p = parse(
      "pass tcp $A 70000 <- any any (flow:to_server; content:\"|zz|\"; depth:3; nocase; rev:0;)");
  std::vector<std::string> keys;
  for (const ConfigError& e : p.errors) keys.push_back(e.key);
  const std::vector<std::string> expected = {
      "action", "source", "source port", "direction", "flow", "content", "depth", "rev", "sid"};
  EXPECT_EQ(keys, expected);
}

TEST(SignatureRule, JoinsContinuedLinesAndKeepsTheirPlaces) {
  const Parsed p = parse(
      "# comment \\\n\n  alert tcp any any -> any any \\\r\n  (msg:\"one\"; \\\n  flow:x; "
      "sid:5;)\n");
  ASSERT_EQ(p.errors.size(), 1u);
  EXPECT_EQ(p.errors[0].where.line, 5u);
  EXPECT_EQ(p.errors[0].where.column, 3u);
  EXPECT_EQ(p.errors[0].where.text, "  flow:x; sid:5;)");
  EXPECT_EQ(p.rule.msg, "one");
  EXPECT_EQ(p.rule.sid, 5u);
}

TEST(SignatureRule, BoundsLengths) {
  const std::string at_limit(kMaxContentBytes, 'a');
  EXPECT_TRUE(parse(with_options("content:\"" + at_limit + "\"; sid:1;")).good);
  EXPECT_FALSE(parse(with_options("content:\"" + at_limit + "a\"; sid:1;")).good);

  std::string contents;
  for (size_t i = 0; i < kMaxRulePatterns; ++i) contents += "content:\"a\"; ";
  EXPECT_TRUE(parse(with_options(contents + "sid:1;")).good);
  EXPECT_FALSE(parse(with_options(contents + "pcre:\"/a/\"; sid:1;")).good);

  const std::string bare = with_options("sid:1;");
  EXPECT_TRUE(parse(bare + std::string(kMaxRuleBytes - bare.size(), ' ')).good);
  EXPECT_FALSE(parse(bare + std::string(kMaxRuleBytes - bare.size() + 1, ' ')).good);

  EXPECT_TRUE(parse("alert tcp " + std::string(8, '[') + "::1" + std::string(8, ']') +
                    " any -> any any (sid:1;)")
                  .good);
  EXPECT_FALSE(parse("alert tcp " + std::string(4000, '[') + "::1" + std::string(4000, ']') +
                     " any -> any any (sid:1;)")
                   .good);
}

TEST(SignatureRule, RefusesAZeroByte) {
  std::string text = with_options("content:\"a\"; sid:1;");
  text[40] = '\0';
  const Parsed p = parse(text);
  ASSERT_EQ(p.errors.size(), 1u);
  EXPECT_EQ(p.errors[0].where.column, 41u);
}

TEST(SignatureRanges, ComplementTwiceIsTheSameSet) {
  PortSet set;
  set.insert(0, 5);
  set.insert(7, 7);
  set.insert(6, 6);
  set.insert(60000, 65535);
  PortSet twice = set;
  twice.complement();
  EXPECT_TRUE(twice.contains(8));
  EXPECT_FALSE(twice.contains(7));
  EXPECT_FALSE(twice.contains(65535));
  twice.complement();
  EXPECT_EQ(set, twice);
  PortSet none = PortSet::all();
  none.complement();
  EXPECT_TRUE(none.empty());
  none.complement();
  EXPECT_TRUE(none.is_all());
}

}  // namespace
}  // namespace sluice
