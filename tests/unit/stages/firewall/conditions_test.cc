// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>

#include <cstring>

#include "stages/firewall/rule.h"
#include "tests/unit/stages/firewall/firewall_fixture.h"

namespace sluice::test {
namespace {

using firewall::Action;
using firewall::ApplicationMatch;
using firewall::Conditions;
using firewall::Truth;

struct ApplicationRow {
  const char* sentence;
  ApplicationMatch match;
  AppProgress progress;
  uint16_t master, app;
  Truth truth;
};

constexpr ApplicationMatch kAnyTls{kTls, 0, false};
constexpr ApplicationMatch kAnyYoutube{kYoutube, 0, false};
constexpr ApplicationMatch kTlsYoutube{kYoutube, kTls, true};

const ApplicationRow kApplicationRows[] = {
    {"nothing seen", kAnyTls, AppProgress::None, 0, 0, Truth::Open},
    {"a guess under way says nothing", kAnyTls, AppProgress::Inspecting, 0, kTls, Truth::Open},
    {"protocol alone in app", kAnyTls, AppProgress::Partial, 0, kTls, Truth::True},
    {"protocol alone in master", kAnyTls, AppProgress::Partial, kTls, 0, Truth::True},
    {"protocol under an application", kAnyTls, AppProgress::Final, kTls, kYoutube, Truth::True},
    {"application may still come", kAnyYoutube, AppProgress::Partial, 0, kTls, Truth::Open},
    {"application came", kAnyYoutube, AppProgress::Final, kTls, kYoutube, Truth::True},
    {"application over another protocol", kAnyYoutube, AppProgress::Final, kQuic, kYoutube,
     Truth::True},
    {"application did not come", kAnyYoutube, AppProgress::Final, kTls, kGoogle, Truth::False},
    {"pair: application may still come", kTlsYoutube, AppProgress::Partial, 0, kTls, Truth::Open},
    {"pair: it came early", kTlsYoutube, AppProgress::Partial, kTls, kYoutube, Truth::True},
    {"pair: other protocol", kTlsYoutube, AppProgress::Partial, 0, kHttp, Truth::False},
    {"pair: same application, other protocol", kTlsYoutube, AppProgress::Final, kQuic, kYoutube,
     Truth::False},
    {"pair: it did not come", kTlsYoutube, AppProgress::Final, 0, kTls, Truth::False},
    {"never known", kAnyTls, AppProgress::Final, 0, 0, Truth::False},
};

TEST(Conditions, JudgesApplicationsAsFarAsDpiHasCome) {
  for (const ApplicationRow& row : kApplicationRows) {
    FlowContext c{};
    c.app_progress = row.progress;
    c.app_master = row.master;
    c.app = row.app;
    Conditions conditions;
    conditions.applications = {row.match};
    EXPECT_EQ(conditions.judge(c, Action::Drop), row.truth) << row.sentence;
  }
}

TEST(Conditions, TakesTheBestOfSeveralApplications) {
  Conditions conditions;
  conditions.applications = {kTlsYoutube, {kDns, 0, false}};
  FlowContext c{};
  c.app_progress = AppProgress::Partial;
  c.app = kDns;
  EXPECT_EQ(conditions.judge(c, Action::Drop), Truth::True);
  c.app = kHttp;  // not TLS.YouTube any more, but DNS is still thinkable
  EXPECT_EQ(conditions.judge(c, Action::Drop), Truth::Open);
}

TEST(Conditions, LetAGuessStopAFlowButNotAllowIt) {
  Conditions application, category, unknown;
  application.applications = {kAnyTls};
  category.categories = {1};
  unknown.applications = {{kUnknown, 0, false}};
  for (unsigned confidence = 0; confidence < NDPI_CONFIDENCE_MAX; ++confidence) {
    FlowContext c{};
    c.app = kTls;
    c.app_category = 1;
    c.app_confidence = confidence & 15;
    const bool seen = confidence == NDPI_CONFIDENCE_DPI;
    for (const AppProgress progress : {AppProgress::Partial, AppProgress::Final}) {
      c.app_progress = progress;
      const Truth guessed = progress == AppProgress::Final ? Truth::False : Truth::Open;
      for (const Conditions* conditions : {&application, &category}) {
        EXPECT_EQ(conditions->judge(c, Action::Allow), seen ? Truth::True : guessed) << confidence;
        EXPECT_EQ(conditions->judge(c, Action::Drop), Truth::True) << confidence;
        EXPECT_EQ(conditions->judge(c, Action::Reject), Truth::True) << confidence;
      }
    }
    c.app = 0;
    EXPECT_EQ(unknown.judge(c, Action::Allow), Truth::True) << "no name is no guess";
  }
}

TEST(Conditions, AreAllNeeded) {
  Conditions conditions;
  conditions.applications = {kAnyTls};
  conditions.categories = {1};
  FlowContext c{};
  c.app_progress = AppProgress::Partial;
  c.app = kTls;
  c.app_category = 2;
  EXPECT_EQ(conditions.judge(c, Action::Drop), Truth::Open);
  c.app_progress = AppProgress::Final;
  EXPECT_EQ(conditions.judge(c, Action::Drop), Truth::False);
  c.app_category = 1;
  EXPECT_EQ(conditions.judge(c, Action::Drop), Truth::True);
}

TEST(Conditions, HoldAtOnceWhereNothingIsAsked) {
  EXPECT_TRUE(Conditions().empty());
  EXPECT_EQ(Conditions().judge(FlowContext{}, Action::Drop), Truth::True);
}

HostName host_name(std::string_view text) {
  HostName name{};
  name.length = static_cast<uint8_t>(text.size());
  std::memcpy(name.text, text.data(), text.size());
  return name;
}

TEST(Conditions, MatchHostsExactlyAndSubdomainsAtAnyDepth) {
  const struct {
    const char* pattern;
    const char* host;
    bool matches;
  } rows[] = {
      {"example.com", "example.com", true},
      {"Example.COM.", "example.com", true},
      {"example.com", "www.example.com", false},
      {"example.com", "example.com:8080", true},
      {"example.com", "example.com.", true},
      {"example.com", "notexample.com", false},
      {"*.example.com", "example.com", false},
      {"*.example.com", "www.example.com", true},
      {"*.example.com", "a.b.c.example.com", true},
      {"*.example.com", "badexample.com", false},
      {"*.example.com", "example.com.evil.org", false},
      {"*.example.com", "", false},
      {"example.com", "", false},
  };
  for (const auto& row : rows) {
    Conditions conditions;
    conditions.add_host("unrelated.test");
    conditions.add_host("*.other.test");
    conditions.add_host(row.pattern);
    conditions.finish();
    const HostName host = host_name(row.host);
    FlowContext c{};
    c.app_progress = AppProgress::Inspecting;
    c.host = &host;
    EXPECT_EQ(conditions.judge(c, Action::Drop), row.matches ? Truth::True : Truth::False)
        << row.pattern << " and " << row.host;
  }
}

TEST(Conditions, LeaveAHostOpenUntilDpiIsDone) {
  Conditions conditions;
  conditions.add_host("example.com");
  conditions.finish();
  FlowContext c{};
  for (const AppProgress progress :
       {AppProgress::None, AppProgress::Inspecting, AppProgress::Partial}) {
    c.app_progress = progress;
    EXPECT_EQ(conditions.judge(c, Action::Drop), Truth::Open);
  }
  c.app_progress = AppProgress::Final;
  EXPECT_EQ(conditions.judge(c, Action::Drop), Truth::False);
}

}  // namespace
}  // namespace sluice::test
