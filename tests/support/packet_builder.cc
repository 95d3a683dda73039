// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tests/support/packet_builder.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace sluice::test {

namespace {

constexpr uint16_t kTypeIpv4 = 0x0800, kTypeArp = 0x0806, kTypeIpv6 = 0x86dd;
constexpr uint8_t kFragmentHeader = 44;

[[noreturn]] void give_up(const char* what, std::string_view text) {
  std::fprintf(stderr, "packet builder: %s: '%.*s'\n", what, static_cast<int>(text.size()),
               text.data());
  std::abort();
}

MacAddress mac(std::string_view text) {
  const auto parsed = parse_mac_address(text);
  if (!parsed) give_up("no MAC address", text);
  return *parsed;
}

IpAddress address(std::string_view text, uint8_t family) {
  const auto parsed = parse_ip_address(text);
  if (!parsed || parsed->family != family) give_up("no address of the family", text);
  return *parsed;
}

void put8(Bytes& out, unsigned v) {
  out.push_back(static_cast<uint8_t>(v));
}
void put16(Bytes& out, unsigned v) {
  put8(out, v >> 8 & 0xff);
  put8(out, v & 0xff);
}
void put32(Bytes& out, uint32_t v) {
  put16(out, v >> 16);
  put16(out, v & 0xffff);
}
void put(Bytes& out, const Bytes& more) {
  out.insert(out.end(), more.begin(), more.end());
}
void put(Bytes& out, const uint8_t* data, size_t n) {
  out.insert(out.end(), data, data + n);
}
void set16(Bytes& out, size_t at, uint16_t v) {
  out[at] = static_cast<uint8_t>(v >> 8);
  out[at + 1] = static_cast<uint8_t>(v);
}

size_t address_size(const IpAddress& a) {
  return a.family == 4 ? 4 : 16;
}

// RFC 9260 appendix A: CRC-32C, bit by bit.
uint32_t crc32c(const Bytes& data) {
  uint32_t crc = 0xffffffff;
  for (const uint8_t byte : data) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

uint32_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination, uint8_t protocol,
                           size_t length) {
  uint32_t sum = protocol + static_cast<uint32_t>(length);
  for (const IpAddress* a : {&source, &destination}) {
    for (size_t i = 0; i < address_size(*a); i += 2) sum += a->bytes[i] << 8 | a->bytes[i + 1];
  }
  return sum;
}

}  // namespace

