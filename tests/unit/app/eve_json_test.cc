// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/eve_json.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <rte_byteorder.h>

#include <nlohmann/json.hpp>
#include <random>

#include "config/net_types.h"
#include "flowtable/tcp_state.h"

namespace sluice {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kStartNs = 1'700'000'000'123'456'789;

FlowKey key_of(const char* first, const char* second, uint8_t proto) {
  FlowKey key{};
  const IpAddress a = *parse_ip_address(first);
  const IpAddress b = *parse_ip_address(second);
  key.addr[0] = a.bytes;
  key.addr[1] = b.bytes;
  key.family = a.family;
  key.proto = proto;
  key.zone = 7;
  key.port[0] = rte_cpu_to_be_16(443);
  key.port[1] = rte_cpu_to_be_16(50000);
  return key;
}

class EveJsonTest : public ::testing::Test {
 protected:
  EveJsonTest() {
    auto names = std::make_shared<EveNames>();
    names->directory = &directory_;
    names->reasons = &reasons_;
    names->ports = {"inside", "outside"};
    names->chains = {"default", "guest"};
    names->applications.applications = {"Unknown", "HTTP", "TLS", "YouTube"};
    names->applications.categories = {"Unspecified", "Web", "Media"};
    formatter_ = std::make_unique<EveFormatter>(names);
  }

  // 10.0.0.2:50000 opened a connection to 10.0.0.1:443.
  static Event make_event(EventType type) {
    Event event{};
    event.type = type;
    event.key = key_of("10.0.0.1", "10.0.0.2", IPPROTO_TCP);
    event.originator_end = 1;
    event.time_ns = kStartNs;
    event.first_seen_ns = kStartNs;
    event.last_seen_ns = kStartNs + 2'500'000'000;
    event.ingress = 0;
    return event;
  }

  Json format(const Event& event) {
    std::string line;
    formatter_->format(event, line);
    EXPECT_EQ(line.find('\n'), line.size() - 1) << "one line each: " << line;
    return Json::parse(line);
  }

