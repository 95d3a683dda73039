// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/firewall/firewall_policy.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tests/support/test_environment.h"
#include "tests/unit/stages/firewall/firewall_fixture.h"

namespace sluice::test {
namespace {

class FirewallPolicyTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { start_test_eal(); }
  FirewallWorld world;
};

TEST_F(FirewallPolicyTest, HasTheDocumentedDefaults) {
  const auto policy = world.compile("");
  ASSERT_NE(policy, nullptr);
  EXPECT_EQ(policy->default_action, firewall::Action::Drop);
  EXPECT_EQ(policy->undecided_packets, 16);
  EXPECT_EQ(policy->undecided_bytes, 32768);
  EXPECT_EQ(world.directory.name(policy->default_rule), "default-deny");
  EXPECT_EQ(policy->chain_has_dpi, (std::vector<uint8_t>{1, 0}));
}

TEST_F(FirewallPolicyTest, GivesRulesWithPortsTheProtocolsThatHaveThem) {
  const auto policy = world.compile(R"(rule = [{name = "a", port = "80", action = "allow"}])");
  ASSERT_NE(policy, nullptr) << world.errors.to_string();
  EXPECT_EQ(policy->table.rules()[0].protocols,
            (std::vector<uint8_t>{IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP}));
}

TEST_F(FirewallPolicyTest, TakesApplicationNamesInAnyCase) {
  const auto policy = world.compile(
      R"(rule = [{name = "a", application = ["tls", "Tls.YOUTUBE"], category = "media", action = "allow"}])");
  ASSERT_NE(policy, nullptr) << world.errors.to_string();
  const auto& conditions = policy->table.rules()[0].conditions;
  ASSERT_EQ(conditions.applications.size(), 2u);
  EXPECT_EQ(conditions.applications[0].name, kTls);
  EXPECT_FALSE(conditions.applications[0].needs_master);
  EXPECT_EQ(conditions.applications[1].name, kYoutube);
  EXPECT_EQ(conditions.applications[1].master, kTls);
  EXPECT_EQ(conditions.categories, std::vector<uint16_t>{2});
}

struct BadRow {
  const char* sentence;
  const char* body;
  const char* key;       // of the error
  const char* contains;  // somewhere in found or allowed
};

const BadRow kBadRows[] = {
    {"unknown default", R"(default = "block")", "stage.firewall.default", "deny"},
    {"limit out of range", "undecided_packets = 256", "stage.firewall.undecided_packets", "255"},
    {"unknown key", R"(rule = [{name = "a", action = "drop", prot = "tcp"}])",
     "stage.firewall.rule[0].prot", "unknown"},
    {"no name", R"(rule = [{action = "drop"}])", "stage.firewall.rule[0].name", "required"},
    {"no action", R"(rule = [{name = "a"}])", "stage.firewall.rule[0].action", "required"},
    {"unknown action", R"(rule = [{name = "a", action = "deny"}])", "stage.firewall.rule[0].action",
     "reject"},
    {"name twice", R"(rule = [{name = "a", action = "drop"}, {name = "a", action = "drop"}])",
     "stage.firewall.rule[1].name", "no rule before"},
    {"name of the default", R"(rule = [{name = "default-deny", action = "drop"}])",
     "stage.firewall.rule[0].name", "default"},
    {"unknown group", R"(rule = [{name = "a", from = ["group:staf"], action = "drop"}])",
     "stage.firewall.rule[0].from[0]", "did you mean \"staff\"?"},
    {"unknown user", R"(rule = [{name = "a", to = ["user:alise"], action = "drop"}])",
     "stage.firewall.rule[0].to[0]", "did you mean \"alice\"?"},
    {"a device is no user", R"(rule = [{name = "a", to = ["user:printer"], action = "drop"}])",
     "stage.firewall.rule[0].to[0]", "user"},
    {"neither prefix nor name", R"(rule = [{name = "a", to = ["any", "bogus"], action = "drop"}])",
     "stage.firewall.rule[0].to", "alone"},
    {"host bits", R"(rule = [{name = "a", to = ["10.0.0.1/8"], action = "drop"}])",
     "stage.firewall.rule[0].to[0]", "prefix"},
    {"empty list", R"(rule = [{name = "a", to = [], action = "allow"}])",
     "stage.firewall.rule[0].to", "empty"},
    {"ports without a protocol that has them",
     R"(rule = [{name = "a", protocol = ["tcp", "icmp"], port = "80", action = "drop"}])",
     "stage.firewall.rule[0].protocol", "tcp"},
    {"ports the wrong way round", R"(rule = [{name = "a", port = "90-80", action = "drop"}])",
     "stage.firewall.rule[0].port", "8000-8080"},
    {"port too large", R"(rule = [{name = "a", port = ["80", "65536"], action = "drop"}])",
     "stage.firewall.rule[0].port[1]", "65536"},
    {"unknown protocol", R"(rule = [{name = "a", protocol = "tpc", action = "drop"}])",
     "stage.firewall.rule[0].protocol", "tcp"},
    {"unknown application", R"(rule = [{name = "a", application = "YouTubes", action = "drop"}])",
     "stage.firewall.rule[0].application", "did you mean \"YouTube\"?"},
    {"unknown application behind the dot",
     R"(rule = [{name = "a", application = "TLS.YouTubes", action = "drop"}])",
     "stage.firewall.rule[0].application", "did you mean \"TLS.YouTube\"?"},
    {"unknown category", R"(rule = [{name = "a", category = "Medja", action = "drop"}])",
     "stage.firewall.rule[0].category", "did you mean \"Media\"?"},
    {"star in the middle", R"(rule = [{name = "a", host = "www.*.com", action = "drop"}])",
     "stage.firewall.rule[0].host", "subdomains"},
};

TEST_F(FirewallPolicyTest, SaysWhereAndWhatIsWrong) {
  for (const BadRow& row : kBadRows) {
    EXPECT_EQ(world.compile(row.body), nullptr) << row.sentence;
    bool found = false;
    for (const ConfigError& error : world.errors.all()) {
      const std::string text = error.found + " | " + error.allowed;
      if (error.key == row.key && text.find(row.contains) != std::string::npos) {
        found = true;
      }
    }
    EXPECT_TRUE(found) << row.sentence << ":\n" << world.errors.to_string();
    EXPECT_EQ(world.errors.all().size(), 1u) << row.sentence << ":\n" << world.errors.to_string();
  }
}

TEST_F(FirewallPolicyTest, KnowsOnlyWhomThePresentBindingsName) {
  // As behind a reload without mallory: the directory still has her.
  world.bound.groups.erase("guests");
  world.bound.identities[static_cast<size_t>(IdentityKind::User)].erase("mallory");
  EXPECT_EQ(world.compile(R"(rule = [
    {name = "a", from = "group:guests", action = "allow"},
    {name = "b", from = "user:mallory", action = "allow"}])"),
            nullptr);
  ASSERT_EQ(world.errors.all().size(), 2u) << world.errors.to_string();
  EXPECT_EQ(world.errors.all()[0].key, "stage.firewall.rule[0].from");
}

