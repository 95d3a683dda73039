// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/own_applications.h"

#include <algorithm>

#include "chain/flow_context.h"
#include "tests/unit/stages/dpi/dpi_fixture.h"

namespace sluice::test {
namespace {

// What the text of a protocol file leads to.
struct Read {
  explicit Read(std::string_view text) { read_protocol_file("protos.txt", text, own, errors); }
  OwnApplications own;
  ConfigErrors errors;
};

TEST(ProtocolFile, TakesWhatNdpiTakes) {
  const Read file(
      "# ours\n\n"
      "host:\"Intra.Example\",host:\"*.cdn.example\"@Intranet\r\n"
      "  tcp:8443,udp:5000-5010@Intranet\n"
      "ip:10.2.3.4,ip:10.3.0.0/16:443@Payroll\n"
      "tcp:8081@HTTP\n"
      "host_risk_mask:\".home\"=0");
  EXPECT_TRUE(file.errors.empty()) << file.errors.to_string();
  EXPECT_EQ(file.own.names, (std::vector<std::string>{"Intranet", "Payroll", "HTTP"}));
  EXPECT_EQ(file.own.definitions,
            "host:\"intra.example\"@Intranet\nhost:\".cdn.example\"@Intranet\n"
            "tcp:8443@Intranet\nudp:5000-5010@Intranet\n"
            "ip:10.2.3.4/32@Payroll\nip:10.3.0.0/16:443@Payroll\ntcp:8081@HTTP\n"
            "host_risk_mask:\".home\"=0\n");
}

TEST(ProtocolFile, CountsANameOnceHoweverItIsWritten) {
  const Read file("tcp:1@Backup\ntcp:2@BACKUP\n");
  EXPECT_EQ(file.own.names, std::vector<std::string>{"Backup"});
  EXPECT_EQ(file.own.definitions, "tcp:1@Backup\ntcp:2@Backup\n");
}

// nDPI passes over what it does not understand, without a word.
TEST(ProtocolFile, RefusesWhatNdpiWouldPassOver) {
  for (const char* line :
       {"no application", "host:\"x.example\"@", "@Name", "tcp:@Name", "tcp:70000@Name",
        "tcp:9-8@Name", "sctp:5@Name", "ip:10.0.0.0/33@Name", "ip:2001:db8::1@Name",
        "ip:10.0.0.1:0@Name", "ip:10.0.0.1/24@Name", "host:\"\"@Name", "host:\"a b\"@Name",
        "host:\"a\"b\"@Name", "tcp:1,@Name", "tcp:1@Na me", "tcp:1@Na/me"}) {
    const Read file(std::string("tcp:7@Fine\n") + line + "\n");
    ASSERT_EQ(file.errors.all().size(), 1u) << line;
    EXPECT_EQ(file.errors.all()[0].where.file, "protos.txt");
    EXPECT_EQ(file.errors.all()[0].where.line, 2u) << line;
  }
}

TEST(ProtocolFile, SurvivesEveryCutAndOverlongLines) {
  const std::string text = "host:\"intra.example\",tcp:1-2,ip:10.0.0.0/8:443@Intranet\n";
  for (size_t length = 0; length < text.size(); ++length) Read(text.substr(0, length));
  EXPECT_FALSE(Read(std::string(100'000, 'a') + "@Name").errors.empty());
  EXPECT_FALSE(Read("tcp:1@" + std::string(64, 'a')).errors.empty());
}

class OwnApplicationsTest : public DpiTest {
 protected:
  static constexpr std::string_view kSection =
      "[stage.dpi]\nmax_flows = 64\narena_mb = 4\n[stage.dpi.applications]\n"
      "Intranet = {hosts = [\"intra.example\", \".corp.example\"]}\n"
      "Payroll = {networks = [\"198.51.100.0/24\"]}\n"
      "Shop = {hosts = [\"shop.example\"], ports = [\"tcp:8443\"]}\n";

  std::string app_of_request_to(const char* name) {
    FlowPtr flow = open(from_client());
    handshake(*flow);
    send(*flow, from_client().payload("GET / HTTP/1.1\r\nHost: " + std::string(name) + "\r\n\r\n"));
    send(*flow, from_server().payload("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    return master(*flow) + "." + app(*flow);
  }
};

INSTANTIATE_TEST_SUITE_P(Ipv6, OwnApplicationsTest,
                         ::testing::Values(DpiFamily{"", "2001:db8::1", "2001:db8:ffff::7"}));

TEST_P(OwnApplicationsTest, NamesFlowsByHost) {
  install(kSection);
  EXPECT_EQ(app_of_request_to("intra.example"), "HTTP.Intranet");
  EXPECT_EQ(app_of_request_to("www.intra.example"), "HTTP.Intranet");
  EXPECT_EQ(app_of_request_to("a.b.corp.example"), "HTTP.Intranet");
  EXPECT_EQ(app_of_request_to("shop.example"), "HTTP.Shop");
  EXPECT_EQ(app_of_request_to("elsewhere.example"), "HTTP.HTTP");
  EXPECT_EQ(app_of_request_to("evilintra.example"), "HTTP.HTTP");
  EXPECT_EQ(app_of_request_to("intra.example.evil.example"), "HTTP.HTTP");
  EXPECT_EQ(app_of_request_to("corp.example"), "HTTP.HTTP");
}

// Flows and events carry numbers over reloads.
TEST_P(OwnApplicationsTest, KeepsItsNumberHoweverAReloadOrdersThem) {
  install(kSection);
  const std::vector<std::string> before = directory.applications.applications;
  install(
      "[stage.dpi]\nmax_flows = 64\narena_mb = 4\n[stage.dpi.applications]\n"
      "New = {hosts = [\"new.example\"]}\nSHOP = {hosts = [\"shop.example\"]}\n");
  const std::vector<std::string>& after = directory.applications.applications;
  ASSERT_EQ(after.size(), before.size() + 1);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), after.begin()));
  EXPECT_EQ(app_of_request_to("shop.example"), "HTTP.Shop");
  EXPECT_EQ(app_of_request_to("new.example"), "HTTP.New");
  EXPECT_EQ(app_of_request_to("intra.example"), "HTTP.HTTP");
}

TEST_P(OwnApplicationsTest, ReportsWhatIsWrongWhereItStands) {
  EXPECT_FALSE(
      compile("[stage.dpi.applications]\nfiles = [\"none.txt\"]\n"
              "A = {hosts = [\"a b\"]}\nB = {networks = [\"2001:db8::/32\"]}\n"
              "C = {ports = [\"8443\"]}\nD = {}\n\"E/F\" = {hosts = [\"e.example\"]}\n"
              "G = {host = [\"g.example\"], ports = [\"tcp:1\"]}\n"));
  const std::string text = errors.to_string();
  for (const char* key : {"files[0]", "A.hosts[0]", "B.networks[0]", "C.ports[0]", "D", "\"E/F\"",
                          "G.host"}) {
    EXPECT_NE(text.find(std::string("stage.dpi.applications.") + key + ": "), std::string::npos)
        << key << "\n" << text;
  }
}

TEST_P(OwnApplicationsTest, RefusesMoreThanThereAreNumbersFor) {
  std::string toml = "[stage.dpi.applications]\n";
  for (unsigned i = 0; i < DpiStage::kMaxApplications; ++i) {
    toml += "App" + std::to_string(i) + " = {ports = [\"tcp:1\"]}\n";
  }
  EXPECT_FALSE(compile(toml));
  EXPECT_NE(errors.to_string().find("one application too many"), std::string::npos);
}

class OwnAddressesTest : public OwnApplicationsTest {};
INSTANTIATE_TEST_SUITE_P(Ipv4, OwnAddressesTest,
                         ::testing::Values(DpiFamily{"", "10.0.0.1", "198.51.100.7"}));

// An address that the operator has named is no guess: rules may allow by it.
TEST_P(OwnAddressesTest, NamesFlowsByAddress) {
  install(kSection);
  FlowPtr flow = open(from_client());
  handshake(*flow);
  for (unsigned i = 0; i < 80; ++i) send(*flow, from_client().payload("gibberish"));
  EXPECT_EQ(app(*flow), "Payroll");
  EXPECT_EQ(flow->context().app_confidence, kConfidenceByOwnRule);
  EXPECT_EQ(flow->context().app_progress, AppProgress::Final);
}

}  // namespace
}  // namespace sluice::test