  Directory directory_;
  ReasonTable reasons_{std::vector<const StageType*>{}};
  std::unique_ptr<EveFormatter> formatter_;
};

TEST_F(EveJsonTest, TellsOfAFlowInSuricatasShape) {
  Event event = make_event(EventType::Flow);
  event.chain = 1;
  event.packets[0] = 10;
  event.packets[1] = 20;
  event.bytes[0] = 1000;
  event.bytes[1] = 1ull << 40;
  event.state = FlowState::TimeWait;
  event.end_reason = EndReason::Timeout;
  event.tcp_flags[0] = kTcpSyn | kTcpAck | kTcpFin;
  event.tcp_flags[1] = kTcpSyn | kTcpAck;
  event.app_master = 2;
  event.app = 3;
  event.app_category = 2;
  event.app_confidence = 4;
  event.app_progress = AppProgress::Final;
  event.source_identity = directory_.intern_identity(IdentityKind::User, "alice");
  event.destination_identity = directory_.intern_identity(IdentityKind::Service, "videos");
  event.rule = directory_.intern("allow-video");
  GroupBits bits;
  unsigned group = 0;
  ASSERT_TRUE(directory_.intern_group("staff", group));
  bits.set(group);
  ASSERT_TRUE(directory_.intern_group_set(bits, event.source_groups));
  event.set_text(kTextHost, "www.youtube.com");

  const Json json = format(event);
  EXPECT_EQ(json["timestamp"], "2023-11-14T22:13:20.123456+0000");
  EXPECT_EQ(json["flow_id"], eve_flow_id(event.key, event.first_seen_ns));
  EXPECT_EQ(json["event_type"], "flow");
  EXPECT_EQ(json["in_iface"], "inside");
  EXPECT_EQ(json["src_ip"], "10.0.0.2");
  EXPECT_EQ(json["src_port"], 50000);
  EXPECT_EQ(json["dest_ip"], "10.0.0.1");
  EXPECT_EQ(json["dest_port"], 443);
  EXPECT_EQ(json["proto"], "TCP");
  EXPECT_EQ(json["app_proto"], "tls");
  EXPECT_EQ(json["flow"], Json::parse(R"({"pkts_toserver":10,"pkts_toclient":20,
    "bytes_toserver":1000,"bytes_toclient":1099511627776,
    "start":"2023-11-14T22:13:20.123456+0000","end":"2023-11-14T22:13:22.623456+0000",
    "age":2,"state":"closed","reason":"timeout","alerted":false})"));
  EXPECT_EQ(json["tcp"], Json::parse(R"({"tcp_flags":"13","tcp_flags_ts":"13",
    "tcp_flags_tc":"12","syn":true,"fin":true,"ack":true,"state":"time_wait"})"));
  EXPECT_EQ(json["ndpi"], Json::parse(R"({"master":"TLS","app":"YouTube","category":"Media",
    "confidence":"DPI","hostname":"www.youtube.com"})"));
  EXPECT_EQ(json["sluice"], Json::parse(R"({"chain":"guest","zone":7,"user":"alice",
    "service":"videos","groups":["staff"],"action":"allow","rule":"allow-video"})"));
}

TEST_F(EveJsonTest, WritesAlertsInTheDirectionOfTheirPacket) {
  Event event = make_event(EventType::Alert);
  event.direction = Direction::Reply;
  event.action = Verdict::Drop;
  event.signature_id = 9000001;
  event.signature_gid = 1;
  event.signature_rev = 3;
  event.signature_msg = directory_.intern("a \"quoted\" message");
  const Json json = format(event);
  EXPECT_EQ(json["src_ip"], "10.0.0.1");
  EXPECT_EQ(json["src_port"], 443);
  EXPECT_EQ(json["dest_port"], 50000);
  EXPECT_EQ(json["direction"], "to_client");
  EXPECT_EQ(json["alert"]["action"], "blocked");
  EXPECT_EQ(json["alert"]["gid"], 1);
  EXPECT_EQ(json["alert"]["signature_id"], 9000001);
  EXPECT_EQ(json["alert"]["rev"], 3);
  EXPECT_EQ(json["alert"]["signature"], "a \"quoted\" message");
  EXPECT_EQ(json["sluice"]["action"], "drop");
  EXPECT_FALSE(json.contains("flow")) << "counters depend on the moment";
}

TEST_F(EveJsonTest, WritesWithAnAlertWhatMatched) {
  Event event = make_event(EventType::Alert);
  const Json bare = format(event);
  for (const char* field : {"payload", "payload_printable", "stream", "tx_id", "http"}) {
    EXPECT_FALSE(bare.contains(field)) << field;
  }
  event.told = EventType::Http;
  event.transaction = 2;
  event.set_text(kTextUrl, "/evil");
  event.set_text(kTextMore, "GET");
  event.set_text(kTextPayload, std::string_view("GET /\r\n\0\xff", 9));
  const Json json = format(event);
  EXPECT_EQ(json["tx_id"], 2);
  EXPECT_EQ(json["http"], Json::parse(R"({"url":"/evil","http_method":"GET"})"));
  EXPECT_EQ(json["payload"], "R0VUIC8NCgD/");
  EXPECT_EQ(json["payload_printable"], "GET /\r\n..");
  EXPECT_EQ(json["stream"], 0);
  event.payload_in_stream = true;
  for (const auto& [bytes, text] : {std::pair{"a", "YQ=="}, {"ab", "YWI="}, {"abc", "YWJj"}}) {
    event.set_text(kTextPayload, bytes);
    EXPECT_EQ(format(event)["payload"], text);
  }
  EXPECT_EQ(format(event)["stream"], 1);
}

TEST_F(EveJsonTest, WritesDropsWithTheirReason) {
  Event event = make_event(EventType::Drop);
  event.action = Verdict::Reject;
  event.reason = reason(CoreReason::FlowTableFull);
  const Json json = format(event);
  EXPECT_EQ(json["drop"]["reason"], reasons_.name(event.reason));
  EXPECT_EQ(json["sluice"]["action"], "reject");
  EXPECT_EQ(json["sluice"]["reason"], reasons_.name(event.reason));
}

TEST_F(EveJsonTest, SaysWhatBecameOfAFlowOnlyWhereThatIsKnown) {
  for (const EventType type : {EventType::Http, EventType::Tls, EventType::Dns, EventType::Quic}) {
    Event event = make_event(type);
    event.rule = directory_.intern("a-rule");  // from before a reload
    const Json json = format(event)["sluice"];
    for (const char* key : {"action", "rule", "reason"}) EXPECT_FALSE(json.contains(key)) << key;
  }
  Event alert = make_event(EventType::Alert);
  const Json json = format(alert);
  EXPECT_EQ(json["alert"]["action"], "allowed");
  EXPECT_FALSE(json["sluice"].contains("action")) << "the firewall comes later";
  Event flow = make_event(EventType::Flow);
  flow.alerted = true;
  EXPECT_EQ(format(flow)["sluice"]["action"], "allow");
  EXPECT_EQ(format(flow)["flow"]["alerted"], true);
}

TEST_F(EveJsonTest, WritesWhatDpiReadOfHttp) {
  Event http = make_event(EventType::Http);
  http.set_text(kTextHost, "example.org");
  http.set_text(kTextUrl, "/index.html");
  http.set_text(kTextAgent, "curl/8");
  http.set_text(kTextMore, "GET");
  http.set_text(kTextProtocol, "HTTP/1.1");
  EXPECT_EQ(format(http)["http"], Json::parse(R"({"hostname":"example.org","url":"/index.html",
    "http_user_agent":"curl/8","http_method":"GET","protocol":"HTTP/1.1"})"));
  http.values[kValueStatus] = 301;
  http.values[kValueResponseBytes] = 17;
  http.values[kValueRequestBytes] = 5;
  http.set_text(kTextLocation, "/elsewhere");
  http.set_text(kTextContentType, "text/html");
  http.set_text(kTextReferer, "http://here/");
  const Json answered = format(http)["http"];
  EXPECT_EQ(answered["status"], 301);
  EXPECT_EQ(answered["length"], 17);
  EXPECT_EQ(answered["request_length"], 5);
  EXPECT_EQ(answered["redirect"], "/elsewhere");
  EXPECT_EQ(answered["http_content_type"], "text/html");
  EXPECT_EQ(answered["http_refer"], "http://here/");
}

TEST_F(EveJsonTest, WritesWhatDpiReadOfHandshakes) {
  Event tls = make_event(EventType::Tls);
  tls.set_text(kTextHost, "example.org");
  tls.set_text(kTextUrl, "h2");
  tls.set_text(kTextAgent, "TLS 1.2");
  tls.set_text(kTextMore, "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(format(tls)["tls"], Json::parse(R"({"sni":"example.org","version":"TLS 1.2",
    "ja3":{"hash":"0123456789abcdef0123456789abcdef"},"alpn":"h2"})"));
  tls.set_text(kTextSubject, "CN=example.org");
  tls.set_text(kTextIssuer, "C=US, CN=CA");
  tls.set_text(kTextSerial, "01:AB");
  tls.set_text(kTextFingerprint, "00:11");
  tls.set_text(kTextAltNames, "example.org\nwww.example.org");
  tls.set_text(kTextJa3s, "fedcba9876543210fedcba9876543210");
  tls.set_text(kTextJa4, "t12d1516h2_8daaf6152771_e5627efa2ab1");
  tls.values[kValueNotAfter] = 86'399;
  const Json json = format(tls)["tls"];
  EXPECT_EQ(json["subject"], "CN=example.org");
  EXPECT_EQ(json["issuerdn"], "C=US, CN=CA");
  EXPECT_EQ(json["serial"], "01:AB");
  EXPECT_EQ(json["fingerprint"], "00:11");
  EXPECT_EQ(json["notbefore"], "1970-01-01T00:00:00");
  EXPECT_EQ(json["notafter"], "1970-01-01T23:59:59");
  EXPECT_EQ(json["subjectaltname"], Json::parse(R"(["example.org","www.example.org"])"));
  EXPECT_EQ(json["ja3s"]["hash"], "fedcba9876543210fedcba9876543210");
  EXPECT_EQ(json["ja4"], "t12d1516h2_8daaf6152771_e5627efa2ab1");

  Event quic = make_event(EventType::Quic);
  quic.set_text(kTextHost, "example.org");
  EXPECT_EQ(format(quic)["quic"], Json::parse(R"({"sni":"example.org"})"));

  Event ssh = make_event(EventType::Ssh);
  ssh.set_text(kTextClientProtocol, "2.0");
  ssh.set_text(kTextClientSoftware, "OpenSSH_9.2p1");
  EXPECT_EQ(format(ssh)["ssh"], Json::parse(R"({"client":{"proto_version":"2.0",
    "software_version":"OpenSSH_9.2p1"}})"));
}

TEST_F(EveJsonTest, WritesWhatDpiReadOfDns) {
  Event dns = make_event(EventType::Dns);
  dns.set_text(kTextHost, "example.org");
  dns.number = 65;
  dns.dns_id = 4711;
  dns.transaction = 3;
  dns.values[kValueDnsFlags] = 0x1100;  // opcode 2
  EXPECT_EQ(format(dns)["dns"], Json::parse(R"({"version":2,"type":"query","id":4711,"tx_id":3,
    "opcode":2,"rrname":"example.org","rrtype":"TYPE65"})"));
  dns.set_text(kTextAgent, "HTTPS");
  EXPECT_EQ(format(dns)["dns"]["rrtype"], "HTTPS");
  dns.values[kValueIsAnswer] = 1;
  dns.values[kValueResponseCode] = 3;
  dns.values[kValueDnsFlags] = 0x8180;
  dns.set_text(kTextAnswers, "example.org\tA\t300\t192.0.2.1\nexample.org\tAAAA\t60\t2001:db8::1");
  const Json answer = format(dns)["dns"];
  EXPECT_EQ(answer["type"], "answer");
  EXPECT_EQ(answer["rcode"], "NXDOMAIN");
  EXPECT_EQ(answer["rd"], true);
  EXPECT_EQ(answer["flags"], "8180");
  EXPECT_EQ(answer["opcode"], 0);
  EXPECT_EQ(answer["grouped"],
            Json::parse(R"({"A":["192.0.2.1"],"AAAA":["2001:db8::1"]})"));
  EXPECT_FALSE(answer.contains("aa"));
  EXPECT_EQ(answer["answers"], Json::parse(R"([
    {"rrname":"example.org","rrtype":"A","ttl":300,"rdata":"192.0.2.1"},
    {"rrname":"example.org","rrtype":"AAAA","ttl":60,"rdata":"2001:db8::1"}])"));
}

TEST_F(EveJsonTest, SaysThatDetectionFailedWhereNothingWasFound) {
  const Json json = format(make_event(EventType::Flow));
  EXPECT_EQ(json["app_proto"], "failed");
  EXPECT_EQ(json["ndpi"]["master"], "Unknown");
  EXPECT_EQ(json["ndpi"]["app"], "Unknown");
}

TEST_F(EveJsonTest, TakesTheApplicationForItsOwnMasterWhereThereIsNoOther) {
  Event event = make_event(EventType::Flow);
  event.app = 1;
  const Json json = format(event);
  EXPECT_EQ(json["app_proto"], "http");
  EXPECT_EQ(json["ndpi"]["master"], "HTTP");
}

struct ProtocolRow {
  const char* description;
  const char* first;
  const char* second;
  uint8_t proto;
  const char* name;
  bool ports;
};

void PrintTo(const ProtocolRow& row, std::ostream* out) {
  *out << row.description;
}

class EveProtocolTest : public EveJsonTest, public ::testing::WithParamInterface<ProtocolRow> {};

TEST_P(EveProtocolTest, IsNamedAndHasPortsOnlyWhereItHas) {
  const ProtocolRow& row = GetParam();
  Event event = make_event(EventType::Flow);
  event.key = key_of(row.first, row.second, row.proto);
  const Json json = format(event);
  EXPECT_EQ(json["proto"], row.name);
  EXPECT_EQ(json["src_ip"], row.second);
  EXPECT_EQ(json["dest_ip"], row.first);
  EXPECT_EQ(json.contains("src_port"), row.ports);
  EXPECT_EQ(json.contains("dest_port"), row.ports);
  EXPECT_EQ(json.contains("tcp"), row.proto == IPPROTO_TCP);
}

INSTANTIATE_TEST_SUITE_P(
    BothFamilies, EveProtocolTest,
    ::testing::Values(
        ProtocolRow{"TCP", "10.0.0.1", "10.0.0.2", IPPROTO_TCP, "TCP", true},
        ProtocolRow{"TCP over IPv6", "2001:db8::1", "2001:db8::2", IPPROTO_TCP, "TCP", true},
        ProtocolRow{"UDP", "10.0.0.1", "10.0.0.2", IPPROTO_UDP, "UDP", true},
        ProtocolRow{"UDP over IPv6", "2001:db8::1", "2001:db8::2", IPPROTO_UDP, "UDP", true},
        ProtocolRow{"SCTP", "10.0.0.1", "10.0.0.2", IPPROTO_SCTP, "SCTP", true},
        ProtocolRow{"ICMP", "10.0.0.1", "10.0.0.2", IPPROTO_ICMP, "ICMP", false},
        ProtocolRow{"ICMPv6", "fe80::1", "fe80::2", IPPROTO_ICMPV6, "IPv6-ICMP", false},
        ProtocolRow{"GRE", "10.0.0.1", "10.0.0.2", IPPROTO_GRE, "47", false}));

TEST_F(EveJsonTest, SurvivesNumbersWithoutNamesAndAnyTextFromTheWire) {
  std::mt19937_64 random(1);
  for (unsigned i = 0; i < 2'000; ++i) {
    Event event = make_event(static_cast<EventType>(random() % 8));
    event.chain = static_cast<uint8_t>(random());
    event.ingress = static_cast<uint16_t>(random());
    event.reason = static_cast<Reason>(random());
    event.app = static_cast<uint16_t>(random());
    event.app_master = static_cast<uint16_t>(random());
    event.app_category = static_cast<uint16_t>(random());
    event.app_confidence = static_cast<uint8_t>(random());
    event.app_risks = random();
    event.app_progress = AppProgress::Partial;
    event.time_ns = random();
    event.key.proto = static_cast<uint8_t>(random());
    for (unsigned field = 0; field < kTextFields; ++field) {
      std::string text(random() % 250, ' ');
      for (char& c : text) c = static_cast<char>(random());
      event.set_text(static_cast<EventText>(field), text);
    }
    std::string line;
    formatter_->format(event, line);
    ASSERT_EQ(line.find('\n'), line.size() - 1);
    ASSERT_TRUE(Json::accept(line)) << line;
  }
}

TEST(EveFlowId, DependsOnKeyZoneAndFirstTimestampAlone) {
  const FlowKey key = key_of("10.0.0.1", "10.0.0.2", IPPROTO_TCP);
  FlowKey other_zone = key;
  other_zone.zone = 8;
  FlowKey other_port = key;
  other_port.port[1] ^= 1;
  const uint64_t id = eve_flow_id(key, kStartNs);
  EXPECT_EQ(id, eve_flow_id(key, kStartNs));
  EXPECT_NE(id, eve_flow_id(key, kStartNs + 1));
  EXPECT_NE(id, eve_flow_id(other_zone, kStartNs));
  EXPECT_NE(id, eve_flow_id(other_port, kStartNs));
}

TEST(EveFlowId, IsPositiveAndExactInADouble) {
  FlowKey key{};
  for (uint64_t i = 0; i < 10'000; ++i) {
    const uint64_t id = eve_flow_id(key, i);
    ASSERT_GT(id, 0u);
    ASSERT_LT(id, 1ull << 53);
    ASSERT_EQ(static_cast<uint64_t>(static_cast<double>(id)), id);
  }
}

}  // namespace
}  // namespace sluice
