// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Contents and their modifiers, one by one and upon one another. Where
// Suricata's user guide states what an example does, the example is here.
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

using namespace std::string_view_literals;

TEST(MatcherContent, FindsBytesAnywhere) {
  check({
      {"in the middle", {content("cde")}, "abcdefgh", true},
      {"at the start", {content("abc")}, "abcdefgh", true},
      {"at the end", {content("fgh")}, "abcdefgh", true},
      {"the whole", {content("abcdefgh")}, "abcdefgh", true},
      {"longer than the buffer", {content("abcdefghi")}, "abcdefgh", false},
      {"one byte", {content("e")}, "abcdefgh", true},
      {"not there", {content("abd")}, "abcdefgh", false},
      {"nul bytes", {content("\0\1"sv)}, "a\0\0\1b"sv, true},
      {"cut off by the end", {content("gh ")}, "abcdefgh", false},
      {"an empty buffer", {content("a")}, "", false},
      {"case counts", {content("ABC")}, "abcdefgh", false},
      {"all must be there", {content("abc"), content("xyz")}, "abcdefgh", false},
      {"in any order", {content("fgh"), content("abc")}, "abcdefgh", true},
      {"they may overlap", {content("abcd"), content("cdef")}, "abcdefgh", true},
  });
}

TEST(MatcherContent, IgnoresCaseOfLettersOnly) {
  check({
      {"upper in lower", {content("CDE").nocase()}, "abcdefgh", true},
      {"lower in upper", {content("cde").nocase()}, "ABCDEFGH", true},
      {"mixed, more than 8", {content("aBcDeFgHiJ").nocase()}, "xxAbCdEfGhIjxx", true},
      {"@ is no upper-case `", {content("@[").nocase()}, "`{", false},
      {"` is no lower-case @", {content("`{").nocase()}, "@[", false},
      {"bytes above 127 have no case", {content("\xc1\xe9").nocase()}, "\xe1\xc9", false},
      {"digits stay", {content("A1B2").nocase()}, "a1b2", true},
      {"a digit is no letter without bit 5", {content("1").nocase()}, "\x11", false},
  });
}

TEST(MatcherContent, OffsetAndDepthCountFromTheStart) {
  // The user guide: offset:3; depth:3 looks from the third byte to the sixth.
  check({
      {"guide: def in abcdefghij", {content("def").offset(3).depth(3)}, "abcdefghij", true},
      {"one byte too late", {content("def").offset(4).depth(3)}, "abcdefghij", false},
      {"one byte too early", {content("def").offset(2).depth(3)}, "abcdefghij", false},
      {"depth holds all of it", {content("abc").depth(3)}, "abcdef", true},
      {"depth cuts it", {content("abc").depth(2)}, "abcdef", false},
      {"beyond depth", {content("def").depth(5)}, "abcdef", false},
      {"offset alone", {content("abc").offset(1)}, "abcabc", true},
      {"offset behind it", {content("abc").offset(4)}, "abcabc", false},
      {"offset beyond the end", {content("abc").offset(100)}, "abcabc", false},
      {"depth beyond the end", {content("abc").offset(3).depth(65535)}, "abcabc", true},
      {"startswith", {content("abc").startswith()}, "abcdef", true},
      {"startswith, later", {content("bcd").startswith()}, "abcdef", false},
      {"endswith", {content(".php").endswith()}, "/index.php", true},
      {"endswith, earlier", {content(".php").endswith()}, "/index.php5", false},
      {"endswith, the second one", {content(".php").endswith()}, "/a.php/b.php", true},
      {"endswith the whole", {content(".php").endswith()}, ".php", true},
      {"endswith within a depth that ends before",
       {content("c").depth(3).endswith()},
       "abcc",
       false},
      {"endswith of something longer", {content("abcd").endswith()}, "bcd", false},
      {"both ends", {content("abc").startswith().endswith()}, "abc", true},
      {"both ends, longer", {content("abc").startswith().endswith()}, "abcabc", false},
  });
}

