// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/signature_scanner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "signature_packet.h"
#include "stages/dpi/signature_compiler.h"

namespace sluice {
namespace {

using test::SignaturePacket;

class Scan {
 public:
  explicit Scan(std::string_view rules) {
    ConfigErrors errors;
    SignatureCompiler compiler(errors);
    compiler.add_text("test.rules", rules);
    set_ = compiler.compile(directory_);
    EXPECT_TRUE(set_) << errors.to_string();
    if (set_) scanner_ = std::make_unique<SignatureScanner>(set_);
  }

  std::vector<uint32_t> sids(SignaturePacket& packet, unsigned max = 16) {
    std::vector<SignatureMatch> out(max);
    out.resize(scanner_->scan(packet.mbuf(), out.data(), max));
    std::vector<uint32_t> sids;
    for (const SignatureMatch& match : out) sids.push_back(match.sid);
    return sids;
  }
  std::vector<uint32_t> sids(std::string_view payload, unsigned max = 16) {
    SignaturePacket packet(IPPROTO_TCP, "10.0.0.1", 31337, "10.0.0.2", 80, payload);
    return sids(packet, max);
  }

  SignatureScanner& scanner() { return *scanner_; }
  const SignatureSet& set() { return *set_; }
  Directory& directory() { return directory_; }

