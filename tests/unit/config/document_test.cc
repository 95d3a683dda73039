// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "config/config.h"

namespace sluice {
namespace {

const ConfigVocabulary kVocabulary{{"identity", "dpi", "firewall", "forwarding"}};

const char kWire[] = R"([[port]]
name = "lan"
device = "0000:01:10.0"
peer = "wan"
[[port]]
name = "wan"
device = "0000:01:10.1"
peer = "lan"
)";

struct SyntaxRow {
  const char* sentence;
  std::string text;
  uint32_t line, column;  // column 0: the library gives none that is of use
  const char* found;      // begins with
};

TEST(Document, ReportsASyntaxErrorAloneAndInItsPlace) {
  const std::vector<SyntaxRow> rows = {
      {"A value is missing", "a = 1\nb = \nbrust = 3\n", 2, 5, "a syntax error: missing value"},
      {"A comma is missing", "a = [1,\n 2\nb = 3\n", 3, 1,
       "a syntax error: missing array separator"},
      {"Something follows the value", "a = 1 x\n", 1, 7, "a syntax error"},
      {"A key stands twice", "mtu = 1\nmtu = 2\n", 2, 0, "a syntax error: value (\"mtu\") already"},
      {"A table stands twice", "[a]\n[b]\n[a]\n", 3, 1, "a syntax error: table (\"a\") already"},
      {"A string has no end", "a = 1\nb = \"abc\n", 2, 0, "a syntax error"},
      {"A header has no end", "a = 1\n[port\n", 2, 1, "a syntax error"},
      {"No UTF-8", "a = 1\nb = \"\xc3\xb6 \xff\"\n", 2, 8, "bytes that are no UTF-8"},
      {"An overlong encoding is no UTF-8", "a = \"\xc0\xaf\"\n", 1, 6, "bytes that are no UTF-8"},
      {"A surrogate is no UTF-8", "a = \"\xed\xa0\x80\"\n", 1, 6, "bytes that are no UTF-8"},
      {"A cut-off character is no UTF-8", "a = 1\n#\xe2\x82", 2, 2, "bytes that are no UTF-8"},
  };
  for (const SyntaxRow& row : rows) {
    SCOPED_TRACE(row.sentence);
    ConfigErrors errors;
    EXPECT_EQ(ConfigDocument::parse(row.text, "f.toml", errors), nullptr);
    ASSERT_EQ(errors.all().size(), 1u) << errors.to_string();
    const ConfigError& e = errors.all()[0];
    EXPECT_EQ(e.where.file, "f.toml");
    EXPECT_EQ(e.where.line, row.line) << errors.to_string();
    if (row.column != 0) {
      EXPECT_EQ(e.where.column, row.column) << errors.to_string();
    }
    EXPECT_TRUE(e.found.starts_with(row.found)) << e.found;
  }
}

std::string repeat(const std::string& what, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += what;
  return out;
}

TEST(Document, SurvivesHostileText) {
  const int many = 50000;
  const std::vector<std::string> texts = {
      "a = " + repeat("[", many),
      "a = " + repeat("[", many) + repeat("]", many),
      "a = " + repeat("{a=", many),
      repeat("a.", many) + "a = 1\n",
      "[" + repeat("a.", many) + "a]\n",
      "x y\na = " + repeat("[", many),
      "a = \"\"\"" + repeat("[", many),
      "a = \"" + repeat("\\", many),
      "a = " + repeat("9", many),
      "a = 0x" + repeat("f", many) + "\n",
      "a = 1e" + repeat("9", 400),
      repeat("#", many),
      repeat("[[a]]\n", 2000),
      std::string("a = 1\0b = 2", 11),
      std::string(100, '\0'),
      "\xef\xbb\xbf",
      "a = 9999-99-99T99:99:99Z\n",
      "a = \"\\uD800\"\n",
      "\"\" = 1\n",
      "a = [1, \"x\", {}, [], 2024-01-01]\n",
      "port = 1\nlane = \"x\"\nchain = [1, [2], \"x\"]\nstage = []\nlog = [[]]\nflowtable = 1.5\n",
      "[[port]]\nname = []\ndevice = {}\npeer = nan\nmtu = -0.0\naddresses = [[], {}, 1]\n",
      "[[lane]]\nworkers = [1, {}, [], { stages = [1, {}] }]\n",
  };
  for (const std::string& text : texts) {
    ConfigErrors errors;
    const auto document = ConfigDocument::parse(text, "f", errors);
    if (document != nullptr) {
      const ConfigSection root = document->root(errors);
      read_config(root, kVocabulary);
    }
    EXPECT_FALSE(errors.empty()) << text.substr(0, 40);
    EXPECT_FALSE(errors.to_string().empty());
  }
}

TEST(Document, NamesTheLimitWhenNestingIsTooDeep) {
  ConfigErrors errors;
  EXPECT_EQ(ConfigDocument::parse("a = 1\nb = " + repeat("[", 30) + repeat("]", 30), "f", errors),
            nullptr);
  ASSERT_EQ(errors.all().size(), 1u);
  EXPECT_EQ(errors.all()[0].where.line, 2u);
  EXPECT_EQ(errors.all()[0].found, "nesting too deep");
}

TEST(Document, FindsPlacesInEveryWayToWriteThem) {
  const std::string text =
      "# comment\n"
      "a . \"b c\" = { d = 1, 'e' = [ 1, # [not] an array\n"
      "   { f = '''x\n"
      "]''' , g = 2 } ] }\r\n"
      "[t.\"u\"] # comment ]\n"
      "  v = \"\"\"a \\\"\"\" # \"\"\"\"\"\n"
      "  w = 1979-05-27 07:32:00\n"
      "[[t.x]]\n"
      "[t.x.y]\n"
      "z = 1\n"
      "[[t.x]]\n"
      "  [t.x.y]\n"
      "  z = 2\n";
  ConfigErrors errors;
  const auto document = ConfigDocument::parse(text, "f", errors);
  ASSERT_NE(document, nullptr) << errors.to_string();
  ConfigSection root = document->root(errors);
  const auto at = [](const ConfigPosition& p) {
    return std::to_string(p.line) + ":" + std::to_string(p.column);
  };
  ConfigSection b = root.table("a").table("b c");
  EXPECT_EQ(at(b.position("d")), "2:19");
  EXPECT_EQ(at(b.position("e")), "2:28");
  EXPECT_EQ(at(b.position()), "2:13");
  ConfigSection u = root.table("t").table("u");
  EXPECT_EQ(at(u.position()), "5:1");
  EXPECT_EQ(at(u.position("v")), "6:7");
  EXPECT_EQ(u.string("v", ""), "a \"\"\" # \"\"");
  EXPECT_EQ(at(u.position("w")), "7:7");
  const auto x = root.table("t").tables("x");
  ASSERT_EQ(x.size(), 2u);
  EXPECT_EQ(at(x[0].position()), "8:1");
  ConfigSection y0 = x[0], y1 = x[1];
  EXPECT_EQ(at(y0.table("y").position("z")), "10:5");
  EXPECT_EQ(at(y1.table("y").position()), "12:3");
  EXPECT_EQ(at(y1.table("y").position("z")), "13:7");
  EXPECT_EQ(y1.table("y").position("z").text, "  z = 2");
  EXPECT_EQ(y1.table("y").path(), "t.x[1].y");
}

TEST(Document, SaysWhyAFileCannotBeRead) {
  ConfigErrors errors;
  EXPECT_EQ(ConfigDocument::load("/nonexistent/sluice.toml", errors), nullptr);
  EXPECT_EQ(ConfigDocument::load("/", errors), nullptr);
  ASSERT_EQ(errors.all().size(), 2u);
  EXPECT_EQ(errors.all()[1].where.file, "/nonexistent/sluice.toml");
  EXPECT_EQ(errors.all()[1].found, "No such file or directory");
  EXPECT_EQ(errors.all()[0].found, "Is a directory");
}

TEST(Document, LoadsAFile) {
  char path[] = "/tmp/sluice-config-XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  const std::string text = "a = 1\n";
  ASSERT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  close(fd);
  ConfigErrors errors;
  const auto document = ConfigDocument::load(path, errors);
  std::remove(path);
  ASSERT_NE(document, nullptr) << errors.to_string();
  EXPECT_EQ(document->root(errors).integer("a", 0, 0, 9), 1);
  EXPECT_EQ(document->root(errors).position("a").file, path);
}

class Override : public ::testing::Test {
 protected:
  void SetUp() override { document_ = ConfigDocument::parse(kWire, "f", errors_); }
  void set(std::string_view assignment) { document_->set(assignment, errors_); }
  Config read() { return read_config(document_->root(errors_), kVocabulary); }