TEST(MatcherContent, DistanceAndWithinCountFromTheMatchBefore) {
  check({
      {"distance 0: behind", {content("abc"), content("def").distance(0)}, "abcdef", true},
      {"distance 0: not before", {content("def"), content("abc").distance(0)}, "abcdef", false},
      {"distance 1: adjacent is too near",
       {content("abc"), content("def").distance(1)},
       "abcdef",
       false},
      {"distance 1", {content("abc"), content("def").distance(1)}, "abc.def", true},
      {"distance is a minimum", {content("abc"), content("def").distance(1)}, "abc......def", true},
      {"negative: overlapping", {content("abcd"), content("cdef").distance(-2)}, "abcdef", true},
      {"negative: one too few", {content("abcd"), content("cdef").distance(-1)}, "abcdef", false},
      {"negative: before it", {content("def"), content("abc").distance(-6)}, "abcdef", true},
      {"negative beyond the start",
       {content("def"), content("abc").distance(-100)},
       "abcdef",
       true},
      {"within its length: adjacent", {content("abc"), content("def").within(3)}, "abcdef", true},
      {"within: one byte late", {content("abc"), content("def").within(3)}, "abc.def", false},
      {"within 4", {content("abc"), content("def").within(4)}, "abc.def", true},
      {"distance and within: exactly there",
       {content("abc"), content("def").distance(2).within(3)},
       "abc..def",
       true},
      {"distance and within: too near",
       {content("abc"), content("def").distance(2).within(3)},
       "abc.def",
       false},
      {"distance and within: too far",
       {content("abc"), content("def").distance(2).within(3)},
       "abc...def",
       false},
      {"within of a negative distance",
       {content("bcd"), content("abc").distance(-4).within(4)},
       "xabcd",
       true},
      {"relative with nothing before: from the start", {content("abc").distance(2)}, "..abc", true},
      {"relative with nothing before: too early", {content("abc").distance(3)}, "..abc", false},
      {"within with nothing before", {content("abc").within(5)}, "..abc", true},
      {"within with nothing before: too late", {content("abc").within(4)}, "..abc", false},
      {"relative to the one before, not the first",
       {content("a"), content("b"), content("c").distance(0).within(1)},
       "bc..a",
       true},
      {"endswith behind",
       {content("abc"), content("xyz").distance(0).endswith()},
       "abc..xyz",
       true},
      {"endswith must be behind",
       {content("xyz"), content("yz").distance(0).endswith()},
       "..xyz",
       false},
  });
}

TEST(MatcherContent, NegatedContentMustNotBeInItsRange) {
  check({
      {"not there", {no_content("xyz")}, "abcdef", true},
      {"there", {no_content("cde")}, "abcdef", false},
      {"in an empty buffer", {no_content("x")}, "", true},
      {"there, but beyond depth", {no_content("def").depth(5)}, "abcdef", true},
      {"there, within depth", {no_content("def").depth(6)}, "abcdef", false},
      {"there, before offset", {no_content("abc").offset(1)}, "abcdef", true},
      {"offset beyond the end", {no_content("abc").offset(9)}, "abcdef", true},
      {"behind the match", {content("abc"), no_content("def").distance(0)}, "abcdef", false},
      {"only before the match", {content("def"), no_content("abc").distance(0)}, "abcdef", true},
      {"not so near", {content("abc"), no_content("def").within(3)}, "abc.def", true},
      {"so near", {content("abc"), no_content("def").within(4)}, "abc.def", false},
      {"the buffer ends before the range",
       {content("abc"), no_content("def").distance(10).within(3)},
       "abc",
       true},
      {"not at the end", {no_content(".php").endswith()}, "/a.php5", true},
      {"at the end", {no_content(".php").endswith()}, "/a.php", false},
      {"at the end too", {no_content(".php").endswith()}, "/a.php/b.php", false},
      {"does not move the point that follows",
       {content("abc"), no_content("x").within(1), content("def").within(3)},
       "abcdef",
       true},
      {"nocase", {no_content("DEF").nocase()}, "abcdef", false},
  });
  // The user guide's "outdated Firefox".
  const Items firefox = {content("User-Agent: Mozilla/5.0 (Windows; "),
                         content("Firefox/3.").distance(0),
                         no_content("Firefox/3.6.13").distance(-10)};
  check({
      {"3.6.12 alerts", firefox,
       "User-Agent: Mozilla/5.0 (Windows; U; rv:1.9.2.12) Gecko Firefox/3.6.12\r\n", true},
      {"3.6.13 does not", firefox,
       "User-Agent: Mozilla/5.0 (Windows; U; rv:1.9.2.13) Gecko Firefox/3.6.13\r\n", false},
  });
}

