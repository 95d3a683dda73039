// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tests/unit/stages/dpi/dpi_fixture.h"

namespace sluice::test {
namespace {

class DpiEventsTest : public DpiTest {};

INSTANTIATE_TEST_SUITE_P(Families, DpiEventsTest, kDpiFamilies,
                         [](const auto& info) { return info.param.name; });

TEST_P(DpiEventsTest, TellsOfEachHttpRequest) {
  install();
  auto flow = open(from_client());
  handshake(*flow);
  send(*flow, from_client().payload(
                  "POST /a\x01?b HTTP/1.1\r\nHost: One.Example:8080\r\nUser-Agent: x y\r\n\r\n"));
  EXPECT_TRUE(take_events().empty()) << "the answer belongs to it";
  send(*flow, from_server().payload("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno!"));
  const auto told = take_events();
  ASSERT_EQ(told.size(), 1u);
  const Event& e = told[0];
  EXPECT_EQ(e.type, EventType::Http);
  EXPECT_EQ(e.get_text(kTextHost), "one.example");
  EXPECT_EQ(e.app, flow->context().app);
  EXPECT_NE(e.app, 0);
  EXPECT_EQ(e.get_text(kTextUrl), "/a??b") << "no control characters";
  EXPECT_EQ(e.get_text(kTextAgent), "x y");
  EXPECT_EQ(e.get_text(kTextMore), "POST");
  EXPECT_EQ(e.get_text(kTextProtocol), "HTTP/1.1");
  EXPECT_EQ(e.values[kValueStatus], 404u);
  EXPECT_EQ(e.values[kValueResponseBytes], 3u);
  EXPECT_EQ(e.direction, Direction::Reply);
  EXPECT_EQ(e.time_ns, time_ns);
  end(*flow);
}

TEST_P(DpiEventsTest, TellsOfATlsHandshakeOnce) {
  install();
  server_port = 443;
  auto flow = open(from_client());
  handshake(*flow);
  const std::string name = std::string(120, 'n') + ".Example";  // longer than nDPI keeps
  send(*flow,
       from_client().payload(client_hello(server_name_extension(name) + alpn_extension({"h2"}))));
  send(*flow, from_server().payload(server_hello(tls_extension(43, "\x03\x04"))));
  const Event record = end(*flow);
  const auto told = take_events();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].type, EventType::Tls);
  EXPECT_EQ(told[0].app_progress, AppProgress::Final);
  EXPECT_EQ(directory.applications.applications[told[0].app_master], "TLS");
  EXPECT_EQ(told[0].get_text(kTextHost), std::string(120, 'n') + ".example");
  EXPECT_EQ(told[0].get_text(kTextUrl), "h2");
  EXPECT_EQ(told[0].get_text(kTextAgent), "TLS 1.3");
  EXPECT_EQ(told[0].get_text(kTextMore).size(), 32u) << "JA3";
  EXPECT_EQ(record.get_text(kTextHost), told[0].get_text(kTextHost));
  EXPECT_EQ(flow->context().host, nullptr) << "given back with the flow";
}

TEST_P(DpiEventsTest, TakesRequestsAndClientHellosFromTheOriginator) {
  const std::string request = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";
  const std::string hello = client_hello(server_name_extension("evil.example"));
  install();
  for (const std::string& payload : {request, hello}) {
    for (const bool picked_up : {false, true}) {
      auto flow = open(from_client());
      if (!picked_up) (*flow)->flags = static_cast<uint8_t>((*flow)->flags & ~kFlowPickedUp);
      send(*flow, from_server().payload(payload));
      EXPECT_EQ(host(*flow), picked_up ? "evil.example" : "") << "which side asked is not known";
      end(*flow);
    }
  }
  EXPECT_EQ(counter("http_requests"), 1u);
}

TEST_P(DpiEventsTest, ReadsABoundedNumberOfDatagramsThatNoRuleAsksFor) {
  install();
  server_port = 53;
  auto flow = open(datagram());
  unsigned sent = 0;
  while (sent < 150 && !settled(*flow)) {
    send(*flow, datagram().payload(dns_query({"a", "example"})));
    ++sent;
  }
  EXPECT_TRUE(settled(*flow));
  EXPECT_EQ(counter("dns_queries"), sent);
  EXPECT_LE(sent, 64u);
  end(*flow);
}

TEST_P(DpiEventsTest, DoesNotTellOfAHandshakeThatIsOnlyGuessed) {
  install();
  server_port = 443;
  auto flow = open(from_client());
  send(*flow, from_client().flags(kTcpSyn).seq(0));
  end(*flow);
  EXPECT_EQ(app(*flow), "TLS");
  EXPECT_TRUE(take_events().empty());
}

