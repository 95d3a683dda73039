// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <string_view>

#include "tests/unit/stages/dpi/dpi_fixture.h"

namespace sluice::test {
namespace {

class DpiRulesTest : public DpiTest {};

INSTANTIATE_TEST_SUITE_P(Families, DpiRulesTest, kDpiFamilies,
                         [](const auto& info) { return info.param.name; });

TEST_P(DpiRulesTest, AlertsAndLetsThePacketPass) {
  install_rules("alert tcp any any -> any 80 (msg:\"evil\"; content:\"EVIL\"; sid:7; rev:3;)\n");
  auto flow = open(from_client());
  handshake(*flow);
  EXPECT_TRUE(send(*flow, from_client().payload("xxEVILxxEVIL")));
  EXPECT_TRUE(send(*flow, from_client().payload("harmless")));
  EXPECT_TRUE(send(*flow, from_client().payload("EVIL")));
  const auto told = take_events();
  ASSERT_EQ(told.size(), 2u) << "once a segment";
  EXPECT_EQ(told[0].type, EventType::Alert);
  EXPECT_EQ(told[0].signature_id, 7u);
  EXPECT_EQ(told[0].signature_rev, 3u);
  EXPECT_EQ(directory.name(told[0].signature_msg), "evil");
  EXPECT_EQ(told[0].action, Verdict::Pass);
  EXPECT_EQ(counter("alerts"), 2u);
  install();
  EXPECT_TRUE(end(*flow).alerted) << "over reloads, too";
}

TEST_P(DpiRulesTest, DropsThePacketAndThenTheFlow) {
  install_rules("drop tcp any any -> any any (msg:\"bad\"; content:\"EVIL\"; sid:1;)\n");
  auto flow = open(from_client());
  handshake(*flow);
  EXPECT_FALSE(send(*flow, from_client().payload("EVIL")));
  EXPECT_EQ(kDpiStage.drop_reasons[last_reason - kFirstReason].name, "signature");
  EXPECT_TRUE(settled(*flow));
  EXPECT_FALSE(send(*flow, from_client().payload("harmless"))) << "the flow is blocked";
  EXPECT_EQ(visits, 4u);
  const auto told = take_events();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].action, Verdict::Drop);

  // The block was the rule's: without it the flow is judged anew.
  install();
  EXPECT_TRUE(send(*flow, from_client().payload("harmless")));
  end(*flow);
}

// A server that takes no data with a SYN reads them from the copy, which is no news.
TEST_P(DpiRulesTest, AsksWhatASynCarriesAsIfEstablished) {
  install_rules(
      "drop tcp any any -> any any (content:\"EVIL\"; flow:established,to_server; sid:3;)\n");
  auto flow = open(from_client());
  EXPECT_FALSE(send(*flow, from_client().flags(kTcpSyn).seq(0).payload("EVIL")));
  const auto told = take_events();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].signature_id, 3u);
}

TEST_P(DpiRulesTest, AsksOfEachPacketWhatIsAskedOfPackets) {
  install_rules(
      "drop http any any -> any any (dsize:0; sid:1;)\n"
      "alert http any any -> any any (sid:2;)\n");
  auto flow = open(from_client());
  handshake(*flow);
  EXPECT_TRUE(send(*flow, from_client().payload("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")));
  EXPECT_FALSE(send(*flow, from_server()));
  EXPECT_TRUE(send(*flow, from_server().payload("HTTP/1.1 200 OK\r\n")));
  EXPECT_FALSE(send(*flow, from_client())) << "and each one that follows";
  EXPECT_FALSE(send(*flow, from_client()));
  std::map<uint32_t, int> told;
  for (const Event& e : take_events()) told[e.type == EventType::Alert ? e.signature_id : 0]++;
  EXPECT_EQ(told[1], 3);
  EXPECT_EQ(told[2], 1) << "the protocol alone is told of once";
}

TEST_P(DpiRulesTest, DropsAnIcmpErrorButNotTheFlowThatItQuotes) {
  install_rules("drop icmp any any -> any any (msg:\"quoted\"; content:\"EVIL\"; sid:2;)\n");
  auto flow = open(from_client());
  const bool ipv6 = std::string_view(GetParam().client).find(':') != std::string_view::npos;
  const auto error = eth()
                         .ip(GetParam().server, GetParam().client)
                         .icmp_error(ipv6 ? 1 : 3, 4, from_client().payload("EVIL"));
  EXPECT_FALSE(send(*flow, error));
  EXPECT_FALSE(settled(*flow));
  EXPECT_EQ(counter("packets"), 0u) << "none of nDPI's business";
  EXPECT_EQ(counter("alerts"), 1u);
  EXPECT_TRUE(send(*flow, from_client().payload("EVIL"))) << "no ICMP";
  end(*flow);
}

