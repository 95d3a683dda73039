// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// The names of buffers, old and new, and of what can be done to one first.
#include "stages/dpi/rules/keyword_table.h"

namespace sluice::rules {
namespace {

constexpr auto kSticky = BufferKeyword::Form::Sticky;
constexpr auto kModifier = BufferKeyword::Form::Modifier;
constexpr std::optional<Direction> kRequest = Direction::Original;
constexpr std::optional<Direction> kReply = Direction::Reply;
constexpr std::optional<Direction> kEither = std::nullopt;

constexpr BufferKeyword kBuffers[] = {
    // Packet headers
    {"ipv4.hdr", Buffer::Ipv4Header, kSticky, kEither, kAnyApp},
    {"ipv6.hdr", Buffer::Ipv6Header, kSticky, kEither, kAnyApp},
    {"tcp.hdr", Buffer::TcpHeader, kSticky, kEither, kAnyApp},
    {"udp.hdr", Buffer::UdpHeader, kSticky, kEither, kAnyApp},
    {"icmpv4.hdr", Buffer::Icmpv4Header, kSticky, kEither, kAnyApp},
    {"icmpv6.hdr", Buffer::Icmpv6Header, kSticky, kEither, kAnyApp},
    // HTTP, request
    {"http.method", Buffer::HttpMethod, kSticky, kRequest, kHttp},
    {"http_method", Buffer::HttpMethod, kModifier, kRequest, kHttp},
    {"http.uri", Buffer::HttpUri, kSticky, kRequest, kHttp},
    {"http_uri", Buffer::HttpUri, kModifier, kRequest, kHttp},
    {"http.uri.raw", Buffer::HttpUriRaw, kSticky, kRequest, kHttp},
    {"http_raw_uri", Buffer::HttpUriRaw, kModifier, kRequest, kHttp},
    {"http.request_line", Buffer::HttpRequestLine, kSticky, kRequest, kHttp},
    {"http_request_line", Buffer::HttpRequestLine, kSticky, kRequest, kHttp},
    {"http.host", Buffer::HttpHost, kSticky, kRequest, kHttp},
    {"http_host", Buffer::HttpHost, kModifier, kRequest, kHttp},
    {"http.host.raw", Buffer::HttpHostRaw, kSticky, kRequest, kHttp},
    {"http_raw_host", Buffer::HttpHostRaw, kModifier, kRequest, kHttp},
    {"http.user_agent", Buffer::HttpUserAgent, kSticky, kRequest, kHttp},
    {"http_user_agent", Buffer::HttpUserAgent, kModifier, kRequest, kHttp},
    {"http.referer", Buffer::HttpReferer, kSticky, kRequest, kHttp},
    {"http_referer", Buffer::HttpReferer, kSticky, kRequest, kHttp},
    {"http.accept", Buffer::HttpAccept, kSticky, kRequest, kHttp},
    {"http_accept", Buffer::HttpAccept, kSticky, kRequest, kHttp},
    {"http.accept_lang", Buffer::HttpAcceptLanguage, kSticky, kRequest, kHttp},
    {"http_accept_lang", Buffer::HttpAcceptLanguage, kSticky, kRequest, kHttp},
    {"http.accept_enc", Buffer::HttpAcceptEncoding, kSticky, kRequest, kHttp},
    {"http_accept_enc", Buffer::HttpAcceptEncoding, kSticky, kRequest, kHttp},
    {"http.request_body", Buffer::HttpRequestBody, kSticky, kRequest, kHttp},
    {"http_client_body", Buffer::HttpRequestBody, kModifier, kRequest, kHttp},
    {"http.request_header", Buffer::HttpHeaderField, kSticky, kRequest, kHttp, true},
    {"http_request_header", Buffer::HttpHeaderField, kSticky, kRequest, kHttp, true},
    // HTTP, both
    {"http.protocol", Buffer::HttpProtocol, kSticky, kEither, kHttp},
    {"http_protocol", Buffer::HttpProtocol, kSticky, kEither, kHttp},
    {"http.connection", Buffer::HttpConnection, kSticky, kEither, kHttp},
    {"http_connection", Buffer::HttpConnection, kSticky, kEither, kHttp},
    {"http.content_type", Buffer::HttpContentType, kSticky, kEither, kHttp},
    {"http_content_type", Buffer::HttpContentType, kSticky, kEither, kHttp},
    {"http.content_len", Buffer::HttpContentLength, kSticky, kEither, kHttp},
    {"http_content_len", Buffer::HttpContentLength, kSticky, kEither, kHttp},
    {"http.cookie", Buffer::HttpCookie, kSticky, kEither, kHttp},
    {"http_cookie", Buffer::HttpCookie, kModifier, kEither, kHttp},
    {"http.header", Buffer::HttpHeader, kSticky, kEither, kHttp},
    {"http_header", Buffer::HttpHeader, kModifier, kEither, kHttp},
    {"http.header.raw", Buffer::HttpHeaderRaw, kSticky, kEither, kHttp},
    {"http_raw_header", Buffer::HttpHeaderRaw, kModifier, kEither, kHttp},
    {"http.header_names", Buffer::HttpHeaderNames, kSticky, kEither, kHttp},
    {"http_header_names", Buffer::HttpHeaderNames, kSticky, kEither, kHttp},
    {"http.start", Buffer::HttpStart, kSticky, kEither, kHttp},
    {"http_start", Buffer::HttpStart, kSticky, kEither, kHttp},
    // HTTP, response
    {"http.response_line", Buffer::HttpStatusLine, kSticky, kReply, kHttp},
    {"http_response_line", Buffer::HttpStatusLine, kSticky, kReply, kHttp},
    {"http.stat_code", Buffer::HttpStatusCode, kSticky, kReply, kHttp},
    {"http_stat_code", Buffer::HttpStatusCode, kModifier, kReply, kHttp},
    {"http.stat_msg", Buffer::HttpStatusMessage, kSticky, kReply, kHttp},
    {"http_stat_msg", Buffer::HttpStatusMessage, kModifier, kReply, kHttp},
    {"http.server", Buffer::HttpServer, kSticky, kReply, kHttp},
    {"http.location", Buffer::HttpLocation, kSticky, kReply, kHttp},
    {"http.response_body", Buffer::FileData, kSticky, kReply, kHttp},
    {"http_server_body", Buffer::FileData, kModifier, kReply, kHttp},
    {"http.response_header", Buffer::HttpHeaderField, kSticky, kReply, kHttp, true},
    {"http_response_header", Buffer::HttpHeaderField, kSticky, kReply, kHttp, true},
    {"file.data", Buffer::FileData, kSticky, kEither, kHttp},
    {"file_data", Buffer::FileData, kSticky, kEither, kHttp},
    // TLS
    {"tls.sni", Buffer::TlsSni, kSticky, kRequest, kTls},
    {"tls_sni", Buffer::TlsSni, kSticky, kRequest, kTls},
    {"tls.alpn", Buffer::TlsAlpn, kSticky, kEither, kTls},
    {"tls.random", Buffer::TlsRandom, kSticky, kEither, kTls},
    {"tls.certs", Buffer::TlsCertificate, kSticky, kEither, kTls, true},
    {"tls.cert_subject", Buffer::TlsSubject, kSticky, kEither, kTls},
    {"tls_cert_subject", Buffer::TlsSubject, kSticky, kEither, kTls},
    {"tls.cert_issuer", Buffer::TlsIssuer, kSticky, kEither, kTls},
    {"tls_cert_issuer", Buffer::TlsIssuer, kSticky, kEither, kTls},
    {"tls.cert_serial", Buffer::TlsSerial, kSticky, kEither, kTls},
    {"tls_cert_serial", Buffer::TlsSerial, kSticky, kEither, kTls},
    {"tls.cert_fingerprint", Buffer::TlsFingerprint, kSticky, kEither, kTls},
    {"tls_cert_fingerprint", Buffer::TlsFingerprint, kSticky, kEither, kTls},
    {"tls.subjectaltname", Buffer::TlsSubjectAltName, kSticky, kEither, kTls, true},
    {"ja3.hash", Buffer::Ja3Hash, kSticky, kRequest, kTls | kQuic},
    {"ja3_hash", Buffer::Ja3Hash, kSticky, kRequest, kTls | kQuic},
    {"ja3.string", Buffer::Ja3String, kSticky, kRequest, kTls | kQuic},
    {"ja3_string", Buffer::Ja3String, kSticky, kRequest, kTls | kQuic},
    {"ja3s.hash", Buffer::Ja3sHash, kSticky, kReply, kTls | kQuic},
    {"ja3s.string", Buffer::Ja3sString, kSticky, kReply, kTls | kQuic},
    {"ja4.hash", Buffer::Ja4, kSticky, kRequest, kTls | kQuic},
    // DNS
    {"dns.query", Buffer::DnsQuery, kSticky, kRequest, kDns, true},
    {"dns_query", Buffer::DnsQuery, kSticky, kRequest, kDns, true},
    // SSH
    {"ssh.proto", Buffer::SshProtocol, kSticky, kEither, kSsh},
    {"ssh_proto", Buffer::SshProtocol, kSticky, kEither, kSsh},
    {"ssh.software", Buffer::SshSoftware, kSticky, kEither, kSsh},
    {"ssh_software", Buffer::SshSoftware, kSticky, kEither, kSsh},
    // QUIC
    {"quic.sni", Buffer::QuicSni, kSticky, kRequest, kQuic},
    {"quic.version", Buffer::QuicVersion, kSticky, kEither, kQuic},
    // Sluice's own
    {"sluice.user", Buffer::SluiceUser, kSticky, kEither, kAnyApp},
    {"sluice.group", Buffer::SluiceGroup, kSticky, kEither, kAnyApp, true},
    {"sluice.app", Buffer::SluiceApp, kSticky, kEither, kAnyApp},
};

constexpr TransformKeyword kTransforms[] = {
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

}  // namespace

std::span<const BufferKeyword> buffer_keywords() {
  return kBuffers;
}
std::span<const TransformKeyword> transform_keywords() {
  return kTransforms;
}

}  // namespace sluice::rules