uint16_t internet_checksum(const uint8_t* data, size_t length, uint32_t sum) {
  for (size_t i = 0; i + 1 < length; i += 2) sum += data[i] << 8 | data[i + 1];
  if (length % 2) sum += data[length - 1] << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

PacketBuilder& PacketBuilder::eth(std::string_view source, std::string_view destination) {
  source_mac_ = mac(source);
  destination_mac_ = mac(destination);
  return *this;
}
PacketBuilder& PacketBuilder::vlan(uint16_t id, uint16_t tpid) {
  tags_.emplace_back(tpid, id);
  return *this;
}
PacketBuilder& PacketBuilder::ethertype(uint16_t type) {
  ethertype_ = type;
  return *this;
}
PacketBuilder& PacketBuilder::ipv4(std::string_view source, std::string_view destination) {
  network_ = Network::Ipv4;
  source_ = address(source, 4);
  destination_ = address(destination, 4);
  return *this;
}
PacketBuilder& PacketBuilder::ipv6(std::string_view source, std::string_view destination) {
  network_ = Network::Ipv6;
  source_ = address(source, 6);
  destination_ = address(destination, 6);
  return *this;
}
PacketBuilder& PacketBuilder::ip(std::string_view source, std::string_view destination) {
  return source.find(':') == std::string_view::npos ? ipv4(source, destination)
                                                    : ipv6(source, destination);
}
PacketBuilder& PacketBuilder::ttl(uint8_t value) {
  ttl_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::tos(uint8_t value) {
  tos_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::ip_id(uint32_t value) {
  ip_id_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::dont_fragment() {
  dont_fragment_ = true;
  return *this;
}
PacketBuilder& PacketBuilder::ip_options(Bytes options) {
  while (options.size() % 4) options.push_back(0);
  ip_options_ = std::move(options);
  return *this;
}
PacketBuilder& PacketBuilder::protocol(uint8_t number) {
  protocol_ = number;
  return *this;
}
PacketBuilder& PacketBuilder::ip_length(uint16_t value) {
  ip_length_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::hop_by_hop(Bytes body) {
  return extension(IPPROTO_HOPOPTS, std::move(body));
}
PacketBuilder& PacketBuilder::routing(Bytes body) {
  return extension(IPPROTO_ROUTING, std::move(body));
}
PacketBuilder& PacketBuilder::destination_options(Bytes body) {
  return extension(IPPROTO_DSTOPTS, std::move(body));
}
PacketBuilder& PacketBuilder::extension(uint8_t type, Bytes body) {
  while ((body.size() + 2) % 8) body.push_back(0);
  extensions_.push_back({type, std::move(body)});
  return *this;
}
PacketBuilder& PacketBuilder::fragment(uint16_t offset, bool more) {
  fragment_ = {offset, more};
  return *this;
}
PacketBuilder& PacketBuilder::tcp(uint16_t source, uint16_t destination) {
  transport_ = Transport::Tcp;
  source_port_ = source;
  destination_port_ = destination;
  return *this;
}
PacketBuilder& PacketBuilder::flags(uint8_t tcp_flags) {
  tcp_flags_ = tcp_flags;
  return *this;
}
PacketBuilder& PacketBuilder::seq(uint32_t value) {
  seq_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::ack(uint32_t value) {
  ack_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::urgent(uint16_t pointer) {
  urgent_ = pointer;
  return *this;
}

PacketBuilder& PacketBuilder::window(uint16_t value) {
  window_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::tcp_options(Bytes options) {
  while (options.size() % 4) options.push_back(0);
  tcp_options_ = std::move(options);
  return *this;
}
PacketBuilder& PacketBuilder::udp(uint16_t source, uint16_t destination) {
  transport_ = Transport::Udp;
  source_port_ = source;
  destination_port_ = destination;
  return *this;
}
PacketBuilder& PacketBuilder::sctp(uint16_t source, uint16_t destination) {
  transport_ = Transport::Sctp;
  source_port_ = source;
  destination_port_ = destination;
  return *this;
}
PacketBuilder& PacketBuilder::icmp(uint8_t type, uint8_t code, Bytes body) {
  transport_ = Transport::Icmp;
  icmp_type_ = type;
  icmp_code_ = code;
  raw_ = std::move(body);
  return *this;
}
PacketBuilder& PacketBuilder::icmp_echo(uint16_t identifier, uint16_t sequence, bool reply) {
  Bytes body;
  put16(body, identifier);
  put16(body, sequence);
  const uint8_t type = network_ == Network::Ipv6 ? (reply ? 129 : 128) : (reply ? 0 : 8);
  return icmp(type, 0, std::move(body));
}
PacketBuilder& PacketBuilder::icmp_error(uint8_t type, uint8_t code, const PacketBuilder& about,
                                         size_t quote) {
  Bytes body(4);
  Bytes quoted = about.ip_bytes();
  quoted.resize(std::min(quoted.size(), quote));
  put(body, quoted);
  return icmp(type, code, std::move(body));
}
PacketBuilder& PacketBuilder::neighbour_solicitation(std::string_view target,
                                                     std::string_view source_mac) {
  Bytes body(4);
  put(body, address(target, 6).bytes.data(), 16);
  if (!source_mac.empty()) {
    put16(body, 0x0101);
    put(body, mac(source_mac).bytes.data(), 6);
  }
  ttl_ = 255;
  return icmp(135, 0, std::move(body));
}
PacketBuilder& PacketBuilder::neighbour_advertisement(std::string_view target,
                                                      std::string_view target_mac, bool solicited) {
  Bytes body;
  put32(body, solicited ? 0x60000000 : 0x20000000);
  put(body, address(target, 6).bytes.data(), 16);
  put16(body, 0x0201);
  put(body, mac(target_mac).bytes.data(), 6);
  ttl_ = 255;
  return icmp(136, 0, std::move(body));
}

namespace {
Bytes arp_bytes(uint16_t operation, const MacAddress& sender_mac, const IpAddress& sender,
                const MacAddress& target_mac, const IpAddress& target) {
  Bytes out{0, 1, 8, 0, 6, 4};
  put16(out, operation);
  put(out, sender_mac.bytes.data(), 6);
  put(out, sender.bytes.data(), 4);
  put(out, target_mac.bytes.data(), 6);
  put(out, target.bytes.data(), 4);
  return out;
}
}  // namespace

PacketBuilder& PacketBuilder::arp_request(std::string_view sender_mac, std::string_view sender_ip,
                                          std::string_view target_ip) {
  network_ = Network::Raw;
  ethertype_ = kTypeArp;
  source_mac_ = mac(sender_mac);
  destination_mac_.bytes.fill(0xff);
  raw_ = arp_bytes(1, source_mac_, address(sender_ip, 4), {}, address(target_ip, 4));
  return *this;
}
PacketBuilder& PacketBuilder::arp_reply(std::string_view sender_mac, std::string_view sender_ip,
                                        std::string_view target_mac, std::string_view target_ip) {
  network_ = Network::Raw;
  ethertype_ = kTypeArp;
  source_mac_ = mac(sender_mac);
  destination_mac_ = mac(target_mac);
  raw_ = arp_bytes(2, source_mac_, address(sender_ip, 4), destination_mac_, address(target_ip, 4));
  return *this;
}

PacketBuilder& PacketBuilder::payload(std::string_view text) {
  return payload(Bytes(text.begin(), text.end()));
}
PacketBuilder& PacketBuilder::payload(Bytes bytes) {
  payload_ = std::move(bytes);
  return *this;
}
PacketBuilder& PacketBuilder::payload_size(size_t bytes) {
  payload_.resize(bytes);
  for (size_t i = 0; i < bytes; ++i) payload_[i] = static_cast<uint8_t>(i * 7 + (i >> 8));
  return *this;
}
PacketBuilder& PacketBuilder::bad_ip_checksum() {
  bad_ip_checksum_ = true;
  return *this;
}
PacketBuilder& PacketBuilder::bad_checksum() {
  bad_checksum_ = true;
  return *this;
}
PacketBuilder& PacketBuilder::pad_to(size_t frame_size) {
  pad_to_ = frame_size;
  return *this;
}
PacketBuilder& PacketBuilder::truncate(size_t frame_size) {
  truncate_ = frame_size;
  return *this;
}

uint8_t PacketBuilder::transport_protocol() const {
  if (protocol_) return *protocol_;
  switch (transport_) {
    case Transport::Tcp:
      return IPPROTO_TCP;
    case Transport::Udp:
      return IPPROTO_UDP;
    case Transport::Sctp:
      return IPPROTO_SCTP;
    case Transport::Icmp:
      return static_cast<uint8_t>(network_ == Network::Ipv6 ? int{IPPROTO_ICMPV6}
                                                            : int{IPPROTO_ICMP});
    case Transport::None:
      break;
  }
  return network_ == Network::Ipv6 ? IPPROTO_NONE : 253;  // RFC 3692: for experiments
}

uint16_t PacketBuilder::checksum(const Bytes& segment, uint8_t protocol) const {
  return internet_checksum(segment.data(), segment.size(),
                           pseudo_header_sum(source_, destination_, protocol, segment.size()));
}

Bytes PacketBuilder::transport_bytes() const {
  Bytes out;
  size_t sum_at = 0;
  const uint16_t spoil = bad_checksum_ ? 0x5555 : 0;
  switch (transport_) {
    case Transport::Tcp:
      put16(out, source_port_);
      put16(out, destination_port_);
      put32(out, seq_);
      put32(out, ack_);
      put8(out, static_cast<unsigned>(20 + tcp_options_.size()) / 4 << 4);
      put8(out, tcp_flags_);
      put16(out, window_);
      put16(out, 0);
      put16(out, urgent_);
      put(out, tcp_options_);
      put(out, payload_);
      sum_at = 16;
      break;
    case Transport::Udp:
      put16(out, source_port_);
      put16(out, destination_port_);
      put16(out, static_cast<unsigned>(8 + payload_.size()));
      put16(out, 0);
      put(out, payload_);
      sum_at = 6;
      break;
    case Transport::Sctp: {
      put16(out, source_port_);
      put16(out, destination_port_);
      put32(out, 0x01020304);
      put32(out, 0);
      put(out, payload_);
      const uint32_t crc = crc32c(out);
      for (unsigned i = 0; i < 4; ++i) out[8 + i] = static_cast<uint8_t>(crc >> 8 * i);
      out[8] ^= static_cast<uint8_t>(spoil);
      return out;
    }
    case Transport::Icmp: {
      put8(out, icmp_type_);
      put8(out, icmp_code_);
      put16(out, 0);
      put(out, raw_);
      put(out, payload_);
      const uint16_t sum = network_ == Network::Ipv6 ? checksum(out, IPPROTO_ICMPV6)
                                                     : internet_checksum(out.data(), out.size());
      set16(out, 2, sum ^ spoil);
      return out;
    }
    case Transport::None:
      return payload_;
  }
  uint16_t sum = checksum(out, transport_ == Transport::Tcp ? IPPROTO_TCP : IPPROTO_UDP);
  if (transport_ == Transport::Udp && sum == 0) sum = 0xffff;
  set16(out, sum_at, sum ^ spoil);
  return out;
}

Bytes PacketBuilder::link_bytes() const {
  Bytes out;
  put(out, destination_mac_.bytes.data(), 6);
  put(out, source_mac_.bytes.data(), 6);
  for (const auto& [tpid, id] : tags_) {
    put16(out, tpid);
    put16(out, id);
  }
  put16(out, ethertype_.value_or(network_ == Network::Ipv6 ? kTypeIpv6 : kTypeIpv4));
  return out;
}

void PacketBuilder::append_ipv4(Bytes& out, const Bytes& data, uint16_t offset, bool more) const {
  const size_t start = out.size();
  const size_t header = 20 + ip_options_.size();
  put8(out, static_cast<unsigned>(0x40 | header / 4));
  put8(out, tos_);
  put16(out, ip_length_.value_or(static_cast<uint16_t>(header + data.size())));
  put16(out, ip_id_ & 0xffff);
  put16(out, (dont_fragment_ ? 0x4000u : 0) | (more ? 0x2000u : 0) | offset / 8u);
  put8(out, ttl_);
  put8(out, transport_protocol());
  put16(out, 0);
  put(out, source_.bytes.data(), 4);
  put(out, destination_.bytes.data(), 4);
  put(out, ip_options_);
  uint16_t sum = internet_checksum(out.data() + start, header);
  if (bad_ip_checksum_) sum ^= 0x5555;
  set16(out, start + 10, sum);
  put(out, data);
}

// Those that every fragment repeats: RFC 8200 section 4.5.
size_t PacketBuilder::unfragmentable_extensions() const {
  size_t n = 0;
  for (size_t i = 0; i < extensions_.size(); ++i) {
    if (extensions_[i].type == IPPROTO_HOPOPTS || extensions_[i].type == IPPROTO_ROUTING) n = i + 1;
  }
  return n;
}

void PacketBuilder::append_ipv6(Bytes& out, const Bytes& data,
                                std::optional<std::pair<uint16_t, bool>> piece,
                                size_t unfragmentable, uint8_t next) const {
  Bytes body;
  // The type that follows extension i.
  const auto following = [&](size_t i) {
    if (i + 1 < unfragmentable) return extensions_[i + 1].type;
    return piece ? kFragmentHeader : next;
  };
  for (size_t i = 0; i < unfragmentable; ++i) {
    put8(body, following(i));
    put8(body, static_cast<unsigned>((extensions_[i].body.size() + 2) / 8 - 1));
    put(body, extensions_[i].body);
  }
  if (piece) {
    put8(body, next);
    put8(body, 0);
    put16(body, piece->first | (piece->second ? 1u : 0));
    put32(body, ip_id_);
  }
  put(body, data);
  put32(out, 0x60000000u | static_cast<uint32_t>(tos_) << 20);
  put16(out, ip_length_.value_or(static_cast<uint16_t>(body.size())));
  put8(out, unfragmentable ? extensions_[0].type : piece ? kFragmentHeader : next);
  put8(out, ttl_);
  put(out, source_.bytes.data(), 16);
  put(out, destination_.bytes.data(), 16);
  put(out, body);
}

Bytes PacketBuilder::ip_bytes() const {
  Bytes out;
  if (network_ == Network::Ipv4) {
    append_ipv4(out, transport_bytes(), fragment_ ? fragment_->first : 0,
                fragment_ && fragment_->second);
  } else if (network_ == Network::Ipv6) {
    append_ipv6(out, transport_bytes(), fragment_, extensions_.size(), transport_protocol());
  } else {
    put(out, raw_);
    put(out, payload_);
  }
  return out;
}

Bytes PacketBuilder::finish(Bytes frame) const {
  if (frame.size() < pad_to_) frame.resize(pad_to_);
  if (truncate_ && *truncate_ < frame.size()) frame.resize(*truncate_);
  return frame;
}

Bytes PacketBuilder::bytes() const {
  Bytes out = link_bytes();
  put(out, ip_bytes());
  return finish(std::move(out));
}

std::vector<Bytes> PacketBuilder::fragments(unsigned n) const {
  Bytes data = transport_bytes();
  size_t kept = 0;
  uint8_t next = transport_protocol();
  if (network_ == Network::Ipv6) {
    kept = unfragmentable_extensions();
    Bytes rest;
    for (size_t i = kept; i < extensions_.size(); ++i) {
      put8(rest, i + 1 < extensions_.size() ? extensions_[i + 1].type : next);
      put8(rest, static_cast<unsigned>((extensions_[i].body.size() + 2) / 8 - 1));
      put(rest, extensions_[i].body);
    }
    if (kept < extensions_.size()) next = extensions_[kept].type;
    put(rest, data);
    data = std::move(rest);
  }
  const size_t units = (data.size() + 7) / 8;
  const size_t piece = std::max<size_t>((units + n - 1) / n, 1) * 8;
  std::vector<Bytes> frames;
  for (size_t at = 0; at < data.size(); at += piece) {
    const size_t end = std::min(data.size(), at + piece);
    const Bytes part(data.begin() + static_cast<ptrdiff_t>(at),
                     data.begin() + static_cast<ptrdiff_t>(end));
    const bool more = end < data.size();
    Bytes frame = link_bytes();
    if (network_ == Network::Ipv6) {
      append_ipv6(frame, part, {{static_cast<uint16_t>(at), more}}, kept, next);
    } else {
      append_ipv4(frame, part, static_cast<uint16_t>(at), more);
    }
    frames.push_back(finish(std::move(frame)));
  }
  return frames;
}

rte_mbuf* PacketBuilder::mbuf(rte_mempool* pool) const {
  return make_mbuf(bytes(), pool);
}

PacketBuilder eth(std::string_view source, std::string_view destination) {
  return PacketBuilder().eth(source, destination);
}
PacketBuilder ipv4(std::string_view source, std::string_view destination) {
  return PacketBuilder().ipv4(source, destination);
}
PacketBuilder ipv6(std::string_view source, std::string_view destination) {
  return PacketBuilder().ipv6(source, destination);
}
PacketBuilder ip(std::string_view source, std::string_view destination) {
  return PacketBuilder().ip(source, destination);
}

rte_mbuf* make_mbuf(const Bytes& frame, rte_mempool* pool) {
  rte_mbuf* m = rte_pktmbuf_alloc(pool);
  if (m == nullptr) give_up("no mbuf left in pool", pool->name);
  char* data = rte_pktmbuf_append(m, static_cast<uint16_t>(frame.size()));
  if (data == nullptr) give_up("no room in an mbuf for", std::to_string(frame.size()));
  std::memcpy(data, frame.data(), frame.size());
  std::memset(m->dynfield1, 0, sizeof(m->dynfield1));
  return m;
}

rte_mbuf* make_exact_mbuf(const Bytes& frame, rte_mempool* pool) {
  struct Buffer {
    rte_mbuf_ext_shared_info info;
    uint8_t* data;
  };
  rte_mbuf* m = rte_pktmbuf_alloc(pool);
  if (m == nullptr) give_up("no mbuf left in pool", pool->name);
  auto* buffer = new Buffer;
  buffer->data = new uint8_t[frame.size()];
  if (!frame.empty()) std::memcpy(buffer->data, frame.data(), frame.size());
  buffer->info.free_cb = [](void*, void* opaque) {
    auto* b = static_cast<Buffer*>(opaque);
    delete[] b->data;
    delete b;
  };
  buffer->info.fcb_opaque = buffer;
  rte_mbuf_ext_refcnt_set(&buffer->info, 1);
  const auto size = static_cast<uint16_t>(frame.size());
  rte_pktmbuf_attach_extbuf(m, buffer->data, RTE_BAD_IOVA, size, &buffer->info);
  m->data_off = 0;
  m->data_len = size;
  m->pkt_len = size;
  std::memset(m->dynfield1, 0, sizeof(m->dynfield1));
  return m;
}

Bytes bytes_of(const rte_mbuf* m) {
  const auto* data = rte_pktmbuf_mtod(m, const uint8_t*);
  return Bytes(data, data + m->data_len);
}

bool checksums_right(const Bytes& frame) {
  size_t at = 12;
  const auto get16 = [&](size_t i) { return frame.at(i) << 8 | frame.at(i + 1); };
  while (get16(at) == 0x8100 || get16(at) == 0x88a8) at += 4;
  const int type = get16(at);
  at += 2;
  IpAddress source, destination;
  size_t end, start;
  uint8_t protocol;
  if (type == kTypeIpv4) {
    const size_t header = (frame.at(at) & 15) * 4u;
    if (internet_checksum(&frame[at], header) != 0) return false;
    source.family = destination.family = 4;
    std::copy_n(&frame[at + 12], 4, source.bytes.begin());
    std::copy_n(&frame[at + 16], 4, destination.bytes.begin());
    protocol = frame[at + 9];
    end = at + static_cast<size_t>(get16(at + 2));
    start = at + header;
  } else if (type == kTypeIpv6) {
    source.family = destination.family = 6;
    std::copy_n(&frame.at(at + 8), 16, source.bytes.begin());
    std::copy_n(&frame.at(at + 24), 16, destination.bytes.begin());
    protocol = frame[at + 6];
    end = at + 40 + static_cast<size_t>(get16(at + 4));
    start = at + 40;
    while (protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
           protocol == IPPROTO_DSTOPTS) {
      protocol = frame.at(start);
      start += (frame.at(start + 1) + 1u) * 8;
    }
  } else {
    return true;
  }
  if (end > frame.size() || start > end) return false;
  if (protocol == IPPROTO_ICMP) return internet_checksum(&frame[start], end - start) == 0;
  if (protocol == IPPROTO_UDP && type == kTypeIpv4 && get16(start + 6) == 0) return true;
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_ICMPV6) return true;
  return internet_checksum(&frame[start], end - start,
                           pseudo_header_sum(source, destination, protocol, end - start)) == 0;
}

}  // namespace sluice::test
