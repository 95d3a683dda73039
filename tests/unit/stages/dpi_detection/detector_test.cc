// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tests/unit/stages/dpi_detection/detection_fixture.h"

namespace sluice::rules {
namespace {

std::string many(unsigned count, const std::string& action, const std::string& options) {
  std::string rules;
  for (unsigned sid = 1; sid <= count; ++sid) {
    rules += action + " tcp any any -> any any (" + options + " sid:" + std::to_string(sid) + ";)\n";
  }
  return rules;
}

// ---- transactions ----

constexpr char kMixed[] =
    "drop http any any -> any any (flow:to_server; http.uri; content:\"/update/\"; pkt_data; "
    "content:\"CONFIG\"; nocase; sid:1;)";

TEST(Transactions, PayloadIsThatOfTheRulesSide) {
  Detection d(kMixed);
  d.flow.app = AppProtocol::Http;
  Exchange e;
  const std::string request = "GET /update/ HTTP/1.1\r\n\r\n";
  d.begin(kClient, request);
  d.stream(kClient, request);
  e.set(Buffer::HttpUri, kClient, "/update/");
  e.tell(d);
  EXPECT_EQ(d.sids(), Sids{});
  const std::string response = "HTTP/1.1 200 OK\r\n\r\nconfig";
  d.begin(kServer, response);
  d.stream(kServer, response);
  e.set(Buffer::HttpStatusCode, kServer, "200");
  e.tell(d);
  EXPECT_EQ(d.sids(), Sids{}) << "said by the server";

  d.begin(kClient, "config");
  d.stream(kClient, "config");
  e.set(Buffer::HttpRequestBody, kClient, "config");
  e.tell(d);
  EXPECT_EQ(d.sids(), Sids{1});
}

TEST(Transactions, PayloadOfTheOtherDirectionIsWhatItsStreamKeeps) {
  Detection d(kMixed);
  d.flow.app = AppProtocol::Http;
  d.begin(kServer, "x");
  static const std::string kKept = "POST /update/ CONFIG";
  d.detector->show(kClient, {bytes_of(kKept).data(), static_cast<uint32_t>(kKept.size()), 0, 0, false});
  Exchange e;
  e.set(Buffer::HttpUri, kClient, "/update/");
  e.tell(d);
  EXPECT_EQ(d.sids(), Sids{1});
}

TEST(Transactions, OnceEachHoweverTheyGrow) {
  Detection d("alert http any any -> any any (http.uri; content:\"/a\"; sid:1;)");
  d.flow.app = AppProtocol::Http;
  Exchange first(0), second(1);
  d.begin(kClient, "x");
  first.set(Buffer::HttpUri, kClient, "/a");
  first.tell(d);
  second.set(Buffer::HttpUri, kClient, "/a");
  second.tell(d);
  EXPECT_EQ(d.sids(), (Sids{1, 1}));
  d.begin(kClient, "x");
  first.set(Buffer::HttpUri, kClient, "/a/a");
  first.tell(d);
  EXPECT_EQ(d.sids(), Sids{});
  d.detector->finished(first.transaction);
  Exchange third(0);
  third.set(Buffer::HttpUri, kClient, "/a");
  third.tell(d);
  EXPECT_EQ(d.sids(), Sids{1}) << "another of the same number";
}

TEST(Transactions, AskedAgainOnlyWhenWhatTheyLackIsNew) {
  Detection d(
      "alert http any any -> any any (http.uri; content:\"/longest-of-all\"; http.cookie; "
      "content:\"c\"; sid:1;)");
  d.flow.app = AppProtocol::Http;
  Exchange e;
  d.begin(kClient, "x");
  e.set(Buffer::HttpUri, kClient, "/longest-of-all");
  e.tell(d);
  EXPECT_EQ(d.counters.candidates, 1u);
  e.set(Buffer::HttpMethod, kClient, "GET");
  e.tell(d);
  EXPECT_EQ(d.counters.candidates, 1u);
  e.set(Buffer::HttpCookie, kClient, "c");
  e.tell(d);
  EXPECT_EQ(d.counters.candidates, 2u);
  EXPECT_EQ(d.sids(), Sids{1});
}

TEST(Transactions, SeeWhatTheStreamOfTheSamePacketHasSet) {
  Detection d(
      "alert tcp any any -> any any (content:\"MAGIC\"; flowbits:set,x; noalert; sid:1;)\n"
      "alert http any any -> any any (flowbits:isset,x; http.uri; content:\"/evil\"; sid:2;)");
  d.flow.app = AppProtocol::Http;
  Exchange e;
  const std::string request = "GET /evil?MAGIC";
  d.begin(kClient, request);
  d.stream(kClient, request);
  e.set(Buffer::HttpUri, kClient, "/evil?MAGIC");
  e.tell(d);
  d.detector->packet();
  EXPECT_EQ(d.alerts(), Sids{2});
}

TEST(Transactions, AreAskedWhenThePayloadThatCarriesThemSaysMore) {
  for (const char* direction : {"flow:to_server; ", ""}) {
    Detection d(std::string("alert http any any -> any any (") + direction +
                "http.method; content:\"POST\"; pkt_data; content:\"special-payload\"; sid:1;)");
    d.flow.app = AppProtocol::Http;
    Exchange e;
    d.begin(kClient, "POST / special-");
    d.stream(kClient, "POST / special-");
    e.set(Buffer::HttpMethod, kClient, "POST");
    e.tell(d);
    EXPECT_EQ(d.counters.candidates, 0u) << "not for its method alone";
    d.begin(kClient, "payload");
    d.stream(kClient, "payload");
    e.set(Buffer::HttpRequestBody, kClient, "special-payload");
    e.tell(d);
    EXPECT_EQ(d.sids(), Sids{1});
    d.begin(kClient, "more");
    d.stream(kClient, "more");
    e.set(Buffer::HttpRequestBody, kClient, "special-payload more");
    e.tell(d);
    EXPECT_EQ(d.sids(), Sids{}) << "once";
    Exchange next(1);
    next.set(Buffer::HttpMethod, kClient, "GET");
    next.tell(d);
    EXPECT_EQ(d.sids(), Sids{}) << "of another method";
  }
}

TEST(Transactions, OfDatagramsToo) {
  Detection d("alert dns any any -> any any (dns.query; content:\"a\"; pkt_data; content:\"special-payload\"; sid:1;)");
  d.protocol = IPPROTO_UDP;
  d.packet.in_stream = false;
  d.flow.app = AppProtocol::Dns;
  for (const char* payload : {"nothing", "special-payload"}) {
    Exchange e;
    e.transaction.protocol = AppProtocol::Dns;
    d.begin(kClient, payload);
    d.detector->packet();
    e.set(Buffer::DnsQuery, kClient, "a.example");
    e.tell(d);
    d.detector->finished(e.transaction);
  }
  EXPECT_EQ(d.sids(), Sids{1});
}

// ---- too many ----

TEST(Matches, ADropIsObeyedBehindMoreAlertsThanAreTold) {
  Detection d(many(70, "alert", "content:\"a\";") +
              "drop tcp any any -> any any (content:\"bad\"; sid:1000;)");
  d.segment(kClient, "a");
  EXPECT_EQ(d.sids().size(), Detector::kMaxFired);
  EXPECT_FALSE(d.detector->blocks());
  d.segment(kClient, "a, bad");
  EXPECT_EQ(d.sids().size(), Detector::kMaxFired);
  EXPECT_EQ(d.sids().front(), 1000u) << "before all alerts";
  EXPECT_TRUE(d.detector->blocks());
  EXPECT_EQ(d.counters.matches_lost, 6u + 7u);
}

TEST(Matches, ALateDropTakesTheLastAlertsPlace) {
  Detection d(many(70, "alert", "content:\"a\";") +
              "drop http any any -> any any (http.uri; content:\"/bad\"; sid:1000;)");
  d.flow.app = AppProtocol::Http;
  d.begin(kClient, "a");
  d.stream(kClient, "a");
  Exchange e;
  e.set(Buffer::HttpUri, kClient, "/bad");
  e.tell(d);
  EXPECT_EQ(d.sids().size(), Detector::kMaxFired);
  EXPECT_EQ(d.sids().front(), 1000u);
  EXPECT_TRUE(d.detector->blocks());
}

TEST(Matches, APassOutdoesAll) {
  Detection d(
      "pass tcp any any -> any any (content:\"good\"; sid:1;)\n"
      "drop tcp any any -> any any (content:\"bad\"; sid:2;)");
  EXPECT_EQ(d.segment(kClient, "bad, good"), Sids{}) << "nothing to tell";
  EXPECT_FALSE(d.detector->blocks());
  EXPECT_TRUE(d.state.passed);
}

TEST(Matches, APassThatAlertsIsTold) {
  Detection d(
      "pass tcp any any -> any any (content:\"good\"; alert; sid:1;)\n"
      "drop tcp any any -> any any (content:\"bad\"; sid:2;)");
  EXPECT_EQ(d.segment(kClient, "bad, good"), Sids{1});
  EXPECT_EQ(d.alerts(), Sids{1});
  EXPECT_FALSE(d.detector->blocks());
}

// ---- once a packet ----

TEST(Matches, OnceAPacketInStreamAndSegment) {
  Detection d("alert tcp any any -> any any (content:\"GET\"; depth:3; sid:1;)");
  EXPECT_EQ(d.segment(kClient, "GET /"), Sids{1});
  EXPECT_EQ(d.segment(kClient, "xGET"), Sids{});
  EXPECT_EQ(d.segment(kClient, "GET"), Sids{1}) << "at a segment's beginning, as in Suricata";
}

TEST(Matches, OnceAPacketThoughItWaited) {
  Detection d("alert tcp any any -> any any (content:\"AAAABBBB\"; content:\"CC\"; sid:1;)");
  EXPECT_EQ(d.segment(kClient, "AAAABBBB"), Sids{});
  EXPECT_EQ(d.segment(kClient, "CC, AAAABBBB"), Sids{1});
}

TEST(Matches, CountOnceForADetectionFilter) {
  Detection d(
      "alert tcp any any -> any any (content:\"GET\"; depth:3; detection_filter:track by_src, "
      "count 2, seconds 60; sid:1;)");
  EXPECT_EQ(d.segment(kClient, "GET"), Sids{});
  EXPECT_EQ(d.segment(kClient, "GET"), Sids{});
  EXPECT_EQ(d.segment(kClient, "GET"), Sids{1});
}

TEST(Matches, WithoutAPatternTheDetectionFilterCountsInOneFlowToo) {
  Detection d(
      "alert tcp any any -> any any (pcre:\"/x/\"; detection_filter:track by_src, count 2, "
      "seconds 60; sid:1;)");
  EXPECT_EQ(d.segment(kClient, "x"), Sids{});
  EXPECT_EQ(d.segment(kClient, "x"), Sids{});
  EXPECT_EQ(d.segment(kClient, "x"), Sids{1});
  EXPECT_EQ(d.segment(kClient, "x"), Sids{}) << "once a flow";
}

// ---- streams ----

TEST(Streams, WaitForTheRestWhereverTheWindowSlides) {
  constexpr size_t kWindow = 8192;
  for (size_t padding = 0; padding <= size_t{20} << 10; padding += 509) {
    Detection d("alert tcp any any -> any any (content:\"AAAABBBB\"; content:\"CCCC\"; distance:0; sid:1;)");
    for (size_t sent = 0; sent < padding; sent += 1000) {
      d.segment(kClient, std::string(std::min<size_t>(1000, padding - sent), 'x'), kWindow);
    }
    EXPECT_EQ(d.segment(kClient, "AAAABBBB", kWindow), Sids{}) << padding;
    EXPECT_EQ(d.segment(kClient, std::string(1400, '-'), kWindow), Sids{}) << padding;
    EXPECT_EQ(d.segment(kClient, "CCCC", kWindow), Sids{1}) << padding;
  }
}

TEST(Streams, WaitWhateverTheSplit) {
  const std::string all = "..AAAABBBB..CCCC..";
  for (size_t first = 1; first < all.size(); ++first) {
    for (size_t second = first; second < all.size(); ++second) {
      Detection d("drop tcp any any -> any any (content:\"AAAABBBB\"; content:\"CCCC\"; distance:0; sid:1;)");
      Sids sids;
      for (const std::string& part : {all.substr(0, first), all.substr(first, second - first), all.substr(second)}) {
        if (part.empty()) continue;
        for (const uint32_t sid : d.segment(kClient, part)) sids.push_back(sid);
      }
      EXPECT_EQ(sids, Sids{1}) << first << ' ' << second;
    }
  }
}

TEST(Streams, ARuleWaitsForTheProtocolsName) {
  Detection d(
      "alert ssh any any -> any any (content:\"SSH-\"; sid:1;)\n"
      "alert http any any -> any any (content:\"SSH-\"; sid:2;)\n"
      "alert tcp any any -> any any (app-layer-protocol:!http; content:\"SSH-\"; sid:3;)");
  d.flow.app_decided = false;
  EXPECT_EQ(d.segment(kClient, "SSH-"), Sids{});
  d.flow.app_decided = true;
  d.flow.app = AppProtocol::Ssh;
  EXPECT_EQ(d.segment(kClient, "2.0"), (Sids{1, 3}));
}

TEST(Streams, TheOtherSidesWordMayNameTheProtocol) {
  Detection d("alert tcp any any -> any any (flow:to_server; app-layer-protocol:failed; content:\"hello\"; sid:1;)");
  d.flow.app_decided = false;
  EXPECT_EQ(d.segment(kClient, "hello"), Sids{});
  d.begin(kServer, "what?");
  d.detector->show(kClient, d.view(kClient));
  d.flow.app_decided = true;
  d.stream(kServer, "what?");
  EXPECT_EQ(d.sids(), Sids{1});
}

TEST(Streams, NothingWaitsThatCannotMatchAnyMore) {
  Detection d(
      "alert tcp any any -> any any (content:\"PATTERN\"; content:\"at\"; depth:2; sid:1;)\n"
      "alert tcp any any -> any any (content:\"PATTERN\"; content:\"late\"; sid:2;)");
  EXPECT_EQ(d.segment(kClient, "xxxxPATTERN"), Sids{});
  ASSERT_EQ(d.state.pending.size(), 1u);
  EXPECT_EQ(d.set->rule(d.state.pending[0].rule).sid, 2u);
}

TEST(Streams, AListThatIsFullOverloadsWhereTheRuleWouldStop) {
  for (const char* action : {"alert", "drop"}) {
    Detection d(many(Detector::kMaxPending + 1, action, "content:\"PATTERN\"; content:\"late\";"));
    d.segment(kClient, "PATTERN");
    EXPECT_EQ(d.state.pending.size(), Detector::kMaxPending);
    EXPECT_EQ(d.counters.pending_lost, 1u);
    EXPECT_EQ(d.detector->overloaded(), std::string_view(action) == "drop");
  }
}

// ---- costs ----

TEST(Budget, EndsThePacketsEvaluations) {
  const std::string rules = many(40, "drop", "content:\"PATTERN\"; content:\"nowhere\";");
  DetectorLimits limits;
  limits.packet_budget = 20'000;
  Detection d(rules, limits);
  d.segment(kClient, "PATTERN");
  EXPECT_FALSE(d.detector->overloaded());
  EXPECT_EQ(d.counters.budget_exceeded, 0u);
  d.segment(kClient, std::string(5000, 'x') + "PATTERN");
  EXPECT_TRUE(d.detector->overloaded());
  EXPECT_EQ(d.counters.budget_exceeded, 1u) << "a packet";
  d.segment(kClient, "x");
  EXPECT_TRUE(d.detector->overloaded()) << "the window is as large";
}

TEST(Budget, AlertsAloneStopNothing) {
  DetectorLimits limits;
  limits.packet_budget = 1000;
  Detection d(many(40, "alert", "content:\"PATTERN\"; content:\"nowhere\";"), limits);
  d.segment(kClient, std::string(5000, 'x') + "PATTERN");
  EXPECT_FALSE(d.detector->overloaded());
  EXPECT_EQ(d.counters.budget_exceeded, 1u);
}

// Bytes that use up an evaluation's steps hide the exploit behind them from it.
TEST(Budget, WhatIsCutShortIsCountedAndOverloads) {
  std::string hostile;
  for (unsigned i = 0; i < 5000; ++i) hostile += "AB-";
  for (const char* action : {"alert", "drop"}) {
    Detection d(std::string(action) + " tcp any any -> any any (content:\"A\"; content:\"B\"; within:1; "
                                      "content:\"C\"; within:1; content:\"exploit\"; sid:1;)");
    d.segment(kClient, hostile + "ABCexploit");
    EXPECT_EQ(d.sids(), Sids{});
    EXPECT_GE(d.counters.cut_short, 1u);
    EXPECT_EQ(d.detector->overloaded(), std::string_view(action) == "drop");
  }
}

// ---- packets ----

TEST(Packets, RulesOnEndsAloneFireOnceAFlowAndDirection) {
  Detection d("alert ip 10.0.0.1 any -> any any (sid:1;)\nalert ip any any -> 10.0.0.1 any (sid:2;)");
  EXPECT_EQ(d.segment(kClient, "a"), Sids{1});
  EXPECT_EQ(d.segment(kClient, "b"), Sids{});
  EXPECT_EQ(d.segment(kServer, "c"), Sids{2});
  EXPECT_EQ(d.segment(kServer, "d"), Sids{});
  EXPECT_EQ(d.counters.candidates, 4u) << "asked no more often";
}

TEST(Packets, APortMakesItARuleOnPackets) {
  Detection d("alert tcp any any -> any 80 (sid:1;)");
  EXPECT_EQ(d.segment(kClient, "a"), Sids{1});
  EXPECT_EQ(d.segment(kClient, "b"), Sids{1});
}

TEST(Packets, OutsideTheStreamMeetItsPatterns) {
  Detection d("alert tcp any any -> any any (content:\"EVIL\"; sid:1;)");
  EXPECT_EQ(d.lone_packet(kClient, "EVIL"), Sids{}) << "the stream has it";
  d.packet.in_stream = false;
  EXPECT_EQ(d.lone_packet(kClient, "EVIL"), Sids{1});
}

TEST(Packets, TheirTestsHoldOfEncryptedOnes) {
  Detection d(
      "alert tcp any any -> any any (flags:R; sid:1;)\n"
      "alert tcp any any -> any any (flags:R; content:\"EVIL\"; sid:2;)\n"
      "alert tcp any any -> any 81 (flags:S; sid:3;)");
  d.flow.encrypted = true;
  d.flags(0x04);
  EXPECT_EQ(d.lone_packet(kClient, "EVIL"), Sids{1});
  EXPECT_TRUE(d.set->may_fit_late(d.packet.ends));
  Detection syn("alert tcp any any -> any any (flags:S; sid:1;)");
  syn.begin(kClient);
  EXPECT_TRUE(syn.set->may_fit(syn.packet.ends));
  EXPECT_FALSE(syn.set->may_fit_late(syn.packet.ends)) << "encrypted ones are no SYNs";
}

TEST(Packets, WithoutAMemoryNothingWaits) {
  Detection d("alert tcp any any -> any any (content:\"AAAA\"; content:\"BBBB\"; sid:1;)");
  d.remembers = false;
  d.packet.in_stream = false;
  EXPECT_EQ(d.lone_packet(kClient, "AAAA"), Sids{});
  EXPECT_EQ(d.lone_packet(kClient, "AAAA BBBB"), Sids{1});
}

}  // namespace
}  // namespace sluice::rules