TEST(MatcherContent, TriesTheNextOccurrenceWhenWhatHangsOnItFails) {
  check({
      {"the second abc is the one",
       {content("abc"), content("def").within(3)},
       "abc..abcdef",
       true},
      {"the third", {content("a"), content("b").within(1)}, "a.a.ab", true},
      {"occurrences may overlap", {content("aa"), content("b").within(1)}, "aaab", true},
      {"over two levels",
       {content("a"), content("b").within(2), content("c").within(1)},
       "a.b.ab.abc",
       true},
      {"over two levels, nowhere",
       {content("a"), content("b").within(2), content("c").within(1)},
       "a.b.ab.ab.c",
       false},
      {"negated: a user not followed by admin",
       {content("user="), no_content("admin").within(5)},
       "user=admin&user=guest",
       true},
      {"negated: every one is followed",
       {content("user="), no_content("admin").within(5)},
       "user=admin&user=admin",
       false},
      {"through a distance",
       {content("a"), content("b").distance(1).within(1), content("c").within(1)},
       "a.bxa.bc",
       true},
      {"an absolute one in between keeps its own place",
       {content("a"), content("z"), content("b").within(1)},
       "ab..z..zb",
       true},
      {"isdataat decides", {content("abc"), no_dataat(1, true)}, "abc.abc", true},
      {"isdataat asks for more",
       {content("abc"), isdataat(3, true), content("x").within(1)},
       "abcabcx.",
       false},
      {"pcre decides", {content("id="), pcre_r("^[0-9]+;")}, "id=a1;id=42;", true},
      {"pcre decides: never", {content("id="), pcre_r("^[0-9]+;")}, "id=a1;id=42,", false},
      {"byte_test decides",
       {content("\xff"), byte_test(relative(1, 0), RuleCompare::Greater, 5)},
       "\xff\x01\xff\x09",
       true},
      {"byte_jump decides",
       {content("L"), byte_jump(relative(1, 0)), content("end").within(3)},
       "L\x09..L\x02xxend",
       true},
  });
}

// Suricata's UriTestSig21.
TEST(MatcherContent, WhatMustNotFollowMayFollowAnotherOccurrence) {
  check({
      {"any", {content("abc"), no_content("x").distance(0)}, "abcxabc", true},
      {"each is followed", {content("abc"), no_content("x").distance(0)}, "abcxabcx", false},
      {"over two levels",
       {content("fix"), content("this").within(6), no_content("and").distance(0)},
       "/fix_this_and_yes_fix_this_now",
       true},
  });
}

TEST(MatcherContent, PositionsBeforeTheViewAreNotThere) {
  const std::string_view stream = "GET /index.html HTTP/1.1";
  const auto seen_from = [&](size_t offset, Items items) {
    BufferView view = whole(stream.substr(offset));
    view.offset = offset;
    MatchScratch scratch;
    return compiled(std::move(items)).matches(view, scratch);
  };
  EXPECT_TRUE(seen_from(0, {content("GET").startswith()}));
  EXPECT_FALSE(seen_from(4, {content("GET").startswith()}));
  EXPECT_FALSE(seen_from(4, {content("/ind").startswith()})) << "the view's start is not the start";
  EXPECT_TRUE(seen_from(4, {content("/ind").offset(4).depth(4)})) << "positions are the stream's";
  EXPECT_TRUE(seen_from(6, {content("html").offset(11).depth(4)}));
  EXPECT_FALSE(seen_from(6, {content("html").offset(12)}));
  EXPECT_FALSE(seen_from(4, {no_content("GET").startswith()})) << "nobody knows any more";
  EXPECT_TRUE(seen_from(4, {no_content("GET")})) << "looked for in what is there";
  EXPECT_FALSE(seen_from(4, {content("ind").within(9), isdataat(100)}));
  EXPECT_TRUE(seen_from(4, {content("ind").within(9)})) << "within counts from the stream's start";
  EXPECT_FALSE(seen_from(4, {content("ind").within(7)}));
  EXPECT_TRUE(seen_from(4, {isdataat(23)}));
  EXPECT_FALSE(seen_from(4, {isdataat(24)}));
  EXPECT_TRUE(seen_from(4, {bsize(24, 24)}));
  EXPECT_TRUE(seen_from(4, {byte_test(bytes(1, 4), RuleCompare::Equal, '/')}));
  EXPECT_FALSE(seen_from(4, {byte_test(bytes(1, 3), RuleCompare::Equal, ' ')}));
  EXPECT_TRUE(seen_from(4, {pcre("^/index")})) << "pcre has no absolute positions";
}