TEST_P(DpiEventsTest, TellsOfEveryDnsQueryOfAFlow) {
  install();
  server_port = 53;
  auto flow = open(datagram());
  send(*flow, datagram().payload(dns_query({"www", "Example", "org"}, 1)));
  const auto answer = eth().ip(GetParam().server, GetParam().client).udp(53, 40000);
  send(*flow, PacketBuilder(answer).payload(dns_query({"www", "example", "org"}, 1, 0x8180)));
  send(*flow, datagram().payload(dns_query({"www", "example", "org"}, 28)));
  send(*flow, datagram().payload(dns_query({"other"}, 999)));
  const auto told = take_events();
  ASSERT_EQ(told.size(), 4u);
  EXPECT_EQ(told[0].type, EventType::Dns);
  EXPECT_EQ(told[0].get_text(kTextHost), "www.example.org");
  EXPECT_EQ(told[0].get_text(kTextAgent), "A");
  EXPECT_EQ(told[0].values[kValueIsAnswer], 0u);
  EXPECT_EQ(told[1].values[kValueIsAnswer], 1u);
  EXPECT_EQ(told[0].values[kValueDnsFlags], 0x0100u) << "of the question";
  EXPECT_EQ(told[1].values[kValueDnsFlags], 0x8180u);
  EXPECT_EQ(told[1].get_text(kTextHost), "www.example.org");
  EXPECT_EQ(told[2].get_text(kTextAgent), "AAAA");
  EXPECT_EQ(told[3].number, 999);
  EXPECT_EQ(told[3].get_text(kTextAgent), "");
  EXPECT_EQ(host(*flow), "other") << "the latest name";
  EXPECT_EQ(app(*flow), "DNS");
  end(*flow);
}

TEST_P(DpiEventsTest, NamesTheHostOfTheLatestRequest) {
  install();
  auto flow = open(from_client());
  handshake(*flow);
  const auto request = [](std::string host) {
    return "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
  };
  send(*flow, from_client().payload(request("one.example")));
  const HostName* first = flow->context().host;
  const uint8_t before = flow->stage(0).revision;
  send(*flow, from_client().payload(request("one.example")));
  EXPECT_EQ(flow->stage(0).revision, before) << "no news";
  send(*flow, from_client().payload(request("two.example")));
  EXPECT_EQ(host(*flow), "two.example");
  EXPECT_NE(flow->stage(0).revision, before) << "firewall has to judge again";
  EXPECT_EQ(std::string_view(first->text, first->length), "one.example")
      << "a later worker may still be reading it";
  end(*flow);
  EXPECT_EQ(stage->host_memory().in_use(), 0u);
}

TEST_P(DpiEventsTest, KeepsABoundedNumberOfNamesAFlow) {
  install();
  server_port = 53;
  auto flow = open(datagram());
  for (const char* name : {"a", "b", "a", "b", "c", "d", "a", "e", "f"}) {
    send(*flow, datagram().payload(dns_query({name, "example"})));
    const bool kept = name[0] < 'e';
    EXPECT_EQ(host(*flow), kept ? std::string(name) + ".example" : "a.example");
  }
  EXPECT_EQ(take_events().size(), 9u) << "told of all the same";
  EXPECT_LE(stage->host_memory().in_use(), FlowReporter::kMaxNames * Arena::kMinBlock);
  end(*flow);
  EXPECT_EQ(stage->host_memory().in_use(), 0u);
}

TEST_P(DpiEventsTest, StopsReadingDnsAfterABoundedNumberOfPackets) {
  install();
  server_port = 53;
  auto flow = open(datagram());
  for (unsigned i = 0; i < 200; ++i) send(*flow, datagram().payload(dns_query({"a", "example"})));
  EXPECT_TRUE(settled(*flow));
  EXPECT_LT(visits, 150u);
  EXPECT_GE(take_events().size(), 64u);
  end(*flow);
}

// A later worker may still have packets of a flow that has ended here.
TEST_P(DpiEventsTest, KeepsAnEndedFlowsNameWhileItsPacketsMayBeUnderWay) {
  StageResources behind_a_ring = *resources;
  behind_a_ring.under_way = 2;
  use(behind_a_ring);
  install();
  std::vector<FlowPtr> flows;
  for (unsigned i = 0; i < 3; ++i) {
    flows.push_back(open(from_client()));
    handshake(*flows.back());
    send(*flows.back(), from_client().payload("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"));
    end(*flows.back());
    EXPECT_EQ(host(*flows.back()), "a.example");
  }
  EXPECT_EQ(stage->host_memory().in_use(), 2u * 64u) << "the first one's is free again";
  for (auto& flow : flows) flow->context().host = nullptr;
}

TEST_P(DpiEventsTest, GoesOnWhenNobodyTakesEvents) {
  install("[stage.dpi]\nmax_flows = 512\narena_mb = 4\n");
  server_port = 53;
  std::vector<FlowPtr> flows;
  for (unsigned i = 0; i < 300; ++i) {
    flows.push_back(open(datagram()));
    EXPECT_TRUE(send(*flows.back(), datagram().payload(dns_query({"a", "example"}))));
  }
  EXPECT_EQ(counter("dns_queries"), 300u);
  EXPECT_GT(events->lost(), 0u);
  for (auto& flow : flows) end(*flow);
}

}  // namespace
}  // namespace sluice::test
