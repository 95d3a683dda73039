// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/rule_loader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace sluice::rules {
namespace {

LoadedRules load(std::string_view text, RuleLoadOptions options = {}) {
  RuleLoader loader(std::move(options));
  loader.add_text("test.rules", text);
  ConfigErrors errors;
  LoadedRules loaded = loader.finish(errors);
  EXPECT_TRUE(errors.empty()) << errors.to_string();
  return loaded;
}

std::string rule(const std::string& options, const std::string& action = "alert") {
  return action + " tcp any any -> any any (" + options + ")\n";
}

RuleNumbers numbers(std::initializer_list<const char*> texts) {
  RuleNumbers out;
  std::string why;
  for (const char* text : texts) EXPECT_TRUE(out.add(text, why)) << text << ": " << why;
  return out;
}

TEST(RuleLoader, CountsAndNamesWhatItRefuses) {
  const LoadedRules loaded = load(
      "# " + rule("sid:1;") + rule("sid:1;") + rule("filestore; sid:2;") +
      rule("content:\"a\"; smb.share; sid:3;") + rule("filestore; sid:4;") +
      rule("flow:x; sid:5;") +
      "alert smb any any -> any any (sid:6;)\nalert smtp any any -> any any (sid:7;)\ngarbage\n");
  ASSERT_EQ(loaded.rules.size(), 1u);
  EXPECT_EQ(loaded.rules[0].where.line, 2u);
  const RuleCoverage& coverage = loaded.coverage;
  EXPECT_EQ(coverage.rules, 8u);
  EXPECT_EQ(coverage.loaded, 1u);
  EXPECT_EQ(coverage.refused, 7u);
  using Reason = RuleCoverage::Reason;
  const std::map<Reason, size_t> reasons = {
      {{RefusalKind::Unsupported, "filestore"}, 2},
      {{RefusalKind::Unsupported, "smb.share"}, 1},
      {{RefusalKind::Unsupported, "protocol \"smb\""}, 1},
      {{RefusalKind::Unsupported, "protocol \"smtp\""}, 1},
      {{RefusalKind::Invalid, "flow"}, 1},
      {{RefusalKind::Invalid, "action"}, 1},
  };
  EXPECT_EQ(coverage.refused_by, reasons);
  ASSERT_EQ(loaded.refusals.size(), 7u);
  EXPECT_EQ(loaded.refusals[0].sid, 2u);
  EXPECT_EQ(loaded.refusals[0].error.where.file, "test.rules");
  EXPECT_EQ(loaded.refusals[0].error.where.line, 3u);
  EXPECT_EQ(loaded.refusals[6].sid, 0u);
  EXPECT_EQ(to_string(coverage),
            "1 of 8 rules loaded, 7 refused\n"
            "       2  unsupported  filestore\n"
            "       1  unsupported  protocol \"smb\"\n"
            "       1  unsupported  protocol \"smtp\"\n"
            "       1  unsupported  smb.share\n"
            "       1  invalid      action\n"
            "       1  invalid      flow\n");
}

TEST(RuleLoader, ARefusedRuleLeavesNothingBehind) {
  const LoadedRules loaded =
      load(rule("flowbits:set,a; content:\"x\"; content:\"y\"; lua:x; sid:1;") +
           rule("content:\"z\"; sid:2;"));
  ASSERT_EQ(loaded.rules.size(), 1u);
  EXPECT_TRUE(loaded.rules[0].flowbits.empty());
  ASSERT_EQ(loaded.rules[0].buffers.size(), 1u);
  EXPECT_EQ(loaded.rules[0].buffers[0].items.size(), 1u);
}

TEST(RuleLoader, FailTurnsRefusalsIntoErrors) {
  RuleLoadOptions options;
  options.on_unsupported = OnUnsupported::Fail;
  RuleLoader loader(options);
  loader.add_text("test.rules", rule("sid:1;") + rule("lua:x; sid:2;"));
  ConfigErrors errors;
  const LoadedRules loaded = loader.finish(errors);
  EXPECT_EQ(loaded.rules.size(), 1u);
  ASSERT_EQ(errors.all().size(), 1u);
  EXPECT_EQ(errors.all()[0].key, "lua");
  EXPECT_EQ(errors.all()[0].where.line, 2u);
}

TEST(RuleLoader, OfDuplicatesTheHighestRevisionStays) {
  const LoadedRules loaded =
      load(rule("msg:\"a\"; sid:1; rev:2;") + rule("sid:2;") + rule("msg:\"b\"; sid:1; rev:1;") +
           rule("msg:\"c\"; sid:1; rev:3;") + rule("msg:\"d\"; sid:1; rev:3;") +
           rule("msg:\"e\"; sid:1; gid:2;") + rule("msg:\"f\"; sid:1; rev:9; lua:x;"));
  ASSERT_EQ(loaded.rules.size(), 3u);
  EXPECT_EQ(loaded.rules[0].msg, "c");
  EXPECT_EQ(loaded.rules[1].sid, 2u);
  EXPECT_EQ(loaded.rules[2].msg, "e");
  EXPECT_EQ(loaded.coverage.duplicates, 3u);
  EXPECT_EQ(loaded.coverage.loaded, 3u);
  EXPECT_EQ(loaded.coverage.refused, 1u);
  EXPECT_EQ(loaded.coverage.rules, 7u);
}

TEST(RuleSelection, DisablesEnablesAndDrops) {
  RuleLoadOptions options;
  options.selection.disable = numbers({"10-19", "1:30", "2:40"});
  options.selection.enable = numbers({"12"});
  options.selection.drop = numbers({"12", "50-60"});
  std::string text;
  for (const char* sid : {"9", "10", "12", "19", "20", "30", "40", "50"}) {
    text += rule(std::string("sid:") + sid + ";");
  }
  text += rule("gid:2; sid:40;") + rule("sid:51; noalert;") + rule("sid:52;", "pass");
  const LoadedRules loaded = load(text, options);
  std::vector<uint32_t> sids, drops;
  for (const Rule& r : loaded.rules) {
    sids.push_back(r.sid);
    if (r.action == RuleAction::Drop) drops.push_back(r.sid);
  }
  EXPECT_EQ(sids, (std::vector<uint32_t>{9, 12, 20, 40, 50, 51, 52}));
  EXPECT_EQ(drops, (std::vector<uint32_t>{12, 50}));
  EXPECT_EQ(loaded.coverage.disabled, 4u);
}

TEST(RuleSelection, NumbersThatAreNone) {
  for (const char* text :
       {"", "0", "x", "1-", "-1", "5-4", "1:", ":1", "0:1", "1 2", "4294967296", "1:2:3"}) {
    RuleNumbers none;
    std::string why;
    EXPECT_FALSE(none.add(text, why)) << text;
    EXPECT_FALSE(why.empty());
    EXPECT_TRUE(none.empty());
  }
}

TEST(Classification, SeverityAndCategoryOfRules) {
  RuleLoadOptions options;
  ConfigErrors errors;
  options.classifications.add("classification.config",
                              "# own\n\nconfig classification: our-class, Ours, and more ,7\n"
                              "config classification: web-application-attack,Replaced,2\r\n",
                              errors);
  EXPECT_TRUE(errors.empty()) << errors.to_string();
  const LoadedRules loaded =
      load(rule("classtype:trojan-activity; sid:1;") + rule("classtype:our-class; sid:2;") +
               rule("classtype:web-application-attack; sid:3;") +
               rule("classtype:misc-attack; priority:9; sid:4;") + rule("sid:5;") +
               rule("classtype:no-such; sid:6;"),
           options);
  ASSERT_EQ(loaded.rules.size(), 6u);
  static constexpr std::pair<const char*, int> kExpected[] = {{"A Network Trojan was detected", 1},
                                                              {"Ours, and more", 7},
                                                              {"Replaced", 2},
                                                              {"Misc Attack", 9},
                                                              {"", kDefaultPriority},
                                                              {"", kDefaultPriority}};
  for (size_t i = 0; i < std::size(kExpected); ++i) {
    EXPECT_EQ(loaded.rules[i].category, kExpected[i].first);
    EXPECT_EQ(loaded.rules[i].severity, kExpected[i].second);
  }
  ASSERT_NE(find_classification("attempted-admin"), nullptr);
  EXPECT_EQ(find_classification("attempted-admin")->priority, 1);
  EXPECT_EQ(find_classification("zzz"), nullptr);
  EXPECT_EQ(find_classification(""), nullptr);
}

TEST(Classification, LinesThatAreNone) {
  Classifications classes;
  ConfigErrors errors;
  classes.add("classification.config",
              "config classification: a,b,0\n"
              "config classification: a,b\n"
              "  config reference: a http://\n"
              "config classification: ,b,1\n"
              "config classification: a,b,x\n",
              errors);
  ASSERT_EQ(errors.all().size(), 5u);
  EXPECT_EQ(errors.all()[2].where.line, 3u);
  EXPECT_EQ(errors.all()[2].where.column, 3u);
  EXPECT_FALSE(classes.find("a"));
}

TEST(RuleLoader, FilesInTheirOrder) {
  char folder[] = "/tmp/rule_loader_testXXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string first = std::string(folder) + "/a.rules";
  const std::string second = std::string(folder) + "/b.rules";
  std::ofstream(first) << rule("sid:2;") << rule("lua:x; sid:3;");
  std::ofstream(second) << "\n" << rule("sid:1;");
  ConfigErrors errors;
  const LoadedRules loaded = load_rules({first, std::string(folder) + "/none", second}, {}, errors);
  ASSERT_EQ(loaded.rules.size(), 2u);
  EXPECT_EQ(loaded.rules[0].sid, 2u);
  EXPECT_EQ(loaded.rules[1].where.line, 2u);
  ASSERT_EQ(loaded.refusals.size(), 1u);
  EXPECT_EQ(loaded.refusals[0].error.where.file, first);
  ASSERT_EQ(errors.all().size(), 1u);
  EXPECT_EQ(errors.all()[0].where.file, std::string(folder) + "/none");
  EXPECT_EQ(errors.all()[0].found, "No such file or directory");
  std::remove(first.c_str());
  std::remove(second.c_str());
  rmdir(folder);
}

}  // namespace
}  // namespace sluice::rules