TEST_P(DpiRulesTest, KeepsNothingOfAFlowThatItBlocks) {
  install_rules("drop tcp any any -> any any (content:\"EVIL\"; sid:1;)\n");
  auto flow = open(from_client());
  handshake(*flow);
  EXPECT_TRUE(send(*flow, from_client().payload("\x01\x02\x03\x04zzzz")));
  EXPECT_EQ(part->references(), 2u) << "nDPI's state and the session";
  EXPECT_FALSE(send(*flow, from_client().payload("EVIL")));
  EXPECT_EQ(part->references(), 0u);
  EXPECT_EQ(flow->context().app_progress, AppProgress::Final);
  end(*flow);
}

TEST_P(DpiRulesTest, BlocksOnWhenAnEarlierStageSaysSomethingNew) {
  install_rules("drop tcp any any -> any any (content:\"EVIL\"; sid:1;)\n");
  auto flow = open(from_client());
  handshake(*flow);
  EXPECT_FALSE(send(*flow, from_client().payload("EVIL")));
  for (unsigned i = 0; i < 2; ++i) {
    flow->stage(0).generation = 0;  // as if the stages before had raised their revision
    EXPECT_FALSE(send(*flow, from_client().payload("harmless")));
    EXPECT_TRUE(settled(*flow));
  }
  EXPECT_EQ(visits, 6u);
  EXPECT_EQ(counter("signature_drops"), 1u);
  EXPECT_EQ(take_events().size(), 1u) << "one alert";
  end(*flow);
}

TEST_P(DpiRulesTest, AsksTheHeadersOnceAFlowAndPolicy) {
  const char* rules = "alert tcp any any -> any 81 (content:\"EVIL\"; sid:1;)\n";
  install_rules(rules);
  server_port = 81;
  auto flow = open(from_client());
  send(*flow, from_client().payload("EVIL"));
  EXPECT_EQ(counter("scanned_packets"), 1u);
  // No header fits any more: only who asks again would notice.
  (*flow)->key.port[0] = (*flow)->key.port[1] = 0;
  send(*flow, from_client().payload("EVIL"));
  EXPECT_EQ(counter("scanned_packets"), 2u);
  install_rules(rules);
  send(*flow, from_client().payload("EVIL"));
  EXPECT_EQ(counter("scanned_packets"), 2u);
  end(*flow);
}

TEST_P(DpiRulesTest, KeepsFlowsThatARuleMayFit) {
  events->enabled = false;  // else the connection's later requests are told of, too
  install_rules("alert tcp any any -> any 81 (content:\"EVIL\"; sid:1;)\n");
  server_port = 81;
  auto kept = open(from_client());
  const std::string request = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
  const std::string response = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  handshake(*kept);
  send(*kept, from_client().payload(request));
  send(*kept, from_server().payload(response));
  EXPECT_EQ(kept->context().app_progress, AppProgress::Final);
  EXPECT_FALSE(settled(*kept));
  send(*kept, from_client().payload("EVIL"));
  EXPECT_EQ(counter("alerts"), 1u);
  end(*kept);

  server_port = 80;
  auto free = open(from_client());
  handshake(*free);
  send(*free, from_client().payload(request));
  send(*free, from_server().payload(response));
  EXPECT_TRUE(settled(*free)) << "no rule is about port 80";
  EXPECT_FALSE(end(*free).alerted);
}

