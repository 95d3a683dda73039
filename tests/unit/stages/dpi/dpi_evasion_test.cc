// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// What a client tries so that its bytes are not read: each way here was open once.

#include <rte_ip.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "tests/unit/stages/dpi/dpi_fixture.h"

namespace sluice::test {
namespace {

const std::string kEvilUri = "alert http any any -> any any (http.uri; content:\"/evil\"; sid:1;)\n";
const std::string kEvilBytes = "drop tcp any any -> any any (content:\"EVIL\"; sid:1;)\n";

class DpiEvasionTest : public DpiTest {
 protected:
  // A connection that dpi stands in the way of, as opposed to a capture.
  void SetUp() override {
    StageResources inline_resources = *resources;
    inline_resources.replay = false;
    use(inline_resources);
  }
  void install_rules(const std::string& rules, const std::string& keys = "") {
    const std::string path =
        ::testing::TempDir() + "dpi_evasion_test_" + std::to_string(getpid()) + ".rules";
    std::ofstream(path) << rules;
    install("[stage.dpi]\nmax_flows = 64\narena_mb = 4\n" + keys +
            "\n[stage.dpi.rules]\ncache = \"\"\nfiles = [\"" + path + "\"]\n");
    std::remove(path.c_str());
  }
  FlowPtr connect() {
    FlowPtr flow = open(from_client().flags(kTcpSyn));
    flow->flow()->flags &= static_cast<uint8_t>(~kFlowPickedUp);
    handshake(*flow);
    return flow;
  }
  bool client(TestFlow& flow, const std::string& bytes) {
    return send(flow, from_client().payload(bytes));
  }
  bool server(TestFlow& flow, const std::string& bytes) {
    return send(flow, from_server().payload(bytes));
  }
  // In segments of `size` bytes.
  void client_in_pieces(TestFlow& flow, const std::string& bytes, size_t size) {
    for (size_t i = 0; i < bytes.size(); i += size) client(flow, bytes.substr(i, size));
  }
  // With numbers of the test's own: 1 is a direction's first byte.
  bool client_at(TestFlow& flow, uint32_t seq, const std::string& bytes, uint16_t port = 0) {
    return send_by(flow, from_client().seq(seq).ack(1).payload(bytes), port);
  }
  bool server_acks(TestFlow& flow, uint32_t ack, uint16_t port) {
    return send_by(flow, from_server().seq(1).ack(ack), port);
  }
  bool send_by(TestFlow& flow, const PacketBuilder& builder, uint16_t port) {
    rte_mbuf* m = builder.mbuf(pool);
    m->port = port;
    flow.adopt(m, time_ns += 1'000'000);
    Burst burst;
    burst.generation = generation;
    burst.push(m);
    stage->process(burst, *policy, part.get());
    const bool passed = meta(m).verdict == Verdict::Pass;
    last_reason = meta(m).reason;
    sent = *l4_header<rte_tcp_hdr>(m);
    const void* tcp = l4_header<void>(m);
    const uint16_t sum = (meta(m).flags & kMetaIpv6) != 0
                             ? rte_ipv6_udptcp_cksum(l3_header<rte_ipv6_hdr>(m), tcp)
                             : rte_ipv4_udptcp_cksum(l3_header<rte_ipv4_hdr>(m), tcp);
    checksum_is_good = sum == 0 || sum == 0xffff;  // over the field itself, too
    rte_pktmbuf_free(m);
    return passed;
  }

