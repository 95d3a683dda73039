// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// byte_test, byte_jump, byte_extract, byte_math, isdataat, bsize.
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "rule_items.h"
#include "stages/dpi/rules/byte_number.h"

namespace sluice::rules {
namespace {

using namespace std::string_view_literals;
using enum RuleCompare;

struct Case {
  const char* what;
  Items items;
  std::string_view buffer;
  bool match;
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) EXPECT_EQ(holds(c.items, c.buffer), c.match) << c.what;
}

TEST(ByteNumber, ReadsTextAsStrtoullDoes) {
  const auto parse = [](std::string_view s, unsigned base) {
    return text_number({reinterpret_cast<const uint8_t*>(s.data()), s.size()}, base);
  };
  struct {
    std::string_view text;
    unsigned base;
    uint64_t value;
    uint32_t consumed;
  } const good[] = {
      {"1337", 10, 1337, 4},
      {"1337xyz", 10, 1337, 4},
      {"  42", 10, 42, 4},
      {"\t\r\n\v\f 7", 10, 7, 7},
      {"+5", 10, 5, 2},
      {"-1", 10, UINT64_MAX, 2},
      {"0x1F", 16, 31, 4},
      {"1f", 16, 31, 2},
      {"0x", 16, 0, 1},
      {"0xg", 16, 0, 1},
      {"0X10", 16, 16, 4},
      {"0777", 8, 511, 4},
      {"78", 8, 7, 1},
      {"0", 10, 0, 1},
      {"00012", 10, 12, 5},
      {"12\0"
       "34"sv,
       10, 12, 2},
      {"18446744073709551615", 10, UINT64_MAX, 20},
      {"ffffffffffffffff", 16, UINT64_MAX, 16},
      {"01777777777777777777777", 8, UINT64_MAX, 23},
  };
  for (const auto& c : good) {
    const auto number = parse(c.text, c.base);
    ASSERT_TRUE(number) << c.text;
    EXPECT_EQ(number->value, c.value) << c.text;
    EXPECT_EQ(number->consumed, c.consumed) << c.text;
    // And so does the C library, which needs a nul behind it.
    char* end = nullptr;
    const std::string copy(c.text);
    EXPECT_EQ(std::strtoull(copy.c_str(), &end, static_cast<int>(c.base)), c.value) << c.text;
    EXPECT_EQ(static_cast<uint32_t>(end - copy.c_str()), c.consumed) << c.text;
  }
  for (const auto& [s, base] :
       std::vector<std::pair<std::string_view, unsigned>>{{"", 10},
                                                          {"abc", 10},
                                                          {" ", 10},
                                                          {"+", 10},
                                                          {"- 1", 10},
                                                          {"9", 8},
                                                          {"g", 16},
                                                          {"\0001"sv, 10},
                                                          {"18446744073709551616", 10},
                                                          {"99999999999999999999999", 10},
                                                          {"10000000000000000", 16}}) {
    EXPECT_FALSE(parse(s, base)) << s;
  }
}

TEST(MatcherByteTest, UserGuide) {
  const std::string_view data =
      "\x00\x01\x00\x02\x00\x03"
      "foobar1337"sv;
  const auto found = content("\x00\x01\x00\x02"sv);
  check({
      {"2,=,0x01,0", {found, byte_test(bytes(2, 0), Equal, 1)}, data, true},
      {"2,=,0x03,0,relative", {found, byte_test(relative(2, 0), Equal, 3)}, data, true},
      {"2,!=,0x06,0", {found, byte_test(bytes(2, 0), NotEqual, 6)}, data, true},
      {"2,>,1000,1,relative", {found, byte_test(relative(2, 1), Greater, 0x300)}, data, true},
      {"2,&,0x01 relative", {found, byte_test(relative(2, 0), And, 1)}, data, true},
      {"4,=,1337,0,relative,string,dec",
       {content("foobar"), byte_test(text(relative(4, 0), 10), Equal, 1337)},
       data,
       true},
      {"4,=,1337,1,relative,string,dec: too few bytes",
       {content("foobar"), byte_test(text(relative(4, 1), 10), Equal, 1337)},
       data,
       false},
  });
}

TEST(MatcherByteTest, ReadsAndCompares) {
  const std::string_view data = "\x01\x02\x03\x04\x05\x06\x07\x08\x09"sv;
  check({
      {"1 byte", {byte_test(bytes(1, 0), Equal, 1)}, data, true},
      {"3 bytes", {byte_test(bytes(3, 1), Equal, 0x020304)}, data, true},
      {"8 bytes", {byte_test(bytes(8, 1), Equal, 0x0203040506070809)}, data, true},
      {"little", {byte_test(little(bytes(4, 0)), Equal, 0x04030201)}, data, true},
      {"the last byte", {byte_test(bytes(1, 8), Equal, 9)}, data, true},
      {"one behind it", {byte_test(bytes(1, 9), GreaterEqual, 0)}, data, false},
      {"half behind it", {byte_test(bytes(2, 8), GreaterEqual, 0)}, data, false},
      {"before the start", {byte_test(bytes(1, -1), GreaterEqual, 0)}, data, false},
      {"negative, relative", {content("\x03"), byte_test(relative(1, -3), Equal, 1)}, data, true},
      {"negative beyond the start",
       {content("\x03"), byte_test(relative(1, -4), GreaterEqual, 0)},
       data,
       false},
      {"less", {byte_test(bytes(1, 0), Less, 2)}, data, true},
      {"not less", {byte_test(bytes(1, 0), Less, 1)}, data, false},
      {"less or equal", {byte_test(bytes(1, 0), LessEqual, 1)}, data, true},
      {"greater or equal", {byte_test(bytes(1, 0), GreaterEqual, 1)}, data, true},
      {"not greater", {byte_test(bytes(1, 0), Greater, 1)}, data, false},
      {"not !less", {byte_test(bytes(1, 0), Less, 2, true)}, data, false},
      {"!greater", {byte_test(bytes(1, 0), Greater, 1, true)}, data, true},
      {"!= but there is nothing to read", {byte_test(bytes(1, 9), Equal, 1, true)}, data, false},
      {"and: no bit", {byte_test(bytes(1, 0), And, 2)}, data, false},
      {"xor: the same", {byte_test(bytes(1, 0), Or, 1)}, data, false},
      {"xor: another", {byte_test(bytes(1, 0), Or, 3)}, data, true},
      {"a mask moves down", {byte_test(mask(bytes(1, 3), 0x0c), Equal, 1)}, data, true},
      {"a mask of 16 bits", {byte_test(mask(bytes(2, 0), 0xff00), Equal, 1)}, data, true},
      {"nothing in an empty buffer", {byte_test(bytes(0, 0), Equal, 0)}, "", false},
      {"unsigned: 64 bits",
       {byte_test(bytes(8, 0), Greater, 1)},
       "\xff\xff\xff\xff\xff\xff\xff\xff",
       true},
      {"text, hex", {byte_test(text(bytes(4, 0), 16), Equal, 0xbeef)}, "beef!", true},
      {"text, octal", {byte_test(text(bytes(3, 0), 8), Equal, 0755)}, "755", true},
      {"text: no number", {byte_test(text(bytes(3, 0), 10), GreaterEqual, 0)}, "abc", false},
      {"text: only so many bytes", {byte_test(text(bytes(2, 0), 10), Equal, 13)}, "1337", true},
      {"text: more than there are", {byte_test(text(bytes(5, 0), 10), Equal, 1337)}, "1337", false},
  });
}

TEST(MatcherByteJump, UserGuide) {
  check({
      {"Alice, jump, Bob anywhere",
       {content("Alice"), byte_jump(bytes(2, 0)), content("Bob")},
       "\x00\x04..Alice Bob"sv,
       true},
      {"two jumps",
       {byte_jump(bytes(2, 0)), byte_jump(relative(2, 0)), content("foobar").distance(0).within(6)},
       "\x00\x01.\x00\x02..foobar"sv,
       true},
      {"back, from where a content has ended the buffer",
       {content("Bob"), byte_jump(relative(0, 0), -6), content("an").within(2)},
       "a an Bob",
       true},
      {"from the end, -8",
       {[] {
          RuleByteJump jump = byte_jump(bytes(0, 0), -8);
          jump.from_end = true;
          return jump;
        }(),
        content("l33t").distance(0).within(4)},
       "......l33t....",
       true},
  });
}

TEST(MatcherByteJump, Lands) {
  const auto with = [](RuleBytes read, auto change) {
    RuleByteJump jump = byte_jump(read);
    change(jump);
    return jump;
  };
  const auto here = [](std::string_view s) {
    return content(s).within(static_cast<int64_t>(s.size()));
  };
  check({
      {"behind the number",
       {byte_jump(bytes(1, 0)), here("c")},
       "\x01"
       "bcd",
       true},
      {"not elsewhere",
       {byte_jump(bytes(1, 0)), here("d")},
       "\x01"
       "bcd",
       false},
      {"by 0",
       {byte_jump(bytes(1, 0)), here("b")},
       "\x00"
       "bcd"sv,
       true},
      {"to the last byte",
       {byte_jump(bytes(1, 0)), here("d")},
       "\x02"
       "bcd",
       true},
      {"to the end is beyond it",
       {byte_jump(bytes(1, 0))},
       "\x03"
       "bcd",
       false},
      {"from the beginning",
       {with(bytes(1, 0), [](auto& j) { j.from_beginning = true; }), here("b")},
       "\x01"
       "bcd",
       true},
      {"multiplier",
       {with(bytes(1, 0), [](auto& j) { j.multiplier = 2; }), here("d")},
       "\x01"
       "bcd",
       true},
      {"align",
       {with(bytes(1, 0), [](auto& j) { j.align = true; }), here("f")},
       "\x01"
       "bcdef",
       true},
      {"aligned already",
       {with(bytes(1, 0), [](auto& j) { j.align = true; }), here("f")},
       "\x04"
       "bcdef",
       true},
      {"post_offset",
       {byte_jump(bytes(1, 0), 2), here("e")},
       "\x01"
       "bcdef",
       true},
      {"post_offset back",
       {byte_jump(relative(1, 3), -4), here("b")},
       "abc\x01"
       "efgh",
       true},
      {"back beyond the start is the start",
       {byte_jump(bytes(1, 0), -100), content("\x01").within(1)},
       "\x01"
       "bcd",
       true},
      {"text: behind its digits", {byte_jump(text(bytes(3, 0), 10)), here("bcd")}, "2;abcd", true},
      {"mask",
       {byte_jump(mask(bytes(1, 0), 0xf0)), here("c")},
       "\x1f"
       "bcd",
       true},
      {"little",
       {byte_jump(little(bytes(2, 0))), here("c")},
       "\x01\x00"
       "bcd"sv,
       true},
      {"so far that it wraps",
       {byte_jump(bytes(8, 0))},
       "\x7f\xff\xff\xff\xff\xff\xff\xff"
       "abc",
       false},
      {"negative as 64 bits: the start",
       {byte_jump(bytes(8, 0)), content("\xff").within(1)},
       "\xff\xff\xff\xff\xff\xff\xff\x00"
       "abc"sv,
       true},
  });
}

TEST(MatcherByteExtract, UserGuide) {
  check({
      {"distance: size",
       {content("Alice"), byte_extract(bytes(2, 0), Var{0}),
        content("Bob").distance(Var{0}).within(3)},
       // The point is behind the two bytes now.
       "\x00\x07..Alice"
       "Bob"sv,
       true},
      {"within: len",
       {content("\x00\xff"sv), byte_extract(relative(1, 0), Var{0}),
        content("\x5c\x00"sv).distance(2).within(Var{0})},
       "\x00\xff\x05..123\x5c\x00"sv,
       true},
      {"within: len, too far",
       {content("\x00\xff"sv), byte_extract(relative(1, 0), Var{0}),
        content("\x5c\x00"sv).distance(2).within(Var{0})},
       "\x00\xff\x04..123\x5c\x00"sv,
       false},
      {"compare",
       {content("\x00\xff"sv), byte_extract(relative(2, 0), Var{0}), content("FooBar").distance(0),
        byte_test(bytes(2, 0), Equal, Var{0})},
       "\x01\x02\x00\xff\x01\x02 FooBar"sv,
       true},
      {"compare: another",
       {content("\x00\xff"sv), byte_extract(relative(2, 0), Var{0}), content("FooBar").distance(0),
        byte_test(bytes(2, 0), Equal, Var{0})},
       "\x01\x03\x00\xff\x01\x02 FooBar"sv,
       false},
  });
}

TEST(MatcherByteExtract, VariablesStandForNumbers) {
  const auto var = byte_extract(bytes(1, 0), Var{3});
  check({
      {"offset", {var, content("x").offset(Var{3}).depth(1)}, "\x04...x", true},
      {"offset: not before", {var, content("x").offset(Var{3})}, "\x04..x.", false},
      {"depth", {var, content("x").depth(Var{3})}, "\x04..x", true},
      {"depth: too late", {var, content("x").depth(Var{3})}, "\x03..x", false},
      {"isdataat", {var, isdataat(Var{3})}, "\x03..x", true},
      {"isdataat: beyond", {var, isdataat(Var{3})}, "\x04..x", false},
      {"no isdataat", {var, no_dataat(Var{3})}, "\x04..x", true},
      {"count",
       {var, byte_test(bytes(Var{3}, 1), Equal, 0x6162)},
       "\x02"
       "abc",
       true},
      {"count: more than 8",
       {var, byte_test(bytes(Var{3}, 0), GreaterEqual, 0)},
       "\x09"
       "abcdefghij",
       false},
      {"value",
       {var, byte_test(bytes(1, 1), Equal, Var{3})},
       "\x61"
       "a",
       true},
      {"offset of a number",
       {var, byte_test(bytes(1, Var{3}), Equal, 'c')},
       "\x03"
       "abc",
       true},
      {"offset of a jump",
       {var, byte_jump(bytes(1, Var{3})), content("x").within(1)},
       "\x02.\x01.x",
       true},
      {"multiplied and aligned",
       {byte_extract(bytes(1, 0), Var{0}, 3, 4), byte_test(bytes(1, 1), Equal, Var{0})},
       "\x03\x0c",
       true},
      {"text", {byte_extract(text(bytes(3, 0), 10), Var{0}), isdataat(Var{0})}, "3; .", true},
      {"of the last occurrence that was tried",
       {content("L"), byte_extract(relative(1, 0), Var{0}),
        content("end").distance(Var{0}).within(3)},
       "L\x09 L\x02..end",
       true},
  });
}

TEST(MatcherByteExtract, AVariableThatNobodySetFailsItsItem) {
  check({
      {"content", {content("a").offset(Var{1})}, "aaaa", false},
      {"negated content", {no_content("x").offset(Var{1})}, "aaaa", false},
      {"within", {content("a"), content("a").within(Var{1})}, "aaaa", false},
      {"byte_test", {byte_test(bytes(1, 0), GreaterEqual, Var{1})}, "aaaa", false},
      {"byte_test, negated", {byte_test(bytes(1, 0), Equal, Var{1}, true)}, "aaaa", false},
      {"count", {byte_test(bytes(Var{1}, 0), GreaterEqual, 0)}, "aaaa", false},
      {"isdataat", {isdataat(Var{1})}, "aaaa", false},
      {"isdataat, negated", {no_dataat(Var{1})}, "aaaa", false},
      {"byte_math", {byte_math(bytes(1, 0), '+', Var{1}, Var{0})}, "aaaa", false},
  });
}

TEST(MatcherByteExtract, VariablesLiveAsLongAsTheRule) {
  MatchScratch scratch;
  const BufferMatcher sets = compiled({byte_extract(bytes(1, 0), Var{0})});
  const BufferMatcher asks = compiled({byte_test(bytes(1, 0), Equal, Var{0})});
  scratch.begin_rule();
  EXPECT_TRUE(sets.matches(whole("\x05"), scratch));
  EXPECT_TRUE(asks.matches(whole("\x05"), scratch)) << "another buffer of the rule";
  EXPECT_FALSE(asks.matches(whole("\x06"), scratch));
  scratch.begin_rule();
  EXPECT_FALSE(asks.matches(whole("\x05"), scratch)) << "another rule";
}

TEST(MatcherByteMath, Computes) {
  const auto is = [](char operation, Num operand, int64_t result, RuleBytes read = bytes(1, 0)) {
    return Items{byte_math(read, operation, operand, Var{0}), byte_test(bytes(8, 8), Equal, Var{0}),
                 byte_test(bytes(8, 8), Equal, result)};
  };
  const auto data = [](uint8_t first, uint64_t result) {
    std::string bytes(8, '\0');
    bytes[0] = static_cast<char>(first);
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(result >> shift);
    return bytes;
  };
  EXPECT_TRUE(holds(is('+', 248, 255), data(7, 255)));
  EXPECT_TRUE(holds(is('-', 3, 4), data(7, 4)));
  EXPECT_TRUE(holds(is('-', 8, -1), data(7, UINT64_MAX))) << "modulo 2^64";
  EXPECT_TRUE(holds(is('*', 6, 42), data(7, 42)));
  EXPECT_TRUE(holds(is('/', 2, 3), data(7, 3)));
  EXPECT_FALSE(holds(is('/', 0, 0), data(7, 0))) << "a division by zero never matches";
  EXPECT_TRUE(holds(is('<', 4, 112), data(7, 112)));
  EXPECT_TRUE(holds(is('>', 1, 3), data(7, 3)));
  EXPECT_TRUE(holds(is('<', 64, 0), data(7, 0))) << "all bits are gone";
  EXPECT_TRUE(holds(is('>', 200, 0), data(7, 0)));
  EXPECT_TRUE(holds(is('+', 0x10, 1, mask(bytes(1, 0), 0xf0)), data(7, 1))) << "mask of the result";
  // The user guide's second example: a variable as operand.
  check({
      {"extract, add, compare",
       {byte_extract(bytes(1, 0), Var{0}), byte_math(bytes(1, 1), '+', Var{0}, Var{1}),
        byte_test(bytes(2, 2), Equal, Var{1})},
       "\x02\x05\x00\x07"sv,
       true},
      {"moves the point behind what it read",
       {content("a"), byte_math(relative(2, 0), '+', 0, Var{0}), content("b").within(1)},
       "a..b",
       true},
      {"divided by a variable that is 0",
       {byte_extract(bytes(1, 0), Var{0}), byte_math(bytes(1, 1), '/', Var{0}, Var{1})},
       "\x00\x05"sv,
       false},
  });
}

TEST(MatcherIsDataAt, UserGuide) {
  const std::string_view data = "abcdefgh";
  check({
      {"7", {isdataat(7)}, data, true},
      {"8", {isdataat(8)}, data, false},
      {"7,relative", {isdataat(7, true)}, data, true},
      {"8,relative", {isdataat(8, true)}, data, true},
      {"9,relative", {isdataat(9, true)}, data, false},
      {"c; 4,relative", {content("c"), isdataat(4, true)}, data, true},
      {"c; 5,relative", {content("c"), isdataat(5, true)}, data, true},
      {"c; 6,relative", {content("c"), isdataat(6, true)}, data, false},
      {"!7", {no_dataat(7)}, data, false},
      {"!8", {no_dataat(8)}, data, true},
      {"h; !1,relative", {content("h"), no_dataat(1, true)}, data, true},
      {"g; !1,relative", {content("g"), no_dataat(1, true)}, data, false},
      {"0 of nothing", {isdataat(0)}, "", false},
      {"0,relative of nothing", {isdataat(0, true)}, "", true},
      {"a huge number", {isdataat(INT64_MAX, true)}, data, false},
      {"not a huge number", {content("c"), no_dataat(INT64_MAX, true)}, data, true},
  });
}

TEST(MatcherBsize, WaitsForTheEndWhereItMustAndNoLonger) {
  constexpr int64_t kMore = INT64_MAX;
  RuleBsize not_five = bsize(5, 5);
  not_five.range.negated = true;
  struct {
    const char* what;
    RuleBsize size;
    std::string_view bytes;
    bool whole, growing;
  } const cases[] = {
      {"equal", bsize(5, 5), "12345", true, false},
      {"shorter", bsize(5, 5), "1234", false, false},
      {"longer", bsize(5, 5), "123456", false, false},
      {"less than 5", bsize(0, 4), "1234", true, false},
      {"more than 3", bsize(4, kMore), "1234", true, true},
      {"more than 4", bsize(5, kMore), "1234", false, false},
      {"between", bsize(2, 9), "1234", true, false},
      {"not 5: 4 may become it", not_five, "1234", true, false},
      {"not 5: 6 cannot", not_five, "123456", true, true},
      {"empty", bsize(0, 0), "", true, false},
  };
  MatchScratch scratch;
  for (const auto& c : cases) {
    BufferView view = whole(c.bytes);
    EXPECT_EQ(compiled({c.size}).matches(view, scratch), c.whole) << c.what;
    view.complete = false;
    EXPECT_EQ(compiled({c.size}).matches(view, scratch), c.growing) << c.what << ", growing";
  }
}

TEST(MatcherNumbers, HostileOnesNeitherOverflowNorReadBeyond) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  const std::string all_ones(16, '\xff');
  for (const int64_t far : {kMin, kMin + 1, int64_t{-1} << 31, int64_t{1} << 31, kMax - 1, kMax}) {
    for (const bool is_relative : {false, true}) {
      EXPECT_FALSE(holds({content("\xff"), byte_test(bytes(1, far, is_relative), GreaterEqual, 0)},
                         all_ones));
      EXPECT_FALSE(holds({content("\xff"), byte_jump(bytes(1, far, is_relative))}, all_ones));
      EXPECT_FALSE(
          holds({content("\xff"), byte_extract(bytes(1, far, is_relative), Var{0})}, all_ones));
    }
    EXPECT_FALSE(holds({content("\xff"), content("a").distance(far)}, all_ones));
    EXPECT_EQ(holds({content("\xff"), content("\xff").distance(far)}, all_ones), far < 0) << far;
    EXPECT_EQ(holds({content("\xff"), content("\xff").within(far)}, all_ones), far > 0) << far;
    EXPECT_EQ(holds({content("\xff").offset(far)}, all_ones), far < 0) << far;
    EXPECT_EQ(holds({content("\xff").depth(far)}, all_ones), far > 0) << far;
  }
  // Variables of 64 bits in every place.
  const auto huge = byte_extract(bytes(8, 0), Var{0});
  EXPECT_FALSE(holds({huge, content("\xff").offset(Var{0})}, all_ones));
  EXPECT_TRUE(holds({huge, content("\xff").depth(Var{0})}, all_ones));
  EXPECT_FALSE(holds({huge, content("\xff").distance(Var{0})}, all_ones));
  EXPECT_TRUE(holds({huge, content("\xff").within(Var{0})}, all_ones));
  EXPECT_FALSE(holds({huge, content("\xff").distance(Var{0}).within(Var{0})}, all_ones));
  EXPECT_FALSE(holds({huge, isdataat(Var{0}, true)}, all_ones));
  EXPECT_TRUE(holds({huge, no_dataat(Var{0}, true)}, all_ones));
  EXPECT_FALSE(holds({huge, byte_test(bytes(1, Var{0}), GreaterEqual, 0)}, all_ones));
  EXPECT_FALSE(holds({huge, byte_test(bytes(Var{0}, 0), GreaterEqual, 0)}, all_ones));
  EXPECT_FALSE(holds({huge, byte_jump(bytes(1, Var{0}))}, all_ones));
}

}  // namespace
}  // namespace sluice::rules
