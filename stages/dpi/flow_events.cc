// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// Transactions as events.

#include <array>
#include <cstdio>
#include <string_view>

#include "stages/dpi/event_text.h"
#include "stages/dpi/flow_reporter.h"
#include "stages/dpi/protocol/dns_transaction.h"
#include "stages/dpi/protocol/http_transaction.h"
#include "stages/dpi/protocol/ssh_parser.h"
#include "stages/dpi/protocol/tls_transaction.h"

namespace sluice {

namespace {

constexpr size_t kMaxField = 255;  // of a header that anybody may make as long as he likes
constexpr size_t kMaxUrl = 512;

constexpr Direction kClient = Direction::Original;
constexpr Direction kServer = Direction::Reply;

void set(Event& event, EventText field, const Transaction& t, Buffer buffer, Direction of,
         size_t limit = kMaxField) noexcept {
  const std::string_view text = as_text(t.view(buffer, of).bytes());
  if (!text.empty()) event.set_text(field, Printable(text.substr(0, limit)).view());
}

// Lines from pieces, as many whole ones as there is room for.
class Lines {
 public:
  bool add(std::initializer_list<std::string_view> fields) noexcept {
    size_t need = fields.size();
    for (const std::string_view field : fields) need += field.size();
    if (need > sizeof text_ - used_) return false;
    if (used_ != 0) text_[used_++] = '\n';
    bool first = true;
    for (const std::string_view field : fields) {
      if (!first) text_[used_++] = '\t';
      first = false;
      const Printable clean(field);
      used_ += clean.view().copy(text_ + used_, sizeof text_ - used_);
    }
    return true;
  }
  std::string_view view() const noexcept { return {text_, used_}; }