TEST_P(DpiRulesTest, AlertsTellOfTheTransactionThatMatched) {
  install_rules("alert http any any -> any any (http.stat_code; content:\"404\"; sid:1;)\n"
                "alert http any any -> any any (http.uri; content:\"/4\"; sid:2;)\n"
                "alert tcp any any -> any any (content:\"HTTP/1.1 404\"; sid:3;)\n");
  auto flow = open(from_client());
  handshake(*flow);
  std::string requests, answers;
  for (const char* number : {"0", "1", "2", "3", "4", "5"}) {
    requests += std::string("GET /") + number + " HTTP/1.1\r\nHost: h" + number + "\r\n\r\n";
    answers += "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  }
  std::map<uint32_t, std::string> urls;
  const auto alerts_of = [&](uint32_t sid) {
    std::vector<Event> found;
    for (const Event& e : take_events()) {
      if (e.type == EventType::Alert && e.signature_id == sid) found.push_back(e);
    }
    return found;
  };
  send(*flow, from_client().payload(requests));
  auto told = alerts_of(2);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].told, EventType::Http);
  EXPECT_EQ(told[0].get_text(kTextUrl), "/4");
  EXPECT_EQ(told[0].get_text(kTextPayload), "") << "not asked for";
  // All six are over, and their memory is others', before the packet is judged.
  send(*flow, from_server().payload(answers));
  told = alerts_of(1);
  ASSERT_EQ(told.size(), 6u);
  for (uint32_t i = 0; i < told.size(); ++i) {
    const std::string number = std::to_string(told[i].transaction);
    if (told[i].told == EventType::Flow) continue;  // more than are kept
    EXPECT_EQ(told[i].get_text(kTextUrl), "/" + number);
    EXPECT_EQ(told[i].get_text(kTextHost), "h" + number);
    EXPECT_EQ(told[i].values[kValueStatus], 404u);
    urls[told[i].transaction] = number;
  }
  EXPECT_EQ(urls.size(), 4u);
  end(*flow);
}

TEST_P(DpiRulesTest, AlertsTakeWhatMatchedWithThem) {
  events->alert_payload = 16;
  install_rules("alert tcp any any -> any any (content:\"EVIL\"; sid:1;)\n"
                "alert tcp any any -> any any (content:\"tiny\"; dsize:<10; sid:2;)\n");
  auto flow = open(from_client());
  handshake(*flow);
  send(*flow, from_client().payload("0123456789abcdefEV"));
  send(*flow, from_client().payload("IL"));
  send(*flow, from_client().payload("tiny"));
  const auto told = take_events();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].get_text(kTextPayload), "456789abcdefEVIL");
  EXPECT_TRUE(told[0].payload_in_stream);
  EXPECT_EQ(told[1].get_text(kTextPayload), "tiny");
  EXPECT_FALSE(told[1].payload_in_stream);
  end(*flow);
}

// What nobody asks for is not made; parsers' counters are the stage's.
TEST_P(DpiRulesTest, BodiesAreDecodedWhereARuleAsks) {
  const auto talk = [&] {
    auto flow = open(from_client());
    handshake(*flow);
    send(*flow, from_client().payload("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    send(*flow, from_server().payload("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                                      "Content-Length: 9\r\n\r\nno gzip!!"));
    end(*flow);
  };
  install_rules("alert http any any -> any any (http.uri; content:\"x\"; sid:1;)\n");
  talk();
  EXPECT_EQ(counter("http_transactions"), 1u);
  EXPECT_EQ(counter("http_decode_errors"), 0u);
  install_rules("alert http any any -> any any (file.data; content:\"no gzip\"; sid:1;)\n");
  talk();
  EXPECT_EQ(counter("http_transactions"), 2u) << "over reloads, too";
  EXPECT_EQ(counter("http_decode_errors"), 1u);
  EXPECT_EQ(counter("alerts"), 1u);
}

