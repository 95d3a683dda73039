// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/flow_reporter.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <utility>

#include "chain/packet_meta.h"
#include "stages/dpi/dns_message.h"
#include "stages/dpi/http_request.h"
#include "stages/dpi/tls_hello.h"

namespace sluice {

namespace {

bool is_printable(char c) {
  return c >= 0x20 && c < 0x7f;
}

// Bytes from the wire as printable ASCII, on the stack.
class Printable {
 public:
  explicit Printable(std::string_view raw) noexcept : length_(std::min(raw.size(), sizeof text_)) {
    std::transform(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(length_), text_,
                   [](char c) { return is_printable(c) ? c : '?'; });
  }
  std::string_view view() const noexcept { return {text_, length_}; }

 private:
  size_t length_;
  char text_[Event::kTextCapacity];
};

// A host name as rules and logs see it: lower case, no final dot.
class Host {
 public:
  explicit Host(std::string_view raw) noexcept {
    if (!raw.empty() && raw.back() == '.') raw.remove_suffix(1);
    length_ = std::min(raw.size(), sizeof text_);
    std::transform(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(length_), text_,
                   [](char c) {
                     if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
                     return is_printable(c) ? c : '?';
                   });
  }
  std::string_view view() const noexcept { return {text_, length_}; }

 private:
  size_t length_;
  char text_[sizeof(HostName::text)];
};

// A flow's name in the arena, one of the ring of those that it has had. What a
// later worker may read of it, it never changes.
struct NamedHost {
  NamedHost* next;
  HostName host;

