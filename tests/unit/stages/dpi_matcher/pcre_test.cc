// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "rule_items.h"

namespace sluice::rules {
namespace {

struct Case {
  const char* what;
  Items items;
  std::string_view buffer;
  bool match;
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) EXPECT_EQ(holds(c.items, c.buffer), c.match) << c.what;
}

TEST(MatcherPcre, Matches) {
  check({
      {"guide: six digits", {pcre("[0-9]{6}")}, "order 123456", true},
      {"five are not six", {pcre("[0-9]{6}")}, "order 12345", false},
      {"guide: NICK",
       {content("NICK "), pcre("NICK .*USA.*[0-9]{3,}", PCRE2_CASELESS)},
       "nick x NICK bot|USA|0042",
       true},
      {"a dot is no newline", {pcre("a.b")}, "a\nb", false},
      {"with /s it is", {pcre("a.b", PCRE2_DOTALL)}, "a\nb", true},
      {"^ is the buffer's start", {pcre("^b")}, "a\nb", false},
      {"with /m a line's", {pcre("^b", PCRE2_MULTILINE)}, "a\nb", true},
      {"/A", {pcre("b", PCRE2_ANCHORED)}, "ab", false},
      {"$ before a last newline", {pcre("b$")}, "ab\n", true},
      {"/E: not so", {pcre("b$", PCRE2_DOLLAR_ENDONLY)}, "ab\n", false},
      {"backreference", {pcre("(\\w+)=\\1")}, "abc=abc", true},
      {"lookbehind", {pcre("(?<!un)safe")}, "unsafe", false},
      {"lookahead", {pcre("id=(?!admin)")}, "id=admin", false},
      {"bytes", {pcre("\\x00\\xff")}, std::string_view("a\0\xff", 3), true},
      {"an empty buffer", {pcre("^$")}, "", true},
      {"not", {no_pcre("[0-9]")}, "abc", true},
      {"not, but it does", {no_pcre("[0-9]")}, "abc1", false},
  });
}

TEST(MatcherPcre, RelativeBeginsWhereTheMatchBeforeEnded) {
  check({
      {"^ is there", {content("id="), pcre_r("^[0-9]+")}, "id=42", true},
      {"and nowhere else", {content("id="), pcre_r("^[0-9]+")}, "id=a42", false},
      {"without ^ anywhere behind", {content("id="), pcre_r("[0-9]+")}, "id=a42", true},
      {"not before", {content("id="), pcre_r("[0-9]+")}, "42id=a", false},
      {"lookbehind sees nothing of it", {content("id="), pcre_r("(?<==)4")}, "id=42", false},
      {"content behind a pcre", {pcre("[0-9]+"), content("x").within(1)}, "1 22x", true},
      {"pcre behind a pcre", {pcre("a+"), pcre_r("^b")}, "aab", true},
      {"not behind", {content("id="), no_pcre("^[0-9]", true)}, "id=a", true},
      {"not behind, but there", {content("id="), no_pcre("^[0-9]", true)}, "id=1", false},
      {"at the very end", {content("id="), pcre_r("^$")}, "id=", true},
      {"with nothing before: from the start", {pcre_r("^id")}, "id=", true},
  });
}

TEST(MatcherPcre, TriesTheNextMatchWhenWhatHangsOnItFails) {
  check({
      {"content", {pcre("a[0-9]"), content("!").within(1)}, "a1.a2.a3!", true},
      {"never", {pcre("a[0-9]"), content("!").within(1)}, "a1.a2.a3.!", false},
      {"the next one may overlap", {pcre("aa"), content("b").within(1)}, "aaab", true},
      {"distance alone will do", {pcre("a[0-9]"), no_content("x").distance(0)}, "a1x.a2", true},
      {"pcre upon pcre",
       {pcre("k="), pcre_r("^[0-9]"), content(";").within(1)},
       "k=a;k=1,k=2;",
       true},
      {"isdataat", {pcre("a"), no_dataat(1, true)}, "a.a", true},
      {"empty matches end", {pcre("x*"), content("y").within(1)}, "aaay", true},
      {"and do not hang", {pcre("x*"), content("z").within(1)}, "aaay", false},
      {"nor does \\K", {pcre("a\\Kb"), content("z").within(1)}, "abababab", false},
      {"an absolute item behind it does not", {pcre("a"), content("b").offset(2)}, "a.b", true},
      {"content, pcre, content",
       {content("<a"), pcre_r("^ [a-z]+="), content("evil").within(4)},
       "<a b=c><a x=evil>",
       true},
  });
}

TEST(MatcherPcre, AnExpressionIsCompiledOnce) {
  PcreCache cache;
  std::string why;
  const auto first = cache.compile(pcre("a+b"), why);
  EXPECT_EQ(cache.compile(pcre("a+b"), why), first);
  EXPECT_NE(cache.compile(pcre("a+b", PCRE2_CASELESS), why), first);
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(cache.without_jit(), 0u);
  EXPECT_TRUE(first->has_jit());
  EXPECT_GT(first->memory_bytes(), 0u);
  EXPECT_GE(cache.memory_bytes(), first->memory_bytes());
}

TEST(MatcherPcre, RefusesInPcresWords) {
  PcreCache cache;
  std::string why;
  EXPECT_EQ(cache.compile(pcre("a(b"), why), nullptr);
  EXPECT_EQ(why, "pcre: missing closing parenthesis at position 3");
  EXPECT_EQ(cache.compile(pcre("(*UTF)a"), why), nullptr) << "traffic is bytes";
  EXPECT_EQ(cache.size(), 0u);
}

TEST(MatcherPcre, MatchLimitIsNoMatch) {
  MatchScratch scratch;
  // Each a may belong to the inner or to the outer repetition.
  const BufferMatcher catastrophe = compiled({pcre("^(?:a+)+$")});
  EXPECT_TRUE(holds(catastrophe, std::string(30, 'a'), scratch));
  EXPECT_EQ(scratch.limits().pcre, 0u);
  EXPECT_FALSE(holds(catastrophe, std::string(40, 'a') + "b", scratch));
  EXPECT_EQ(scratch.limits().pcre, 1u);
  // Nor is it one for a negated pcre.
  EXPECT_FALSE(holds(compiled({no_pcre("^(?:a+)+$")}), std::string(40, 'a') + "b", scratch));
  EXPECT_EQ(scratch.limits().pcre, 2u);
}

TEST(MatcherPcre, RunsWithoutJit) {
  PcreCache cache;
  std::string why;
  const auto interpreted = cache.compile(pcre("(*NO_JIT)k=([a-z]+);"), why);
  ASSERT_TRUE(interpreted) << why;
  EXPECT_FALSE(interpreted->has_jit());
  EXPECT_EQ(cache.without_jit(), 1u);
  MatchScratch scratch;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(holds(compiled({pcre("(*NO_JIT)k=([a-z]+);")}), "a=1;k=value;", scratch));
  }
  // Deep recursion meets its limit, in memory that is there.
  const BufferMatcher deep = compiled({pcre("(*NO_JIT)^(?:(a)|b)*c")});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(holds(deep, std::string(60000, 'a'), scratch));
  EXPECT_EQ(scratch.limits().pcre, 3u);
  EXPECT_TRUE(holds(compiled({pcre("(*NO_JIT)^(?:(a)|b)*c")}), "abababc", scratch));
}

