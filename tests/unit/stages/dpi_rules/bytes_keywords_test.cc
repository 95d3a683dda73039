// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>

#include "rule_parsing.h"

namespace sluice::rules {
namespace {

constexpr RefusalKind kUnsupported = RefusalKind::Unsupported;

TEST(ByteTest, EveryPart) {
  const RuleByteTest test = item<RuleByteTest>(
      with("content:\"a\"; byte_test:4, !>, 0x10, -2, relative, little, bitmask 0xff00;"), 1);
  EXPECT_EQ(test.read.count.value, 4);
  EXPECT_EQ(test.compare, RuleCompare::Greater);
  EXPECT_TRUE(test.negated);
  EXPECT_EQ(test.value.value, 16);
  EXPECT_EQ(test.read.offset.value, -2);
  EXPECT_TRUE(test.read.relative && test.read.little_endian);
  EXPECT_EQ(test.read.bitmask, 0xff00u);
  EXPECT_EQ(test.read.text_base, 0);
  const RuleByteTest text = item<RuleByteTest>(with("byte_test:10,=,1337,1,string,dec;"));
  EXPECT_EQ(text.read.text_base, 10);
  EXPECT_FALSE(text.negated || text.read.relative || text.read.little_endian);
  EXPECT_EQ(item<RuleByteTest>(with("byte_test:2,=,1,0,string,hex,big;")).read.text_base, 16);
  EXPECT_EQ(item<RuleByteTest>(with("byte_test:2,=,1,0,oct,string;")).read.text_base, 8);
  EXPECT_EQ(item<RuleByteTest>(with("byte_test:2,=,017,0;")).value.value, 15);
}

TEST(ByteTest, Operators) {
  static constexpr std::pair<const char*, RuleCompare> kOperators[] = {
      {"<", RuleCompare::Less},    {"<=", RuleCompare::LessEqual},
      {">", RuleCompare::Greater}, {">=", RuleCompare::GreaterEqual},
      {"=", RuleCompare::Equal},   {"&", RuleCompare::And},
      {"^", RuleCompare::Or},
  };
  for (const auto& [op, compare] : kOperators) {
    const std::string rest = std::string(op) + ",1,0;";
    const RuleByteTest plain = item<RuleByteTest>(with("byte_test:1," + rest));
    EXPECT_EQ(plain.compare, compare) << op;
    EXPECT_FALSE(plain.negated);
    EXPECT_TRUE(item<RuleByteTest>(with("byte_test:1,!" + rest)).negated) << op;
  }
  const RuleByteTest bare = item<RuleByteTest>(with("byte_test:1,!,1,0;"));
  EXPECT_TRUE(bare.negated && bare.compare == RuleCompare::Equal);
}

TEST(ByteTest, Refused) {
  static constexpr BadOptions kBad[] = {
      {"@byte_test;", "byte_test", "nothing"},
      {"byte_test:1,=,1@;", "byte_test", "nothing"},
      {"byte_test:@9,=,1,0;", "byte_test", "\"9\""},
      {"byte_test:@0,=,1,0;", "byte_test", "\"0\""},
      {"byte_test:@24,=,1,0,string,dec;", "byte_test", "\"24\""},
      {"byte_test:1,@~,1,0;", "byte_test", "\"~\""},
      {"byte_test:1,=,@-1,0;", "byte_test", "\"-1\""},
      {"byte_test:1,=,@x,0;", "byte_test", "\"x\""},
      {"byte_test:1,=,1,@65536;", "byte_test", "\"65536\""},
      {"byte_test:1,=,1,0,@middle;", "byte_test", "\"middle\""},
      {"byte_test:1,=,1,0,@hex;", "byte_test", "\"hex\" without string"},
      {"byte_test:1,=,1,0,bitmask @0;", "byte_test", "\"0\""},
      {"byte_test:1,=,1,0,@dce;", "byte_test", "dce", kUnsupported},
  };
  expect_refused(kBad);
}

TEST(ByteJump, EveryPart) {
  const RuleByteJump jump = item<RuleByteJump>(
      with("content:\"a\"; byte_jump:2,4,relative,little,multiplier 3,align,post_offset -8,"
           "bitmask 0x0f;"),
      1);
  EXPECT_EQ(jump.read.count.value, 2);
  EXPECT_EQ(jump.read.offset.value, 4);
  EXPECT_EQ(jump.multiplier, 3);
  EXPECT_EQ(jump.post_offset, -8);
  EXPECT_TRUE(jump.align && jump.read.relative && jump.read.little_endian);
  EXPECT_FALSE(jump.from_beginning || jump.from_end);
  EXPECT_TRUE(item<RuleByteJump>(with("byte_jump:0,0,from_end;")).from_end);
  EXPECT_TRUE(item<RuleByteJump>(with("byte_jump:10,0,string,dec,from_beginning;")).from_beginning);
  static constexpr BadOptions kBad[] = {
      {"byte_jump:1@;", "byte_jump", "nothing"},
      {"byte_jump:@9,0;", "byte_jump", "\"9\""},
      {"byte_jump:1,0,@up;", "byte_jump", "\"up\""},
      {"byte_jump:1,0,multiplier @0;", "byte_jump", "\"0\""},
      {"byte_jump:1,0,@multiplier2;", "byte_jump", "\"multiplier2\""},
      {"byte_jump:1,0,post_offset @70000;", "byte_jump", "\"70000\""},
      {"byte_jump:@1,0,from_beginning,from_end;", "byte_jump", "from_beginning and from_end"},
      {"byte_jump:1,0,@dce;", "byte_jump", "dce", kUnsupported},
  };
  expect_refused(kBad);
}

TEST(ByteExtract, FillsAVariable) {
  const Rule rule = with(
      "byte_extract:2,3,len,little,multiplier 2,align 4; content:\"a\"; offset:len; depth:len; "
      "content:\"b\"; distance:len; within:len; byte_test:len,=,len,len; byte_jump:len,len; "
      "isdataat:!len;");
  const RuleByteExtract extract = item<RuleByteExtract>(rule, 0);
  EXPECT_EQ(extract.read.count.value, 2);
  EXPECT_EQ(extract.read.offset.value, 3);
  EXPECT_EQ(extract.variable, 0);
  EXPECT_EQ(extract.multiplier, 2);
  EXPECT_EQ(extract.align, 4);
  const RuleContent a = item<RuleContent>(rule, 1);
  EXPECT_TRUE(a.offset->is_variable() && a.depth->is_variable());
  const RuleContent b = item<RuleContent>(rule, 2);
  EXPECT_TRUE(b.distance->is_variable() && b.within->is_variable());
  const RuleByteTest test = item<RuleByteTest>(rule, 3);
  EXPECT_TRUE(test.read.count.is_variable() && test.value.is_variable() &&
              test.read.offset.is_variable());
  EXPECT_TRUE(item<RuleIsDataAt>(rule, 5).position.is_variable());
  EXPECT_EQ(item<RuleByteExtract>(with("byte_extract:4,0,n,string,hex;")).read.text_base, 16);
  static constexpr BadOptions kBad[] = {
      {"byte_extract:1,0@;", "byte_extract", "nothing"},
      {"byte_extract:@0,0,x;", "byte_extract", "\"0\""},
      {"byte_extract:@9,0,x;", "byte_extract", "\"9\""},
      {"byte_extract:1,0,@1x;", "byte_extract", "\"1x\""},
      {"byte_extract:1,0,x,align @3;", "byte_extract", "\"3\""},
      {"byte_extract:1,0,x,@later;", "byte_extract", "\"later\""},
      {"byte_extract:1,0,x,@dce;", "byte_extract", "dce", kUnsupported},
      {"content:\"a\"; offset:@x; byte_extract:1,0,x;", "offset", "\"x\""},
  };
  expect_refused(kBad);
}

TEST(ByteExtract, VariablesOfOtherBuffers) {
  // The payload is looked at first.
  (void)with("byte_extract:1,0,x; http.uri; content:\"a\"; offset:x;");
  static constexpr BadOptions kBad[] = {
      {R"(http.uri; byte_extract:1,0,x; pkt_data; @content:"a"; offset:x;)", "content",
       "a variable of a buffer that is looked at later", kUnsupported},
  };
  expect_refused(kBad);
  std::string many;
  for (int i = 0; i < 8; ++i) many += "byte_extract:1,0,v" + std::to_string(i) + "; ";
  EXPECT_EQ(items(with(many)).size(), 8u);
  expect_refused("alert ip any any -> any any (" + many + "byte_extract:1,0,@v8; sid:7;)",
                 "byte_extract", "one more variable", kUnsupported);
}

TEST(ByteMath, EveryPart) {
  const Rule rule = with(
      "byte_extract:1,0,n; content:\"a\"; byte_math:bytes 4, offset -4, oper <<, rvalue n, result "
      "r, relative, endian little, string hex, bitmask 0xf0; byte_test:1,=,r,0;");
  const RuleByteMath math = item<RuleByteMath>(rule, 2);
  EXPECT_EQ(math.read.count.value, 4);
  EXPECT_EQ(math.read.offset.value, -4);
  EXPECT_EQ(math.operation, '<');
  EXPECT_EQ(math.operand.variable, 0);
  EXPECT_EQ(math.variable, 1);
  EXPECT_TRUE(math.read.relative && math.read.little_endian);
  EXPECT_EQ(math.read.text_base, 16);
  EXPECT_EQ(math.read.bitmask, 0xf0u);
  EXPECT_EQ(item<RuleByteTest>(rule, 3).value.variable, 1);
  for (const char* op : {"+", "-", "*", "/", ">>"}) {
    const Rule one =
        with(std::string("byte_math:bytes 1,offset 0,oper ") + op + ",rvalue 2,result x;");
    EXPECT_EQ(item<RuleByteMath>(one).operation, op[0]);
  }
  static constexpr BadOptions kBad[] = {
      {"byte_math:@bytes 1, offset 0, oper +, rvalue 1;", "byte_math", "\"bytes 1"},
      {"byte_math:bytes 1, offset 0, oper @%, rvalue 1, result x;", "byte_math", "\"%\""},
      {"byte_math:bytes 1, offset 0, oper /, rvalue @0, result x;", "byte_math", "a division by 0"},
      {"byte_math:bytes @0, offset 0, oper +, rvalue 1, result x;", "byte_math", "\"0\""},
      {"byte_math:bytes 1, offset 0, oper +, rvalue 1, result x, @there;", "byte_math",
       "\"there\""},
      {"byte_math:bytes 1, offset 0, oper +, rvalue 1, result x, string @bin;", "byte_math",
       "\"bin\""},
      {"byte_math:bytes 1, offset 0, oper +, rvalue 1, result x, endian @dce;", "byte_math", "dce",
       kUnsupported},
      {"@byte_math:bytes 1, bytes 1;", "byte_math", "a second one"},
  };
  expect_refused(kBad);
}

TEST(BytesKeywords, RelativeOnesGoToTheMatchBefore) {
  const Rule rule = with(
      "content:\"a\"; http_header; byte_test:1,=,1,0,relative; byte_jump:1,0,relative; "
      "byte_extract:1,0,x,relative;");
  ASSERT_EQ(rule.buffers.size(), 1u);
  EXPECT_EQ(rule.buffers[0].buffer, Buffer::HttpHeader);
  EXPECT_EQ(rule.buffers[0].items.size(), 4u);
  EXPECT_EQ(with("content:\"a\"; http_header; byte_test:1,=,1,0;").buffers[0].buffer,
            Buffer::Payload);
}

}  // namespace
}  // namespace sluice::rules
