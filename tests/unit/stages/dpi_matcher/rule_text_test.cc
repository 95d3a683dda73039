// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// From a rule's text to its answer: what the language's reader writes is what
// the matcher understands.
#include <string>
#include <string_view>

#include "config/errors.h"
#include "rule_items.h"
#include "stages/dpi/rules/rule_loader.h"

namespace sluice::rules {
namespace {

using namespace std::string_view_literals;

std::optional<BufferMatcher> matcher_of(const std::string& options, PcreCache& cache) {
  RuleLoader loader(RuleLoadOptions{});
  loader.add_text("test.rules", "alert tcp any any -> any any (" + options + " sid:1;)\n");
  ConfigErrors errors;
  std::string why;
  const LoadedRules loaded = loader.finish(errors);
  return BufferMatcher::compile(loaded.rules.at(0).buffers.at(0), cache, why);
}

bool holds_text(const std::string& options, std::string_view bytes) {
  RuleLoader loader(RuleLoadOptions{});
  loader.add_text("test.rules", "alert tcp any any -> any any (" + options + " sid:1;)\n");
  ConfigErrors errors;
  const LoadedRules loaded = loader.finish(errors);
  if (loaded.rules.size() != 1) {
    ADD_FAILURE() << options << ": " << (loaded.refusals.empty() ? "" : to_string(loaded.coverage));
    return false;
  }
  // Every buffer of the rule is asked about the same bytes.
  PcreCache cache;
  MatchScratch scratch;
  scratch.begin_rule();
  for (const RuleBufferMatch& buffer : loaded.rules[0].buffers) {
    std::string why;
    const auto matcher = BufferMatcher::compile(buffer, cache, why);
    if (!matcher) {
      ADD_FAILURE() << options << ": " << why;
      return false;
    }
    if (!matcher->matches(whole(bytes), scratch)) return false;
  }
  return true;
}

TEST(MatcherRuleText, MeansWhatItSays) {
  struct {
    const char* options;
    std::string_view bytes;
    bool match;
  } const cases[] = {
      {"content:\"def\"; offset:3; depth:3;", "abcdefghij", true},
      {"content:\"def\"; offset:2; depth:3;", "abcdefghij", false},
      {"content:\"abc\"; startswith;", "abcdef", true},
      {"content:\"abc\"; startswith;", "xabcdef", false},
      {"content:\"|61 62|C\"; nocase;", "xABcx", true},
      {"content:\".php\"; endswith;", "/a.php", true},
      {"content:!\"x\"; depth:3;", "abcx", true},
      {"content:\"abc\"; content:\"def\"; distance:1; within:3;", "abc.def", true},
      {"content:\"abc\"; content:\"def\"; distance:1; within:3;", "abc..def", false},
      {"content:\"id=\"; pcre:\"/^[0-9]+$/R\";", "id=42", true},
      {"content:\"id=\"; pcre:!\"/ADMIN/i\";", "id=admin", false},
      {"pcre:\"/a.b/s\";", "a\nb", true},
      {"content:\"c\"; isdataat:!1,relative;", "abc", true},
      {"content:\"c\"; isdataat:1,relative;", "abc", false},
      {"byte_test:2,>,1000,1;", "\0\xff\xff"sv, true},
      {"byte_test:2,!=,6,0,little;", "\x06\0"sv, false},
      {"byte_test:4,=,1337,0,string,dec;", "1337", true},
      {"byte_test:1,&,0x80,0;", "\x80", true},
      {"byte_test:1,!&,0x80,0;", "\x80", false},
      {"byte_test:1,=,1,0,bitmask 0xf0;", "\x1f", true},
      {"byte_jump:1,0,multiplier 2; content:\"x\"; within:1;", "\x01..x", true},
      {"byte_jump:0,0,from_end,post_offset -8; content:\"l33t\"; distance:0; within:4;",
       "......l33t....", true},
      {"byte_extract:1,0,n; content:\"x\"; offset:n; depth:1;", "\x03..x", true},
      {"byte_extract:1,0,n,multiplier 2; isdataat:!n;", "\x03...", true},
      {"byte_math:bytes 1, offset 0, oper +, rvalue 2, result r; byte_test:1,=,r,1;", "\x01\x03",
       true},
      {"byte_math:bytes 1, offset 0, oper <<, rvalue 2, result r; byte_test:1,=,r,1;", "\x01\x04",
       true},
      {"http.uri; bsize:4;", "/abc", true},
      {"http.uri; bsize:2<>4;", "/abc", false},
      {"http.uri; bsize:2<>5;", "/abc", true},
      {"urilen:<4;", "/abc", false},
      {"urilen:4;", "/abc", true},
      {"http.host; dotprefix; content:\".example.com\"; endswith;", "www.example.com", true},
      {"http.host; dotprefix; content:\".example.com\"; endswith;", "bad-example.com", false},
      {"http.uri; to_md5; content:\"|90 01 50 98 3c d2 4f b0 d6 96 3f 7d 28 e1 7f 72|\";", "abc",
       true},
  };
  for (const auto& c : cases) EXPECT_EQ(holds_text(c.options, c.bytes), c.match) << c.options;
}

// What more bytes may still change, and what they cannot.
TEST(MatcherRuleText, SaysWhetherMoreBytesMayHelp) {
  using enum MatchResult;
  struct {
    const char* options;
    std::string_view bytes;
    MatchResult growing;
  } const cases[] = {
      {"content:\"abc\";", "xxabc", Yes},
      {"content:\"abc\";", "xxab", No},
      {"content:\"abc\"; startswith;", "a", No},
      {"content:\"abc\"; startswith;", "xbcd", Never},
      {"content:\"abc\"; offset:2; depth:4;", "..abxx.", Never},
      {"content:\"abc\"; content:\"x\"; depth:1;", "..abc", Never},
      {"content:\"abc\"; content:\"x\"; within:1;", "abc.", No},  // another abc may follow
      {"content:\"a\"; startswith; content:\"x\"; within:1;", "a..", Never},
      {"content:!\"abc\"; content:\"x\";", "abc", Never},
      {"content:\"x\"; content:!\"abc\";", "xabc", Never},
      {"pcre:\"/abc/\";", "ab", No},
      {"isdataat:10;", "ab", No},
      {"isdataat:!1;", "abc", Never},
      {"http.uri; bsize:2;", "abc", Never},
      {"http.uri; bsize:4;", "abc", No},
      {"http.uri; bsize:>4;", "abc", No},
      {"byte_test:1,=,1,0;", "\x02", Never},
      {"byte_test:1,=,1,4;", "\x02", No},
  };
  for (const auto& c : cases) {
    PcreCache cache;
    MatchScratch scratch;
    const auto matcher = matcher_of(c.options, cache);
    ASSERT_TRUE(matcher) << c.options;
    BufferView view = whole(c.bytes);
    EXPECT_EQ(matcher->match(view, scratch), c.growing == Yes ? Yes : Never) << c.options << " whole";
    view.complete = false;
    EXPECT_EQ(matcher->match(view, scratch), c.growing) << c.options;
  }
}

TEST(MatcherRuleText, APacketsBudgetEndsItsEvaluations) {
  PcreCache cache;
  MatchScratch scratch;
  const auto matcher = matcher_of("content:\"abc\";", cache);
  const std::string bytes(1000, 'x');
  scratch.begin_packet(2500);
  EXPECT_EQ(matcher->match(whole(bytes), scratch), MatchResult::Never);
  EXPECT_EQ(matcher->match(whole(bytes), scratch), MatchResult::Never);
  EXPECT_EQ(matcher->match(whole(bytes), scratch), MatchResult::Cut);
  EXPECT_TRUE(scratch.spent());
  scratch.begin_packet(2500);
  EXPECT_EQ(matcher->match(whole(bytes), scratch), MatchResult::Never);
}

}  // namespace
}  // namespace sluice::rules
