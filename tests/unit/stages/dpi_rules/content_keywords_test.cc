// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>

#include "rule_parsing.h"

namespace sluice::rules {
namespace {

using namespace std::string_literals;
constexpr RefusalKind kUnsupported = RefusalKind::Unsupported;

TEST(ContentKeyword, BytesHexAndEscapes) {
  EXPECT_EQ(item<RuleContent>(with(R"(content:"abc";)")).bytes, "abc");
  EXPECT_EQ(item<RuleContent>(with(R"(content:"a|00 4142|b|7c|";)")).bytes, "a\0ABb|"s);
  EXPECT_EQ(item<RuleContent>(with(R"(content:"|3 a20|";)")).bytes, ": ");
  EXPECT_EQ(item<RuleContent>(with(R"(content:"\;\"\\\:";)")).bytes, ";\"\\:");
  EXPECT_FALSE(item<RuleContent>(with(R"(content:"abc";)")).negated);
  EXPECT_TRUE(item<RuleContent>(with(R"(content:!"abc";)")).negated);
  EXPECT_EQ(item<RuleContent>(with(R"(content: ! " a ";)")).bytes, " a ");
  static constexpr BadOptions kBad[] = {
      {R"(content:@abc;)", "content", "\"abc\""},
      {R"(content:"@|4|";)", "content", "\"|4|\""},
      {R"(content:"@||";)", "content", "\"||\""},
      {R"(content:"a@|41";)", "content", "no closing |"},
      {R"(content:"|4@x|";)", "content", "\"x\""},
      {R"(content:"a@"b";)", "content", "a double quote"},
      {R"(content:"a@\n";)", "content", "\"\\n\""},
      {R"(content:"@";)", "content", "0 bytes"},
      {R"(@content;)", "content", "nothing"},
  };
  expect_refused(kBad);
}

TEST(ContentKeyword, LengthAndNumber) {
  std::string long_one(kMaxContentBytes, 'x');
  EXPECT_EQ(item<RuleContent>(with("content:\"" + long_one + "\";")).bytes.size(),
            kMaxContentBytes);
  expect_refused("alert ip any any -> any any (content:\"@" + long_one + "x\"; sid:7;)", "content",
                 "2049 bytes");
  std::string many;
  for (size_t i = 0; i < kMaxRuleItems; ++i) many += "content:\"a\"; ";
  EXPECT_EQ(items(with(many)).size(), kMaxRuleItems);
  expect_refused("alert ip any any -> any any (" + many + "@content:\"a\"; sid:7;)", "content",
                 "one more match", kUnsupported);
}

TEST(ContentKeyword, Flags) {
  const RuleContent plain = item<RuleContent>(with(R"(content:"Ab";)"));
  EXPECT_FALSE(plain.nocase || plain.rawbytes || plain.endswith || plain.fast_pattern);
  EXPECT_TRUE(item<RuleContent>(with(R"(content:"Ab"; nocase;)")).nocase);
  EXPECT_TRUE(item<RuleContent>(with(R"(content:"Ab"; rawbytes;)")).rawbytes);
  EXPECT_TRUE(item<RuleContent>(with(R"(content:"Ab"; endswith;)")).endswith);
  // The content before it, whatever stands between.
  const Rule two = with(R"(content:"a"; content:"b"; flow:established; nocase;)");
  EXPECT_FALSE(item<RuleContent>(two, 0).nocase);
  EXPECT_TRUE(item<RuleContent>(two, 1).nocase);
  static constexpr BadOptions kBad[] = {
      {R"(@nocase;)", "nocase", "no content before it"},
      {R"(content:"a"; nocase; @nocase;)", "nocase", "a second one"},
      {R"(content:"a"; nocase:@1;)", "nocase", "\"1\""},
      {R"(content:"a"; rawbytes; @rawbytes;)", "rawbytes", "a second one"},
      {R"(content:"a"; endswith; @endswith;)", "endswith", "a second one"},
      {R"(content:"a"; file_data; @nocase; content:"b";)", "nocase", "no content before it"},
  };
  expect_refused(kBad);
}

TEST(ContentKeyword, Positions) {
  const RuleContent at = item<RuleContent>(with(R"(content:"abcd"; offset:3; depth:4;)"));
  EXPECT_EQ(at.offset->value, 3);
  EXPECT_EQ(at.depth->value, 4);
  EXPECT_FALSE(at.relative());
  const RuleContent next =
      item<RuleContent>(with(R"(content:"x"; content:"abcd"; distance:-3; within:4;)"), 1);
  EXPECT_EQ(next.distance->value, -3);
  EXPECT_EQ(next.within->value, 4);
  EXPECT_TRUE(next.relative());
  const RuleContent start = item<RuleContent>(with(R"(content:"abcd"; startswith;)"));
  EXPECT_EQ(start.offset->value, 0);
  EXPECT_EQ(start.depth->value, 4);
  static constexpr BadOptions kBad[] = {
      {R"(@offset:1;)", "offset", "no content before it"},
      {R"(@within:1;)", "within", "no content before it"},
      {R"(content:"a"; offset:@65536;)", "offset", "\"65536\""},
      {R"(content:"a"; offset:@-1;)", "offset", "\"-1\""},
      {R"(content:"a"; offset:@x;)", "offset", "\"x\""},
      {R"(content:"a"; @offset;)", "offset", "nothing"},
      {R"(content:"a"; offset:1; @offset:2;)", "offset", "a second one"},
      {R"(content:"a"; depth:1; @depth:2;)", "depth", "a second one"},
      {R"(content:"a"; distance:1; @distance:2;)", "distance", "a second one"},
      {R"(content:"a"; within:1; @within:2;)", "within", "a second one"},
      {R"(content:"a"; within:@0;)", "within", "\"0\""},
      {R"(content:"a"; distance:@1048577;)", "distance", "\"1048577\""},
      {R"(@content:"abc"; depth:2;)", "content", "depth below its length of 3"},
      {R"(content:"x"; @content:"abc"; within:2;)", "content", "within below its length of 3"},
      {R"(content:"a"; offset:1; @distance:2;)", "distance", "offset or depth together"},
      {R"(content:"a"; depth:1; @within:2;)", "within", "offset or depth together"},
      {R"(content:"a"; distance:1; @offset:2;)", "offset", "offset or depth together"},
      {R"(content:"a"; within:1; @depth:2;)", "depth", "offset or depth together"},
      {R"(content:"a"; depth:1; @startswith;)", "startswith", "beside offset"},
      {R"(content:"a"; distance:1; @startswith;)", "startswith", "beside offset"},
      {R"(content:"a"; startswith; @depth:9;)", "depth", "a second one"},
  };
  expect_refused(kBad);
}

TEST(ContentKeyword, FastPattern) {
  EXPECT_TRUE(item<RuleContent>(with(R"(content:"abcdef"; fast_pattern;)")).fast_pattern);
  const RuleContent only = item<RuleContent>(with(R"(content:"abcdef"; fast_pattern:only;)"));
  EXPECT_TRUE(only.fast_pattern && only.fast_pattern_only);
  const RuleContent chop = item<RuleContent>(with(R"(content:"abcdef"; fast_pattern:2,4;)"));
  EXPECT_TRUE(chop.fast_pattern);
  EXPECT_EQ(chop.chop_offset, 2);
  EXPECT_EQ(chop.chop_length, 4);
  EXPECT_TRUE(item<RuleContent>(with(R"(content:!"abc"; fast_pattern;)")).fast_pattern);
  static constexpr BadOptions kBad[] = {
      {R"(@fast_pattern;)", "fast_pattern", "no content before it"},
      {R"(content:"a"; fast_pattern; content:"b"; @fast_pattern;)", "fast_pattern", "a second one"},
      {R"(content:"abc"; fast_pattern:2,@2;)", "fast_pattern", "\"2\""},
      {R"(content:"abc"; fast_pattern:@3,1;)", "fast_pattern", "\"3\""},
      {R"(content:"abc"; fast_pattern:1@;)", "fast_pattern", "nothing"},
      {R"(content:"abc"; fast_pattern:1,1,@1;)", "fast_pattern", "\"1\""},
      {R"(@content:!"abc"; depth:9; fast_pattern;)", "content", "fast_pattern with a negated"},
      {R"(@content:!"abc"; fast_pattern:only;)", "content", "fast_pattern:only with"},
      {R"(@content:"abc"; depth:9; fast_pattern:only;)", "content", "fast_pattern:only with"},
      {R"(@content:!"abc"; fast_pattern:0,2;)", "content", "part of a negated"},
      {R"(content:"abc"; fast_pattern:only; @content:"d"; distance:1;)", "content",
       "relative to a content with fast_pattern:only"},
  };
  expect_refused(kBad);
}

TEST(ContentKeyword, IsDataAt) {
  const RuleIsDataAt at = item<RuleIsDataAt>(with("isdataat:!512;"));
  EXPECT_EQ(at.position.value, 512);
  EXPECT_TRUE(at.negated);
  EXPECT_FALSE(at.relative);
  EXPECT_TRUE(
      item<RuleIsDataAt>(with(R"(content:"a"; isdataat:1, relative,rawbytes;)"), 1).relative);
  // It goes to the buffer of the match that it counts from.
  const Rule moved = with(R"(content:"a"; http_uri; isdataat:1,relative;)");
  EXPECT_EQ(moved.buffers[0].buffer, Buffer::HttpUri);
  EXPECT_EQ(items(moved).size(), 2u);
  const Rule stayed = with(R"(content:"a"; http_uri; isdataat:1;)");
  ASSERT_EQ(stayed.buffers.size(), 2u);
  EXPECT_EQ(stayed.buffers[0].buffer, Buffer::Payload);
  static constexpr BadOptions kBad[] = {
      {"isdataat:@x;", "isdataat", "\"x\""},
      {"isdataat:@65536;", "isdataat", "\"65536\""},
      {"isdataat:1,@near;", "isdataat", "\"near\""},
      {"@isdataat;", "isdataat", "nothing"},
  };
  expect_refused(kBad);
}

TEST(ContentKeyword, BsizeAndUrilen) {
  const auto bsize = [](const std::string& value) {
    return item<RuleBsize>(with("http.uri; content:\"abc\"; bsize:" + value + ";"), 1).range;
  };
  EXPECT_TRUE(bsize("5").holds(5) && !bsize("5").holds(6));
  EXPECT_TRUE(bsize("=5").holds(5));
  EXPECT_TRUE(bsize("<5").holds(4) && !bsize("<5").holds(5));
  EXPECT_TRUE(bsize("<=5").holds(5) && !bsize("<=5").holds(6));
  EXPECT_TRUE(bsize(">5").holds(6) && !bsize(">5").holds(5));
  EXPECT_TRUE(bsize(">=5").holds(5));
  EXPECT_TRUE(bsize("!5").holds(4) && !bsize("!5").holds(5));
  EXPECT_TRUE(bsize("5<>7").holds(6) && !bsize("5<>7").holds(5) && !bsize("5<>7").holds(7));
  EXPECT_TRUE(bsize("!5-9").holds(5) && !bsize("!5-9").holds(6));
  const Rule urilen = with("urilen:10<>20;");
  EXPECT_EQ(urilen.buffers[0].buffer, Buffer::HttpUri);
  EXPECT_EQ(item<RuleBsize>(urilen).range.low, 11);
  EXPECT_EQ(item<RuleBsize>(urilen).range.high, 19);
  EXPECT_EQ(with("urilen:<5,norm;").buffers[0].buffer, Buffer::HttpUri);
  EXPECT_EQ(with("urilen: >5 , raw;").buffers[0].buffer, Buffer::HttpUriRaw);
  EXPECT_EQ(items(with("http.uri; urilen:<4;")).size(), 1u) << "something is asked of the buffer";
  EXPECT_EQ(items(with("http.uri; urilen:<4; content:\"/\";")).size(), 2u);
  static constexpr BadOptions kBad[] = {
      {"content:\"a\"; @bsize:5;", "bsize", "no sticky buffer before it"},
      {"http.uri; bsize:@x;", "bsize", "\"x\""},
      {"http.uri; bsize:@5<>6;", "bsize", "\"5<>6\""},
      {"http.uri; bsize:<@0;", "bsize", "< 0"},
      {"http.uri; bsize:@~5;", "bsize", "\"~5\""},
      {"http.uri; @content:\"abc\"; bsize:2;", "content", "3 bytes, more than bsize allows"},
      {"urilen:>@65535;", "urilen", "> 65535"},
      {"urilen:5,@both;", "urilen", "\"both\""},
      {"urilen:5,raw,@5;", "urilen", "\"5\""},
      {"@http.uri; urilen:5,raw;", "http.uri", "nothing that is asked of it"},
  };
  expect_refused(kBad);
}

TEST(ContentKeyword, Uricontent) {
  const Rule rule = with(R"(uricontent:!"/a"; nocase;)");
  EXPECT_EQ(rule.buffers[0].buffer, Buffer::HttpUri);
  EXPECT_TRUE(item<RuleContent>(rule).negated);
  EXPECT_TRUE(item<RuleContent>(rule).nocase);
  static constexpr BadOptions kBad[] = {
      {R"(uricontent:@x;)", "uricontent", "\"x\""},
      {R"(file_data; @uricontent:"x";)", "uricontent", "a sticky buffer"},
  };
  expect_refused(kBad);
}

TEST(ContentKeyword, CertificateNamesTheOldWay) {
  const Rule rule = with(R"(tls.subject:"CN=x"; tls.issuerdn:!"CN=y"; tls.fingerprint:"AB\:CD";)",
                         "alert tls any any -> any any");
  ASSERT_EQ(rule.buffers.size(), 3u);
  EXPECT_EQ(rule.buffers[0].buffer, Buffer::TlsSubject);
  EXPECT_EQ(rule.buffers[1].buffer, Buffer::TlsIssuer);
  EXPECT_TRUE(std::get<RuleContent>(rule.buffers[1].items[0]).negated);
  EXPECT_EQ(rule.buffers[2].buffer, Buffer::TlsFingerprint);
  EXPECT_EQ(std::get<RuleContent>(rule.buffers[2].items[0]).bytes, "ab:cd");
  static constexpr BadOptions kBad[] = {
      {R"(@tls.subject:"x";)", "tls.subject", "a buffer of another"}};
  expect_refused(kBad, "alert http any any -> any any");
}

TEST(ContentKeyword, MoreThanItsDsize) {
  (void)with(R"(dsize:3; content:"abc";)");
  (void)with(R"(dsize:!3; content:"abcd";)");
  static constexpr BadOptions kBad[] = {
      {R"(@content:"abcd"; dsize:<4;)", "content", "4 bytes, more than dsize allows"}};
  expect_refused(kBad);
}

}  // namespace
}  // namespace sluice::rules
