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

}  // namespace
}  // namespace sluice::rules
