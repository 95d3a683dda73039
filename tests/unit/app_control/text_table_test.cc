// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/text_table.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(TextTable, AlignsWordsLeftAndNumbersRight) {
  TextTable table({"name", ">count"});
  table.row({"a", "1"});
  table.row({"longer", "1,000"});
  EXPECT_EQ(table.to_string(),
            "  name    count\n"
            "  a           1\n"
            "  longer  1,000\n");
}

TEST(TextTable, FillsRowsThatAreTooShort) {
  TextTable table({"a", "b"});
  table.row({"x"});
  EXPECT_EQ(table.to_string(), "  a  b\n  x\n");
}

TEST(TextTable, WritesNumbersForPeople) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(12345678), "12,345,678");
  EXPECT_EQ(format_bytes(512), "512 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_duration_ns(812), "812 ns");
  EXPECT_EQ(format_duration_ns(12'345), "12.3 us");
  EXPECT_EQ(format_duration_ns(12'345'678), "12.3 ms");
}

}  // namespace
}  // namespace sluice
