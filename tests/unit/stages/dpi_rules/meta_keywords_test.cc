// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>

#include "rule_parsing.h"

namespace sluice::rules {
namespace {

TEST(MetaKeyword, EveryOne) {
  const Rule rule = parse(
      R"(alert ip any any -> any any (msg:"a \"b\"\; c\\ \: d"; sid:4294967295; gid:3; rev:0; )"
      R"(classtype:web-application-attack; priority:255; reference:url,example.com/a,b; )"
      R"(reference: cve , 2017-0144; metadata: a b, c d ,; metadata:e; target:dest_ip; noalert;))");
  EXPECT_EQ(rule.msg, R"(a "b"; c\ : d)");
  EXPECT_EQ(rule.sid, 4294967295u);
  EXPECT_EQ(rule.gid, 3u);
  EXPECT_EQ(rule.rev, 0u);
  EXPECT_EQ(rule.classtype, "web-application-attack");
  EXPECT_EQ(rule.priority, 255);
  EXPECT_EQ(rule.references, (std::vector<std::string>{"url,example.com/a,b", "cve,2017-0144"}));
  EXPECT_EQ(rule.metadata, (std::vector<std::string>{"a b", "c d", "e"}));
  EXPECT_EQ(rule.target, "dest_ip");
  EXPECT_TRUE(rule.noalert);
  EXPECT_TRUE(with("alert;", "pass tls any any -> any any").alert);
  EXPECT_TRUE(with("content:\"a\"; prefilter;").buffers.size() == 1);
  EXPECT_EQ(with("msg:\"\";").msg, "");
}

TEST(MetaKeyword, MessagesAreFitForALog) {
  EXPECT_EQ(with("msg:\"a\tb\x7f\";").msg, "a b ");
  EXPECT_EQ(with("msg:\"caf\xc3\xa9 \xe9\";").msg, "caf\xc3\xa9 \xef\xbf\xbd");
  EXPECT_EQ(with("metadata:\x1b[31m;").metadata.at(0), " [31m");
  const std::string longest(kMaxMsgBytes, 'x');
  EXPECT_EQ(with("msg:\"" + longest + "\";").msg, longest);
  expect_refused("alert ip any any -> any any (msg:\"@" + longest + "x\"; sid:7;)", "msg",
                 "513 bytes");
}

TEST(MetaKeyword, Refused) {
  static constexpr BadOptions kBad[] = {
      {"msg:@x;", "msg", "\"x\""},
      {"msg:\"a\"; @msg:\"b\";", "msg", "a second one"},
      {"rev:@x;", "rev", "\"x\""},
      {"rev:1; @rev:2;", "rev", "a second one"},
      {"gid:@0;", "gid", "\"0\""},
      {"gid:1; @gid:1;", "gid", "a second one"},
      {"classtype:@a b;", "classtype", "\"a b\""},
      {"classtype:a; @classtype:b;", "classtype", "a second one"},
      {"priority:@0;", "priority", "\"0\""},
      {"priority:@256;", "priority", "\"256\""},
      {"priority:1; @priority:1;", "priority", "a second one"},
      {"reference:@url;", "reference", "\"url\""},
      {"target:@victim;", "target", "\"victim\""},
      {"target:src_ip; @target:src_ip;", "target", "a second one"},
      {"noalert:@x;", "noalert", "\"x\""},
      {"alert; @noalert;", "noalert", "beside alert"},
      {"noalert; @alert;", "alert", "beside noalert"},
      {"prefilter:@x;", "prefilter", "\"x\""},
  };
  expect_refused(kBad);
  const std::string begin = "alert ip any any -> any any (";
  expect_refused(begin + "sid:7; @sid:7;)", "sid", "a second one");
  Rule rule;
  for (const char* sid : {"0", "-1", "4294967296", "x", "1 2", "7x"}) {
    const auto refusal = try_parse(begin + "sid:" + sid + ";)", rule);
    ASSERT_TRUE(refusal) << sid;
    EXPECT_EQ(refusal->error.key, "sid");
    EXPECT_EQ(refusal->error.where.column, begin.size() + 5);
  }
}

}  // namespace
}  // namespace sluice::rules