  static constexpr size_t kHeader = offsetof(HostName, text) + sizeof(NamedHost*);
  std::string_view view() const noexcept { return {host.text, host.length}; }
  static NamedHost* of(const HostName* host) noexcept {
    if (host == nullptr) return nullptr;
    auto* bytes = reinterpret_cast<std::byte*>(const_cast<HostName*>(host));
    return reinterpret_cast<NamedHost*>(bytes - sizeof(NamedHost*));
  }
};
static_assert(offsetof(NamedHost, host) == sizeof(NamedHost*));

std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Requests and ClientHellos come from the originator: a server's answer may hold
// anything. Of a flow picked up in its middle nobody knows who that is.
bool may_ask(const Flow& flow, Direction direction) {
  return direction == Direction::Original || (flow.flags & kFlowPickedUp) != 0;
}

// RFC 9000, RFC 9369, drafts, and Google's own versions before them.
std::string_view quic_version_name(uint32_t version, std::array<char, 16>& buffer) {
  if (version == 1) return "1";
  if (version == 0x6b3343cf) return "2";
  int length = 0;
  const auto byte = [version](unsigned i) { return static_cast<char>(version >> (24 - 8 * i)); };
  if ((version & 0xffffff00) == 0xff000000) {
    length = std::snprintf(buffer.data(), buffer.size(), "draft-%u", version & 0xff);
  } else if ((byte(0) == 'Q' || byte(0) == 'T') && is_printable(byte(1)) && is_printable(byte(2)) &&
             is_printable(byte(3))) {
    for (unsigned i = 0; i < 4; ++i) buffer[i] = byte(i);
    length = 4;
  } else {
    length = std::snprintf(buffer.data(), buffer.size(), "0x%08x", version);
  }
  return {buffer.data(), static_cast<size_t>(length)};
}

// The version of a long header (RFC 8999 section 5.1), or of Google's first
// packets, whose public header has it behind the 8-byte connection id.
uint32_t quic_version(std::span<const uint8_t> payload) {
  const auto number = [&](size_t at) {
    return static_cast<uint32_t>(payload[at]) << 24 | static_cast<uint32_t>(payload[at + 1]) << 16 |
           static_cast<uint32_t>(payload[at + 2]) << 8 | payload[at + 3];
  };
  if (payload.size() >= 5 && (payload[0] & 0x80) != 0) return number(1);
  if (payload.size() >= 13 && (payload[0] & 0xc9) == 0x09 && payload[9] == 'Q') return number(9);
  return 0;
}

// A host's name and all others that its flow has had.
void free_names(const HostName* host) noexcept {
  NamedHost* const present = NamedHost::of(host);
  if (present == nullptr) return;
  for (NamedHost* other = present->next; other != present;) {
    arena_free(std::exchange(other, other->next));
  }
  arena_free(present);
}

}  // namespace

FlowReporter::FlowReporter(EventQueue* events, uint16_t lane, size_t host_bytes, bool prefault,
                           unsigned under_way, DpiCounters& counters)
    : events_(events),
      lane_(lane),
      hosts_(host_bytes + size_t{under_way} * kHostBytes, prefault),
      ended_(under_way),
      counters_(counters) {}

FlowReporter::~FlowReporter() {
  for (const HostName* host : ended_) free_names(host);
}

bool FlowReporter::observe(rte_mbuf* m, Flow& flow, Inspection& inspection,
                           const Classification& found) noexcept {
  const PacketMeta& p = meta(m);
  if (p.payload_len == 0) return false;
  const std::span<const uint8_t> bytes(payload(m), p.payload_len);
  const Where where{p.time_ns, m->port, direction(p)};

  if (p.flags & kMetaTcp) {
    bool named = false;
    if (bytes[0] == 22) {
      observe_hello(bytes, flow, inspection, named);
    } else if (bytes[0] >= 'A' && bytes[0] <= 'Z' && may_ask(flow, where.direction)) {
      named = observe_http(as_text(bytes), flow, inspection);
    }
    // DNS over TCP has its length in front (RFC 7766 section 8).
    if (is_dns(found) && bytes.size() > 2) {
      named = read_inspected_dns(bytes.subspan(2), flow, inspection, where) || named;
    }
    return named;
  }
  if (!(p.flags & kMetaUdp)) return false;
  if (is_dns(found)) return read_inspected_dns(bytes, flow, inspection, where);
  if (inspection.quic_version == 0 && where.direction == Direction::Original) {
    inspection.quic_version = quic_version(bytes);
  }
  return false;
}

bool FlowReporter::observe_dns(rte_mbuf* m, Flow& flow) noexcept {
  const PacketMeta& p = meta(m);
  if (p.payload_len == 0 || !(p.flags & kMetaUdp)) return false;
  return read_dns({payload(m), p.payload_len}, flow, {p.time_ns, m->port, direction(p)});
}

bool FlowReporter::observe_http(std::string_view text, Flow& flow,
                                Inspection& inspection) noexcept {
  HttpRequest request;
  if (inspection.requests >= kMaxRequests || !parse_http_request(text, request)) return false;
  ++inspection.requests;
  ++counters_.http_requests;
  const bool named = name_host(flow, request.host);
  if (Event* e = event(EventType::Http, flow,
                       {inspection.time_ns, inspection.ingress, inspection.direction})) {
    e->set_text(kTextHost, Host(request.host).view());
    e->set_text(kTextMore, Printable(request.method).view());
    e->set_text(kTextAgent, Printable(request.agent.substr(0, 255)).view());
    e->set_text(kTextUrl, Printable(request.url).view());
    events_->publish(e);
  }
  return named;
}

void FlowReporter::observe_hello(std::span<const uint8_t> bytes, Flow& flow, Inspection& inspection,
                                 bool& named) noexcept {
  TlsHello hello;
  if (!parse_tls_hello(bytes, hello)) return;
  if (!hello.server && !may_ask(flow, inspection.direction)) return;
  inspection.hello_seen = true;
  inspection.tls_version = hello.version;
  if (!hello.alpn.empty()) {
    inspection.alpn_len = static_cast<uint8_t>(std::min(hello.alpn.size(), sizeof inspection.alpn));
    std::memcpy(inspection.alpn, hello.alpn.data(), inspection.alpn_len);
  }
  if (!hello.server) named = name_host(flow, hello.server_name);
}

bool FlowReporter::read_inspected_dns(std::span<const uint8_t> bytes, Flow& flow,
                                      Inspection& inspection, const Where& where) noexcept {
  if (inspection.requests >= kMaxRequests) return false;
  ++inspection.requests;
  return read_dns(bytes, flow, where);
}

bool FlowReporter::read_dns(std::span<const uint8_t> bytes, Flow& flow,
                            const Where& where) noexcept {
  DnsMessage message;
  if (!parse_dns_message(bytes, message) || message.response) return false;
  ++counters_.dns_queries;
  const bool named = name_host(flow, message.query_name());
  if (Event* e = event(EventType::Dns, flow, where)) {
    e->number = message.type;
    e->dns_id = message.id;
    e->set_text(kTextHost, Host(message.query_name()).view());
    e->set_text(kTextAgent, dns_type_name(message.type));
    events_->publish(e);
  }
  return named;
}

bool FlowReporter::conclude(Flow& flow, Inspection& inspection,
                            const Classification& found) noexcept {
  // A guess by port is no handshake, and where nDPI has not seen one either, its
  // fields hold another protocol's.
  const bool quic = found.is_seen() && is_quic(found);
  const bool ndpi_tls = found.is_seen() && is_tls(found);
  const bool tls = !quic && (ndpi_tls || inspection.hello_seen);
  if (!quic && !tls) return name_unnamed(flow, NdpiEngine::host_name(*inspection.ndpi));

  const NdpiHello hello = quic || ndpi_tls ? NdpiEngine::hello(*inspection.ndpi) : NdpiHello{};
  const bool named = name_unnamed(flow, hello.server_name);
  ++(quic ? counters_.quic_flows : counters_.tls_flows);
  Event* e = event(quic ? EventType::Quic : EventType::Tls, flow,
                   {inspection.time_ns, inspection.ingress, inspection.direction});
  if (e == nullptr) return named;
  const HostName* host = context(flow).host;
  if (host != nullptr) e->set_text(kTextHost, {host->text, host->length});
  const std::string_view alpn(inspection.alpn, inspection.alpn_len);
  e->set_text(kTextUrl,
              Printable(alpn.empty() ? hello.alpn.substr(0, hello.alpn.find(',')) : alpn).view());
  std::array<char, 16> buffer;
  if (quic) {
    if (inspection.quic_version != 0) {
      e->set_text(kTextAgent, quic_version_name(inspection.quic_version, buffer));
    }
  } else {
    e->set_text(kTextAgent, tls_version_name(inspection.hello_seen ? inspection.tls_version
                                                                   : hello.tls_version));
  }
  e->set_text(kTextMore, Printable(hello.ja3).view());
  events_->publish(e);
  return named;
}

bool FlowReporter::name_host(Flow& flow, std::string_view name) noexcept {
  const Host told(name);
  if (told.view().empty()) return false;
  std::atomic_ref<const HostName*> host(context(flow).host);
  NamedHost* const present = NamedHost::of(host.load(std::memory_order_relaxed));
  if (present != nullptr && present->view() == told.view()) return false;
  NamedHost* named = nullptr;
  if (present != nullptr) {
    unsigned names = 1;
    for (named = present->next; named != present && named->view() != told.view();
         named = named->next) {
      ++names;
    }
    if (named == present) named = nullptr;
    if (named == nullptr && names == kMaxNames) return false;
  }
  if (named == nullptr) {
    // No longer than the name needs: HostName's text is read up to its length.
    void* memory = hosts_.allocate(NamedHost::kHeader + told.view().size());
    if (memory == nullptr) {
      ++counters_.hosts_lost;
      return false;
    }
    named = static_cast<NamedHost*>(memory);
    named->next = present != nullptr ? std::exchange(present->next, named) : named;
    named->host.length = static_cast<uint8_t>(told.view().size());
    std::memcpy(named->host.text, told.view().data(), told.view().size());
  }
  host.store(&named->host, std::memory_order_release);
  return true;
}

bool FlowReporter::name_unnamed(Flow& flow, std::string_view name) noexcept {
  return context(flow).host == nullptr && name_host(flow, name);
}

void FlowReporter::forget_host(Flow& flow) noexcept {
  FlowContext& c = context(flow);
  if (c.host == nullptr) return;
  if (ended_.empty()) {
    free_names(std::exchange(c.host, nullptr));
    return;
  }
  free_names(std::exchange(ended_[next_ended_], c.host));
  if (++next_ended_ == ended_.size()) next_ended_ = 0;
}

Event* FlowReporter::event(EventType type, const Flow& flow, const Where& where) noexcept {
  Event* e = events_ != nullptr ? events_->allocate(type) : nullptr;
  if (e == nullptr) return nullptr;
  describe_flow(*e, flow);
  e->lane = lane_;
  e->time_ns = where.time_ns;
  e->ingress = where.ingress;
  e->direction = where.direction;
  return e;
}

}  // namespace sluice
