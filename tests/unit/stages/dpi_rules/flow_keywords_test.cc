// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// flow, application protocols, TLS; what rules remember.
#include <gtest/gtest.h>

#include "rule_parsing.h"

namespace sluice::rules {
namespace {

constexpr RefusalKind kUnsupported = RefusalKind::Unsupported;

TEST(FlowKeyword, EveryWord) {
  const auto flow = [](const std::string& words) { return with("flow:" + words + ";").flow; };
  EXPECT_EQ(flow("to_server").direction, Direction::Original);
  EXPECT_EQ(flow("from_client").direction, Direction::Original);
  EXPECT_EQ(flow("to_client").direction, Direction::Reply);
  EXPECT_EQ(flow("from_server").direction, Direction::Reply);
  EXPECT_EQ(flow("established").established, true);
  EXPECT_EQ(flow("not_established").established, false);
  EXPECT_FALSE(flow("stateless").established);
  EXPECT_TRUE(flow("stateless").stateless);
  EXPECT_TRUE(flow("only_stream").only_stream);
  EXPECT_TRUE(flow("no_stream").no_stream);
  const RuleFlow both = flow("ESTABLISHED , To_Server,no_stream");
  EXPECT_EQ(both.established, true);
  EXPECT_EQ(both.direction, Direction::Original);
  EXPECT_TRUE(both.no_stream);
  static constexpr BadOptions kBad[] = {
      {"@flow;", "flow", "nothing"},
      {"flow:@sideways;", "flow", "\"sideways\""},
      {"flow:established,@;", "flow", "nothing"},
      {"flow:to_server,@to_client;", "flow", "a second direction"},
      {"flow:to_server,@to_server;", "flow", "a second direction"},
      {"flow:established,@not_established;", "flow", "a second state"},
      {"flow:established,@stateless;", "flow", "a second state"},
      {"flow:only_stream,@no_stream;", "flow", "only_stream and no_stream"},
      {"flow:to_server; @flow:established;", "flow", "a second one"},
      {"flow:@only_frag;", "flow", "\"only_frag\"", kUnsupported},
  };
  expect_refused(kBad);
}

TEST(AppLayerProtocol, NamesAndNegation) {
  for (const char* name : {"http", "http1", "tls", "ssl", "dns", "ssh", "quic", "failed"}) {
    const Rule rule = with(std::string("app-layer-protocol:") + name + ";");
    EXPECT_EQ(rule.app_layer_protocol, name);
    EXPECT_FALSE(rule.app_layer_protocol_negated);
  }
  const Rule two = with("app-layer-protocol:!http; app-layer-protocol:!tls;");
  EXPECT_TRUE(two.app_layer_protocol_negated);
  EXPECT_EQ(two.app_layer_protocol, "http");
  EXPECT_EQ(two.more_app_layer_protocols, std::vector<std::string>{"tls"});
  static constexpr BadOptions kBad[] = {
      {"app-layer-protocol:!@;", "app-layer-protocol", "nothing"},
      {"app-layer-protocol:@smb;", "app-layer-protocol", "\"smb\"", kUnsupported},
      {"app-layer-protocol:http; app-layer-protocol:@tls;", "app-layer-protocol", "a second one"},
      {"app-layer-protocol:!http; app-layer-protocol:@tls;", "app-layer-protocol", "a second one"},
  };
  expect_refused(kBad);
  static constexpr BadOptions kTls[] = {
      {"app-layer-protocol:@tls;", "app-layer-protocol", "beside a header"}};
  expect_refused(kTls, "alert tls any any -> any any");
}

TEST(TlsKeyword, VersionsAndStates) {
  const Rule ssl = with("ssl_version:sslv2,sslv3,tls1.0,TLS1.1,tls1.2,tls1.3;");
  EXPECT_EQ(ssl.tls_versions,
            (std::vector<std::string>{"ssl2", "ssl3", "1.0", "1.1", "1.2", "1.3"}));
  EXPECT_FALSE(ssl.tls_versions_negated);
  EXPECT_TRUE(with("ssl_version:!tls1.2,!tls1.3;").tls_versions_negated);
  EXPECT_EQ(with("tls.version:\"1.2\";").tls_versions, std::vector<std::string>{"1.2"});
  EXPECT_TRUE(with("tls.version:!1.0;").tls_versions_negated);
  EXPECT_EQ(with("ssl_state:client_hello;").tls_states, 1);
  EXPECT_EQ(with("ssl_state:server_hello|client_keyx;").tls_states, 6);
  EXPECT_EQ(with("ssl_state:server_keyx,client_hello;").tls_states, 9);
}

TEST(TlsKeyword, Refused) {
  static constexpr BadOptions kBad[] = {
      {"ssl_version:@tls9;", "ssl_version", "\"tls9\""},
      {"ssl_version:tls1.2,!@tls1.3;", "ssl_version", "some negated"},
      {"ssl_version:tls1.2; @tls.version:1.2;", "tls.version", "a second one"},
      {"tls.version:@1.4;", "tls.version", "\"1.4\""},
      {"ssl_state:@finished;", "ssl_state", "\"finished\""},
      {"ssl_state:@!client_hello;", "ssl_state", "\"!client_hello\"", kUnsupported},
      {"ssl_state:@unknown;", "ssl_state", "\"unknown\"", kUnsupported},
  };
  expect_refused(kBad);
}

TEST(Flowbits, EveryOperation) {
  static constexpr std::pair<const char*, RuleFlowbit::Op> kOperations[] = {
      {"set", RuleFlowbit::Op::Set},           {"unset", RuleFlowbit::Op::Unset},
      {"toggle", RuleFlowbit::Op::Toggle},     {"isset", RuleFlowbit::Op::IsSet},
      {"isnotset", RuleFlowbit::Op::IsNotSet},
  };
  for (const auto& [name, op] : kOperations) {
    const Rule rule = with(std::string("flowbits:") + name + ", ET.a-b ;");
    ASSERT_EQ(rule.flowbits.size(), 1u);
    EXPECT_EQ(rule.flowbits[0].op, op);
    EXPECT_EQ(rule.flowbits[0].names, std::vector<std::string>{"ET.a-b"});
  }
  EXPECT_EQ(with("flowbits:isset,a | b|c;").flowbits[0].names,
            (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(with("flowbits:noalert;").noalert);
  static constexpr BadOptions kBad[] = {
      {"@flowbits;", "flowbits", "nothing"},
      {"flowbits:@put,a;", "flowbits", "\"put\""},
      {"flowbits:set@;", "flowbits", "nothing"},
      {"flowbits:set,@a|b;", "flowbits", "several names"},
      {"flowbits:set,@a b;", "flowbits", "\"a b\""},
      {"flowbits:isset,a|@;", "flowbits", "nothing"},
      {"flowbits:set,a,@b;", "flowbits", "\"b\""},
      {"flowbits:noalert,@a;", "flowbits", "\"a\""},
  };
  expect_refused(kBad);
}

TEST(Flowint, EveryOperation) {
  static constexpr std::pair<const char*, RuleFlowint::Op> kOperations[] = {
      {"=", RuleFlowint::Op::Set},           {"+", RuleFlowint::Op::Add},
      {"-", RuleFlowint::Op::Subtract},      {"<", RuleFlowint::Op::Less},
      {"<=", RuleFlowint::Op::LessEqual},    {"==", RuleFlowint::Op::Equal},
      {"!=", RuleFlowint::Op::NotEqual},     {">", RuleFlowint::Op::Greater},
      {">=", RuleFlowint::Op::GreaterEqual},
  };
  for (const auto& [name, op] : kOperations) {
    const RuleFlowint change = with(std::string("flowint:n, ") + name + ", 5;").flowints.at(0);
    EXPECT_EQ(change.name, "n");
    EXPECT_EQ(change.op, op) << name;
    EXPECT_EQ(change.operand, 5);
    EXPECT_TRUE(change.operand_name.empty());
  }
  EXPECT_EQ(with("flowint:n,+,m;").flowints.at(0).operand_name, "m");
  EXPECT_EQ(with("flowint:n,isset;").flowints.at(0).op, RuleFlowint::Op::IsSet);
  EXPECT_EQ(with("flowint:n,isnotset;").flowints.at(0).op, RuleFlowint::Op::IsNotSet);
  EXPECT_EQ(with("flowint:n,notset;").flowints.at(0).op, RuleFlowint::Op::IsNotSet);
  static constexpr BadOptions kBad[] = {
      {"flowint:n@;", "flowint", "nothing"},
      {"flowint:n,@*,1;", "flowint", "\"*\""},
      {"flowint:n,+@;", "flowint", "nothing"},
      {"flowint:n,+,@4294967296;", "flowint", "\"4294967296\""},
      {"flowint:n,isset,@1;", "flowint", "\"1\""},
  };
  expect_refused(kBad);
}

TEST(Xbits, EveryOperation) {
  const RuleXbit bit = with("xbits:set,bad,track ip_pair,expire 60;").xbits.at(0);
  EXPECT_EQ(bit.op, RuleFlowbit::Op::Set);
  EXPECT_EQ(bit.name, "bad");
  EXPECT_EQ(bit.track, RuleXbit::Track::Pair);
  EXPECT_EQ(bit.expire_s, 60u);
  EXPECT_EQ(with("xbits:isset,bad,track ip_src;").xbits.at(0).track, RuleXbit::Track::Source);
  EXPECT_EQ(with("xbits:isnotset,bad,track ip_dst;").xbits.at(0).track,
            RuleXbit::Track::Destination);
  EXPECT_EQ(with("xbits:toggle,bad,track ip_dst;").xbits.at(0).op, RuleFlowbit::Op::Toggle);
  EXPECT_EQ(with("xbits:unset,bad,track ip_dst;").xbits.at(0).expire_s, 30u);
  EXPECT_TRUE(with("xbits:noalert;").noalert);
  static constexpr BadOptions kBad[] = {
      {"xbits:@have,a,track ip_src;", "xbits", "\"have\""},
      {"xbits:set,a@;", "xbits", "nothing"},
      {"xbits:set,a,@ip_src;", "xbits", "\"ip_src\""},
      {"xbits:set,a,track @tx;", "xbits", "\"tx\"", kUnsupported},
      {"xbits:set,a,track ip_src,expire @0;", "xbits", "\"0\""},
      {"xbits:set,a,track ip_src,@forever;", "xbits", "\"forever\""},
  };
  expect_refused(kBad);
}

TEST(Threshold, KindsAndTracks) {
  const RuleThreshold t =
      *with("threshold: type both, track by_dst, count 5, seconds 60;").threshold;
  EXPECT_EQ(t.kind, RuleThreshold::Kind::Both);
  EXPECT_EQ(t.track, RuleThreshold::Track::Destination);
  EXPECT_EQ(t.count, 5u);
  EXPECT_EQ(t.seconds, 60u);
  EXPECT_EQ(with("threshold:seconds 1,count 1,track by_src,type limit;").threshold->kind,
            RuleThreshold::Kind::Limit);
  EXPECT_EQ(with("threshold:type threshold,track by_both,count 1,seconds 1;").threshold->track,
            RuleThreshold::Track::Both);
  EXPECT_EQ(with("threshold:type limit,track by_rule,count 1,seconds 1;").threshold->track,
            RuleThreshold::Track::Rule);
  EXPECT_EQ(with("threshold:type limit,track by_flow,count 1,seconds 1;").threshold->track,
            RuleThreshold::Track::Flow);
  const RuleThreshold filter =
      *with("detection_filter:track by_src,count 3,seconds 9;").detection_filter;
  EXPECT_EQ(filter.kind, RuleThreshold::Kind::DetectionFilter);
  EXPECT_EQ(filter.count, 3u);
  static constexpr BadOptions kBad[] = {
      {"threshold:@type limit,track by_src,count 1;", "threshold", "\"type limit"},
      {"threshold:type @never,track by_src,count 1,seconds 1;", "threshold", "\"never\""},
      {"threshold:type @backoff,track by_src,count 1,seconds 1;", "threshold", "type backoff",
       kUnsupported},
      {"threshold:type limit,track @by_name,count 1,seconds 1;", "threshold", "\"by_name\""},
      {"threshold:type limit,track by_src,count @0,seconds 1;", "threshold", "\"0\""},
      {"threshold:type limit,track by_src,count 1,seconds 1,@hits 2;", "threshold", "\"hits 2\""},
      {"@threshold:type limit,type both;", "threshold", "a second one"},
      {"detection_filter:@type limit,track by_src,count 1,seconds 1;", "detection_filter",
       "\"type limit\""},
      {"detection_filter:track by_src,count 1,seconds 1; @threshold:type limit;", "threshold",
       "threshold and detection_filter"},
      {"threshold:type limit,track by_src,count 1,seconds 1; @detection_filter:track by_src;",
       "detection_filter", "threshold and detection_filter"},
  };
  expect_refused(kBad);
}

}  // namespace
}  // namespace sluice::rules