 private:
  char text_[768];
  size_t used_ = 0;
};

std::string_view chosen_alpn(const Transaction& t) noexcept {
  const BufferView& answer = t.view(Buffer::TlsAlpn, kServer);
  return as_text((answer.present() ? answer : t.view(Buffer::TlsAlpn, kClient)).bytes());
}

void set_hello(Event& event, const TlsTransaction& tls, Buffer server_name) noexcept {
  event.set_text(kTextHost, Host(as_text(tls.view(server_name, kClient).bytes())).view());
  event.set_text(kTextUrl, Printable(chosen_alpn(tls)).view());
  set(event, kTextMore, tls, Buffer::Ja3Hash, kClient);
  set(event, kTextJa3s, tls, Buffer::Ja3sHash, kServer);
  set(event, kTextJa4, tls, Buffer::Ja4, kClient);
}

void describe_http(Event& e, const HttpTransaction& http) noexcept {
  e.set_text(kTextHost, Host(as_text(http.view(Buffer::HttpHost, kClient).bytes())).view());
  set(e, kTextUrl, http, Buffer::HttpUriRaw, kClient, kMaxUrl);
  set(e, kTextAgent, http, Buffer::HttpUserAgent, kClient);
  set(e, kTextMore, http, Buffer::HttpMethod, kClient);
  set(e, kTextProtocol, http, Buffer::HttpProtocol, http.has_request ? kClient : kServer);
  set(e, kTextReferer, http, Buffer::HttpReferer, kClient);
  set(e, kTextContentType, http, Buffer::HttpContentType, kServer);
  set(e, kTextLocation, http, Buffer::HttpLocation, kServer);
  e.values[kValueStatus] = http.status;
  e.values[kValueRequestBytes] = http.request_body.on_wire;
  e.values[kValueResponseBytes] = http.response_body.on_wire;
}

void describe_tls(Event& e, const TlsTransaction& tls) noexcept {
  set_hello(e, tls, Buffer::TlsSni);
  std::array<char, 24> room;
  const uint16_t version = tls.version != 0 ? tls.version : tls.client_version;
  e.set_text(kTextAgent, tls_version_name(version, room));
  set(e, kTextSubject, tls, Buffer::TlsSubject, kServer);
  set(e, kTextIssuer, tls, Buffer::TlsIssuer, kServer);
  set(e, kTextSerial, tls, Buffer::TlsSerial, kServer);
  set(e, kTextFingerprint, tls, Buffer::TlsFingerprint, kServer);
  Lines names;
  const BufferView& first = tls.view(Buffer::TlsSubjectAltName, kServer);
  if (first.present()) names.add({as_text(first.bytes())});
  for (const Transaction::More& more : tls.more[static_cast<size_t>(kServer)]) {
    if (more.buffer == Buffer::TlsSubjectAltName && !names.add({as_text(more.view.bytes())})) break;
  }
  e.set_text(kTextAltNames, names.view());
  e.values[kValueNotBefore] = tls.not_before > 0 ? static_cast<uint64_t>(tls.not_before) : 0;
  e.values[kValueNotAfter] = tls.not_after > 0 ? static_cast<uint64_t>(tls.not_after) : 0;
  e.values[kValueResumed] = tls.resumed ? 1 : 0;
}

void describe_quic(Event& e, const QuicTransaction& quic) noexcept {
  set_hello(e, quic, Buffer::QuicSni);
  std::array<char, 16> room;
  e.set_text(kTextAgent, quic_version_name(quic.quic_version, room));
}

void describe_ssh(Event& e, const Transaction& ssh) noexcept {
  set(e, kTextClientProtocol, ssh, Buffer::SshProtocol, kClient);
  set(e, kTextClientSoftware, ssh, Buffer::SshSoftware, kClient);
  set(e, kTextServerProtocol, ssh, Buffer::SshProtocol, kServer);
  set(e, kTextServerSoftware, ssh, Buffer::SshSoftware, kServer);
}

void describe_dns(Event& e, const DnsTransaction& dns) noexcept {
  e.number = dns.type;
  e.dns_id = dns.id;
  e.set_text(kTextHost, Host(dns.name).view());
  e.set_text(kTextAgent, dns_rrtype_name(dns.type));
  e.values[kValueDnsFlags] = dns.has_response ? dns.response_flags : dns.query_flags;
  if (dns.has_response) {
    e.values[kValueIsAnswer] = 1;
    e.values[kValueResponseCode] = dns.rcode();
    Lines records;
    for (const DnsRecord& record : dns.answers) {
      std::array<char, 12> number;
      std::snprintf(number.data(), number.size(), "%u", record.ttl);
      std::array<char, 12> type;
      std::string_view type_name = dns_rrtype_name(record.type);
      if (type_name.empty()) {
        std::snprintf(type.data(), type.size(), "TYPE%u", record.type);
        type_name = type.data();
      }
      if (!records.add({record.name, type_name, number.data(), record.data})) break;
    }
    e.set_text(kTextAnswers, records.view());
  }
}

}  // namespace

void FlowReporter::finished(Flow& flow, const Transaction& t, const Where& where) noexcept {
  if (t.protocol == AppProtocol::Tls) ++counters_.tls_flows;
  if (t.protocol == AppProtocol::Quic) ++counters_.quic_flows;
  // Of a question without an answer its event has been written.
  if (t.protocol == AppProtocol::Dns && !static_cast<const DnsTransaction&>(t).has_response) return;
  tell(flow, t, where);
}

void FlowReporter::tell(Flow& flow, const Transaction& t, const Where& where) noexcept {
  const EventType type = event_type(t.protocol);
  Event* e = type != EventType::Flow ? event(type, flow, t, where) : nullptr;
  if (e == nullptr) return;
  describe(*e, t);
  events_->publish(e);
}

EventType FlowReporter::event_type(AppProtocol protocol) noexcept {
  switch (protocol) {
    case AppProtocol::Http:
      return EventType::Http;
    case AppProtocol::Tls:
      return EventType::Tls;
    case AppProtocol::Quic:
      return EventType::Quic;
    case AppProtocol::Ssh:
      return EventType::Ssh;
    case AppProtocol::Dns:
      return EventType::Dns;
    case AppProtocol::None:
      break;
  }
  return EventType::Flow;
}

void FlowReporter::describe(Event& event, const Transaction& t) noexcept {
  switch (t.protocol) {
    case AppProtocol::Http:
      return describe_http(event, static_cast<const HttpTransaction&>(t));
    case AppProtocol::Tls:
      return describe_tls(event, static_cast<const TlsTransaction&>(t));
    case AppProtocol::Quic:
      return describe_quic(event, static_cast<const QuicTransaction&>(t));
    case AppProtocol::Ssh:
      return describe_ssh(event, t);
    case AppProtocol::Dns:
      return describe_dns(event, static_cast<const DnsTransaction&>(t));
    case AppProtocol::None:
      return;
  }
}

Event* FlowReporter::event(EventType type, const Flow& flow, const Transaction& transaction,
                           const Where& where) noexcept {
  Event* e = events_ != nullptr ? events_->allocate(type) : nullptr;
  if (e == nullptr) return nullptr;
  describe_flow(*e, flow);
  e->lane = lane_;
  e->time_ns = where.time_ns;
  e->ingress = where.ingress;
  e->direction = where.direction;
  e->transaction = transaction.number;
  return e;
}

}  // namespace sluice