  rte_tcp_hdr sent{};  // as the last packet left
  bool checksum_is_good = false;
};

INSTANTIATE_TEST_SUITE_P(Families, DpiEvasionTest, kDpiFamilies,
                         [](const auto& info) { return info.param.name; });

TEST_P(DpiEvasionTest, ReadsOneSideOnThoughTheOtherIsAtItsDepth) {
  install_rules(kEvilUri, "depth = 8192\n");
  auto flow = connect();
  client(*flow, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  server(*flow, "HTTP/1.1 200 OK\r\nContent-Length: 28000\r\n\r\n");
  for (int i = 0; i < 28; ++i) server(*flow, std::string(1000, 'x'));
  EXPECT_EQ(counter("alerts"), 0u);
  client(*flow, "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(counter("alerts"), 1u);
}

TEST_P(DpiEvasionTest, RetransmissionsUseUpNoDepth) {
  install_rules(kEvilUri, "depth = 8192\n");
  auto flow = connect();
  numbers_segments = false;
  client_at(*flow, 1, std::string("GET /a HTTP/1.1\r\nX: ") + std::string(976, 'x') + "\r\n\r\n");
  server_acks(*flow, 1001, 0);
  for (int i = 0; i < 40; ++i) client_at(*flow, 1, std::string(1000, 'y'));  // old: acknowledged
  client_at(*flow, 1001, "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(counter("alerts"), 1u);
}

TEST_P(DpiEvasionTest, BehindTheDepthOfBothSidesTheFlowLeaves) {
  install_rules(kEvilUri, "depth = 8192\n");
  auto flow = connect();
  client(*flow, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 28000\r\n\r\n");
  for (int i = 0; i < 28; ++i) client(*flow, std::string(1000, 'x'));
  EXPECT_FALSE(settled(*flow));
  server(*flow, "HTTP/1.1 200 OK\r\nContent-Length: 28000\r\n\r\n");
  for (int i = 0; i < 28 && !settled(*flow); ++i) {
    server(*flow, std::string(1000, 'x'));
    client(*flow, "");
  }
  EXPECT_TRUE(settled(*flow));
}

TEST_P(DpiEvasionTest, OneHoleTooManyIsNoOverload) {
  install_rules(kEvilBytes, "on_overload = \"bypass\"\n");
  auto flow = connect();
  numbers_segments = false;
  for (uint32_t i = 0; i < 30; ++i) EXPECT_TRUE(client_at(*flow, 2 + 2 * i, "x"));
  EXPECT_FALSE(client_at(*flow, 62, "EVI")) << "it comes again";
  EXPECT_EQ(counter("overload_bypassed"), 0u);
  EXPECT_TRUE(client_at(*flow, 1, std::string(61, 'x')));
  EXPECT_TRUE(client_at(*flow, 62, "EVI"));
  EXPECT_FALSE(client_at(*flow, 65, "L"));
}

TEST_P(DpiEvasionTest, LongHeadersAreNoOverload) {
  for (const char* action : {"bypass", "drop"}) {
    install_rules(kEvilUri, std::string("on_overload = \"") + action + "\"\n");
    auto flow = connect();
    const uint64_t before = counter("alerts");
    std::string request = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < 10; ++i) request += "X-" + std::to_string(i) + ": " + std::string(7000, 'x') + "\r\n";
    client_in_pieces(*flow, request + "\r\n", 1400);
    client_in_pieces(*flow, "GET /" + std::string(70'000, 'x') + " HTTP/1.1\r\n\r\n", 1400);
    client(*flow, "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(counter("alerts"), before + 1) << action;
    EXPECT_EQ(counter("stream_overload"), 0u) << action;
  }
}

TEST_P(DpiEvasionTest, WhatOnlyLooksLikeQuicIsNone) {
  install_rules("alert dns any any -> any any (dns.query; content:\"evil\"; sid:1;)\n");
  server_port = 53;
  // Header of an Initial of version 1, with connection IDs of eight bytes, and junk.
  std::string initial("\xc3\x00\x00\x00\x01\x08", 6);
  initial += "abcdefgh" + std::string("\x08", 1) + "ABCDEFGH" + std::string("\x00\x44\x80", 3);
  initial += std::string(1200 - initial.size() + 64, 'j');
  auto flow = open(datagram().payload(initial));
  for (int i = 0; i < 70; ++i) send(*flow, datagram().payload(initial));
  EXPECT_FALSE(settled(*flow));
  const std::string query("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04" "evil\x00\x00\x01\x00\x01", 22);
  send(*flow, datagram().payload(query));
  EXPECT_EQ(counter("alerts"), 1u);
  end(*flow);
}

TEST_P(DpiEvasionTest, OneBannerMakesNoSsh) {
  install_rules("alert tcp any any -> any any (content:\"EVIL\"; sid:1;)\n");
  server_port = 25;
  auto flow = connect();
  server(*flow, "220 mail\r\n");
  client(*flow, "SSH-2.0-x\r\n");
  for (int i = 0; i < 200; ++i) {
    server(*flow, "500 unrecognised command, whatever it is\r\n");
    client(*flow, "NOOP\r\n");
  }
  client(*flow, "EVIL\r\n");
  EXPECT_EQ(counter("alerts"), 1u);
}

TEST_P(DpiEvasionTest, RequestsAreKnownByMoreThanTheirFirstWords) {
  const std::string cases[] = {
      "\r\n\r\n\r\n\r\n\r\nGET /evil HTTP/1.1\r\n\r\n",
      std::string(20'000, '\n') + "GET /evil HTTP/1.1\r\n\r\n",
      "OPTIONS /" + std::string(300, 'x') + "/evil HTTP/1.1\r\n\r\n",
      "FOO /?a=" + std::string(6000, 'x') + "/evil HTTP/1.1\r\n\r\n",
      "FOO2 http://a.example/" + std::string(3000, 'x') + "/evil HTTP/1.1\r\n\r\n",
      // Only the answer tells.
      std::string(100, 'A') + " /evil HTTP/1.1\r\n\r\n",
      "FOO " + std::string(300, 'x') + "/evil HTTP/1.1\r\n\r\n",
  };
  install_rules(kEvilUri);
  uint64_t alerts = 0;
  for (const std::string& request : cases) {
    for (const size_t size : {size_t{1400}, size_t{70}}) {
      auto flow = connect();
      client_in_pieces(*flow, request, size);
      server(*flow, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      EXPECT_EQ(counter("alerts"), ++alerts) << request.substr(0, 30) << " by " << size;
    }
  }
}

TEST_P(DpiEvasionTest, ChunkSizesMayBeginWithZeros) {
  install_rules(kEvilUri);
  auto flow = connect();
  client(*flow, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(100, '0') +
                    "5\r\nhello\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n");
  EXPECT_EQ(counter("alerts"), 1u);
}

TEST_P(DpiEvasionTest, JunkEndsNoDns) {
  install_rules("alert dns any any -> any any (dns.query; content:\"evil\"; sid:1;)\n");
  const std::string query("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04" "evil\x00\x00\x01\x00\x01", 22);
  server_port = 53;
  // What a server answers to a header alone is too short to be recognised.
  const std::string formerr("\x12\x34\x81\x81\x00\x00\x00\x00\x00\x00\x00\x00", 12);
  for (const bool known_before : {true, false}) {
    const uint64_t before = counter("alerts");
    auto flow = open(datagram().payload("x"));
    if (known_before) send(*flow, datagram().payload(query));
    for (int i = 0; i < 10; ++i) {
      send(*flow, datagram().payload(query.substr(0, 14)));
      send(*flow, eth().ip(GetParam().server, GetParam().client).udp(53, 40000).payload(formerr));
      send(*flow, datagram().payload("junk"));
    }
    send(*flow, datagram().payload(query));
    EXPECT_EQ(counter("alerts"), before + (known_before ? 2u : 1u));
    end(*flow);
  }
}

TEST_P(DpiEvasionTest, NobodyAcknowledgesFromTheOtherSide) {
  install_rules(kEvilBytes);
  for (const uint16_t server_side : {uint16_t{1}, uint16_t{0}}) {
    auto flow = open(from_client().flags(kTcpSyn));
    flow->flow()->flags &= static_cast<uint8_t>(~kFlowPickedUp);
    send_by(*flow, from_client().flags(kTcpSyn).seq(0), 0);
    send_by(*flow, from_server().flags(kTcpSyn | kTcpAck).seq(0).ack(1), server_side);
    client_at(*flow, 1, "clean bytes", 0);  // which expire on their way
    server_acks(*flow, 12, 0);
    const bool passed = client_at(*flow, 1, "xxxEVILxxxx", 0);
    // With both ends at one port, nobody can tell.
    EXPECT_EQ(passed, server_side == 0);
    EXPECT_EQ(counter("wrong_side"), 1u);
  }
}

// It is dropped under its own reason; nobody reads it, so no rule is asked.
TEST_P(DpiEvasionTest, WhatContradictsIsDroppedUnasked) {
  install_rules("alert tcp-pkt any any -> any any (content:\"EVIL\"; sid:1;)\n"
                "alert tcp-stream any any -> any any (content:\"EVIL\"; sid:2;)\n");
  auto flow = connect();
  numbers_segments = false;
  EXPECT_TRUE(client_at(*flow, 1, "GOOD"));
  EXPECT_FALSE(client_at(*flow, 1, "EVIL"));
  EXPECT_EQ(kDpiStage.drop_reasons[last_reason - kFirstReason].name, "stream");
  EXPECT_EQ(counter("signature_drops"), 0u);
  EXPECT_TRUE(take_events().empty());
}

TEST_P(DpiEvasionTest, NothingIsUrgent) {
  install_rules("alert tcp any any -> any any (content:\"EVIL\"; sid:1;)\n"
                "alert tcp any any -> any any (flags:U+; sid:2;)\n");
  auto flow = connect();
  numbers_segments = false;
  EXPECT_TRUE(send_by(*flow, from_client().seq(1).ack(1).flags(kTcpAck | kTcpUrg).urgent(3).payload("EVIL"), 0));
  EXPECT_EQ(sent.tcp_flags, kTcpAck);
  EXPECT_EQ(sent.tcp_urp, 0);
  EXPECT_TRUE(checksum_is_good);
  EXPECT_EQ(counter("urgent_cleared"), 1u);
  EXPECT_EQ(counter("alerts"), 2u) << "rules see the flag";
}

// A flood of handshakes that say nothing takes no session from a flow that does.
TEST_P(DpiEvasionTest, SilentSessionsGoFirst) {
  install_rules("alert tcp any any -> any any (content:\"EVIL\"; sid:1;)\n");
  auto flow = connect();
  client(*flow, "harmless EV");
  std::vector<FlowPtr> flood;
  for (int i = 0; i < 600; ++i) {
    flood.push_back(open(from_client().flags(kTcpSyn)));
    send(*flood.back(), from_client().flags(kTcpSyn));
  }
  EXPECT_GT(counter("sessions_evicted"), 0u);
  client(*flow, "IL");
  EXPECT_EQ(counter("alerts"), 1u);
}

// What has been reset holds nobody's memory, as long as others need it.
TEST_P(DpiEvasionTest, ResetConnectionsGiveWay) {
  install_rules("alert tcp any any -> any any (content:\"EVIL\"; sid:1;)\n");
  auto flow = connect();
  client(*flow, "harmless EV");
  std::vector<FlowPtr> others;
  for (int i = 0; i < 600; ++i) {
    others.push_back(connect());
    client(*others.back(), "something");
    (*others.back())->state = FlowState::Reset;
    send(*others.back(), from_client().flags(kTcpRst));
  }
  EXPECT_GT(counter("sessions_evicted"), 0u);
  client(*flow, "IL");
  EXPECT_EQ(counter("alerts"), 1u) << "the oldest of all, but none of the reset ones";
}

TEST_P(DpiEvasionTest, ARuleThatFiresAsItsSessionGoesBlocksAllTheSame) {
  install_rules("drop http any any -> any any (http.request_body; content:\"EVIL\"; bsize:4; sid:1;)\n");
  auto flow = connect();
  EXPECT_TRUE(client(*flow, "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nEVIL"));
  std::vector<FlowPtr> others;
  for (int i = 0; i < 300; ++i) {
    others.push_back(open(from_client()));
    send(*others.back(), from_client().payload("x"));
  }
  EXPECT_GT(counter("sessions_evicted"), 0u);
  EXPECT_EQ(counter("alerts"), 1u);
  EXPECT_EQ(counter("signature_drops"), 0u) << "no packet has been stopped by it";
  EXPECT_FALSE(client(*flow, "more"));
}

TEST_P(DpiEvasionTest, WhatATunnelCarriesIsReadFromItsBeginning) {
  install_rules(kEvilUri);
  auto flow = connect();
  client(*flow, "CONNECT inner.example:80 HTTP/1.1\r\nHost: inner.example\r\n\r\n");
  server(*flow, "HTTP/1.1 200 OK\r\n\r\n");
  client(*flow, "GET /evil HTTP/1.1\r\nHost: inner.example\r\n\r\n");
  EXPECT_EQ(counter("alerts"), 1u);
}

}  // namespace
}  // namespace sluice::test
