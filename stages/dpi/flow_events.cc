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

}  // namespace

void FlowReporter::finished(Flow& flow, const Transaction& t, const Where& where) noexcept {
  switch (t.protocol) {
    case AppProtocol::Http:
      return tell_http(flow, static_cast<const HttpTransaction&>(t), where);
    case AppProtocol::Tls:
      return tell_tls(flow, static_cast<const TlsTransaction&>(t), where);
    case AppProtocol::Quic:
      return tell_quic(flow, static_cast<const QuicTransaction&>(t), where);
    case AppProtocol::Ssh:
      return tell_ssh(flow, t, where);
    case AppProtocol::Dns:
      if (static_cast<const DnsTransaction&>(t).has_response) {
        tell_dns(flow, static_cast<const DnsTransaction&>(t), true, where);
      }
      return;
    case AppProtocol::None:
      return;
  }
}

void FlowReporter::tell_http(Flow& flow, const HttpTransaction& http, const Where& where) noexcept {
  Event* e = event(EventType::Http, flow, http, where);
  if (e == nullptr) return;
  e->set_text(kTextHost, Host(as_text(http.view(Buffer::HttpHost, kClient).bytes())).view());
  set(*e, kTextUrl, http, Buffer::HttpUriRaw, kClient, kMaxUrl);
  set(*e, kTextAgent, http, Buffer::HttpUserAgent, kClient);
  set(*e, kTextMore, http, Buffer::HttpMethod, kClient);
  set(*e, kTextProtocol, http, Buffer::HttpProtocol, http.has_request ? kClient : kServer);
  set(*e, kTextReferer, http, Buffer::HttpReferer, kClient);
  set(*e, kTextContentType, http, Buffer::HttpContentType, kServer);
  set(*e, kTextLocation, http, Buffer::HttpLocation, kServer);
  e->values[kValueStatus] = http.status;
  e->values[kValueRequestBytes] = http.request_body.on_wire;
  e->values[kValueResponseBytes] = http.response_body.on_wire;
  events_->publish(e);
}

void FlowReporter::tell_tls(Flow& flow, const TlsTransaction& tls, const Where& where) noexcept {
  ++counters_.tls_flows;
  Event* e = event(EventType::Tls, flow, tls, where);
  if (e == nullptr) return;
  set_hello(*e, tls, Buffer::TlsSni);
  std::array<char, 24> room;
  const uint16_t version = tls.version != 0 ? tls.version : tls.client_version;
  e->set_text(kTextAgent, tls_version_name(version, room));
  set(*e, kTextSubject, tls, Buffer::TlsSubject, kServer);
  set(*e, kTextIssuer, tls, Buffer::TlsIssuer, kServer);
  set(*e, kTextSerial, tls, Buffer::TlsSerial, kServer);
  set(*e, kTextFingerprint, tls, Buffer::TlsFingerprint, kServer);
  Lines names;
  const BufferView& first = tls.view(Buffer::TlsSubjectAltName, kServer);
  if (first.present()) names.add({as_text(first.bytes())});
  for (const Transaction::More& more : tls.more[static_cast<size_t>(kServer)]) {
    if (more.buffer == Buffer::TlsSubjectAltName && !names.add({as_text(more.view.bytes())})) break;
  }
  e->set_text(kTextAltNames, names.view());
  e->values[kValueNotBefore] = tls.not_before > 0 ? static_cast<uint64_t>(tls.not_before) : 0;
  e->values[kValueNotAfter] = tls.not_after > 0 ? static_cast<uint64_t>(tls.not_after) : 0;
  e->values[kValueResumed] = tls.resumed ? 1 : 0;
  events_->publish(e);
}

void FlowReporter::tell_quic(Flow& flow, const QuicTransaction& quic, const Where& where) noexcept {
  ++counters_.quic_flows;
  Event* e = event(EventType::Quic, flow, quic, where);
  if (e == nullptr) return;
  set_hello(*e, quic, Buffer::QuicSni);
  std::array<char, 16> room;
  e->set_text(kTextAgent, quic_version_name(quic.quic_version, room));
  events_->publish(e);
}

void FlowReporter::tell_ssh(Flow& flow, const Transaction& ssh, const Where& where) noexcept {
  Event* e = event(EventType::Ssh, flow, ssh, where);
  if (e == nullptr) return;
  set(*e, kTextClientProtocol, ssh, Buffer::SshProtocol, kClient);
  set(*e, kTextClientSoftware, ssh, Buffer::SshSoftware, kClient);
  set(*e, kTextServerProtocol, ssh, Buffer::SshProtocol, kServer);
  set(*e, kTextServerSoftware, ssh, Buffer::SshSoftware, kServer);
  events_->publish(e);
}

void FlowReporter::tell_dns(Flow& flow, const DnsTransaction& dns, bool answer,
                            const Where& where) noexcept {
  Event* e = event(EventType::Dns, flow, dns, where);
  if (e == nullptr) return;
  e->number = dns.type;
  e->dns_id = dns.id;
  e->set_text(kTextHost, Host(dns.name).view());
  e->set_text(kTextAgent, dns_rrtype_name(dns.type));
  e->values[kValueDnsFlags] = answer ? dns.response_flags : dns.query_flags;
  if (answer) {
    e->values[kValueIsAnswer] = 1;
    e->values[kValueResponseCode] = dns.rcode();
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
    e->set_text(kTextAnswers, records.view());
  }
  events_->publish(e);
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
