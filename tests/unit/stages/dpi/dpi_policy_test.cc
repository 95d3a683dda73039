// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/dpi_policy.h"

#include <algorithm>

#include "tests/unit/stages/dpi/dpi_fixture.h"

namespace sluice::test {
namespace {

// Not about packets: one family will do.
class DpiPolicyTest : public DpiTest {
 protected:
  const DpiSettings& settings(std::string_view toml) {
    policy = compile(toml);
    EXPECT_TRUE(policy) << errors.to_string();
    return static_cast<const DpiPolicy&>(*policy).settings;
  }
};

INSTANTIATE_TEST_SUITE_P(Any, DpiPolicyTest, ::testing::Values(DpiFamily{"", "", ""}));

TEST_P(DpiPolicyTest, TakesTheReadersLimitsByDefault) {
  const DpiSettings& s = settings("");
  EXPECT_EQ(s.packets_tcp, 80);
  EXPECT_EQ(s.packets_udp, 24);
  EXPECT_TRUE(s.guess);
  EXPECT_EQ(s.max_flows, 16384u);
  EXPECT_EQ(s.arena_bytes, (8u << 20) + 4096u * 16384u);
  EXPECT_EQ(s.on_overload, OnOverload::Bypass);
  EXPECT_EQ(s.max_cycles, 0u);
}

TEST_P(DpiPolicyTest, ReadsItsSection) {
  const DpiSettings& s = settings(
      "[stage.dpi]\nmax_flows = 100\narena_mb = 16\npackets_tcp = 7\npackets_udp = 3\n"
      "guess = false\non_overload = \"drop\"\nmax_cycles = 50000\n");
  EXPECT_EQ(s.max_flows, 100u);
  EXPECT_EQ(s.arena_bytes, 16u << 20);
  EXPECT_EQ(s.packets_tcp, 7);
  EXPECT_EQ(s.packets_udp, 3);
  EXPECT_FALSE(s.guess);
  EXPECT_EQ(s.on_overload, OnOverload::Drop);
  EXPECT_EQ(s.max_cycles, 50000u);
}

TEST_P(DpiPolicyTest, ReportsAllErrorsAtOnce) {
  EXPECT_FALSE(
      compile("[stage.dpi]\nmax_flows = 1\npackets_tcp = 256\nguess = 1\n"
              "on_overload = \"panic\"\nmax_flow = 3\nsignatures = [\"/none.rules\"]\n"));
  std::vector<std::string> keys;
  for (const ConfigError& error : errors.all()) keys.push_back(error.key);
  for (const char* key : {"stage.dpi.max_flows", "stage.dpi.packets_tcp", "stage.dpi.guess",
                          "stage.dpi.on_overload", "stage.dpi.max_flow"}) {
    EXPECT_NE(std::find(keys.begin(), keys.end(), key), keys.end()) << key;
  }
  EXPECT_GE(keys.size(), 6u) << "and the file that is not there";
}

TEST_P(DpiPolicyTest, RefusesRuleFilesOfTheCommandLineToo) {
  EXPECT_FALSE(compile("", {"/none.rules"}));
  EXPECT_FALSE(errors.empty());
}

TEST_P(DpiPolicyTest, NamesApplicationsAndCategoriesForLaterStages) {
  settings("");
  EXPECT_EQ(directory.applications.applications[7], "HTTP");
  EXPECT_EQ(directory.applications.applications[91], "TLS");
  EXPECT_EQ(directory.applications.categories[5], "Web");
}

}  // namespace
}  // namespace sluice::test