  ConfigErrors errors_;
  std::unique_ptr<ConfigDocument> document_;
};

TEST_F(Override, ReplacesAddsAndAppends) {
  set("port[0].mtu=9000");
  set("port[1].mtu = 9000");
  set("burst=16");
  set("log.eve.file=out.json");
  set("log.eve.types=[\"flow\", \"drop\"]");
  set("lane[0].lcore=5");
  set("lane[1].workers=[{ lcore = 6, stages = [\"identity\", \"dpi\"] },"
      " { lcore = 7, stages = [\"firewall\", \"forwarding\"] }]");
  set("\"flowtable\".timeouts.udp_new=3");
  const Config c = read();
  EXPECT_TRUE(errors_.empty()) << errors_.to_string();
  EXPECT_EQ(c.ports[0].mtu, 9000u);
  EXPECT_EQ(c.burst, 16u);
  EXPECT_EQ(c.log.eve_file, "out.json");
  EXPECT_EQ(c.log.eve_types.size(), 2u);
  ASSERT_EQ(c.lanes.size(), 2u);
  EXPECT_EQ(c.lanes[0].workers[0].lcore, 5u);
  EXPECT_EQ(c.lanes[1].workers[1].lcore, 7u);
  EXPECT_EQ(c.flowtable.timeouts.udp_new, 3u);
}

TEST_F(Override, TakesWhatIsNoTomlAsAString) {
  for (const char* value : {"drop", "0000:01:10.0", "192.0.2.1/24", "a b", "2024-01-01",
                            "net_ring0,x=1", "07:32:00", "", "x#y", "a]b"}) {
    set(std::string("x.y=") + value);
    ASSERT_TRUE(errors_.empty()) << errors_.to_string();
    EXPECT_EQ(document_->root(errors_).table("x").string("y", "?"), value);
  }
}

struct OverrideRow {
  const char* assignment;
  const char* key;
  const char* found;  // begins with
  uint32_t column;    // 0: not looked at
};

TEST_F(Override, SaysWhatIsWrongWithIt) {
  for (const OverrideRow& row : std::vector<OverrideRow>{
           {"burst", "", "\"burst\"", 1},
           {"=3", "", "\"=3\"", 1},
           {"a..b=3", "", "\"a..b=3\"", 1},
           {"a[x]=3", "", "\"a[x]=3\"", 1},
           {"a[99999999999]=3", "", "\"a[99999999999]=3\"", 1},
           {"port[7].mtu=9000", "port[7].mtu", "index 7", 5},
           {"port.mtu=9000", "port.mtu", "an array of 2 elements in front of this", 6},
           {"port[0].name.x=1", "port[0].name.x", "string \"lan\" in front of this", 14},
           {"burst=[1, 2", "", "a syntax error", 0},
           {"burst=\"1", "", "a syntax error", 7},
           {"burst=1\nrss=2", "", "several values", 7},
       }) {
    ConfigErrors errors;
    const auto document = ConfigDocument::parse(kWire, "f", errors);
    document->set(row.assignment, errors);
    ASSERT_EQ(errors.all().size(), 1u) << row.assignment;
    const ConfigError& e = errors.all()[0];
    EXPECT_EQ(e.where.file, "--set");
    EXPECT_EQ(e.where.line, 0u);
    if (row.column != 0) {
      EXPECT_EQ(e.where.column, row.column) << row.assignment;
    }
    EXPECT_EQ(e.key, row.key);
    EXPECT_TRUE(e.found.starts_with(row.found)) << e.found;
  }
}

TEST_F(Override, IsNamedAsThePlaceOfItsErrors) {
  set("port[0].mtu=99999");
  set("burts=3");
  read();
  ASSERT_EQ(errors_.all().size(), 2u) << errors_.to_string();
  EXPECT_EQ(format(errors_.all()[0]),
            "--set: port[0].mtu: found integer 99999, allowed an integer from 68 to 9600\n"
            "       | port[0].mtu=99999\n"
            "       |             ^\n");
  EXPECT_EQ(errors_.all()[1].key, "burts");
  EXPECT_EQ(errors_.all()[1].where.column, 1u);
}

}  // namespace
}  // namespace sluice