 private:
  Directory directory_;
  std::shared_ptr<const SignatureSet> set_;
  std::unique_ptr<SignatureScanner> scanner_;
};

using Sids = std::vector<uint32_t>;

std::string tcp_rule(std::string_view options) {
  return "alert tcp any any -> any any (" + std::string(options) + " sid:1;)";
}

TEST(SignatureScan, MatchesWhatTheOptionsSay) {
  using namespace std::string_view_literals;
  struct Row {
    const char* options;
    std::string_view payload;
    bool matches;
  };
  const Row rows[] = {
      {R"(content:"abc";)", "xxabcxx"sv, true},
      {R"(content:"abc";)", "xxABCxx"sv, false},
      {R"(content:"abc";)", "ab"sv, false},
      {R"(content:"aBc"; nocase;)", "xxAbCxx"sv, true},
      {R"(content:"|41 00 ff|z";)", "\x41\x00\xffz"sv, true},
      {R"(content:"|41 00 ff|z";)", "\x41\x00\xfez"sv, false},
      {R"(content:"|C3 84|"; nocase;)", "\xc3\x84"sv, true},
      {R"(content:"a.c*";)", "xa.c*x"sv, true},
      {R"(content:"a.c*";)", "xabcc"sv, false},
      {R"(content:"a^$()[]{}?+|7C|/\\";)", "a^$()[]{}?+|/\\"sv, true},
      {R"(content:"\;\"\:\\";)", ";\":\\"sv, true},
      {R"(content:"one"; content:"two";)", "two one"sv, true},
      {R"(content:"one"; content:"two";)", "one"sv, false},
      {R"(content:"one"; content:"ONE";)", "one"sv, false},
      {R"(content:"one"; content:"one"; content:"one";)", "one"sv, true},
      {R"(content:"one"; content:!"two";)", "one"sv, true},
      {R"(content:"one"; content:!"two";)", "one two"sv, false},
      {R"(content:"one"; content:!"one";)", "one"sv, false},
      {R"(content:!"two";)", "one"sv, true},
      {R"(content:!"two";)", "two"sv, false},
      {R"(content:!"two";)", ""sv, false},
      {R"(content:!"TWO"; nocase;)", "two"sv, false},
      {R"(pcre:"/a\d+b/";)", "xa123b"sv, true},
      {R"(pcre:"/a\d+b/";)", "xA123B"sv, false},
      {R"(pcre:"/a\d+b/i";)", "xA123B"sv, true},
      {R"(pcre:"/a.b/";)", "a\nb"sv, false},
      {R"(pcre:"/a.b/s";)", "a\nb"sv, true},
      {R"(pcre:"/^b/";)", "a\nb"sv, false},
      {R"(pcre:"/^b/m";)", "a\nb"sv, true},
      {R"(pcre:"/a b/";)", "ab"sv, false},
      {R"(pcre:"/a b/x";)", "ab"sv, true},
      {R"(pcre:"/a b/x";)", "a b"sv, false},
      {R"(pcre:"/a*/";)", "x"sv, true},
      {R"(pcre:!"/a\d/";)", "a1"sv, false},
      {R"(pcre:!"/a\d/";)", "ab"sv, true},
      {R"(content:"a"; pcre:"/\/x\;/"; pcre:!"/y/i";)", "a/x;"sv, true},
      {R"(content:"a"; pcre:"/\/x\;/"; pcre:!"/y/i";)", "a/x;Y"sv, false},
      {"", "anything"sv, true},
      {"", ""sv, true},
  };
  for (const Row& row : rows) {
    Scan scan(tcp_rule(row.options));
    EXPECT_EQ(scan.sids(row.payload) == Sids{1}, row.matches) << row.options << " " << row.payload;
    // What one packet had must not reach the next one.
    EXPECT_EQ(scan.sids(row.payload) == Sids{1}, row.matches) << row.options << " again";
  }
}

TEST(SignatureScan, MatchesWhatTheHeaderSays) {
  struct Row {
    const char* header;
    uint8_t protocol;
    const char* source;
    uint16_t source_port;
    const char* destination;
    uint16_t destination_port;
    bool matches;
    bool wanted;  // by the packet's flow
  };
  constexpr uint8_t kTcp = IPPROTO_TCP;
  constexpr uint8_t kUdp = IPPROTO_UDP;
  constexpr uint8_t kIcmp = IPPROTO_ICMP;
  const Row rows[] = {
      {"tcp any any -> any any", kTcp, "10.0.0.1", 1, "10.0.0.2", 2, true, true},
      {"tcp any any -> any any", kTcp, "2001:db8::1", 1, "2001:db8::2", 2, true, true},
      {"tcp any any -> any any", kUdp, "10.0.0.1", 1, "10.0.0.2", 2, false, false},
      {"udp any any -> any any", kUdp, "10.0.0.1", 1, "10.0.0.2", 2, true, true},
      {"udp any any -> any any", kTcp, "10.0.0.1", 1, "10.0.0.2", 2, false, false},
      {"icmp any any -> any any", kIcmp, "10.0.0.1", 0, "10.0.0.2", 0, true, true},
      {"icmp any any -> any any", IPPROTO_ICMPV6, "2001:db8::1", 0, "2001:db8::2", 0, true, true},
      {"icmp any any -> any any", kUdp, "10.0.0.1", 1, "10.0.0.2", 2, false, false},
      {"ip any any -> any any", kTcp, "10.0.0.1", 1, "10.0.0.2", 2, true, true},
      {"ip any any -> any any", kIcmp, "10.0.0.1", 0, "10.0.0.2", 0, true, true},
      {"ip any any -> any any", IPPROTO_GRE, "10.0.0.1", 0, "10.0.0.2", 0, true, true},
      {"tcp any any -> any any", IPPROTO_GRE, "10.0.0.1", 0, "10.0.0.2", 0, false, false},
      {"ip any any -> any 80", kUdp, "10.0.0.1", 1, "10.0.0.2", 80, true, true},
      {"ip any any -> any !80", kIcmp, "10.0.0.1", 0, "10.0.0.2", 0, false, false},
      {"tcp 10.0.0.1 any -> any any", kTcp, "10.0.0.1", 1, "10.0.0.2", 2, true, true},
      {"tcp 10.0.0.1 any -> any any", kTcp, "10.0.0.2", 1, "10.0.0.1", 2, false, true},
      {"tcp 10.0.0.1 any <> any any", kTcp, "10.0.0.2", 1, "10.0.0.1", 2, true, true},
      {"tcp 10.0.0.1 any <> any any", kTcp, "10.0.0.2", 1, "10.0.0.3", 2, false, false},
      {"tcp any 80 <> 10.0.0.2 any", kTcp, "10.0.0.2", 1, "10.0.0.1", 80, true, true},
      {"tcp any 80 <> 10.0.0.2 any", kTcp, "10.0.0.2", 80, "10.0.0.1", 1, false, false},
      {"tcp any any -> 10.0.0.0/8 80", kTcp, "192.0.2.1", 1, "10.200.0.1", 80, true, true},
      {"tcp any any -> 10.0.0.0/8 80", kTcp, "192.0.2.1", 1, "11.0.0.1", 80, false, false},
      {"tcp any any -> 10.0.0.0/8 80", kTcp, "10.200.0.1", 80, "192.0.2.1", 1, false, true},
      {"tcp any any -> !10.0.0.0/8 any", kTcp, "10.0.0.1", 1, "192.0.2.1", 2, true, true},
      {"tcp any any -> !10.0.0.0/8 any", kTcp, "192.0.2.1", 1, "10.0.0.1", 2, false, true},
      {"tcp any any -> !10.0.0.0/8 any", kTcp, "2001:db8::1", 1, "2001:db8::2", 2, true, true},
      {"tcp any any -> 0.0.0.0/0 any", kTcp, "2001:db8::1", 1, "2001:db8::2", 2, false, false},
      {"tcp any any -> ::/0 any", kTcp, "2001:db8::1", 1, "2001:db8::2", 2, true, true},
      {"tcp any any -> ::/0 any", kTcp, "10.0.0.1", 1, "10.0.0.2", 2, false, false},
      {"tcp 2001:db8::/32 any -> any any", kTcp, "2001:db8:ffff::1", 1, "::1", 2, true, true},
      {"tcp 2001:db8::/32 any -> any any", kTcp, "2001:db9::1", 1, "::1", 2, false, false},
      {"tcp [10.0.0.0/24,!10.0.0.7] any -> any any", kTcp, "10.0.0.6", 1, "::", 2, true, true},
      {"tcp [10.0.0.0/24,!10.0.0.7] any -> any any", kTcp, "10.0.0.7", 1, "1.1.1.1", 2, false,
       false},
      {"tcp any [1:1023,!80] -> any any", kTcp, "10.0.0.1", 22, "10.0.0.2", 2000, true, true},
      {"tcp any [1:1023,!80] -> any any", kTcp, "10.0.0.1", 80, "10.0.0.2", 2000, false, false},
      {"udp any any -> any [53,5353]", kUdp, "10.0.0.1", 80, "10.0.0.2", 5353, true, true},
      {"udp any any -> any [53,5353]", kUdp, "10.0.0.1", 80, "10.0.0.2", 54, false, false},
  };
  for (const Row& row : rows) {
    for (const char* options :
         {"(sid:1;)", "(content:\"x\"; sid:1;)", "(content:!\"y\"; sid:1;)"}) {
      Scan scan("alert " + std::string(row.header) + " " + options);
      SignaturePacket packet(row.protocol, row.source, row.source_port, row.destination,
                             row.destination_port, "axb");
      EXPECT_EQ(scan.sids(packet) == Sids{1}, row.matches)
          << row.header << " " << options << ": " << row.source << " -> " << row.destination;
      EXPECT_EQ(scan.scanner().wants(packet.flow()), row.wanted) << row.header;
    }
  }
}

TEST(SignatureScan, TakesAnIcmpErrorForItselfAndNotForTheFlowItQuotes) {
  Scan scan(
      "alert icmp 192.0.2.1 any -> any any (content:\"x\"; sid:1;)\n"
      "alert tcp any any -> any any (content:\"x\"; sid:2;)\n");
  SignaturePacket error(IPPROTO_ICMP, "192.0.2.1", 0, "10.0.0.1", 0, "axb");
  SignaturePacket quoted(IPPROTO_TCP, "10.0.0.1", 1, "10.0.0.2", 2, "");
  meta(error.mbuf()).flags |= kMetaIcmpError;
  meta(error.mbuf()).flow = &quoted.flow();
  EXPECT_EQ(scan.sids(error), Sids{1});
}

TEST(SignatureScan, LooksAtNothingOfAFrameThatIsNoIp) {
  Scan scan("alert ip any any -> any any (sid:1;)");
  SignaturePacket frame(IPPROTO_TCP, "10.0.0.1", 1, "10.0.0.2", 2, "");
  frame.mbuf()->l3_len = 0;
  meta(frame.mbuf()).flow = nullptr;
  meta(frame.mbuf()).flags = kMetaControl;
  EXPECT_EQ(scan.sids(frame), Sids{});
}

TEST(SignatureScan, LooksForPatternsInThePayloadOnly) {
  Scan scan(tcp_rule(R"(content:"|00 50|";)"));
  EXPECT_EQ(scan.sids("no such bytes"), Sids{});  // port 80 is in the header
}

TEST(SignatureScan, TellsSeveralRulesDropBeforeAlert) {
  Scan scan(
      "alert tcp any any -> any any (msg:\"first\"; content:\"abc\"; sid:10; rev:3;)\n"
      "alert tcp any any -> any any (content:\"b\"; sid:11;)\n"
      "drop tcp any any -> any any (msg:\"third\"; content:\"c\"; sid:12;)\n"
      "drop ip any any -> any any (sid:13;)\n");
  EXPECT_EQ(scan.sids("abc"), (Sids{12, 13, 10, 11}));
  EXPECT_EQ(scan.sids("abc", 2), (Sids{12, 13}));
  EXPECT_EQ(scan.sids("abc", 1), Sids{12});
  EXPECT_EQ(scan.sids("b"), (Sids{13, 11}));

  SignatureMatch out[4];
  SignaturePacket packet(IPPROTO_TCP, "10.0.0.1", 1, "10.0.0.2", 2, "abc");
  ASSERT_EQ(scan.scanner().scan(packet.mbuf(), out, 4), 4u);
  EXPECT_TRUE(out[0].drop);
  EXPECT_EQ(scan.directory().name(out[0].msg), "third");
  EXPECT_EQ(out[1].msg, 0u);
  EXPECT_FALSE(out[2].drop);
  EXPECT_EQ(out[2].gid, 1u);
  EXPECT_EQ(out[2].rev, 3u);
  EXPECT_EQ(scan.directory().name(out[2].msg), "first");
  EXPECT_EQ(scan.set().rule(out[2].index).sid, 10u);
  EXPECT_EQ(scan.scanner().scan(packet.mbuf(), out, 0), 0u);
}

TEST(SignatureScan, KeepsClassesApart) {
  Scan scan(
      "alert tcp any any -> any any (content:\"abc\"; sid:1;)\n"
      "alert udp any any -> any any (content:\"abc\"; sid:2;)\n"
      "alert ip any any -> any any (content:\"bc\"; sid:3;)\n"
      "alert udp any any -> any any (content:\"xyz\"; sid:4;)\n");
  SignaturePacket tcp(IPPROTO_TCP, "10.0.0.1", 1, "10.0.0.2", 2, "abc xyz");
  SignaturePacket udp(IPPROTO_UDP, "10.0.0.1", 1, "10.0.0.2", 2, "abc xyz");
  SignaturePacket gre(IPPROTO_GRE, "10.0.0.1", 0, "10.0.0.2", 0, "abc xyz");
  EXPECT_EQ(scan.sids(tcp), (Sids{1, 3}));
  EXPECT_EQ(scan.sids(udp), (Sids{2, 3, 4}));
  EXPECT_EQ(scan.sids(gre), Sids{3});
}

TEST(SignatureScan, CompilesTenThousandRulesAndFindsEachOfThem) {
  constexpr uint32_t kRules = 10'000;
  std::string rules;
  for (uint32_t i = 1; i <= kRules; ++i) {
    rules += "alert tcp any any -> any " + std::to_string(i % 3 == 0 ? 80 : 81) +
             " (msg:\"generated\"; content:\"shared\"; content:\"key-" + std::to_string(i) +
             "-end\"; sid:" + std::to_string(i) + ";)\n";
  }
  Scan scan(rules);
  EXPECT_EQ(scan.set().size(), kRules);
  for (uint32_t i = 1; i <= kRules; i += 7) {
    const std::string key = "key-" + std::to_string(i) + "-end";
    EXPECT_EQ(scan.sids("shared " + key), i % 3 == 0 ? Sids{i} : Sids{});
    EXPECT_EQ(scan.sids(key), Sids{});
  }
}

TEST(SignatureScan, WantsNothingWithoutRules) {
  Scan scan("# none\n");
  SignaturePacket packet(IPPROTO_TCP, "10.0.0.1", 1, "10.0.0.2", 2, "abc");
  EXPECT_TRUE(scan.set().empty());
  EXPECT_FALSE(scan.scanner().wants(packet.flow()));
  EXPECT_EQ(scan.sids(packet), Sids{});
}

TEST(SignatureSet, TellsErrorsOfAllFilesAtOnce) {
  const std::string path = testing::TempDir() + "sluice_signatures_test.rules";
  std::ofstream(path) << "alert tcp any any -> any any (sid:1;)\n"
                         "alert tcp any any -> any any (flow:x; sid:2;)\n"
                         "\n"
                         "alert tcp any any -> any any (sid:1;)\n"
                         "alert tcp any any -> any any (pcre:\"/(a)\\1/\"; sid:3;)\n"
                         "alert tcp any any -> any any (pcre:\"/[/\"; sid:4;)\n";
  Directory directory;
  ConfigErrors errors;
  EXPECT_EQ(SignatureSet::load({path, "/nonexistent/x.rules"}, directory, errors), nullptr);
  std::vector<std::string> seen;
  for (const ConfigError& e : errors.all()) {
    seen.push_back(std::to_string(e.where.line) + " " + e.key);
  }
  std::sort(seen.begin(), seen.end());
  const std::vector<std::string> expected = {"0 rules", "2 flow", "4 sid", "5 pcre", "6 pcre"};
  EXPECT_EQ(seen, expected) << errors.to_string();
  for (const ConfigError& e : errors.all()) {
    if (e.where.line == 4) {
      EXPECT_NE(e.found.find(path + ":1"), std::string::npos) << e.found;
    }
    if (e.where.line == 5) {
      EXPECT_EQ(e.where.column, 36u);
    }
  }
  std::ofstream(path) << "alert tcp any any -> any any (sid:1;)\n";
  ConfigErrors none;
  const auto set = SignatureSet::load({path}, directory, none);
  ASSERT_TRUE(set) << none.to_string();
  EXPECT_EQ(set->size(), 1u);
}

TEST(SignatureSet, RefusesAnExpressionThatIsTooLargeWithItsLine) {
  Directory directory;
  ConfigErrors errors;
  SignatureCompiler compiler(errors);
  compiler.add_text("big.rules",
                    "alert tcp any any -> any any (content:\"fine\"; sid:1;)\n"
                    "alert tcp any any -> any any (pcre:\"/(a[^b]{20}c.{15}){40}/s\"; sid:2;)\n"
                    "alert tcp any any -> any any (pcre:\"/(d[^e]{21}f.{15}){40}/s\"; sid:3;)\n");
  EXPECT_EQ(compiler.compile(directory), nullptr);
  std::vector<uint32_t> lines;
  for (const ConfigError& e : errors.all()) {
    lines.push_back(e.where.line);
    EXPECT_EQ(e.key, "pcre");
  }
  EXPECT_EQ(lines, (std::vector<uint32_t>{2, 3})) << errors.to_string();
}

}  // namespace
}  // namespace sluice
