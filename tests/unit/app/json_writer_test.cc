// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/json_writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <random>

namespace sluice {
namespace {

std::string written(std::string_view value) {
  std::string out;
  JsonWriter(out).begin_object().field("k", value).end_object();
  return out;
}

TEST(JsonWriter, WritesNestedObjectsAndArrays) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("a", uint64_t{1}).begin_object("b").end_object();
  json.begin_array("c").element("x").element(uint64_t{2}).begin_object().field("d", true);
  json.end_object().end_array().field("e", false).number("f", 1.25, 1).end_object();
  EXPECT_EQ(out, R"({"a":1,"b":{},"c":["x",2,{"d":true}],"e":false,"f":1.2})");
}

TEST(JsonWriter, KeepsAll64Bits) {
  std::string out;
  JsonWriter(out).begin_object().field("k", UINT64_MAX).end_object();
  EXPECT_EQ(out, R"({"k":18446744073709551615})");
}

TEST(JsonWriter, WritesNullForWhatIsNoNumber) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().number("a", std::numeric_limits<double>::quiet_NaN(), 2);
  json.number("b", std::numeric_limits<double>::infinity(), 2);
  json.number("c", 1e300, 2).end_object();
  EXPECT_EQ(out, R"({"a":null,"b":null,"c":null})");
}

struct EscapeRow {
  const char* description;
  std::string text;
  std::string expected;  // between the quotes
};

void PrintTo(const EscapeRow& row, std::ostream* out) {
  *out << row.description;
}

class EscapeTest : public ::testing::TestWithParam<EscapeRow> {};

TEST_P(EscapeTest, IsValidJsonOfTheRightText) {
  EXPECT_EQ(written(GetParam().text), "{\"k\":\"" + GetParam().expected + "\"}");
  EXPECT_TRUE(nlohmann::json::accept(written(GetParam().text)));
}

INSTANTIATE_TEST_SUITE_P(
    HostileText, EscapeTest,
    ::testing::Values(
        EscapeRow{"plain", "abc", "abc"}, EscapeRow{"quotes", "a\"b\\c", "a\\\"b\\\\c"},
        EscapeRow{"line ends", "a\r\nb", "a\\u000d\\u000ab"},
        EscapeRow{"zero byte", std::string("a\0b", 3), "a\\u0000b"},
        EscapeRow{"escape character of terminals", "\033[31m", "\\u001b[31m"},
        EscapeRow{"delete", "\x7f", "\\u007f"}, EscapeRow{"two bytes", "\xc3\xa9", "\xc3\xa9"},
        EscapeRow{"three bytes", "\xe2\x82\xac", "\xe2\x82\xac"},
        EscapeRow{"four bytes", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        EscapeRow{"lone tail", "a\x80z", "a\\ufffdz"}, EscapeRow{"lone lead", "a\xc3", "a\\ufffd"},
        EscapeRow{"cut sequence", "\xe2\x82", "\\ufffd\\ufffd"},
        EscapeRow{"overlong", "\xc0\xaf", "\\ufffd\\ufffd"},
        EscapeRow{"overlong of three", "\xe0\x80\xaf", "\\ufffd\\ufffd\\ufffd"},
        EscapeRow{"surrogate", "\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"},
        EscapeRow{"past the last code point", "\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
        EscapeRow{"no lead at all", "\xff\xfe", "\\ufffd\\ufffd"}));

TEST(JsonWriter, WritesValidJsonForAnyBytes) {
  std::mt19937 random(1);
  for (unsigned i = 0; i < 5'000; ++i) {
    std::string text(random() % 24, ' ');
    for (char& c : text) c = static_cast<char>(random());
    const auto json = nlohmann::json::parse(written(text), nullptr, false);
    ASSERT_FALSE(json.is_discarded()) << "round " << i;
  }
}

}  // namespace
}  // namespace sluice