TEST(MatcherPcre, ALongSubjectIsSearchedInSlicesAsInOne) {
  // A match at each place that is near the end of a slice or of the subject.
  MatchScratch scratch;
  PcreCache cache;
  std::string why;
  for (const size_t size : {2048u, 2049u, 5000u, 65536u}) {
    const auto expression = cache.compile(pcre("x[yz]"), why);
    const size_t first = (1u << 20) / size + 1;
    for (const size_t at :
         std::vector<size_t>{0, 1, first - 2, first - 1, first, first + 1, first * 17 - 1,
                             first * 17, first * 273 - 1, first * 273, size - 3, size - 2}) {
      if (at + 2 > size) continue;
      std::vector<uint8_t> subject(size, 'x');
      subject[at + 1] = 'z';
      PcreExpression::Match match{};
      ASSERT_EQ(expression->search(subject, 0, scratch, match), PcreExpression::Result::Match);
      EXPECT_EQ(match.begin, at);
      EXPECT_EQ(match.end, at + 2);
      EXPECT_EQ(expression->search(subject, at + 1, scratch, match),
                PcreExpression::Result::NoMatch);
    }
  }
  EXPECT_EQ(scratch.limits().pcre, 0u);
}

TEST(MatcherPcre, SlowExpressionsAreGivenUp) {
  // Nothing here is counted by the match limit, and from each starting position
  // it runs to the end of the subject: two seconds, if nobody stopped it.
  MatchScratch scratch;
  const BufferMatcher slow = compiled({pcre("(\\w)\\1[^yz]*+[yz]")});
  const std::string subject(65536, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(holds(slow, subject, scratch));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(500));
  EXPECT_EQ(scratch.limits().pcre, 1u);
  EXPECT_TRUE(holds(slow, subject.substr(1) + "y", scratch)) << "what is found at once is found";
  // Short subjects are not sliced, but asked again for each occurrence of "a".
  const BufferMatcher repeated = compiled({content("a"), pcre_r("(\\w)\\1[^yz]*+[yz]")});
  const auto again = std::chrono::steady_clock::now();
  EXPECT_FALSE(holds(repeated, subject.substr(0, 2048), scratch));
  EXPECT_LT(std::chrono::steady_clock::now() - again, std::chrono::milliseconds(500));
  EXPECT_EQ(scratch.limits().pcre, 2u);
}

}  // namespace
}  // namespace sluice::rules