TEST(MatcherContent, AViewThatIsNotThereMatchesNothing) {
  MatchScratch scratch;
  EXPECT_FALSE(compiled({no_content("a")}).matches(BufferView{}, scratch));
  EXPECT_TRUE(compiled({no_content("a")}).matches(whole(""), scratch));
}

TEST(MatcherContent, StepsAreBounded) {
  // 64 KiB of "a": each of the first contents has 65,536 places.
  const std::string many(65536, 'a');
  MatchScratch scratch;
  Items items = {content("a")};
  for (int i = 0; i < 8; ++i) items.push_back(content("a").within(65535));
  items.push_back(content("b").within(1));
  const BufferMatcher matcher = compiled(items);
  EXPECT_FALSE(holds(matcher, many, scratch));
  EXPECT_EQ(scratch.limits().steps, 1u);
  // Few steps that each run over much of the buffer.
  const BufferMatcher dear =
      compiled({content("a"), content("z").within(65535), content("y").within(1)});
  EXPECT_FALSE(holds(dear, many, scratch));
  EXPECT_EQ(scratch.limits().steps, 2u);
}

TEST(MatcherContent, SaysWhatThePrefilterCannotSee) {
  EXPECT_TRUE(compiled({no_content("a"), no_pcre("b"), bsize(1, 2)}).only_negated());
  EXPECT_FALSE(compiled({no_content("a"), content("b")}).only_negated());
  EXPECT_FALSE(compiled({pcre("b")}).only_negated());
  EXPECT_FALSE(compiled({content("b")}).has_variables());
  EXPECT_TRUE(compiled({byte_extract(bytes(1, 0), Var{0})}).has_variables());
}

TEST(MatcherContent, RefusesWhatCannotBeRun) {
  PcreCache cache;
  const auto why = [&](Items items) {
    RuleBufferMatch match;
    match.items = std::move(items);
    std::string text;
    EXPECT_FALSE(BufferMatcher::compile(match, cache, text));
    return text;
  };
  EXPECT_EQ(why({}), "nothing is asked of the buffer");
  EXPECT_EQ(why({content("")}), "a content of no or too many bytes");
  EXPECT_EQ(why({content(std::string(kMaxContentBytes + 1, 'a'))}),
            "a content of no or too many bytes");
  EXPECT_EQ(why(Items(kMaxRuleItems + 1, content("a"))), "too many contents and other items");
  EXPECT_EQ(why({byte_extract(bytes(1, 0), Var{kMaxRuleVariables})}), "a variable out of range");
  EXPECT_EQ(why({content("a").offset(Var{kMaxRuleVariables})}), "a variable out of range");
  EXPECT_EQ(why({byte_test(bytes(9, 0), RuleCompare::Equal, 1)}),
            "a number of more than 8 bytes or 23 digits");
  EXPECT_EQ(why({byte_test(text(bytes(24, 0), 10), RuleCompare::Equal, 1)}),
            "a number of more than 8 bytes or 23 digits");
  EXPECT_EQ(why({byte_test(text(bytes(4, 0), 7), RuleCompare::Equal, 1)}),
            "a number in another base than 8, 10 or 16");
  EXPECT_EQ(why({byte_math(bytes(4, 0), '%', 3, Var{0})}), "an unknown operation of byte_math");
}

}  // namespace
}  // namespace sluice::rules
