// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/identity/identity_policy.h"

#include <gtest/gtest.h>

#include "stages/identity/identity.h"
#include "tests/support/stage_harness.h"

namespace sluice::test {
namespace {

HarnessOptions options() {
  HarnessOptions o;
  o.config.ports.resize(2);
  o.config.ports[0].name = "lan";
  o.config.ports[1].name = "wan";
  o.config.chains = {{"main", {"identity", "firewall", "forwarding"}},
                     {"bare", {"forwarding"}},
                     {"inspected", {"identity", "dpi", "firewall", "forwarding"}}};
  return o;
}

struct BadRow {
  const char* what;
  const char* toml;
  const char* complaint;  // part of the message
};

constexpr BadRow kBadRows[] = {
    {"nothing bound", "user = 'alice'", "at least one of prefix, vlan, port"},
    {"nobody named", "prefix = '10.0.0.0/8'", "exactly one of user, device, service"},
    {"two identities", "prefix = '10.0.0.0/8'\nuser = 'a'\ndevice = 'b'",
     "exactly one of user, device, service"},
    {"empty name", "prefix = '10.0.0.0/8'\nuser = ''", "1 to 255"},
    {"host bits", "prefix = '10.0.0.1/8'\nuser = 'a'", "prefix"},
    {"VLAN id too large", "vlan = 4095\nuser = 'a'", "4094"},
    {"unknown port", "port = 'lam'\nuser = 'a'", "did you mean \"lan\""},
    {"unknown chain", "vlan = 1\nuser = 'a'\nchain = 'inspekted'", "did you mean \"inspected\""},
    {"chain without identity", "vlan = 1\nuser = 'a'\nchain = 'bare'",
     "a chain that has the stage identity"},
    {"unknown key", "vlan = 1\nuser = 'a'\nvlans = 2", "vlan"},
    {"a prefix twice", "prefix = ['10.0.0.0/8', '10.0.0.0/8']\nuser = 'a'", "bound already"},
    {"empty group", "vlan = 1\nuser = 'a'\ngroups = ['']", "name of a group"},
};

TEST(IdentityPolicy, RefusesBadBindings) {
  for (const BadRow& row : kBadRows) {
    SCOPED_TRACE(row.what);
    const StageHarness harness(kIdentityStage,
                               "[[stage.identity.binding]]\n" + std::string(row.toml), options());
    EXPECT_FALSE(harness.compiled());
    EXPECT_NE(harness.errors().to_string().find(row.complaint), std::string::npos)
        << harness.errors().to_string();
  }
}

TEST(IdentityPolicy, ReportsAllErrorsAtOnce) {
  const StageHarness harness(kIdentityStage, R"(
[stage.identity]
unknown_source = "perhaps"
[[stage.identity.binding]]
vlan = 9999
user = "a"
[[stage.identity.binding]]
port = "nowhere"
device = "b"
)",
                             options());
  EXPECT_FALSE(harness.compiled());
  EXPECT_EQ(harness.errors().all().size(), 3u) << harness.errors().to_string();
}

TEST(IdentityPolicy, NamesTheLineOfTheOtherBinding) {
  const StageHarness harness(kIdentityStage, R"(
[[stage.identity.binding]]
prefix = "2001:db8::/32"
user = "a"
[[stage.identity.binding]]
prefix = "2001:db8::/32"
user = "b"
)",
                             options());
  EXPECT_FALSE(harness.compiled());
  const std::string text = harness.errors().to_string();
  EXPECT_NE(text.find("2001:db8::/32"), std::string::npos) << text;
  EXPECT_NE(text.find("test.toml line 2"), std::string::npos) << text;
}

TEST(IdentityPolicy, TellsWhomTheseBindingsNameAndNobodyElse) {
  Directory directory;
  const Config config = options().config;
  ConfigErrors errors;
  const auto bound_by = [&](const char* toml) {
    const auto document = ConfigDocument::parse(toml, "test.toml", errors);
    CompileContext context{.config = config,
                           .directory = directory,
                           .port_macs = {},
                           .base_dir = "",
                           .replay = false,
                           .extra_rules = {}};
    EXPECT_TRUE(compile_identity(stage_section(document->root(errors), "identity"), context));
    return context.bound;
  };
  const auto users = static_cast<size_t>(IdentityKind::User);
  const BoundNames first =
      bound_by("[[stage.identity.binding]]\nvlan = 1\nuser = 'alice'\ngroups = ['staff', 'vpn']\n");
  EXPECT_TRUE(first.identities[users].contains("alice"));
  EXPECT_EQ(first.groups.size(), 2u);
  const BoundNames second =
      bound_by("[[stage.identity.binding]]\nvlan = 1\nuser = 'bob'\ngroups = ['vpn']\n");
  EXPECT_FALSE(second.identities[users].contains("alice")) << "the directory still has her";
  EXPECT_EQ(second.identities[users].size(), 1u);
  EXPECT_EQ(second.groups.size(), 1u);
  EXPECT_EQ(second.groups.at("vpn"), first.groups.at("vpn"));
}

TEST(IdentityPolicy, CompilesWithoutASection) {
  EXPECT_TRUE(StageHarness(kIdentityStage, "", options()).compiled());
}

TEST(IdentityPolicy, ShowsBindingsThatMayHaveAnAddress) {
  StageHarness harness(kIdentityStage, R"(
[[stage.identity.binding]]
prefix = ["10.1.0.0/16", "2001:db8::/32"]
vlan = [0, 10]
port = "lan"
user = "alice"
groups = ["staff", "vpn"]
chain = "inspected"
[[stage.identity.binding]]
prefix = "10.2.0.0/16"
service = "dns"
)",
                       options());
  ASSERT_TRUE(harness.compiled()) << harness.errors().to_string();
  EXPECT_EQ(harness.show("bindings"),
            "user alice  groups staff, vpn  prefix 10.1.0.0/16, 2001:db8::/32  vlan 0, 10  port "
            "lan  chain inspected\n"
            "service dns  prefix 10.2.0.0/16\n");
  EXPECT_EQ(harness.show("bindings", {"10.2.3.4"}), "service dns  prefix 10.2.0.0/16\n");
  EXPECT_EQ(harness.show("bindings", {"192.0.2.1"}), "no binding has this address\n");
  EXPECT_EQ(harness.show("bindings", {"alice"}), "not an address: alice\n");
}

}  // namespace
}  // namespace sluice::test
