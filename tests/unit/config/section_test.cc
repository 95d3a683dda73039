// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "config/section.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

class Section : public ::testing::Test {
 protected:
  ConfigSection parse(const std::string& text) {
    document_ = ConfigDocument::parse(text, "f", errors_);
    EXPECT_NE(document_, nullptr) << errors_.to_string();
    return document_->root(errors_);
  }
  // "line:column key: found | allowed" of the only error.
  std::string only_error() const {
    if (errors_.all().size() != 1) return "not one error:\n" + errors_.to_string();
    const ConfigError& e = errors_.all()[0];
    return std::to_string(e.where.line) + ":" + std::to_string(e.where.column) + " " + e.key +
           ": " + e.found + " | " + e.allowed;
  }

  ConfigErrors errors_;
  std::unique_ptr<ConfigDocument> document_;
};

TEST_F(Section, GivesValuesOfEveryType) {
  ConfigSection s = parse(
      "s = 'x'\ni = -3\nn = 1.5\nm = 2\nb = true\na = ['x', \"y\"]\nj = [1, 2]\n"
      "p = [\"10.0.0.0/8\", \"::/0\"]\nip = \"::1\"\nmac = \"02:00:00:00:00:01\"\n");
  EXPECT_EQ(s.string("s", "-"), "x");
  EXPECT_EQ(s.required_string("s"), "x");
  EXPECT_EQ(s.integer("i", 0, -5, 5), -3);
  EXPECT_EQ(s.number("n", 0, 0, 2), 1.5);
  EXPECT_EQ(s.number("m", 0, 0, 2), 2.0);
  EXPECT_TRUE(s.boolean("b", false));
  EXPECT_EQ(s.strings("a"), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(s.strings("s"), std::vector<std::string>{"x"}) << "one value is an array of one";
  EXPECT_EQ(s.integers("j", 0, 9), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(s.prefixes("p").size(), 2u);
  EXPECT_EQ(to_string(*s.ip_address("ip")), "::1");
  EXPECT_EQ(to_string(*s.prefix("ip")), "::1/128");
  EXPECT_EQ(to_string(*s.mac_address("mac")), "02:00:00:00:00:01");
  s.finish();
  EXPECT_TRUE(errors_.empty()) << errors_.to_string();
}

TEST_F(Section, AbsentGivesEveryDefault) {
  ConfigSection s = parse("").table("nowhere").table("deeper");
  EXPECT_FALSE(s.present());
  EXPECT_FALSE(s.has("x"));
  EXPECT_EQ(s.string("x", "d"), "d");
  EXPECT_EQ(s.integer("x", 7, 0, 9), 7);
  EXPECT_EQ(s.number("x", 0.5, 0, 1), 0.5);
  EXPECT_TRUE(s.boolean("x", true));
  EXPECT_TRUE(s.strings("x").empty());
  EXPECT_TRUE(s.tables("x").empty());
  EXPECT_TRUE(s.keys().empty());
  EXPECT_FALSE(s.ip_address("x"));
  s.finish();
  EXPECT_TRUE(errors_.empty()) << errors_.to_string();
  EXPECT_EQ(s.path(), "nowhere.deeper");
}

TEST_F(Section, NamesTheElementThatIsWrong) {
  ConfigSection s = parse("[t]\np = [\"10.0.0.0/8\", \"10.0.0.1/8\"]\n").table("t");
  EXPECT_EQ(s.prefixes("p").size(), 1u);
  EXPECT_EQ(only_error(),
            "2:20 t.p[1]: string \"10.0.0.1/8\" | a prefix without bits behind its length: "
            "10.0.0.0/8");
  EXPECT_TRUE(s.failed("p"));
  EXPECT_FALSE(s.failed("q"));
}

TEST_F(Section, RefusesNotANumber) {
  ConfigSection s = parse("n = nan\n");
  EXPECT_EQ(s.number("n", 0.25, 0, 1), 0.25);
  EXPECT_EQ(only_error(), "1:5 n: number nan | a number from 0 to 1");
}

TEST_F(Section, AsksForWhatIsRequired) {
  ConfigSection s = parse("x = 1\n[t]\ny = 1\n").table("t");
  EXPECT_EQ(s.required_string("name"), "");
  EXPECT_EQ(only_error(), "2:1 t.name: nothing | a string; the key is required");
}

TEST_F(Section, RecordsErrorsOfItsReader) {
  ConfigSection s = parse("[t]\na = [1, 2]\n").table("t");
  s.error_at("a", 1, "", "something else");
  EXPECT_EQ(only_error(), "2:9 t.a[1]: integer 2 | something else");
}

TEST_F(Section, RecordsAnErrorOfAKeyThatIsAbsentAtItsTable) {
  ConfigSection s = parse("\n  [t]\na = 1\n").table("t");
  s.error("b", "", "b beside a");
  EXPECT_EQ(only_error(), "2:3 t.b: nothing | b beside a");
}

TEST_F(Section, GivesItsKeysInTheOrderOfTheFileAndKnowsThem) {
  ConfigSection s = parse("[t]\nzulu = 1\nalpha = 2\nmike = 3\n").table("t");
  EXPECT_EQ(s.keys(), (std::vector<std::string>{"zulu", "alpha", "mike"}));
  s.finish();
  EXPECT_TRUE(errors_.empty()) << errors_.to_string();
}

TEST_F(Section, SharesWhatIsKnownWithItsCopies) {
  ConfigSection s = parse("a = 1\n");
  ConfigSection copy = s;
  copy.integer("a", 0, 0, 9);
  s.finish();
  EXPECT_TRUE(errors_.empty()) << errors_.to_string();
}

TEST_F(Section, QuotesKeysThatNeedIt) {
  ConfigSection s = parse("\"a\\u0007 b\" = 1\n");
  s.integer("x", 0, 0, 1);
  s.finish();
  EXPECT_EQ(errors_.all().at(0).key, "\"a\\x07 b\"");
}

}  // namespace
}  // namespace sluice