TEST_F(FirewallPolicyTest, ReportsTheErrorsOfAllRulesAtOnce) {
  EXPECT_EQ(world.compile(R"(rule = [
    {name = "a", from = "group:nobody", port = "x", action = "drop"},
    {name = "b", from = "nonsense", action = "drop"}])"),
            nullptr);
  EXPECT_EQ(world.errors.all().size(), 3u) << world.errors.to_string();
}

TEST_F(FirewallPolicyTest, WantsDpiForWhatOnlyDpiCanAnswer) {
  world.directory.applications = {};
  EXPECT_EQ(world.compile(R"(rule = [
    {name = "a", application = "TLS", action = "drop"},
    {name = "b", category = "Web", action = "drop"},
    {name = "c", host = "example.com", action = "drop"}])"),
            nullptr);
  ASSERT_EQ(world.errors.all().size(), 3u) << world.errors.to_string();
  for (const ConfigError& error : world.errors.all()) {
    EXPECT_NE(error.allowed.find("dpi"), std::string::npos) << error.allowed;
  }
}

TEST_F(FirewallPolicyTest, CompilesTheSameRulesManyTimesOver) {
  // A name taken twice in rte_acl would give the first context back.
  const auto first = world.compile(R"(rule = [{name = "a", port = "80", action = "allow"}])");
  const auto second = world.compile(R"(rule = [{name = "b", port = "81", action = "allow"}])");
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  TupleFlow flow("192.0.2.1", "192.0.2.2", IPPROTO_TCP, 1, 81);
  EXPECT_EQ(judged_by(*first, world.directory, *flow), "default-deny");
  EXPECT_EQ(judged_by(*second, world.directory, *flow), "b");
}

}  // namespace
}  // namespace sluice::test