// A connection that began under other rules shows what the new ones ask for.
TEST_P(DpiRulesTest, ASessionGoesOnWithWhatNewRulesAskFor) {
  install_rules("alert http any any -> any any (http.uri; content:\"x\"; sid:1;)\n");
  auto flow = open(from_client());
  handshake(*flow);
  send(*flow, from_client().payload("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  install_rules("alert http any any -> any any (file.data; content:\"EVIL\"; sid:1;)\n");
  send(*flow, from_server().payload("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"));
  EXPECT_EQ(counter("alerts"), 1u);
  end(*flow);
}

// Of a connection picked up in its middle, in a protocol that nobody knows.
TEST_P(DpiRulesTest, AServiceIsWhereItsPortIs) {
  install_rules("alert tcp-pkt any any -> any any (content:\"up\"; flow:to_server; sid:1;)\n"
                "alert tcp-pkt any any -> any any (content:\"down\"; flow:to_client; sid:2;)\n");
  server_port = 445;
  auto flow = open(from_server());
  send(*flow, from_server().payload("\x01 down \x01"));
  send(*flow, from_client().payload("\x01 up \x01"));
  EXPECT_EQ(counter("alerts"), 2u);
  end(*flow);
}

// Who is the client shows behind packets that were counted for the other side.
TEST_P(DpiRulesTest, ReadsAFlowWhoseServerWasSeenFirst) {
  install_rules("alert tcp any any -> any any (content:\"uid=0\"; sid:1;)\n"
                "alert tcp any any -> any any (content:\"GET\"; sid:2;)\n");
  auto flow = open(from_server().flags(kTcpSyn | kTcpAck));
  numbers_segments = false;
  send(*flow, from_server().flags(kTcpSyn | kTcpAck).seq(0x90000000).ack(11));
  send(*flow, from_client().seq(11).ack(0x90000001));
  send(*flow, from_client().seq(11).ack(0x90000001).payload("GET / HTTP/1.1\r\n\r\n"));
  send(*flow, from_server().seq(0x90000001).ack(29).payload("HTTP/1.1 200 OK\r\n\r\nuid=0"));
  EXPECT_EQ(counter("alerts"), 2u);
  EXPECT_EQ(host(*flow), "");
  end(*flow);
  EXPECT_EQ(counter("http_requests"), 1u);
}

TEST_P(DpiRulesTest, KnowsTheSizeOfTheStreamThatThePacketDoesNotAdvance) {
  install_rules(
      "alert tcp any any -> any any (flow:to_server; stream_size:server,>,100; sid:1;)\n"
      "alert tcp any any -> any any (flow:to_client; stream_size:client,<,10; sid:2;)\n");
  auto flow = open(from_client());
  handshake(*flow);
  take_events();
  send(*flow, from_client().payload("0123456789abcdef"));
  EXPECT_EQ(take_events().size(), 0u);
  send(*flow, from_server().payload(std::string(200, 'x')));
  EXPECT_EQ(take_events().size(), 0u) << "the client has sent more";
  send(*flow, from_client());
  const auto told = take_events();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].signature_id, 1u);
  end(*flow);
}

TEST_P(DpiRulesTest, TellsOfAPassThatAlerts) {
  install_rules(
      "pass tcp any any -> any any (content:\"GOOD\"; alert; sid:1;)\n"
      "drop tcp any any -> any any (content:\"EVIL\"; sid:2;)\n");
  auto flow = open(from_client());
  handshake(*flow);
  EXPECT_TRUE(send(*flow, from_client().payload("GOOD, EVIL")));
  const auto told = take_events();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].signature_id, 1u);
  EXPECT_EQ(told[0].action, Verdict::Pass);
  EXPECT_TRUE(send(*flow, from_client().payload("EVIL"))) << "the whole flow is passed";
  end(*flow);
}

TEST_P(DpiRulesTest, AStreamsRuleSetsWhatAnExchangeOfTheSameSegmentAsks) {
  install_rules(
      "alert tcp any any -> any any (content:\"MAGIC\"; flowbits:set,x; noalert; sid:1;)\n"
      "drop http any any -> any any (flowbits:isset,x; http.uri; content:\"/evil\"; sid:2;)\n");
  auto flow = open(from_client());
  handshake(*flow);
  EXPECT_FALSE(send(*flow, from_client().payload("GET /evil?MAGIC HTTP/1.1\r\nHost: a\r\n\r\n")));
  end(*flow);
}

// A rule that cannot be asked to the end: on_overload says what becomes of the flow.
TEST_P(DpiRulesTest, EvaluationsThatAreCutShortAreAnOverload) {
  const char* rules =
      "drop tcp any any -> any any (content:\"A\"; content:\"B\"; within:1; content:\"C\"; within:1; "
      "content:\"exploit\"; sid:1;)\n";
  std::string hostile;
  for (unsigned i = 0; i < 480; ++i) hostile += "AB-";
  hostile += "exploit";
  for (const bool drops : {false, true}) {
    install_rules(rules, drops ? "drop" : "bypass");
    auto flow = open(from_client());
    handshake(*flow);
    const uint64_t before = counter("rules_cut_short");
    bool passed = true;
    for (unsigned i = 0; i < 6 && passed; ++i) passed = send(*flow, from_client().payload(hostile));
    EXPECT_GT(counter("rules_cut_short"), before);
    EXPECT_EQ(passed, !drops);
    EXPECT_EQ(counter(drops ? "overload_dropped" : "overload_bypassed") > 0, true);
    EXPECT_EQ(settled(*flow), drops) << "what was read would pass as known";
    end(*flow);
  }
}

}  // namespace
}  // namespace sluice::test
