// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "rule_parsing.h"

namespace sluice::rules {
namespace {

constexpr std::optional<Direction> kRequest = Direction::Original;
constexpr std::optional<Direction> kReply = Direction::Reply;
constexpr std::optional<Direction> kEither = std::nullopt;

struct Named {
  const char* name;
  const char* header;  // protocol
  Buffer buffer;
  std::optional<Direction> side;
};

constexpr Named kStickies[] = {
    {"ipv4.hdr", "ip", Buffer::Ipv4Header, kEither},
    {"ipv6.hdr", "ip", Buffer::Ipv6Header, kEither},
    {"tcp.hdr", "tcp", Buffer::TcpHeader, kEither},
    {"udp.hdr", "udp", Buffer::UdpHeader, kEither},
    {"icmpv4.hdr", "icmp", Buffer::Icmpv4Header, kEither},
    {"icmpv6.hdr", "icmp", Buffer::Icmpv6Header, kEither},
    {"http.method", "http", Buffer::HttpMethod, kRequest},
    {"http.uri", "http", Buffer::HttpUri, kRequest},
    {"http.uri.raw", "http", Buffer::HttpUriRaw, kRequest},
    {"http.request_line", "http", Buffer::HttpRequestLine, kRequest},
    {"http_request_line", "http", Buffer::HttpRequestLine, kRequest},
    {"http.host", "http", Buffer::HttpHost, kRequest},
    {"http.host.raw", "http", Buffer::HttpHostRaw, kRequest},
    {"http.user_agent", "http", Buffer::HttpUserAgent, kRequest},
    {"http.referer", "http", Buffer::HttpReferer, kRequest},
    {"http_referer", "http", Buffer::HttpReferer, kRequest},
    {"http.accept", "http", Buffer::HttpAccept, kRequest},
    {"http_accept", "http", Buffer::HttpAccept, kRequest},
    {"http.accept_lang", "http", Buffer::HttpAcceptLanguage, kRequest},
    {"http_accept_lang", "http", Buffer::HttpAcceptLanguage, kRequest},
    {"http.accept_enc", "http", Buffer::HttpAcceptEncoding, kRequest},
    {"http_accept_enc", "http", Buffer::HttpAcceptEncoding, kRequest},
    {"http.request_body", "http", Buffer::HttpRequestBody, kRequest},
    {"http.request_header", "http", Buffer::HttpHeaderField, kRequest},
    {"http_request_header", "http", Buffer::HttpHeaderField, kRequest},
    {"http.protocol", "http", Buffer::HttpProtocol, kEither},
    {"http_protocol", "http", Buffer::HttpProtocol, kEither},
    {"http.connection", "http", Buffer::HttpConnection, kEither},
    {"http_connection", "http", Buffer::HttpConnection, kEither},
    {"http.content_type", "http", Buffer::HttpContentType, kEither},
    {"http_content_type", "http", Buffer::HttpContentType, kEither},
    {"http.content_len", "http", Buffer::HttpContentLength, kEither},
    {"http_content_len", "http", Buffer::HttpContentLength, kEither},
    {"http.cookie", "http", Buffer::HttpCookie, kEither},
    {"http.header", "http", Buffer::HttpHeader, kEither},
    {"http.header.raw", "http", Buffer::HttpHeaderRaw, kEither},
    {"http.header_names", "http", Buffer::HttpHeaderNames, kEither},
    {"http_header_names", "http", Buffer::HttpHeaderNames, kEither},
    {"http.start", "http", Buffer::HttpStart, kEither},
    {"http_start", "http", Buffer::HttpStart, kEither},
    {"http.response_line", "http", Buffer::HttpStatusLine, kReply},
    {"http_response_line", "http", Buffer::HttpStatusLine, kReply},
    {"http.stat_code", "http", Buffer::HttpStatusCode, kReply},
    {"http.stat_msg", "http", Buffer::HttpStatusMessage, kReply},
    {"http.server", "http", Buffer::HttpServer, kReply},
    {"http.location", "http", Buffer::HttpLocation, kReply},
    {"http.response_body", "http", Buffer::FileData, kReply},
    {"http.response_header", "http", Buffer::HttpHeaderField, kReply},
    {"http_response_header", "http", Buffer::HttpHeaderField, kReply},
    {"file.data", "http", Buffer::FileData, kEither},
    {"file_data", "tcp", Buffer::FileData, kEither},
    {"tls.sni", "tls", Buffer::TlsSni, kRequest},
    {"tls_sni", "tls", Buffer::TlsSni, kRequest},
    {"tls.alpn", "tls", Buffer::TlsAlpn, kEither},
    {"tls.random", "tls", Buffer::TlsRandom, kEither},
    {"tls.certs", "tls", Buffer::TlsCertificate, kEither},
    {"tls.cert_subject", "tls", Buffer::TlsSubject, kEither},
    {"tls_cert_subject", "tls", Buffer::TlsSubject, kEither},
    {"tls.cert_issuer", "tls", Buffer::TlsIssuer, kEither},
    {"tls_cert_issuer", "tls", Buffer::TlsIssuer, kEither},
    {"tls.cert_serial", "tls", Buffer::TlsSerial, kEither},
    {"tls_cert_serial", "tls", Buffer::TlsSerial, kEither},
    {"tls.cert_fingerprint", "tls", Buffer::TlsFingerprint, kEither},
    {"tls_cert_fingerprint", "tls", Buffer::TlsFingerprint, kEither},
    {"tls.subjectaltname", "tls", Buffer::TlsSubjectAltName, kEither},
    {"ja3.hash", "quic", Buffer::Ja3Hash, kRequest},
    {"ja3_hash", "tls", Buffer::Ja3Hash, kRequest},
    {"ja3.string", "tls", Buffer::Ja3String, kRequest},
    {"ja3_string", "tls", Buffer::Ja3String, kRequest},
    {"ja3s.hash", "tls", Buffer::Ja3sHash, kReply},
    {"ja3s.string", "tls", Buffer::Ja3sString, kReply},
    {"ja4.hash", "tls", Buffer::Ja4, kRequest},
    {"dns.query", "udp", Buffer::DnsQuery, kRequest},
    {"dns_query", "dns", Buffer::DnsQuery, kRequest},
    {"ssh.proto", "ssh", Buffer::SshProtocol, kEither},
    {"ssh_proto", "ssh", Buffer::SshProtocol, kEither},
    {"ssh.software", "ssh", Buffer::SshSoftware, kEither},
    {"ssh_software", "tcp", Buffer::SshSoftware, kEither},
    {"quic.sni", "quic", Buffer::QuicSni, kRequest},
    {"quic.version", "udp", Buffer::QuicVersion, kEither},
    {"sluice.user", "ip", Buffer::SluiceUser, kEither},
    {"sluice.group", "tls", Buffer::SluiceGroup, kEither},
    {"sluice.app", "icmp", Buffer::SluiceApp, kEither},
};

constexpr Named kModifiers[] = {
    {"http_method", "http", Buffer::HttpMethod, kRequest},
    {"http_uri", "tcp", Buffer::HttpUri, kRequest},
    {"http_raw_uri", "http", Buffer::HttpUriRaw, kRequest},
    {"http_host", "http", Buffer::HttpHost, kRequest},
    {"http_raw_host", "http", Buffer::HttpHostRaw, kRequest},
    {"http_user_agent", "http", Buffer::HttpUserAgent, kRequest},
    {"http_client_body", "http", Buffer::HttpRequestBody, kRequest},
    {"http_cookie", "http", Buffer::HttpCookie, kEither},
    {"http_header", "http", Buffer::HttpHeader, kEither},
    {"http_raw_header", "http", Buffer::HttpHeaderRaw, kEither},
    {"http_stat_code", "http", Buffer::HttpStatusCode, kReply},
    {"http_stat_msg", "http", Buffer::HttpStatusMessage, kReply},
    {"http_server_body", "http", Buffer::FileData, kReply},
};

std::string header_of(const Named& named) {
  return std::string("alert ") + named.header + " any any -> any any";
}

TEST(BufferKeyword, EverySticky) {
  for (const Named& named : kStickies) {
    SCOPED_TRACE(named.name);
    const Rule rule =
        with(std::string(named.name) + "; content:\"abc\"; content:\"d\"; distance:0;",
             header_of(named));
    ASSERT_EQ(rule.buffers.size(), 1u);
    EXPECT_EQ(rule.buffers[0].buffer, named.buffer);
    EXPECT_EQ(rule.buffers[0].side, named.side);
    EXPECT_EQ(rule.buffers[0].items.size(), 2u);
    // A buffer of one side makes it a rule for that side.
    EXPECT_EQ(rule.flow.direction, named.side);
    expect_refused(header_of(named) + " (@" + named.name + "; pkt_data; content:\"x\"; sid:7;)",
                   named.name, "nothing that is asked of it");
    expect_refused(header_of(named) + " (" + named.name + ":@x; sid:7;)", named.name, "\"x\"");
  }
}

TEST(BufferKeyword, EveryModifier) {
  for (const Named& named : kModifiers) {
    SCOPED_TRACE(named.name);
    const Rule rule =
        with(std::string("content:\"x\"; content:\"abc\"; ") + named.name + ';', header_of(named));
    ASSERT_EQ(rule.buffers.size(), 2u);
    EXPECT_EQ(rule.buffers[0].buffer, Buffer::Payload);
    EXPECT_EQ(rule.buffers[1].buffer, named.buffer);
    EXPECT_EQ(rule.buffers[1].side, named.side);
    EXPECT_EQ(std::get<RuleContent>(rule.buffers[1].items[0]).bytes, "abc");
    EXPECT_EQ(rule.flow.direction, named.side);
    const std::string begin = header_of(named) + " (";
    expect_refused(begin + '@' + named.name + "; sid:7;)", named.name, "no content before it");
    expect_refused(begin + "content:\"x\"; " + named.name + ";@" + named.name + "; sid:7;)",
                   named.name, "no content before it");
    expect_refused(begin + "file_data; content:\"x\"; @" + named.name + "; sid:7;)", named.name,
                   "a sticky buffer that is still in force");
    expect_refused(begin + "content:\"x\"; rawbytes; @" + named.name + "; sid:7;)", named.name,
                   "rawbytes before it");
  }
}

TEST(BufferKeyword, StickyHoldsUntilTheNextOrPktData) {
  const Rule rule =
      with(R"(content:"p"; file_data; content:"f"; isdataat:3; pcre:"/x/"; http.uri; content:"u"; )"
           R"(file.data; byte_test:1,=,1,0; pkt_data; content:"q"; http_header;)");
  ASSERT_EQ(rule.buffers.size(), 4u);
  EXPECT_EQ(rule.buffers[0].buffer, Buffer::Payload);
  EXPECT_EQ(rule.buffers[0].items.size(), 1u);
  EXPECT_EQ(rule.buffers[1].buffer, Buffer::FileData);
  EXPECT_EQ(rule.buffers[1].items.size(), 4u);
  EXPECT_EQ(rule.buffers[2].buffer, Buffer::HttpUri);
  EXPECT_EQ(rule.buffers[3].buffer, Buffer::HttpHeader);
}

TEST(BufferKeyword, OldAndNewNamesMeanOneBuffer) {
  const Rule rule = with(
      R"(content:"a"; http_uri; uricontent:"b"; urilen:>5; pcre:"/c/U"; http.uri; content:"d";)");
  ASSERT_EQ(rule.buffers.size(), 1u);
  EXPECT_EQ(rule.buffers[0].items.size(), 5u);
}

TEST(BufferKeyword, ItemsKeepTheOrderInWhichTheyCameToTheBuffer) {
  const Rule rule = with(
      R"(content:"1"; http_uri; content:"p"; content:"2"; distance:0; http_uri; content:"q"; within:5;)");
  ASSERT_EQ(rule.buffers.size(), 2u);
  EXPECT_EQ(std::get<RuleContent>(rule.buffers[0].items[1]).bytes, "q");
  EXPECT_EQ(std::get<RuleContent>(rule.buffers[1].items[0]).bytes, "1");
  EXPECT_EQ(std::get<RuleContent>(rule.buffers[1].items[1]).bytes, "2");
}

TEST(BufferKeyword, EachMentionOfOneOfSeveralIsItsOwn) {
  const Rule headers =
      with(R"(http.request_header; content:"a"; content:"b"; http.request_header; content:"c";)");
  ASSERT_EQ(headers.buffers.size(), 2u);
  EXPECT_EQ(headers.buffers[0].items.size(), 2u);
  EXPECT_EQ(with(R"(sluice.group; content:"a"; sluice.group; content:"b";)").buffers.size(), 2u);
  EXPECT_EQ(with(R"(http.uri; content:"a"; http.uri; content:"b";)").buffers.size(), 1u);
}

TEST(BufferKeyword, Sides) {
  EXPECT_FALSE(with(R"(content:"a"; http_header;)").flow.direction);
  EXPECT_EQ(with(R"(content:"a"; http_header; flow:to_client;)").flow.direction, kReply);
  static constexpr BadOptions kBad[] = {
      {R"(flow:to_client; content:"a"; @http_uri;)", "http_uri",
       "a buffer of the other side than flow"},
      {R"(content:"a"; http_uri; content:"b"; @http_stat_code;)", "http_stat_code",
       "a buffer of the other side than http_uri"},
      {R"(flow:to_server; @http.server; content:"a";)", "http.server",
       "a buffer of the other side"},
  };
  expect_refused(kBad);
}

TEST(BufferKeyword, ProtocolsAgree) {
  static constexpr BadOptions kTcp[] = {
      {R"(content:"a"; http_uri; @tls.sni; content:"b";)", "tls.sni",
       "a buffer of another protocol"},
      {R"(@quic.sni; content:"b";)", "quic.sni", "a buffer of another protocol"},
  };
  expect_refused(kTcp);
  static constexpr BadOptions kHttp[] = {
      {R"(@dns.query; content:"a";)", "dns.query", "a buffer of another protocol"},
      {R"(@tls.version:1.2;)", "tls.version", "a buffer of another protocol"},
  };
  expect_refused(kHttp, "alert http any any -> any any");
  static constexpr BadOptions kUdp[] = {
      {R"(content:"a"; @http_uri;)", "http_uri", "a buffer of another protocol"}};
  expect_refused(kUdp, "alert udp any any -> any any");
  expect_refused(kUdp, "alert icmp any any -> any any");
  expect_refused(kUdp, "alert tcp-pkt any any -> any any");
}

TEST(BufferKeyword, PacketTestsAndTransactionsDoNotMix) {
  static constexpr BadOptions kBad[] = {
      {R"(@dsize:5; content:"a"; http_uri;)", "dsize", "beside http_uri"},
      {R"(http.uri; content:"a"; @ttl:5;)", "ttl", "beside http.uri"},
      {R"(@tcp.hdr; content:"a"; http.uri; content:"a";)", "tcp.hdr", "beside http.uri"},
  };
  expect_refused(kBad);
  (void)with(R"(dsize:5; sluice.user; content:"alice";)");
  (void)with(R"(sameip; http.uri; content:"a";)");
}

TEST(BufferKeyword, WhatABufferNeverHolds) {
  static constexpr BadOptions kBad[] = {
      {R"(http.host; @content:"Example.com";)", "content", "upper case"},
      {R"(@content:"Example.com"; http_host;)", "content", "upper case"},
      {R"(http.method; @content:"GET ";)", "content", "a blank"},
      {R"(@content:"curl|0d 0a|"; http_user_agent;)", "content", "a line's end"},
  };
  expect_refused(kBad);
  (void)with(R"(http.host; content:"Example.com"; nocase;)");
  (void)with(R"(http.host.raw; content:"Example.com";)");
  EXPECT_EQ(item<RuleContent>(with(R"(ja3.hash; content:"ABCD";)")).bytes, "abcd");
  EXPECT_EQ(item<RuleContent>(with(R"(tls.cert_fingerprint; content:"AB|3a|CD";)")).bytes, "ab:cd");
  EXPECT_EQ(item<RuleContent>(with(R"(tls.cert_serial; content:"0a|3a|ff";)")).bytes, "0A:FF");
}

TEST(TransformKeyword, StandBetweenABufferAndItsMatches) {
  static constexpr std::pair<const char*, RuleTransform> kAll[] = {
      {"dotprefix", RuleTransform::Dotprefix},
      {"strip_whitespace", RuleTransform::StripWhitespace},
      {"compress_whitespace", RuleTransform::CompressWhitespace},
      {"to_lowercase", RuleTransform::ToLower},
      {"to_uppercase", RuleTransform::ToUpper},
      {"to_md5", RuleTransform::ToMd5},
      {"to_sha1", RuleTransform::ToSha1},
      {"to_sha256", RuleTransform::ToSha256},
      {"url_decode", RuleTransform::UrlDecode},
      {"header_lowercase", RuleTransform::HeaderLowercase},
      {"strip_pseudo_headers", RuleTransform::StripPseudoHeaders},
  };
  for (const auto& [name, transform] : kAll) {
    const Rule rule = with(std::string("http.uri; ") + name + "; content:\"a\";");
    ASSERT_EQ(rule.buffers.size(), 1u);
    EXPECT_EQ(rule.buffers[0].transforms, std::vector{transform}) << name;
    expect_refused(
        std::string("alert ip any any -> any any (@") + name + "; content:\"a\"; sid:7;)", name,
        "no sticky buffer before it");
    expect_refused(std::string("alert ip any any -> any any (http.uri; content:\"a\"; @") + name +
                       "; content:\"a\"; sid:7;)",
                   name, "a match before it");
  }
  const Rule two =
      with(R"(http.uri; to_lowercase; strip_whitespace; content:"a"; http.uri; content:"b"; )"
           R"(http.uri; to_lowercase; strip_whitespace; content:"c";)");
  ASSERT_EQ(two.buffers.size(), 2u);
  EXPECT_EQ(two.buffers[0].transforms.size(), 2u);
  EXPECT_EQ(two.buffers[0].items.size(), 2u);
  EXPECT_TRUE(two.buffers[1].transforms.empty());
  // Behind a transform the buffer's own case counts no more.
  (void)with(R"(http.host; to_uppercase; content:"EXAMPLE";)");
}

TEST(BufferKeyword, UnknownKeywords) {
  constexpr RefusalKind kUnsupported = RefusalKind::Unsupported;
  static constexpr BadOptions kBad[] = {
      {R"(@filestore;)", "filestore", "keyword \"filestore\"", kUnsupported},
      {R"(@smb.share; content:"a";)", "smb.share", "keyword \"smb.share\"", kUnsupported},
      {R"(@ipv4-csum:invalid;)", "ipv4-csum", "keyword \"ipv4-csum\"", kUnsupported},
      {R"(content:"a"; @nocas;)", "nocas", "keyword \"nocas\"", kUnsupported},
      {R"(@no case;)", "option", "keyword \"no case\"", kUnsupported},
  };
  expect_refused(kBad);
  Rule rule;
  const auto refusal =
      try_parse("alert ip any any -> any any (content:\"a\"; nocas; sid:1;)", rule);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->error.allowed, "did you mean \"nocase\"?");
}

}  // namespace
}  // namespace sluice::rules
